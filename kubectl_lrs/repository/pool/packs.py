"""Many small contents as one zip, which `unzip` opens: each is an entry that is named by its SHA-256.

The same contents in the same order give the same bytes.
"""

from __future__ import annotations

import struct
import zlib

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool.entries import DEFLATE, Part
from kubectl_lrs.repository.pool.layout import MAX_ENTRIES, PACK
from kubectl_lrs.repository.pool.spool import Spool

_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_VERSION, _MADE_BY = 20, 3 << 8 | 20
_DATE = 1 << 5 | 1
_MODE = 0o100400 << 16
_STORED, _DEFLATED = 0, 8

TINY = 8 << 10
_WINDOW, _SMALL_WINDOW = -15, -12
"""Contents up to `TINY` are packed with a window of 4 KiB: most of the time of a small one would go into clearing 32 KiB."""

OVERHEAD = _LOCAL.size + _CENTRAL.size + 2 * 64
"""Bytes that an entry takes beside its content."""


class Pack:
    """A pack that is being made, in `spool`. Not for several threads at once."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.spool = Spool()
        self.count = 0
        self._central = bytearray()

    def has_room(self, size: int) -> bool:
        """Whether a content of so many bytes may be added."""
        used = self.spool.size + len(self._central) + _END.size
        return not self.count or (self.count < MAX_ENTRIES and used + size + OVERHEAD <= PACK)

    def add(self, digest: str, content: bytes, packed: bytes) -> Part:
        """One more content; where it is, but for the key of the pack. `packed`: what `deflated` has made of it."""
        name, start = digest.encode(), self.spool.size
        is_smaller = is_worth(len(packed), len(content))
        stored, method = (packed, _DEFLATED) if is_smaller else (content, _STORED)
        common = (0, method, 0, _DATE, zlib.crc32(content), len(stored), len(content), len(name), 0)
        self.spool.write(_LOCAL.pack(0x04034B50, _VERSION, *common) + name + stored)
        self._central += _CENTRAL.pack(0x02014B50, _MADE_BY, _VERSION, *common, 0, 0, 0, _MODE, start) + name
        self.count += 1
        return Part("", start + _LOCAL.size + len(name), len(stored), DEFLATE if is_smaller else "", len(content))

    def finish(self) -> Spool:
        """All of it, with its table of contents."""
        start, size = self.spool.size, len(self._central)
        self.spool.write(bytes(self._central) + _END.pack(0x06054B50, 0, 0, self.count, self.count, size, start, 0))
        return self.spool


def is_worth(packed: int, size: int) -> bool:
    """Whether packing has made it smaller by a tenth."""
    return packed * 10 <= size * 9


def deflated(content: bytes) -> bytes:
    """As it is stored where that is smaller by a tenth. Several threads may do so at once."""
    packer = zlib.compressobj(1, zlib.DEFLATED, _SMALL_WINDOW if len(content) <= TINY else _WINDOW)
    return packer.compress(content) + packer.flush()


def opened(stored: bytes, part: Part, where: str) -> bytes:
    """The content of an entry, out of its stored bytes. DamageError."""
    if not part.coding:
        return stored
    opener = zlib.decompressobj(_WINDOW)
    try:
        content = opener.decompress(stored, part.size + 1)
    except zlib.error as error:
        raise DamageError(f"{where}: damaged: {error}") from error
    if not opener.eof or opener.unused_data or len(content) != part.size:
        raise DamageError(f"{where}: damaged: an entry is not as long as its list says")
    return content
