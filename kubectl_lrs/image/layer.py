"""Layers of an image: a tar of files and the folders above them, packed; the same bytes for the same files.

Everything is root's, nothing is writable for others or set-uid, all times are one. A layer only ever adds: a name that OCI
takes for the deletion of what lies below (`.wh.`) is refused.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from kubectl_lrs.image.plugin import File
from kubectl_lrs.model.errors import DamageError

EPOCH = 315532800
"""1980-01-01 in UTC, as in the archives."""

LEVEL = 6
WHITEOUT = ".wh."


@dataclass(frozen=True)
class Layer:
    """A layer that lies somewhere: its bytes by their digest, and what they unpack to by its own."""

    media_type: str
    digest: str
    size: int
    diff_id: str


class Hashed(io.RawIOBase):
    """Passes bytes on, and knows their sum."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        super().__init__()
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: Any, /) -> int:
        """Pass them on."""
        self._hash.update(data)
        self.size += len(data)
        self._file.write(data)
        return len(data)

    @property
    def digest(self) -> str:
        """Of all that has passed."""
        return f"sha256:{self._hash.hexdigest()}"


def write(files: Iterable[File], out: IO[bytes], media_type: str) -> Layer:
    """Write a layer of files, which come sorted by path."""
    packed = Hashed(out)
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=LEVEL, mtime=0) as zipped:
        plain = Hashed(zipped)
        with tarfile.open(fileobj=plain, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
            _fill(tar, files)
    return Layer(media_type, packed.digest, packed.size, plain.digest)


def _fill(tar: tarfile.TarFile, files: Iterable[File]) -> None:
    there: set[str] = set()
    for file in files:
        path = PurePosixPath(file.name)
        if path.name.startswith(WHITEOUT) or path.is_absolute() or ".." in path.parts:
            raise DamageError(f"{file.name!r}: it has no place in an image")
        for folder in reversed([str(each) for each in path.parents][:-1]):
            if folder not in there:
                there.add(folder)
                tar.addfile(_entry(folder, tarfile.DIRTYPE, 0o755))
        entry = _entry(file.name, tarfile.REGTYPE, 0o755 if file.is_program else 0o644)
        entry.size = len(file.data)
        tar.addfile(entry, io.BytesIO(file.data))


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = kind, mode, EPOCH
    return entry


def unpacked_digest(data: bytes) -> str:
    """The digest of what a packed layer unpacks to."""
    digest = hashlib.sha256()
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return f"sha256:{digest.hexdigest()}"
