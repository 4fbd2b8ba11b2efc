"""What a native file of Linux asks for: the libraries that its loader looks up, read out of the bytes (elf(5))."""

from __future__ import annotations

import struct

MAGIC = b"\x7fELF"
LOADED, DYNAMIC = 1, 2
NEEDED, STRINGS = 1, 5


def needed(data: bytes) -> set[str]:
    """The names of the libraries that a program or library of 64 bits is linked against."""
    at, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQ", data, at + number * size) for number in range(count)]
    loaded = [(address, offset, length) for kind, _, offset, address, _, length in segments if kind == LOADED]
    found: list[tuple[int, int]] = []
    for kind, _, offset, _, _, length in segments:
        if kind == DYNAMIC:
            found += struct.iter_unpack("<QQ", data[offset : offset + length])
    names = [_place(value, loaded) for tag, value in found if tag == STRINGS]
    return {_text(data, names[0] + value) for tag, value in found if tag == NEEDED}


def _place(address: int, loaded: list[tuple[int, int, int]]) -> int:
    """Where in the file that is which will be at an address."""
    return next(address - start + offset for start, offset, length in loaded if start <= address < start + length)


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()
