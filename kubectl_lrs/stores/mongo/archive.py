"""What `mongodump --archive` wrote, as the files that it would have written without; read without trust.

Source: mongo-tools, `common/archive/spec.md`, `prelude.go`, `archive.go`. All of it is read once before anything of it is
given: each collection must have its end, and the sum of its documents must be the one that stands there.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import bson
from bson.errors import BSONError

from kubectl_lrs.formats.bson_batches import MAX_DOCUMENT, MIN_DOCUMENT
from kubectl_lrs.formats.crc64 import Crc64
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.units import printable
from kubectl_lrs.repository.plain.files import reading
from kubectl_lrs.stores.mongo import metadata, names

MAGIC = b"\x6d\xe2\x99\x81"
END = b"\xff\xff\xff\xff"
GZIP_MAGIC = b"\x1f\x8b"
MOST = 100_000
"""Collections that one archive may have."""

PIECE = 1 << 16
_BROKEN = (EOFError, OSError, zlib.error)


def is_archive(path: Path) -> bool:
    """Whether a plain file begins as an archive does, packed or not."""
    try:
        with reading(str(path)) as file:
            return _unpacked(file).read(len(MAGIC)) == MAGIC
    except _BROKEN:
        return False


def _unpacked(file: BinaryIO) -> BinaryIO:
    head = file.read(len(GZIP_MAGIC))
    file.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=file)) if head == GZIP_MAGIC else file


@dataclass
class _Collection:
    """Where its documents are: (offset, bytes) of each row of them. `has_end`: it was said that there are no more."""

    rows: list[tuple[int, int]] = field(default_factory=list)
    check: Crc64 = field(default_factory=Crc64)
    has_end: bool = False


class ArchiveFile:
    """An archive: `Readable`. DamageError where it is none, is cut off, or has documents that are not as they were."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._small: dict[str, bytes] = {}
        self._collections: dict[str, _Collection] = {}
        try:
            with reading(str(path)) as file:
                _Pass(_unpacked(file), str(path), self._small, self._collections).run()
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.name

    def describe(self, relative: str = "") -> str:
        """It, or one of its files, for a person."""
        return f"{self.path}: {relative}" if relative else str(self.path)

    def paths(self, prefix: str = "") -> list[str]:
        """The files that mongodump would have written."""
        return sorted(path for path in (*self._small, *self._collections) if path.startswith(prefix))

    def too_deep(self) -> list[str]:
        """None."""
        return []

    @contextmanager
    def reading(self, relative: str) -> Iterator[BinaryIO]:
        """One of them."""
        if relative in self._small:
            yield io.BytesIO(self._small[relative])
            return
        with reading(str(self.path)) as file:
            rows = _Rows(_unpacked(file), self._collections[relative].rows)
            yield cast("BinaryIO", io.BufferedReader(rows, PIECE))


class _Rows(io.RawIOBase):
    """The documents of one collection out of those of all."""

    def __init__(self, file: BinaryIO, rows: list[tuple[int, int]]) -> None:
        self._file = file
        self._rows = iter(rows)
        self._left = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # what readers give
        """As much as fits, and is in one row."""
        while not self._left:
            row = next(self._rows, None)
            if row is None:
                return 0
            self._file.seek(row[0])
            self._left = row[1]
        data = self._file.read(min(len(buffer), self._left))
        if not data:
            raise EOFError("it is shorter than it was a moment ago")
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


@dataclass
class _Pass:
    """Reads all of an archive."""

    file: BinaryIO
    where: str
    small: dict[str, bytes]
    collections: dict[str, _Collection]
    at: int = 0
    must_end: set[str] = field(default_factory=set)
    views: set[str] = field(default_factory=set)

    def run(self) -> None:
        """From its beginning to its end."""
        try:
            self._prelude()
            while head := self._exactly(4, may_end=True):
                self._segment(self._document(head))
        except EOFError as error:
            raise self._damaged("cut off") from error
        except (zlib.error, gzip.BadGzipFile) as error:
            raise self._damaged(str(error)) from error
        if lacking := [path for path in self.must_end if not self._has_end(path)]:
            raise self._damaged(f"cut off: {printable(min(lacking))} has no end")
        if open_ended := [path for path, found in self.collections.items() if not found.has_end]:
            raise self._damaged(f"cut off: {printable(min(open_ended))} has no end")
        for path in self.views:  # the end of each is written, and in a folder no file
            if path in self.collections and not any(size for _, size in self.collections[path].rows):
                del self.collections[path]

    def _has_end(self, path: str) -> bool:
        """Of a time series the buckets have the documents."""
        database, _, file = path.partition("/")
        return path in self.collections or f"{database}/{names.BUCKETS}{file}" in self.collections

    def _damaged(self, why: str) -> DamageError:
        return DamageError(f"{self.where}: not a whole archive of mongodump: {why}", hint="nothing of it was restored")

    def _exactly(self, size: int, *, may_end: bool = False) -> bytes:
        data = self.file.read(size)
        if may_end and not data:
            return b""
        if len(data) != size:
            raise EOFError
        self.at += size
        return data

    def _raw(self, head: bytes) -> bytes:
        """The whole of the document whose length these are."""
        size = int.from_bytes(head, "little", signed=True)
        if not MIN_DOCUMENT <= size <= MAX_DOCUMENT + metadata.MAX_FILE:
            raise self._damaged(f"no document of {size} bytes can be at byte {self.at - 4}")
        return head + self._exactly(size - 4)

    def _document(self, head: bytes) -> dict[str, Any]:
        try:
            return bson.decode(self._raw(head))
        except BSONError as error:
            raise self._damaged(f"no BSON before byte {self.at}") from error

    def _prelude(self) -> None:
        if self._exactly(4) != MAGIC:
            raise self._damaged("it begins otherwise")
        header = self._document(self._exactly(4))
        if str(header.get("version")) not in ("0.1", "0.2"):
            raise UsageError(f"{self.where}: archives of version {printable(str(header.get('version')))[:20]} are not read")
        said = {"ServerVersion": str(header.get("server_version", "")), "ToolVersion": str(header.get("tool_version", ""))}
        self.small[names.PRELUDE] = json.dumps(said).encode()
        while (head := self._exactly(4)) != END:
            self._about(self._document(head))
            if len(self.small) > MOST:
                raise self._damaged(f"more than {MOST} collections")

    def _about(self, document: dict[str, Any]) -> None:
        """What stands before all documents of each collection."""
        path, text = self._path(document), document.get("metadata")
        about = f"{path}{names.METADATA}"
        if about in self.small or not isinstance(text, str):
            raise self._damaged(f"{printable(path)} is described twice, or not at all")
        if text:
            self.small[about] = text.encode("utf-8", "surrogatepass")
        if document.get("type") == "view" or '"viewOn"' in text:
            self.views.add(f"{path}{names.DATA}")
        else:
            self.must_end.add(f"{path}{names.DATA}")

    def _path(self, document: dict[str, Any]) -> str:
        """Where mongodump would have put the files of this collection, without their endings."""
        database, collection = document.get("db"), document.get("collection")
        if not isinstance(database, str) or not isinstance(collection, str) or not collection:
            raise self._damaged(f"no name of a collection before byte {self.at}")
        if database and not names.is_database(database):
            raise self._damaged(f"{printable(database)!r} is no database")
        return f"{database}/{names.stem(collection)}" if database else names.stem(collection)

    def _segment(self, header: dict[str, Any]) -> None:
        """A row of documents of one collection, or its end."""
        path = f"{self._path(header)}{names.DATA}"
        found = self.collections.setdefault(path, _Collection())
        if found.has_end or len(self.collections) > MOST:
            raise self._damaged(f"{printable(path)} goes on after its end")
        if header.get("EOF") is True:
            found.has_end = True
            said = header.get("CRC") or 0
            if self._exactly(4) != END or not isinstance(said, int) or not found.check.is_sum(said):
                raise self._damaged(f"the documents of {printable(path)} are not those that were written")
            return
        start, held, size = self.at, [], 0
        while (head := self._exactly(4)) != END:
            held.append(self._raw(head))
            size += len(held[-1])
            if size >= PIECE:
                found.check.feed(b"".join(held))
                held, size = [], 0
        found.check.feed(b"".join(held))
        found.rows.append((start, self.at - 4 - start))
