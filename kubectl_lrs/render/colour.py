"""Whether output has colours, and which: errors, warnings, and words that say how a thing went. It prints nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

AUTO, ALWAYS, NEVER = CHOICES = ("auto", "always", "never")

RED, GREEN, YELLOW, DIM = "31", "32", "33", "2"

PREFIXES: Mapping[str, str] = {"error:": RED, "warning:": YELLOW, "hint:": DIM, "note:": DIM}
"""How a line for the person at the terminal begins."""

WORDS: Mapping[str, str] = {
    word: style
    for style, words in {
        GREEN: [
            *("created", "updated", "replaced", "recreated", "merged", "deleted", "deactivated", "activated"),
            *("accepted", "whole", "Ready"),
        ],
        YELLOW: ["conflict", "partial", "skip", "skipped", "deleting", "not checked", "not tried", "not ready", "unfinished"],
        RED: ["failed", "stuck", "refused", "damaged", "missing", "Terminating"],
    }.items()
    for word in words
}
"""A cell of a table that is one of these words."""


class _Chosen:
    mode = AUTO


def choose(mode: str) -> None:
    """What `--color` says; set once, before anything is shown."""
    _Chosen.mode = mode


def is_on(stream: TextIO) -> bool:
    """Whether this stream gets colours: https://no-color.org, unless the flag says otherwise."""
    if _Chosen.mode != AUTO:
        return _Chosen.mode == ALWAYS
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str) -> str:
    """The text in a colour."""
    return f"\x1b[{style}m{text}\x1b[0m" if text and style else text


def message(line: str) -> str:
    """A message with the word that it begins with in the word's colour."""
    first, space, rest = line.partition(" ")
    return f"{paint(first, PREFIXES[first])}{space}{rest}" if first in PREFIXES else line


def cell(text: str) -> str:
    """A cell of a table, its padding included."""
    word = text.rstrip()
    return paint(word, WORDS[word]) + text[len(word) :] if word in WORDS else text
