"""The one door to files in a folder that others may write.

What is below an open folder is reached step by step and over no link. What steers an act (hidden folders, locks,
journals, what interrupted runs have left) must be ours, or root's, and nobody else may be able to write it; else it is
refused by name. Nothing is removed here but what the caller has made. Must not know what the files mean.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime.trust import RefusedError, Trust, kind_of

_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | _SAFE
_READ = os.O_RDONLY | os.O_NONBLOCK | _SAFE
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE

_OTHER_KIND = frozenset((errno.ELOOP, errno.EMLINK, errno.ENOTDIR, errno.EISDIR, errno.ENXIO))
"""What opening says of a link, of a file in place of a folder, of a folder in place of a file, of a socket."""

KINDS = {stat.S_IFDIR: "folder", stat.S_IFREG: "plain file"}

MAX_DEPTH = 100
"""Folders below folders that are removed; nothing of ours lies as deep."""


def unguessable() -> str:
    """Part of a name that nobody else can have taken; as `secrets` makes it, which `list` need not wait for."""
    return os.urandom(6).hex()


class Directory:
    """An open folder. With a `trust`, every folder and file on the way below it is held against it.

    Its methods raise OSError for what the disk says, and RefusedError for what is not trusted.
    """

    def __init__(self, descriptor: int, path: Path, trust: Trust | None = None) -> None:
        self.descriptor = descriptor
        self.path = path
        self.trust = trust

    @classmethod
    def named(cls, path: Path, trust: Trust | None = None) -> Directory:
        """The folder that the user has named; links on the way to it are the user's own. It may be writable by others."""
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), path, trust)

    def __enter__(self) -> Directory:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """It is open no more; once is enough."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    # ---- looks

    def look(self, name: str) -> os.stat_result | None:
        """What stands under a name in it, links as such; None where there is nothing."""
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        """What is in it."""
        return os.listdir(self.descriptor)  # noqa: PTH208  of a descriptor

    def is_at(self, parent: Directory, name: str) -> bool:
        """Whether this very folder stands under that name."""
        found = parent.look(name)
        return found is not None and os.path.samestat(found, os.fstat(self.descriptor))

    # ---- ways down

    def inner(self, name: str) -> Directory:
        """A folder in it."""
        try:
            descriptor = os.open(name, _FOLDER, dir_fd=self.descriptor)
        except OSError as error:
            raise self._explained(error, name, stat.S_IFDIR) from error
        found = Directory(descriptor, self.path / name, self.trust)
        try:
            if self.trust:
                self._check(os.fstat(descriptor), None, name)
        except BaseException:
            found.close()
            raise
        return found

    @contextmanager
    def above(self, relative: str) -> Iterator[tuple[Directory, str]]:
        """The innermost folder of a path below this one, open while the block lasts, and the last name of the path."""
        *parts, name = relative.split("/")
        folder = self
        try:
            for part in parts:
                deeper = folder.inner(part)
                if folder is not self:
                    folder.close()
                folder = deeper
            yield folder, name
        finally:
            if folder is not self:
                folder.close()

    def reading(self, relative: str) -> BinaryIO:
        """A plain file below it, opened for reading."""
        return os.fdopen(self.opened_below(relative), "rb")

    def opened_below(self, relative: str) -> int:
        """The descriptor of a plain file below it, which must be there."""
        if self.trust is None and (descriptor := self._quickly(relative)) >= 0:
            return descriptor
        with self.above(relative) as (folder, name):
            return folder.opened(name)

    def _quickly(self, relative: str) -> int:
        """The same without a look at every step, for the tens of thousands of files; -1 where anything is odd."""
        *parts, name = relative.split("/")
        folder = self.descriptor
        try:
            for part in parts:
                inner = os.open(part, _FOLDER, dir_fd=folder)
                if folder != self.descriptor:
                    os.close(folder)
                folder = inner
            descriptor = os.open(name, _READ, dir_fd=folder)
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return descriptor
            os.close(descriptor)
        except OSError:
            pass
        finally:
            if folder != self.descriptor:
                os.close(folder)
        return -1

    def opened(self, name: str, flags: int = _READ) -> int:
        """The descriptor of a plain file in it, which must be there."""
        return self.seen(name, flags)[0]

    def seen(self, name: str, flags: int = _READ) -> tuple[int, os.stat_result]:
        """The same, and what the system says of the file."""
        try:
            descriptor = os.open(name, flags | _SAFE | os.O_NONBLOCK, dir_fd=self.descriptor)
        except OSError as error:
            raise self._explained(error, name, stat.S_IFREG) from error
        try:
            return descriptor, self._checked(descriptor, name)
        except BaseException:
            os.close(descriptor)
            raise

    def _checked(self, descriptor: int, name: str) -> os.stat_result:
        found = os.fstat(descriptor)
        if self.trust:
            # The folder only says who the group is that may write, so of what none may it is not asked: very many files are.
            self._check(found, os.fstat(self.descriptor) if found.st_mode & stat.S_IWGRP else None, name)
        elif not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, f"{kind_of(found)}, not a plain file", str(self.path / name))
        return found

    def _check(self, found: os.stat_result, folder: os.stat_result | None, name: str) -> None:
        if self.trust and (why := self.trust.doubt(found, folder)):
            raise RefusedError(self.path / name, why)

    def _explained(self, error: OSError, name: str, wanted: int) -> OSError | RefusedError:
        """The errors for what is of another kind differ from system to system, and say nothing to a person."""
        path = self.path / name
        found = self.look(name) if error.errno in _OTHER_KIND else None
        if found is not None and stat.S_IFMT(found.st_mode) != wanted:
            if self.trust:
                return RefusedError(path, f"it is {kind_of(found)}, not a {KINDS[wanted]}")
            return OSError(errno.ELOOP, f"{kind_of(found)}, not a {KINDS[wanted]}", str(path))
        error.filename = str(path)
        return error

    # ---- changes

    def create(self, relative: str, mode: int = 0o600) -> int:
        """The descriptor of a new file below it, open for writing. Folders on the way are ours, and no links can be in them."""
        with self._naming(relative):
            return os.open(relative, _NEW, mode, dir_fd=self.descriptor)

    def scratch(self) -> BinaryIO:
        """A new file that has no name any more: it goes when it is closed."""
        name = f".{unguessable()}"
        with self._naming(name):
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE, 0o600, dir_fd=self.descriptor)
        self.remove(name)
        return os.fdopen(descriptor, "w+b")

    def make(self, relative: str) -> None:
        """A new folder below it, 0700; those on the way are there, and ours."""
        with self._naming(relative):
            os.mkdir(relative, 0o700, dir_fd=self.descriptor)

    @contextmanager
    def _naming(self, relative: str) -> Iterator[None]:
        """Errors name the whole path."""
        try:
            yield
        except OSError as error:
            error.filename = str(self.path / relative)
            raise

    def remove(self, relative: str) -> None:
        """Remove a file that this run has made."""
        os.unlink(relative, dir_fd=self.descriptor)

    def rename(self, name: str, to: str) -> None:
        """Another name for something in it that a run of ours has made."""
        with self._naming(name):
            os.rename(name, to, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def sync(self) -> None:
        """The names in it are on the disk."""
        os.fsync(self.descriptor)


def make_folder(path: Path) -> None:
    """Make the folder, 0700, where it is not there and the one above it is.

    The place of a share that is not mounted is often one that is not there at all; making it would fill another disk.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError as error:
        if path.parent.exists():
            raise
        raise UsageError(
            f"{path}: neither it nor the folder above it is there",
            hint="is what should be mounted there mounted? else make it with: mkdir -p",
        ) from error


def write_atomically(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Put the text on the disk, whole or not at all. What stood there is replaced; it must be a plain file."""
    with Directory.named(path.parent) as folder:
        there = folder.look(path.name)
        if there is not None and not stat.S_ISREG(there.st_mode):
            raise RefusedError(path, f"it is {kind_of(there)}, not a plain file")
        part = f".{path.name}.{unguessable()}"
        descriptor = folder.create(part, mode)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            folder.rename(part, path.name)
        except BaseException:
            with suppress(OSError):
                folder.remove(part)
            raise
        folder.sync()


def remove_tree(folder: Directory, *, keep: Callable[[str], bool] = lambda _name: False, depth: int = 0) -> list[str]:
    """Remove what is in a folder that a run of ours has made; the paths of what is left, which it cannot have made.

    Those are links, what belongs to others, and what the disk does not give up. A file that has another name elsewhere, as
    backups share them, keeps that one.
    `keep`: names at the top to pass over.
    """
    left: list[str] = []
    try:
        names = folder.names()
    except OSError:
        return ["."]
    for name in names:
        if not keep(name):
            try:
                left += _remove(folder, name, depth)
            except (OSError, RefusedError):
                left.append(name)
    return left


def _remove(folder: Directory, name: str, depth: int) -> list[str]:
    found = folder.look(name)
    if found is None:
        return []
    is_own = found.st_uid == os.geteuid()
    if is_own and stat.S_ISREG(found.st_mode):
        folder.remove(name)
        return []
    if not is_own or not stat.S_ISDIR(found.st_mode) or depth >= MAX_DEPTH:
        return [name]
    with folder.inner(name) as inner:
        if left := remove_tree(inner, depth=depth + 1):
            return [f"{name}/{each}" for each in left]
    os.rmdir(name, dir_fd=folder.descriptor)
    return []
