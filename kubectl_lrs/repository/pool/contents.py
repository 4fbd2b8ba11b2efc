"""Contents out of the pool: as files, piece by piece. Nothing is given to its end that was not held against its sum."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from kubectl_lrs.backends.base import Backend, KeyNotFoundError
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool import packs
from kubectl_lrs.repository.pool.entries import GZIP_WINDOW, IndexEntry, Part
from kubectl_lrs.repository.pool.layout import BLOB, PACK, pool_key
from kubectl_lrs.repository.pool.ranges import PIECE, Pieces, pieces

HITS = 3
"""After so many contents out of one pack, all of it is fetched and kept."""

KEPT = 2


class Pool:
    """The contents of a repository. Several threads may read; `KEPT` packs are in memory at most."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._guard = threading.Lock()
        self._hits: Counter[str] = Counter()
        self._packs: dict[str, bytes] = {}

    def file(self, entry: IndexEntry) -> BinaryIO:
        """A content, at its beginning."""
        return cast("BinaryIO", io.BufferedReader(_Content(self, entry), PIECE))

    def chunks(self, entry: IndexEntry, part: Part) -> Iterator[bytes]:
        """The bytes of one part. DamageError, before the last of them."""
        found = pool_key(part.key)
        assert found is not None
        try:
            if found.kind == BLOB:
                yield from self._blob(part, found.digest)
            else:
                yield self._small(entry, part)
        except KeyNotFoundError as error:
            raise DamageError(f"{self._where(part)}: gone: {entry.path} cannot be read") from error

    def _where(self, part: Part) -> str:
        return f"{self.backend.url}/{part.key}"

    def _blob(self, part: Part, digest: str) -> Iterator[bytes]:
        stored = hashlib.sha256()
        last, size = b"", 0
        for data in self._unpacked(part, stored.update):
            if last:
                yield last
            last, size = data, size + len(data)
            if size > part.size:
                break
        if stored.hexdigest() != digest or size != part.size:
            raise DamageError(f"{self._where(part)}: altered: its sum is not the one in its name")
        yield last

    def _unpacked(self, part: Part, heard: Callable[[bytes], object]) -> Iterator[bytes]:
        """The bytes of a part; `heard` is told those that are stored."""
        opener = zlib.decompressobj(GZIP_WINDOW) if part.coding else None
        for data in pieces(self.backend, part.key, 0, part.length):
            heard(data)
            if opener is None:
                yield data
                continue
            try:
                while unpacked := opener.decompress(data, PIECE):
                    yield unpacked
                    data = opener.unconsumed_tail
            except zlib.error as error:
                raise DamageError(f"{self._where(part)}: damaged: {error}") from error

    def _small(self, entry: IndexEntry, part: Part) -> bytes:
        stored = self._of_pack(part)
        content = packs.opened(stored, part, self._where(part))
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise DamageError(f"{self._where(part)}: altered: the sum of {entry.path} does not match")
        return content

    def _of_pack(self, part: Part) -> bytes:
        with self._guard:
            self._hits[part.key] += 1
            pack = self._packs.get(part.key) or (self._fetched(part.key) if self._hits[part.key] >= HITS else None)
            if pack is not None:
                return pack[part.offset : part.offset + part.length]
        return b"".join(pieces(self.backend, part.key, part.offset, part.length, size=part.length))

    def _fetched(self, key: str) -> bytes:
        """A whole pack; others wait for it, as they are likely to want it."""
        pack = self.backend.read_range(key, 0, 2 * PACK)
        while len(self._packs) >= KEPT:
            gone = next(iter(self._packs))
            del self._packs[gone], self._hits[gone]
        self._packs[key] = pack
        return pack


class _Content(Pieces):
    """One content as a file, part after part; of the one at hand `_next` is the number of the following one."""

    def __init__(self, pool: Pool, entry: IndexEntry) -> None:
        super().__init__(iter(()))
        self._pool = pool
        self._entry = entry
        self._at = 0
        self._next = 0

    def seekable(self) -> bool:
        """It is; what lies between the beginning of a part and the place is read."""
        return True

    def tell(self) -> int:
        """Where it is read."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Anywhere from the beginning to the end."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._entry.size}[whence]
        wanted = min(max(0, base + offset), self._entry.size)
        number, start = self._part_at(wanted)
        if number != self._next - 1 or wanted < self._at:  # not ahead in the part at hand
            self._at, self._next = start, number
            self._source, self._rest = iter(()), memoryview(b"")
        while self._at < wanted and self._fill():
            self._pass(min(len(self._rest), wanted - self._at))
        return self._at

    def _part_at(self, wanted: int) -> tuple[int, int]:
        """The number of the part that a place is in, and where that begins."""
        start = 0
        for number, part in enumerate(self._entry.parts):
            if wanted < start + part.size:
                return number, start
            start += part.size
        return len(self._entry.parts), start

    def _fill(self) -> bool:
        while not super()._fill():
            if self._next == len(self._entry.parts):
                return False
            self._source = self._pool.chunks(self._entry, self._entry.parts[self._next])
            self._next += 1
        return True

    def _pass(self, count: int) -> None:
        super()._pass(count)
        self._at += count
