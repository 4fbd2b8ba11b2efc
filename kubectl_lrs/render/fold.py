"""Lines that a terminal is too narrow for: folded between words, so that none is broken. Nothing is cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TextIO
from unicodedata import combining, east_asian_width

_LABEL = re.compile(r"\s*\S[^:]{0,24}:\s{2,}")
_COMMAND = re.compile(r"\s*(?:\$ )?kubectl[ -]")
_PIECE = re.compile(r"\s*\S+")
LEAST = 20
"""Columns that the rest of a line needs to go on below itself."""


def columns(text: str) -> int:
    """How many columns of a terminal it takes."""
    return len(text) if text.isascii() else sum(2 if east_asian_width(char) in "WF" else not combining(char) for char in text)


def width_of(stream: TextIO) -> int:
    """Columns of the terminal that a stream is, 0 where it is none."""
    if not stream.isatty():
        return 0
    from shutil import get_terminal_size  # where there is one

    return get_terminal_size().columns


def folded(line: str, width: int, indent: int | None = None) -> Iterator[str]:
    """The line as one or more, none longer than `width`, but for a word that is; what goes on is indented.

    A command is left whole: a terminal that wraps it gives it back as one line to whoever copies it.
    """
    if width <= 0 or columns(line) <= width or _COMMAND.match(line):
        yield line
        return
    indent = _indent(line, width) if indent is None else indent
    shown = ""
    for piece in _PIECE.findall(line):
        if shown.strip() and columns(shown + piece) > width:
            yield shown
            word = piece.lstrip()
            shown = " " * (indent if indent + columns(word) <= width else min(indent, 2)) + word
        else:
            shown += piece
    yield shown


def _indent(line: str, width: int) -> int:
    """Below the value, where the line is a label with one; else a little."""
    if (label := _LABEL.match(line)) and width - len(label[0]) >= LEAST:
        return len(label[0])
    return len(line) - len(line.lstrip()) + 2
