"""Lines that a terminal is too narrow for: folded between words, so that none is broken. Nothing is cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TextIO

_LABEL = r"\s*\S[^:]{0,24}:\s{2,}"
_COMMAND = r"\s*(?:\$ )?kubectl[ -]"
_PIECE = r"\s*\S+"
"""As text: `re` compiles each once, when a terminal is too narrow."""

LEAST = 20
"""Columns that the rest of a line needs to go on below itself."""


def columns(text: str) -> int:
    """How many columns of a terminal it takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width  # for the few that need it

    return sum(2 if east_asian_width(char) in "WF" else not combining(char) for char in text)


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
    if width <= 0 or columns(line) <= width or re.match(_COMMAND, line):
        yield line
        return
    indent = _indent(line, width) if indent is None else indent
    shown = ""
    for piece in re.findall(_PIECE, line):
        if shown.strip() and columns(shown + piece) > width:
            yield shown
            word = piece.lstrip()
            shown = " " * (indent if indent + columns(word) <= width else min(indent, 2)) + word
        else:
            shown += piece
    yield shown


def _indent(line: str, width: int) -> int:
    """Below the value, where the line is a label with one; else a little."""
    if (label := re.match(_LABEL, line)) and width - len(label[0]) >= LEAST:
        return len(label[0])
    return len(line) - len(line.lstrip()) + 2
