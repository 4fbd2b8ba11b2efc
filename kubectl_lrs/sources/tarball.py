"""A packed tar whose writer may mean harm, read in one pass: every member is looked at, and nothing is unpacked onto a disk."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.model.units import printable

FREE = 1 << 30
"""Bytes that may come out whatever went in."""

MOST_PACKED = 200
"""So many bytes may come out of each that went in, beyond that; manifests are packed to a tenth or a thirtieth."""

MOST_AT_ONCE = 64 << 20
"""Bytes that are read at once: a header that asks for more is none that anybody writes."""

MAX_MEMBER = 32 << 20
"""Bytes of a member whose content is read."""

BLOCK = 512


@dataclass(frozen=True)
class Member:
    """A plain file in it. `path` without `./` at its beginning; `mtime`: seconds of the epoch."""

    path: str
    size: int
    mtime: float
    tar: tarfile.TarFile
    info: tarfile.TarInfo
    where: str

    def content(self) -> bytes:
        """All of it; only while it is the last one that came."""
        if self.size > MAX_MEMBER:
            raise DamageError(f"{self.where}: {printable(self.path)} is larger than {MAX_MEMBER >> 20} MiB")
        try:
            file = self.tar.extractfile(self.info)
            assert file is not None
            data = file.read()
        except _BROKEN as error:  # this is read by whoever took the member, and not within `members`
            raise _damaged(self.where, error) from error
        if len(data) != self.size:
            raise DamageError(f"{self.where}: {printable(self.path)} is cut off")
        return data


def members(packed: BinaryIO, where: str) -> Iterator[Member]:
    """Its plain files, each once. DamageError for all else but directories, for what has no end, and for what is too much.

    No path leads out, none is there twice.
    """
    unpacked = _Unpacked(packed, where)
    seen: set[str] = set()
    try:
        with tarfile.open(fileobj=cast("BinaryIO", unpacked), mode="r:") as tar:
            while (info := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # else all of them are kept
                path = info.name.removeprefix("./")
                _check(info, path, where)
                if info.isdir():
                    continue
                if path in seen:
                    raise DamageError(f"{where}: {printable(path)} is in it twice")
                seen.add(path)
                yield Member(path, info.size, float(info.mtime), tar, info, where)
        unpacked.require_end()
    except _BROKEN as error:
        raise _damaged(where, error) from error


def _damaged(where: str, error: Exception) -> DamageError:
    return DamageError(f"{where}: damaged, or no packed tar: {error}")


_BROKEN = (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, OverflowError)


def _check(info: tarfile.TarInfo, path: str, where: str) -> None:
    """DamageError for what no writer of backups puts into a tar."""
    shown = printable(path)
    if info.size < 0 or info.issparse():
        raise DamageError(f"{where}: {shown} has holes or no size")
    if path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise DamageError(f"{where}: {shown} leads out of it")
    if info.islnk() or info.issym():
        raise DamageError(f"{where}: {shown} is a link")
    if not info.isdir() and info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise DamageError(f"{where}: {shown} is no plain file")


class _Unpacked:
    """What comes out of a gzip file, forwards only and within bounds."""

    def __init__(self, packed: BinaryIO, where: str) -> None:
        self._packed = packed
        self._file = gzip.GzipFile(fileobj=packed)
        self._where = where
        self._last = b""

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end."""
        if not 0 <= size <= MOST_AT_ONCE:
            raise DamageError(f"{self._where}: a header in it asks for {size} bytes")
        self._last = self._file.read(size)
        if self._file.tell() > FREE + MOST_PACKED * self._packed.tell():
            raise DamageError(f"{self._where}: more comes out of it than manifests can be packed to")
        return self._last

    def tell(self) -> int:
        """How much has come."""
        return self._file.tell()

    def seek(self, to: int) -> int:
        """Pass over what comes before."""
        if to < self.tell():
            raise DamageError(f"{self._where}: a header in it leads backwards")
        while (left := to - self.tell()) > 0 and self.read(min(left, 1 << 20)):
            pass
        return self.tell()

    def require_end(self) -> None:
        """DamageError where the tar just stopped, or something comes after its end."""
        if self._last != bytes(BLOCK):
            raise DamageError(f"{self._where}: cut off: it has no end")
        while data := self.read(1 << 20):
            if data.strip(b"\0"):
                raise DamageError(f"{self._where}: something comes after its end")
