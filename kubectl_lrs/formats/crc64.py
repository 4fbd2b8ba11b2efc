"""CRC-64/XZ of bytes that pass by, held against an expected value. Pure.

Python has none, and a table in Python does ten MB a second; but liblzma, which Python has, checks it of an .xz file. So the
bytes are laid into one, unpacked as they are, and its reader says whether the sum at its end is theirs.
Source: The .xz File Format 1.2.1 (tukaani.org), sections 2.1, 3 and 5.3.1; Go, hash/crc64, table ECMA.
"""

from __future__ import annotations

import lzma
import zlib

_MOST = 1 << 16
"""Bytes of a piece of LZMA2 that is not packed."""


class Crc64:
    """What passes by, in order."""

    def __init__(self) -> None:
        flags, block = b"\0\4", b"\2\0\x21\1\0\0\0\0"
        self._reader = lzma.LZMADecompressor(lzma.FORMAT_XZ)
        self._reader.decompress(b"\xfd7zXZ\0" + flags + _crc32(flags) + block + _crc32(block))
        self._size = 0
        self._is_first = True

    def feed(self, data: bytes) -> None:
        """More of it."""
        for at in range(0, len(data), _MOST):
            piece = data[at : at + _MOST]
            head = (b"\1" if self._is_first else b"\2") + (len(piece) - 1).to_bytes(2, "big")
            self._is_first = False
            self._size += len(head) + len(piece)
            self._reader.decompress(head + piece)

    def is_sum(self, expected: int) -> bool:
        """Whether this is the sum of all that came. Nothing more is fed then."""
        padding = bytes(-(self._size + 1) % 4)
        try:
            self._reader.decompress(b"\0" + padding + (expected & (1 << 64) - 1).to_bytes(8, "little"))
            self._reader.decompress(b"\0")  # of the index: what came before it was right
        except lzma.LZMAError:
            return False
        return True


def _crc32(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")
