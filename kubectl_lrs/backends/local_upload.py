"""How one object comes to be below a path: written beside its place under a name of its own, then linked or renamed."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from kubectl_lrs.backends.base import KeyExistsError, Stat, Written
from kubectl_lrs.backends.local_tree import Tree, attributes_of, set_attributes
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.redact import shown

PART_PREFIX = ".lrs-part-"
_PART = re.compile(rf"{re.escape(PART_PREFIX)}[0-9a-f]{{16}}")
"""What an object is called until all of it is there: a name of this run alone."""

LATE = 60.0
"""Seconds that may lie between the bytes of an object and its name, by whose time it is dated then. A run can be suspended there,
for days; what steers the removal of backups counts from when it is there for everybody.
"""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


def is_unfinished(name: str) -> bool:
    """Whether a file is called as what is not finished yet."""
    return _PART.fullmatch(name) is not None


def new_part() -> str:
    """A name that nothing else has."""
    return f"{PART_PREFIX}{secrets.token_hex(8)}"


def stat_of(key: str, status: os.stat_result) -> Stat:
    """Every time that the file system keeps is part of the etag: who sets one back changes another."""
    etag = f"{status.st_mtime_ns:x}-{status.st_ctime_ns:x}-{status.st_ino:x}"
    return Stat(key, status.st_size, etag, status.st_mtime, attributes_of(status))


class LocalUpload:
    """A file that has all its bytes and not yet its name."""

    def __init__(self, tree: Tree, url: str, parent: str, name: str, *, replace: bool) -> None:
        self.unset: tuple[str, ...] = ()
        self._tree = tree
        self._url = url
        self._parent = parent
        self._name = name
        self._key = f"{parent}/{name}" if parent else name
        self._part = new_part()
        self._replace = replace

    def fill(self, directory: int, chunks: Iterator[bytes], attributes: Mapping[str, Any]) -> None:
        """Write it; where that fails it is gone again. OSError, and what `chunks` raises."""
        descriptor = os.open(self._part, _NEW, 0o600 if "mode" in attributes else 0o666, dir_fd=directory)
        try:
            try:
                _write_all(descriptor, chunks)
                self.unset = set_attributes(descriptor, attributes)
            finally:
                os.close(descriptor)  # a share may say only now that it is full
        except BaseException:
            self._unlink(directory)
            raise

    def changed(self) -> float:
        """When its bytes were written, by the clock of the file system."""
        with self._tree.directory(self._parent) as directory:
            try:
                return os.stat(self._part, dir_fd=directory, follow_symlinks=False).st_mtime
            except OSError as error:
                self._tree.refuse(error, self._key)

    def commit(self, *, once: bool = False) -> Written:  # noqa: ARG002
        """Linked into place, or renamed over what is there."""
        with self._tree.directory(self._parent) as directory:
            try:
                try:
                    self._place(directory)
                finally:
                    self._unlink(directory)
                status = self._dated(directory)
            except OSError as error:
                self._tree.refuse(error, self._key)
        return Written(stat_of(self._key, status))

    def _dated(self, directory: int) -> os.stat_result:
        """What is there now, dated by its name, of which the directory has the time, where its bytes came much earlier.

        Where that cannot be, it is not to be.
        """
        status = os.stat(self._name, dir_fd=directory, follow_symlinks=False)
        if os.fstat(directory).st_mtime - status.st_mtime <= LATE:
            return status
        try:
            os.utime(self._name, dir_fd=directory, follow_symlinks=False)
        except OSError:
            if not self._replace:
                os.unlink(self._name, dir_fd=directory)
            raise
        return os.stat(self._name, dir_fd=directory, follow_symlinks=False)

    def abort(self) -> None:
        """Remove it."""
        with suppress(LrsError, OSError), self._tree.directory(self._parent) as directory:
            self._unlink(directory)

    def _unlink(self, directory: int) -> None:
        with suppress(OSError):
            os.unlink(self._part, dir_fd=directory)

    def _place(self, directory: int) -> None:
        if self._replace:
            os.rename(self._part, self._name, src_dir_fd=directory, dst_dir_fd=directory)
            return
        try:
            os.link(self._part, self._name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        except FileExistsError as error:
            raise self._exists() from error
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # A file system without hard links: the moment between the look and the rename is left.
            if _is_there(directory, self._name):
                raise self._exists() from error
            os.rename(self._part, self._name, src_dir_fd=directory, dst_dir_fd=directory)

    def _exists(self) -> KeyExistsError:
        return KeyExistsError(f"{self._url}: {shown(self._key)} is there already")


def _write_all(descriptor: int, chunks: Iterator[bytes]) -> None:
    for data in chunks:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]


def _is_there(directory: int, name: str) -> bool:
    """Whatever it is; where that cannot be told it is an error."""
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
