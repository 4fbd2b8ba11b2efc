"""Where in earlier backups the content of a sum lies: eight bytes for each file, so that a million of them are few.

Kept is the beginning of each sum and where in the backup's list of sums its line stands, which tells the rest.
"""

from __future__ import annotations

import os
from array import array
from binascii import unhexlify
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO

_OFFSET, _LIST, _DIGITS = 34, 4, 6
"""Bits of an offset and of the number of a list, and hexadecimal digits of the beginning of a sum."""

LISTS = 1 << _LIST
_BELOW = _OFFSET + _LIST
_PIECE = 16 << 10
_DIGEST, _PATH = 64, 66
"""Characters of a line up to the end of the sum, and up to the path."""


class Places:
    """What is in `lists` of sums, those first that count first, as far as it is remembered. Several threads may ask."""

    def __init__(self) -> None:
        self._lists: list[BinaryIO] = []
        self._known = array("Q")
        self._near = (0, 0, b"")

    def __len__(self) -> int:
        return len(self._known)

    def remember(self, lists: Iterable[BinaryIO], most: int) -> None:
        """Lists of sums, which stay open with this: all of the first, and then more while there are fewer than `most`."""
        known: list[int] = []
        for file in lists:
            if len(known) >= most or len(self._lists) == LISTS:
                file.close()
                continue
            number, offset = len(self._lists), 0
            self._lists.append(file)
            with suppress(OSError):  # it is of no use from there on
                for line in file:
                    if offset < 1 << _OFFSET and (start := _start(line)) is not None:
                        known.append(start << _BELOW | number << _OFFSET | offset)
                    offset += len(line)
        known.sort()
        self._known = array("Q", known)

    def find(self, digest: str) -> Iterator[tuple[int, str]]:
        """(number of the list, path) of each file with this sum, the first list first."""
        wanted = digest.encode()
        start = _start(wanted)
        if start is None or not self._known:
            return
        at = bisect_left(self._known, start << _BELOW)
        while at < len(self._known) and self._known[at] >> _BELOW == start:
            number = self._known[at] >> _OFFSET & (LISTS - 1)
            line = self._line(number, self._known[at] & ((1 << _OFFSET) - 1))
            if line[:_DIGEST] == wanted:
                yield number, line[_PATH:].decode("utf-8", "replace")
            at += 1

    def _line(self, number: int, offset: int) -> bytes:
        """OSError, as of any file of the backup. Who asks for one mostly asks for the next one then: a piece is kept."""
        near, start, piece = self._near
        if near == number and 0 <= offset - start < len(piece) and (end := piece.find(b"\n", offset - start)) >= 0:
            return piece[offset - start : end]
        line, descriptor = b"", self._lists[number].fileno()
        while data := os.pread(descriptor, _PIECE, offset + len(line)):
            self._near = number, offset + len(line), data
            before, is_whole, _ = data.partition(b"\n")
            line += before
            if is_whole:
                break
        return line

    def close(self) -> None:
        """Nothing is known any more."""
        self._known = array("Q")
        for file in self._lists:
            file.close()


def _start(digest: bytes) -> int | None:
    try:
        return int.from_bytes(unhexlify(digest[:_DIGITS]), "big")
    except ValueError:
        return None
