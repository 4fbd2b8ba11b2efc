"""One backup on disk: written under a hidden name and sealed by a rename, or opened and checked.

It knows files, sums, links and rights (0700, 0600), not what the files mean. It must not talk to any server.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import gzip
import hashlib
import os
import re
import shutil
import socket
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from kubectl_lrs.catalog import FILE as CATALOG_FILE
from kubectl_lrs.catalog import SUMS_FILE, Catalog, parse
from kubectl_lrs.errors import DamageError, LrsError, UsageError

LOCK_SUFFIX = ".lock"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_SUM_LINE = re.compile(r"([0-9a-f]{64})  ([^\\\n]+)\n")
_CHUNK = 1 << 20

MAX_CATALOG = 64 << 20
MAX_LINE = 64 << 20
MAX_SUM_LINE = 8 << 10
"""Bytes that a catalog, a line of a packed file and a line of the sums may have. The API server takes no object of more
than a few MB; whatever is longer is no backup, and is not read into memory to find out."""

MAX_DEPTH = 64
"""Folders below folders that are looked into."""


class Sink(Protocol):
    """Where bytes are written to, bit by bit."""

    def write(self, data: bytes, /) -> int:
        """All of them."""


class FolderWriter:
    """A backup that is being made: `.NAME/` beside a lock `.NAME.lock` in `parent`; `seal` renames it to `NAME/`.

    `NAME/` never exists before every byte of it is on the disk. Until `seal`, `discard` leaves nothing behind.
    """

    def __init__(self, parent: Path, name: str) -> None:
        self.final = parent / name
        self.path = parent / f".{name}"
        self.is_sealed = False
        self._lock = _Lock(parent / f".{name}{LOCK_SUFFIX}")
        if not self._lock.take():
            raise FileExistsError(errno.EEXIST, "another run is making a backup of this name", str(self.path))
        try:
            self._make_root()
        except BaseException:
            self._lock.release()
            raise
        self._root = str(self.path)
        self._directories: set[str] = {""}
        self._sums: BinaryIO = _create(f"{self._root}/{SUMS_FILE}")

    def _make_root(self) -> None:
        if os.path.lexists(self.final):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.final))
        self.path.mkdir(mode=0o700)

    def write(self, relative: str, data: bytes) -> None:
        """A new file with its sum; `relative` is a path below the folder, with `/`."""
        descriptor = self._open(relative)
        try:
            _write_all(descriptor, data)
        finally:
            os.close(descriptor)
        self._add_sum(relative, hashlib.sha256(data).hexdigest())

    @contextmanager
    def stream(self, relative: str, *, compressed: bool = False) -> Iterator[Sink]:
        """A new file that is written bit by bit, gzip on request; its sum is added when the block ends well."""
        try:
            with os.fdopen(self._open(relative), "wb", buffering=_CHUNK) as file:
                hashing = _Hashing(file)
                if compressed:
                    # No name and no time in the header: the same content gives the same bytes.
                    with gzip.GzipFile("", "wb", compresslevel=1, fileobj=hashing, mtime=0) as packed:
                        yield packed
                else:
                    yield hashing
        except BaseException:
            with suppress(OSError):
                os.unlink(f"{self._root}/{relative}")  # noqa: PTH108
            raise
        self._add_sum(relative, hashing.sum.hexdigest())

    def checkpoint(self) -> int:
        """A mark that `rollback` takes the folder back to."""
        return self._sums.tell()

    def rollback(self, mark: int) -> None:
        """Remove every file that was finished since the mark."""
        self._sums.flush()
        with _reading(f"{self._root}/{SUMS_FILE}") as file:
            file.seek(mark)
            for line in file:
                os.unlink(f"{self._root}/{line[66:-1].decode()}")  # noqa: PTH108
        self._sums.truncate(mark)
        self._sums.seek(mark)

    def seal(self, catalog: Catalog) -> Catalog:
        """Write the sums and, last, the catalog; put all of it on the disk; give the folder its name."""
        self._sums.close()
        with _reading(f"{self._root}/{SUMS_FILE}") as file:
            sealed = replace(catalog, sums_sha256=_file_sum(file))
        with _create(f"{self._root}/{CATALOG_FILE}") as file:
            file.write(sealed.serialise())
        _sync_file_system(self.path)
        self.path.rename(self.final)
        self.is_sealed = True
        _sync_directory(self.final.parent)
        self._lock.release()
        return sealed

    def discard(self) -> None:
        """Remove what was written."""
        with suppress(OSError):
            self._sums.close()
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()

    def _open(self, relative: str) -> int:
        self._make_directory(relative.rpartition("/")[0])
        return os.open(f"{self._root}/{relative}", _CREATE, 0o600)

    def _make_directory(self, relative: str) -> None:
        """The folder and those above it, each 0700, which `mkdir(parents=True)` would not give them."""
        if relative not in self._directories:
            self._make_directory(relative.rpartition("/")[0])
            os.mkdir(f"{self._root}/{relative}", 0o700)  # noqa: PTH102
            self._directories.add(relative)

    def _add_sum(self, relative: str, digest: str) -> None:
        self._sums.write(f"{digest}  {relative}\n".encode())


class _Hashing:
    """A binary file that keeps the SHA-256 of what passes through."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sum = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sum.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


class _Lock:
    """A flock beside the folder, with host and pid noted in it; it goes with the process that holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Whether it is ours now; False when another process holds it."""
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            # Whoever cleared remains may have removed the file between the open and the lock.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), self.path.stat()):
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, f"{socket.gethostname()} {os.getpid()}\n".encode())
                    self._descriptor = descriptor
                    return True
            os.close(descriptor)

    def release(self) -> None:
        if self._descriptor is not None:
            self.path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


def clear_abandoned(parent: Path) -> list[str]:
    """Remove the hidden folders of runs that are no more, and their locks; the names of those removed.

    A run that is alive holds its lock and is left alone.
    """
    cleared = []
    for lock_file in sorted(parent.glob(f".*{LOCK_SUFFIX}")):
        lock = _Lock(lock_file)
        try:
            if not lock.take():
                continue
        except OSError:  # not ours to open: another user's run, or a link
            continue
        hidden = lock_file.with_name(lock_file.name.removesuffix(LOCK_SUFFIX))
        if hidden.is_dir() and not hidden.is_symlink():
            shutil.rmtree(hidden, ignore_errors=True)
            cleared.append(hidden.name.removeprefix("."))
        lock.release()
    return cleared


@dataclass(frozen=True)
class Damage:
    """One file of a backup that is not as it was sealed; `what` says how."""

    path: str
    what: str


class SealedFolder:
    """A backup that was sealed, read without trust: no link is followed, no path leaves the folder."""

    def __init__(self, path: Path, catalog: Catalog) -> None:
        self.path = path
        self.catalog = catalog

    @classmethod
    def open(cls, path: Path) -> SealedFolder:
        """Read the catalog of the folder at `path`."""
        where = path / CATALOG_FILE
        try:
            with _reading(str(where)) as file:
                data = file.read(MAX_CATALOG + 1)
        except FileNotFoundError as error:
            raise UsageError(f"{path}: not a sealed backup: it has no {CATALOG_FILE}") from error
        except NotADirectoryError as error:
            raise UsageError(f"{path}: not a backup: it is not a folder") from error
        except OSError as error:
            raise UsageError(f"{where}: cannot be read: {error.strerror}") from error
        if len(data) > MAX_CATALOG:
            raise DamageError(f"{where}: not a catalog: larger than {MAX_CATALOG >> 20} MiB")
        return cls(path, parse(data, where=str(where)))

    def sums(self) -> Iterator[tuple[str, str]]:
        """(path, SHA-256) of every file but the two that seal them, as the folder lists them."""
        with _reading(str(self.path / SUMS_FILE)) as file:
            for number, line in enumerate(iter(partial(file.readline, MAX_SUM_LINE), b""), 1):
                match = _SUM_LINE.fullmatch(line.decode("utf-8", "replace"))
                if not match or not _is_inside(match[2]):
                    raise DamageError(f"{self.path / SUMS_FILE}: line {number} is not a sum of a file in the backup")
                yield match[2], match[1]

    def damages(self, on_file: Callable[[int], None] = lambda _size: None) -> Iterator[Damage]:
        """Every file that is missing, surplus, altered or no plain file. `on_file` is told each file's bytes."""
        try:
            with _reading(str(self.path / SUMS_FILE)) as file:
                if _file_sum(file) != self.catalog.sums_sha256:
                    yield Damage(SUMS_FILE, "altered: its sum is not the one in the catalog")
                    return
        except FileNotFoundError:
            yield Damage(SUMS_FILE, "missing")
            return
        except OSError as error:
            yield Damage(SUMS_FILE, f"cannot be read: {error.strerror}")
            return
        present = {CATALOG_FILE: True, SUMS_FILE: True}
        present.update(self._walk(""))
        del present[CATALOG_FILE], present[SUMS_FILE]
        for path, digest in self.sums():
            plain = present.pop(path, None)
            if plain is None:
                yield Damage(path, "missing")
            elif not plain:
                yield Damage(path, "not a plain file")
            else:
                yield from self._altered(path, digest, on_file)
        for path in present:
            yield Damage(path, "surplus: not part of the backup")

    def _altered(self, path: str, digest: str, on_file: Callable[[int], None]) -> Iterator[Damage]:
        try:
            actual, size = _sum_of(f"{self.path}/{path}")
        except OSError as error:
            yield Damage(path, f"cannot be read: {error.strerror}")
            return
        on_file(size)
        if actual != digest:
            yield Damage(path, "altered: its sum does not match")

    def _walk(self, below: str, depth: int = 0) -> Iterator[tuple[str, bool]]:
        """(path, is a plain file) of everything in the folder but plain directories that can be looked into."""
        try:
            with os.scandir(self.path / below) as found:
                entries = list(found)
        except OSError:
            yield below, False
            return
        for entry in entries:
            path = f"{below}{entry.name}"
            if entry.is_dir(follow_symlinks=False) and depth < MAX_DEPTH:
                yield from self._walk(f"{path}/", depth + 1)
            else:
                yield path, entry.is_file(follow_symlinks=False)

    @contextmanager
    def reading(self, relative: str) -> Iterator[BinaryIO]:
        """A file of the backup, opened for reading."""
        try:
            file = _reading(str(self.path / relative))
        except OSError as error:
            raise DamageError(f"{self.path / relative}: cannot be read: {error.strerror}") from error
        with file:
            yield file

    def lines(self, relative: str) -> Iterator[str]:
        """The lines of a gzip file."""
        try:
            with self.reading(relative) as file, gzip.GzipFile(fileobj=file) as unpacked:
                while line := unpacked.readline(MAX_LINE + 1):
                    if len(line) > MAX_LINE:
                        raise DamageError(f"{self.path / relative}: a line is longer than {MAX_LINE >> 20} MiB")
                    yield line.decode()
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise DamageError(f"{self.path / relative}: damaged: {error}") from error


def _is_inside(path: str) -> bool:
    return not path.startswith("/") and all(part not in ("", ".", "..") for part in path.split("/"))


def _create(path: str) -> BinaryIO:
    return os.fdopen(os.open(path, _CREATE, 0o600), "wb", buffering=_CHUNK)


def _reading(path: str) -> BinaryIO:
    descriptor = os.open(path, _READ | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file", path)
    return os.fdopen(descriptor, "rb")


def _write_all(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])


def _sum_of(path: str) -> tuple[str, int]:
    """SHA-256 and size; most files are small, so one read serves."""
    descriptor = os.open(path, _READ | os.O_NONBLOCK)
    try:
        data = os.read(descriptor, _CHUNK)
        digest, size = hashlib.sha256(data), len(data)
        while len(data) == _CHUNK or (data and size >= _CHUNK):
            data = os.read(descriptor, _CHUNK)
            digest.update(data)
            size += len(data)
        return digest.hexdigest(), size
    finally:
        os.close(descriptor)


def _file_sum(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while data := file.read(_CHUNK):
        digest.update(data)
    return digest.hexdigest()


def _sync_file_system(path: Path) -> None:
    """Everything written to the file system of `path` is on the disk, or an error says it is not.

    One call for the tens of thousands of files: an fsync for each would take minutes. Linux has syncfs(2), which also
    reports failed write-backs; elsewhere sync(2) has to do.
    """
    if sys.platform == "linux":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), str(path))
        finally:
            os.close(descriptor)
    else:
        os.sync()


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_error(error: OSError, path: Path) -> LrsError:
    """A failed write, as the user should read it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LrsError(f"{path}: no space left; no backup was made", hint="free space or name another --backup-dir")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UsageError(f"{path}: cannot be written: {error.strerror}", hint="name another folder with --backup-dir")
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return UsageError(f"{path}: not a folder", hint="name another one with --backup-dir")
    return LrsError(f"{error.filename or path}: {error.strerror or error}; no backup was made")
