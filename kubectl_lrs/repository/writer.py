"""A backup that is being made."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from kubectl_lrs.model.catalog import FILE as CATALOG_FILE
from kubectl_lrs.model.catalog import MAX_SIZE, SUMS_FILE, Catalog
from kubectl_lrs.repository.abandoned import Leftover
from kubectl_lrs.repository.files import CHUNK, file_sum, sync_file_system, write_all
from kubectl_lrs.runtime.bounds import require_readable
from kubectl_lrs.runtime.lock import SUFFIX, Lock
from kubectl_lrs.runtime.safe_files import Directory, remove_tree


class Sink:
    """A new file that is written bit by bit. `size` and `digest` (SHA-256) are those of what lies on the disk.

    Of a compressed file they are complete only when it is closed.
    """

    def __init__(self, file: BinaryIO, *, compressed: bool, before: BinaryIO | None = None) -> None:
        """`before`: what the file holds already."""
        self.size = 0
        self._file = file
        self._sum = hashlib.sha256()
        while before and (data := before.read(CHUNK)):
            self._sum.update(data)
            self.size += len(data)
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
        self._parent = Directory.named(parent)
        self._lock = Lock(self._parent, f".{name}{SUFFIX}")
        try:
            self._root = self._take_root()
        except BaseException:
            self._lock.back_out()
            self._parent.close()
            raise
        self._directories: set[str] = {""}
        self._guard = threading.RLock()
        self._sums: BinaryIO = self._create(SUMS_FILE)

    def _take_root(self) -> Directory:
        """Make the hidden folder, and note in the lock that it is this run's."""
        if not self._lock.take():
            raise FileExistsError(errno.EEXIST, "another run is making a backup of this name", str(self.path))
        if not self._lock.is_ours:
            raise FileExistsError(errno.EEXIST, "it is there, and not a lock of a run of yours", str(self._lock.path))
        if self._parent.look(self.final.name) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.final))
        self._parent.make(self.path.name)
        try:
            root = self._parent.inner(self.path.name)
            self._lock.note(os.fstat(root.descriptor).st_ino)
        except BaseException:
            os.rmdir(self.path.name, dir_fd=self._parent.descriptor)
            raise
        return root

    @property
    def is_locked(self) -> bool:
        """Whether other runs can see that this one is alive: not every file system has locks."""
        return self._lock.is_certain

    # ---- writing

    def write(self, relative: str, data: bytes, *, limit: int | None = None) -> None:
        """A new file with its sum; `relative` is a path below the folder, with `/`. `limit`: what its reader takes."""
        if limit is not None:
            require_readable(data, limit, relative)
        descriptor = self._open(relative)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
        self._add_sum(relative, hashlib.sha256(data).hexdigest())

    @contextmanager
    def stream(self, relative: str, *, compressed: bool = False) -> Iterator[Sink]:
        """A new file that is written bit by bit, gzip on request; it is part of the backup when the block ends well."""
        descriptor = self._open(relative)
        try:
            with os.fdopen(descriptor, "wb", buffering=CHUNK) as file:
                sink = Sink(file, compressed=compressed)
                yield sink
                sink.close()
        except BaseException:
            with suppress(OSError):
                self._root.remove(relative)
            raise
        self._add_sum(relative, sink.digest)

    @contextmanager
    def extending(self, relative: str) -> Iterator[Sink]:
        """More for a gzip file at the top that is finished: one is put after the other, which readers take for one.

        Where the block does not end well, the backup must not be sealed.
        """
        descriptor = self._root.opened(relative, os.O_WRONLY | os.O_APPEND)
        with os.fdopen(descriptor, "ab", buffering=CHUNK) as file, self._root.reading(relative) as before:
            sink = Sink(file, compressed=True, before=before)
            yield sink
            sink.close()
        self._replace_sum(relative, sink.digest)

    @contextmanager
    def scratch(self, relative: str) -> Iterator[BinaryIO]:
        """A file that is no part of the backup: it goes when the block ends well, and stays for another run when it does not."""
        with os.fdopen(self._open(relative), "wb") as file:
            yield file
        self._root.remove(relative)

    def adopt(self, relative: str, digest: str) -> bool:
        """Take a file over that a run which is no more had written under this path, if its SHA-256 is `digest`."""
        if not self.leftovers:
            return False
        self._make_directory(relative.rpartition("/")[0])
        if any(leftover.give(relative, digest, self._root) for leftover in self.leftovers):
            self._add_sum(relative, digest)
            return True
        return False

    def checkpoint(self) -> int:
        """A mark that `rollback` takes the folder back to."""
        return self._sums.tell()

    def rollback(self, mark: int) -> None:
        """Remove every file that was finished since the mark."""
        for path, _ in self._finished(mark):
            self._root.remove(path)
        self._sums.truncate(mark)
        self._sums.seek(mark)

    # ---- reading

    @property
    def name(self) -> str:
        """What it will be called."""
        return self.final.name

    def describe(self, relative: str = "") -> str:
        """It, or one of its files, for a person."""
        return str(self.path / relative)

    def paths(self, prefix: str = "") -> list[str]:
        """The files that are finished and whose path begins so, in the order in which they were."""
        return [path for path, _ in self._finished(0) if path.startswith(prefix)]

    @contextmanager
    def reading(self, relative: str) -> Iterator[BinaryIO]:
        """A file that is finished, opened for reading."""
        with self._root.reading(relative) as file:
            yield file

    def _finished(self, mark: int) -> Iterator[tuple[str, str]]:
        with self._guard:
            self._sums.flush()
        with self._root.reading(SUMS_FILE) as file:
            file.seek(mark)
            for line in file:
                yield line[66:-1].decode(), line[:64].decode()

    # ---- the end

    def seal(self, catalog: Catalog) -> Catalog:
        """Write the sums and, last, the catalog; put all of it on the disk; give the folder its name."""
        self._sums.close()
        with self._root.reading(SUMS_FILE) as file:
            sealed = replace(catalog, sums_sha256=file_sum(file))
        named = f"{len(sealed.missing)} things that are missing" if sealed.missing else "what it names"
        data = require_readable(sealed.serialise(), MAX_SIZE, self.describe(CATALOG_FILE), hint=f"it lists {named}: choose less")
        with self._create(CATALOG_FILE) as file:
            file.write(data)
        sync_file_system(self._root.descriptor, self.path)
        self._give_name()
        self.is_sealed = True
        self._parent.sync()
        self._lock.release()
        self._close()
        return sealed

    def _give_name(self) -> None:
        """Rename the folder, and see that it was this one: in a folder that others write, they may exchange it."""
        if self._parent.look(self.final.name) is not None:
            raise FileExistsError(errno.EEXIST, "it was made meanwhile, by another run or program", str(self.final))
        if self._root.is_at(self._parent, self.path.name):
            self._parent.rename(self.path.name, self.final.name)
        if not self._root.is_at(self._parent, self.final.name):
            raise OSError(errno.ESTALE, "another user moves what is being written", str(self.path))

    def discard(self) -> int:
        """Remove what was written; how many files are left, which is none."""
        with suppress(OSError):
            self._sums.close()
        is_gone = False
        if not remove_tree(self._root) and self._root.is_at(self._parent, self.path.name):
            with suppress(OSError):
                os.rmdir(self.path.name, dir_fd=self._parent.descriptor)
                is_gone = True
        if is_gone:
            self._lock.release()
        self._lock.abandon()  # what somebody else has put there is named by the next run
        self._close()
        return 0

    def abandon(self) -> int:
        """Leave what another backup can take over, and nothing else; how many files that is."""
        with suppress(OSError):
            self._sums.close()
        if self.is_sealed:
            self._lock.release()
            self._close()
            return 0
        try:
            return Leftover(self._parent, self._root, self._lock).keep()
        finally:
            self._parent.close()

    def _close(self) -> None:
        self._root.close()
        self._parent.close()

    def _create(self, relative: str) -> BinaryIO:
        return os.fdopen(self._root.create(relative), "wb", buffering=CHUNK)

    def _open(self, relative: str) -> int:
        self._make_directory(relative.rpartition("/")[0])
        return self._root.create(relative)

    def _make_directory(self, relative: str) -> None:
        """The folder and those above it, each 0700, which `mkdir(parents=True)` would not give them."""
        if relative in self._directories:
            return
        with self._guard:
            if relative not in self._directories:
                self._make_directory(relative.rpartition("/")[0])
                self._root.make(relative)
                self._directories.add(relative)

    def _replace_sum(self, relative: str, digest: str) -> None:
        """Another sum in the line of a file."""
        at = 0
        with self._guard:
            self._sums.flush()
            with self._root.reading(SUMS_FILE) as file:
                for line in file:
                    if line[66:-1].decode() == relative:
                        if os.pwrite(self._sums.fileno(), digest.encode(), at) != len(digest):
                            raise OSError(errno.EIO, "a sum could not be written", str(self.path / SUMS_FILE))
                        return
                    at += len(line)
        raise FileNotFoundError(errno.ENOENT, "no file of the backup", relative)

    def _add_sum(self, relative: str, digest: str) -> None:
        self._sums.write(f"{digest}  {relative}\n".encode())
