"""A backup that is being made in a pool. What is new goes there while it is written; `seal` makes a backup of it.

Small contents are put together in packs, large ones cut into parts; both wait in temporary files, so that memory stays flat.
"""

from __future__ import annotations

import errno
import hashlib
import io
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository.pool import packs
from kubectl_lrs.repository.pool.contents import Pool
from kubectl_lrs.repository.pool.entries import GZIP, GZIP_WINDOW, IndexEntry, Part
from kubectl_lrs.repository.pool.journal import Journal
from kubectl_lrs.repository.pool.known import Content, Ledger
from kubectl_lrs.repository.pool.layout import PART, SMALL, BackupId, blob_key, pack_key
from kubectl_lrs.repository.pool.packs import Pack
from kubectl_lrs.repository.pool.sealing import Sealing
from kubectl_lrs.repository.pool.segments import Marks, Segments
from kubectl_lrs.repository.pool.spool import Spool
from kubectl_lrs.repository.pool.uploads import Uploads
from kubectl_lrs.repository.sink import SummingSink
from kubectl_lrs.runtime.bounds import require_readable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kubectl_lrs.model.catalog import Catalog
    from kubectl_lrs.repository.base import EarlierBackup, Original
    from kubectl_lrs.repository.pool.sight import PoolHandle
    from kubectl_lrs.runtime.progress import Progress

LRS, OTHERS = "lrs/", ""
"""Classes of small contents: how their paths begin. Each has packs of its own."""


class PoolSink(SummingSink):
    """A content of the pool."""

    def __init__(self, writer: PoolWriter, relative: str, *, compressed: bool, before: BinaryIO | None = None) -> None:
        """`before`: what the file begins with, as it is."""
        self._writer = writer
        self._relative = relative
        self._head = bytearray()
        self._part: _Part | None = None
        self._parts: list[Part] = []
        self._is_large = False
        self._is_packed = False
        super().__init__(compressed=compressed, before=before)

    def finish(self) -> Content:
        """The content, which is in the pool or on its way."""
        self.close()
        if not self._is_large:
            return self._writer.small(self._relative, self.digest, bytes(self._head))
        self._end_part()
        return self._writer.ledger.add(IndexEntry("", self.digest, self.size, tuple(self._parts)))

    def drop(self) -> None:
        """It is not to be."""
        if self._part:
            self._part.spool.close()

    def _take(self, data: bytes) -> None:
        view = memoryview(data)
        if not self._is_large:
            taken = view[: SMALL - len(self._head)]
            self._head += taken
            view = view[len(taken) :]
            if len(self._head) == SMALL:
                self._spill()
        self._add(view)

    def _spill(self) -> None:
        """It is a large one; whether it is worth packing is told by how it begins."""
        head, self._head = bytes(self._head), bytearray()
        self._is_large = True
        self._is_packed = packs.is_worth(len(zlib.compress(head, 1)), len(head))
        self._add(memoryview(head))

    def _add(self, data: memoryview) -> None:
        while data:
            if self._part is None or self._part.size == PART:
                self._end_part()
                self._part = _Part(is_packed=self._is_packed)
            taken = data[: PART - self._part.size]
            self._part.write(taken)
            data = data[len(taken) :]

    def _end_part(self) -> None:
        if self._part and self._part.size:
            spool, size = self._part.finish(), self._part.size
            self._parts.append(self._writer.part(spool, size, is_packed=self._is_packed))
        self._part = None


class _Part:
    """One part of a large content, as it is stored."""

    def __init__(self, *, is_packed: bool) -> None:
        self.size = 0
        self.spool = Spool()
        self._packer = zlib.compressobj(1, zlib.DEFLATED, GZIP_WINDOW) if is_packed else None

    def write(self, data: memoryview) -> None:
        self.size += len(data)
        self.spool.write(self._packer.compress(data) if self._packer else data)

    def finish(self) -> Spool:
        if self._packer:
            self.spool.write(self._packer.flush())
        return self.spool


class PoolWriter:
    """Several threads may write, each its own files."""

    is_locked = True
    """Others need not see that this run is alive: nothing of it is ever taken away."""

    def __init__(
        self,
        place: PoolHandle,
        backup: BackupId,
        ledger: Ledger,
        *,
        instant: datetime,
        earlier: Sequence[EarlierBackup] = (),
        marks: Marks | None = None,
    ) -> None:
        """`marks`: of segments that other runs have copied."""
        self.instant = instant
        self.is_sealed = False
        self.backup = backup
        self.ledger = ledger
        self.uploads = Uploads(place.backend)
        self._pool = Pool(place.backend)
        self._journal = Journal(place.backend, backup.session, ledger)
        self._earlier = earlier
        self._marks = marks
        self._segments: list[Segments] = []
        self._guard = threading.RLock()
        self._open: dict[str, Pack] = {}
        self._leaving: dict[int, Pack] = {}
        self._sealing = Sealing(place, backup, ledger, began=instant)

    # ---- names

    @property
    def name(self) -> str:
        """What it will be called."""
        return self.backup.name

    def describe(self, relative: str = "") -> str:
        """It, or one of its files, for a person."""
        return f"{self._pool.backend.url}/{self.backup.key(relative)}".rstrip("/")

    @property
    def location(self) -> str:
        """Where it will be."""
        return self.describe()

    # ---- writing

    def write(self, relative: str, data: bytes, *, limit: int | None = None) -> str:
        """A new file, and its SHA-256; `relative` is a path in the backup, with `/`. `limit`: what its reader takes."""
        if limit is not None:
            require_readable(data, limit, relative)
        if len(data) < SMALL:
            digest = hashlib.sha256(data).hexdigest()
            self._finish(relative, self.small(relative, digest, data))
            return digest
        with self.stream(relative) as sink:
            sink.write(data)
        return sink.digest

    @contextmanager
    def stream(self, relative: str, *, compressed: bool = False) -> Iterator[PoolSink]:
        """A new file that is written bit by bit, gzip on request; it is part of the backup when the block ends well."""
        sink = PoolSink(self, relative, compressed=compressed)
        try:
            yield sink
            self._finish(relative, sink.finish())
        finally:
            sink.drop()

    @contextmanager
    def extending(self, relative: str) -> Iterator[PoolSink]:
        """More for a gzip file at the top that is finished: one is put after the other, which readers take for one."""
        with self.reading(relative) as before:
            sink = PoolSink(self, relative, compressed=True, before=before)
        try:
            yield sink
            self.ledger.finish_anew(relative, sink.finish().id)
        finally:
            sink.drop()

    @contextmanager
    def scratch(self, relative: str) -> Iterator[BinaryIO]:  # noqa: ARG002  it has no name here
        """A file of this machine that is no part of the backup, and goes in any case: the pool itself knows what is there."""
        with tempfile.TemporaryFile() as file:
            yield file

    def adopt(self, relative: str, digest: str) -> bool:
        """Have a file with the SHA-256 `digest` without getting it again; whether there is one."""
        found = self.ledger.content(digest)
        if found is not None:
            self._finish(relative, found)
        return found is not None

    def earlier(self) -> Iterator[EarlierBackup]:
        """The sealed backups whose contents it shares, the newest first."""
        yield from self._earlier

    def left_behind(self, relative: str) -> Iterator[BinaryIO]:
        """What was copied in segments. What else killed runs have put into the pool is known by its sum alone."""
        if self._marks:
            yield from self._marks.about(relative)

    def segments(self, about: str) -> Segments:
        """Have a part of it copied by others. `about`: what `left_behind` knows the marks by afterwards."""
        self._segments.append(Segments(self._pool.backend, self.ledger, about))
        return self._segments[-1]

    def checkpoint(self) -> int:
        """A mark that `rollback` takes the backup back to."""
        return self.ledger.mark()

    def rollback(self, mark: int) -> None:
        """The files that were finished since the mark are none of the backup's."""
        self.ledger.roll_back(mark)

    def _finish(self, relative: str, content: Content) -> None:
        if not self.ledger.finish(relative, content.id):
            raise FileExistsError(errno.EEXIST, "it is part of the backup already", relative)

    # ---- contents

    def small(self, relative: str, digest: str, data: bytes) -> Content:
        """One that goes into a pack, or is known already."""
        if found := self.ledger.content(digest):
            return found
        if not data:
            return self.ledger.add(IndexEntry("", digest, 0, ()))
        packed, kind = packs.deflated(data), LRS if relative.startswith(LRS) else OTHERS
        with self._guard:
            full = self._closed(kind) if kind in self._open and not self._open[kind].has_room(len(data)) else None
            pack = self._open.get(kind) or self._open.setdefault(kind, Pack(self.ledger.new_pack()))
            content = self.ledger.add(IndexEntry("", digest, len(data), (pack.add(digest, data, packed),)), pack=pack.number)
        if full:
            self._submit(full)
        return content

    def _closed(self, kind: str) -> Pack:
        """The open pack of a class, which takes no more; it can be read until it is in the pool."""
        pack = self._open.pop(kind)
        self._leaving[pack.number] = pack
        return pack

    def _submit(self, pack: Pack) -> None:
        """Upload it; nobody may wait for room who holds what `done` needs."""
        spool = pack.finish()
        key, size = pack_key(spool.digest, self.backup.session), spool.size

        def done() -> None:
            with self._guard:
                self.ledger.close_pack(pack.number, key, size)
                del self._leaving[pack.number]
            self._journal.note(size)

        self.uploads.submit(key, spool, done)

    def part(self, spool: Spool, size: int, *, is_packed: bool) -> Part:
        """A part of a large content; it is on its way when this returns, unless the pool has it."""
        coding = GZIP if is_packed else ""
        if known := self.ledger.blob(spool.digest):
            spool.close()
            return Part(known, 0, spool.size, coding, size)
        key, stored = blob_key(spool.digest, self.backup.session, packed=is_packed), spool.size

        def done() -> None:
            self.ledger.add_blob(key, stored)
            self._journal.note(stored, key)

        self.uploads.submit(key, spool, done)
        return Part(key, 0, stored, coding, size)

    # ---- reading

    def paths(self, prefix: str = "") -> list[str]:
        """The files that are finished and whose path begins so, in the order in which they were."""
        return self.ledger.paths(prefix)

    @contextmanager
    def reading(self, relative: str) -> Iterator[BinaryIO]:
        """A file that is finished, opened for reading."""
        content = self.ledger.file(relative)
        if content is None:
            raise FileNotFoundError(errno.ENOENT, "no file of the backup", relative)
        with self._file(relative, content) as file:
            yield file

    def _file(self, relative: str, content: Content) -> BinaryIO:
        if content.pack is None:
            self.uploads.drain()
            return self._pool.file(IndexEntry(relative, content.sha256, content.size, content.parts))
        (part,) = content.parts
        with self._guard:
            pack = self._leaving.get(content.pack) or next((p for p in self._open.values() if p.number == content.pack), None)
            if pack:
                return io.BytesIO(packs.opened(pack.spool.read(part.offset, part.length), part, relative))
            key = self.ledger.pack(content.pack) or ""
        return self._pool.file(IndexEntry(relative, content.sha256, content.size, (part._replace(key=key),)))

    # ---- the end

    def seal(self, catalog: Catalog, original: Original | None = None) -> Catalog:
        """Make it a backup: the catalog as it is sealed. Nothing of it is one before."""
        self.flush()
        objects = self.uploads.count + sum(each.objects for each in self._segments)
        size = self.uploads.size + sum(each.size for each in self._segments)
        try:
            catalog = self._sealing.seal(catalog, original, objects=objects, size=size)
        except KeyboardInterrupt:
            self.is_sealed = self._sealing.is_there()
            raise
        finally:
            self.backup = self._sealing.backup
        self.is_sealed = True
        return catalog

    def flush(self) -> None:
        """Everything is in the pool when this returns."""
        with self._guard:
            full = [self._closed(kind) for kind in list(self._open)]
        for pack in full:
            self._submit(pack)
        self.uploads.drain()

    def settle(self, progress: Progress) -> None:  # noqa: ARG002  what is to be said is in the catalog
        """Its logs go: the backup says it all."""
        self._journal.remove()
        for each in self._segments:
            each.remove()
        self.ledger.close()

    def put_away(self, *, keep: bool) -> str:
        """What is in the pool stays, where the next run knows it by the logs."""
        if self.is_sealed:
            return ""
        with suppress(LrsError, OSError):  # the storage may be why it failed; the logs that are there are true
            if keep:
                self.flush()
        with suppress(LrsError, OSError):
            self._journal.write()
        self.ledger.close()
        count, where = self._journal.count, self._pool.backend.url
        return f"{count} contents that were copied stay in {where} and are used by the next backup" if count else ""
