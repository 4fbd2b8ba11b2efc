"""A backup that is being made."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from kubectl_lrs.model.catalog import FILE as CATALOG_FILE
from kubectl_lrs.model.catalog import SUMS_FILE, Catalog
from kubectl_lrs.repository.abandoned import Leftover
from kubectl_lrs.repository.files import CHUNK, create, file_sum, reading, sync_directory, sync_file_system, write_all
from kubectl_lrs.runtime.lock import SUFFIX, Lock


class Sink:
    """A new file that is written bit by bit. `size` and `digest` (SHA-256) are those of what lies on the disk.

    Of a compressed file they are complete only when it is closed.
    """

    def __init__(self, file: BinaryIO, *, compressed: bool) -> None:
        self.size = 0
        self._file = file
        self._sum = hashlib.sha256()
        # No name and no time in the header: the same content gives the same bytes.
        self._packed = gzip.GzipFile("", "wb", compresslevel=1, fileobj=_Below(self._keep), mtime=0) if compressed else None

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal digits."""
        return self._sum.hexdigest()

    def write(self, data: bytes, /) -> int:
        """All of them."""
        return self._packed.write(data) if self._packed else self._keep(data)

    def close(self) -> None:
        """Write what is still held back."""
        if self._packed:
            self._packed.close()

    def _keep(self, data: bytes) -> int:
        self._sum.update(data)
        self.size += len(data)
        return self._file.write(data)


class _Below:
    """The file under a gzip file."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self._write = write

    def write(self, data: bytes, /) -> int:
        return self._write(data)

    def flush(self) -> None:
        """The file system decides."""


class FolderWriter:
    """A backup that is being made: `.NAME/` beside a lock `.NAME.lock` in `parent`; `seal` renames it to `NAME/`.

    `NAME/` never exists before every byte of it is on the disk. Several threads may write, each its own files.
    """

    def __init__(self, parent: Path, name: str, leftovers: Sequence[Leftover] = ()) -> None:
        self.final = parent / name
        self.path = parent / f".{name}"
        self.is_sealed = False
        self.leftovers = tuple(leftovers)
        self._lock = Lock(parent / f".{name}{SUFFIX}")
        if not self._lock.take():
            raise FileExistsError(errno.EEXIST, "another run is making a backup of this name", str(self.path))
        try:
            self._make_root()
        except BaseException:
            self._lock.release()
            raise
        self._root = str(self.path)
        self._directories: set[str] = {""}
        self._guard = threading.RLock()
        self._sums: BinaryIO = _create(f"{self._root}/{SUMS_FILE}")

    def _make_root(self) -> None:
        if os.path.lexists(self.final):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.final))
        self.path.mkdir(mode=0o700)

    # ---- writing

    def write(self, relative: str, data: bytes) -> None:
        """A new file with its sum; `relative` is a path below the folder, with `/`."""
        descriptor = self._open(relative)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
        self._add_sum(relative, hashlib.sha256(data).hexdigest())

    @contextmanager
    def stream(self, relative: str, *, compressed: bool = False) -> Iterator[Sink]:
        """A new file that is written bit by bit, gzip on request; it is part of the backup when the block ends well."""
        try:
            with os.fdopen(self._open(relative), "wb", buffering=CHUNK) as file:
                sink = Sink(file, compressed=compressed)
                yield sink
                sink.close()
        except BaseException:
            with suppress(OSError):
                os.unlink(f"{self._root}/{relative}")  # noqa: PTH108
            raise
        self._add_sum(relative, sink.digest)

    def folder(self, relative: str) -> Path:
        """A folder below this one, made where it is not there."""
        self._make_directory(relative)
        return self.path / relative

    def adopt(self, relative: str, digest: str) -> bool:
        """Take a file over that a run which is no more had written under this path, if its SHA-256 is `digest`."""
        if not self.leftovers:
            return False
        self._make_directory(relative.rpartition("/")[0])
        if any(leftover.give(relative, digest, f"{self._root}/{relative}") for leftover in self.leftovers):
            self._add_sum(relative, digest)
            return True
        return False

    def checkpoint(self) -> int:
        """A mark that `rollback` takes the folder back to."""
        return self._sums.tell()

    def rollback(self, mark: int) -> None:
        """Remove every file that was finished since the mark."""
        for path, _ in self._finished(mark):
            os.unlink(f"{self._root}/{path}")  # noqa: PTH108
        self._sums.truncate(mark)
        self._sums.seek(mark)

    # ---- reading

    def paths(self, prefix: str = "") -> list[str]:
        """The files that are finished and whose path begins so, in the order in which they were."""
        return [path for path, _ in self._finished(0) if path.startswith(prefix)]

    @contextmanager
    def reading(self, relative: str) -> Iterator[BinaryIO]:
        """A file that is finished, opened for reading."""
        with reading(f"{self._root}/{relative}") as file:
            yield file

    def _finished(self, mark: int) -> Iterator[tuple[str, str]]:
        with self._guard:
            self._sums.flush()
        with reading(f"{self._root}/{SUMS_FILE}") as file:
            file.seek(mark)
            for line in file:
                yield line[66:-1].decode(), line[:64].decode()

    # ---- the end

    def seal(self, catalog: Catalog) -> Catalog:
        """Write the sums and, last, the catalog; put all of it on the disk; give the folder its name."""
        self._sums.close()
        with reading(f"{self._root}/{SUMS_FILE}") as file:
            sealed = replace(catalog, sums_sha256=file_sum(file))
        with _create(f"{self._root}/{CATALOG_FILE}") as file:
            file.write(sealed.serialise())
        sync_file_system(self.path)
        self.path.rename(self.final)
        self.is_sealed = True
        sync_directory(self.final.parent)
        self._lock.release()
        return sealed

    def discard(self) -> int:
        """Remove what was written; how many files are left, which is none."""
        with suppress(OSError):
            self._sums.close()
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()
        return 0

    def abandon(self) -> int:
        """Leave what another backup can take over, and nothing else; how many files that is."""
        with suppress(OSError):
            self._sums.close()
        if self.is_sealed:
            self._lock.release()
            return 0
        return Leftover(self.path, self._lock).keep()

    def _open(self, relative: str) -> int:
        self._make_directory(relative.rpartition("/")[0])
        return create(f"{self._root}/{relative}")

    def _make_directory(self, relative: str) -> None:
        """The folder and those above it, each 0700, which `mkdir(parents=True)` would not give them."""
        if relative in self._directories:
            return
        with self._guard:
            if relative not in self._directories:
                self._make_directory(relative.rpartition("/")[0])
                os.mkdir(f"{self._root}/{relative}", 0o700)  # noqa: PTH102
                self._directories.add(relative)

    def _add_sum(self, relative: str, digest: str) -> None:
        self._sums.write(f"{digest}  {relative}\n".encode())


def _create(path: str) -> BinaryIO:
    return os.fdopen(create(path), "wb", buffering=CHUNK)
