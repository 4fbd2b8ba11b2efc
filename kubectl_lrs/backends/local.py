"""Bytes below a path: a Gluster volume, NFS, a disk. It needs no library.

An object is written under a name of this run's own beside its place, and gets its name when all of it is there. Nothing
is ever removed that this run did not make, but by `delete`.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kubectl_lrs.backends.base import (
    CHUNK,
    KeyExistsError,
    KeyNotFoundError,
    OnSkipped,
    Reading,
    Skipped,
    Stat,
    Versions,
    deleted_each,
    refuse_unreadable,
)
from kubectl_lrs.backends.local_tree import DIRECTORY, KEPT, Range, Tree, attributes_of
from kubectl_lrs.backends.local_upload import LocalUpload, is_unfinished, stat_of
from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.redact import shown

BATCH = 2048
"""Uploads that wait for one and the same `sync`."""

SMALL = 16 << 10

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def opened(place: StorageLocation) -> Local:
    """The path of a `file:` URL."""
    return Local(place.host_and_path[1])


class Local:
    """Everything below the directory `root`, which may itself be reached through links."""

    keeps = frozenset(KEPT)
    batch = BATCH

    def __init__(self, root: str) -> None:
        self.root = os.path.normpath(root)
        self.url = f"file://{shown(self.root)}"
        plain = self.root.replace("//", "/", 1).rstrip("/")
        self.roots: tuple[str, ...] = (plain, f"file://{plain}")
        self._tree = Tree(self.root, self.url)

    def tells_content(self, _etag: str) -> bool:
        """Never: an etag is made of times here."""
        return False

    # ---- reading

    def list(self, prefix: str = "", *, after: str = "", skipped: OnSkipped = refuse_unreadable) -> Iterator[Stat]:
        """Every plain file; links and other things are skipped."""
        with self._tree.directory("") as top:
            for found in self._below(top, "", Range(prefix, after), skipped):
                if found.key.startswith(prefix):
                    yield found

    def _below(self, directory: int, path: str, wanted: Range, skipped: OnSkipped) -> Iterator[Stat]:
        try:
            with os.scandir(directory) as found:
                entries = sorted(found, key=_place_of)
        except OSError as error:
            if not path:
                self._tree.refuse(error, "its directory")
            skipped(path.rstrip("/"), Skipped.UNREADABLE, self._said(error, path))
            return
        for entry in entries:
            key = path + entry.name
            if entry.is_dir(follow_symlinks=False):
                if wanted.may_hold(f"{key}/"):
                    yield from self._inside(directory, entry.name, key, wanted, skipped)
            elif wanted.is_after(key):
                yield from self._file(entry, key, skipped)

    def _file(self, entry: os.DirEntry[str], key: str, skipped: OnSkipped) -> Iterator[Stat]:
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError as error:
            skipped(key, Skipped.UNREADABLE, self._said(error, key))
            return
        if stat.S_ISREG(status.st_mode) and not is_unfinished(entry.name):
            yield stat_of(key, status)
        elif stat.S_ISREG(status.st_mode):
            skipped(key, Skipped.UNFINISHED, None)
        else:
            skipped(key, Skipped.LINK if stat.S_ISLNK(status.st_mode) else Skipped.SPECIAL, None)

    def _inside(self, directory: int, name: str, key: str, wanted: Range, skipped: OnSkipped) -> Iterator[Stat]:
        try:
            inner = os.open(name, DIRECTORY, dir_fd=directory)
        except FileNotFoundError:
            return
        except OSError as error:
            skipped(key, Skipped.UNREADABLE, self._said(error, key))
            return
        try:
            yield from self._below(inner, f"{key}/", wanted, skipped)
        finally:
            os.close(inner)

    def _said(self, error: OSError, key: str) -> LrsError:
        try:
            self._tree.refuse(error, key)
        except LrsError as said:
            return said

    def stat(self, key: str) -> Stat:
        """By its directory's own word."""
        parent, _, name = key.rpartition("/")
        try:
            with self._tree.directory(parent) as directory:
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except KeyNotFoundError:
            self._tree.require()
            raise
        except OSError as error:
            self._tree.refuse(error, key)
        if not stat.S_ISREG(status.st_mode):
            raise KeyExistsError(f"{self.url}: {shown(key)} is no plain file there")
        return stat_of(key, status)

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        """It stood still when neither its size nor its times are others after the last byte."""
        descriptor = self._open(wanted.key)
        try:
            _protect(descriptor)
            before = self._status(descriptor, wanted.key)
            size = 0
            # One that grows as fast as it is read would never end.
            while size <= before.size and (data := self._chunk(descriptor, wanted.key, before.size - size)):
                sink(data)
                size += len(data)
            after = self._status(descriptor, wanted.key)
        finally:
            os.close(descriptor)
        return Reading(after, before == after and size == after.size)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """By one open."""
        descriptor = self._open(key)
        try:
            self._status(descriptor, key)
            held = bytearray()
            while len(held) < length and (data := os.pread(descriptor, length - len(held), start + len(held))):
                held += data
            return bytes(held)
        except OSError as error:
            self._tree.refuse(error, key)
        finally:
            os.close(descriptor)

    def _open(self, key: str) -> int:
        parent, _, name = key.rpartition("/")
        with self._tree.directory(parent) as directory:
            try:
                return os.open(name, _FILE, dir_fd=directory)
            except OSError as error:
                self._tree.refuse(error, key)

    def _chunk(self, descriptor: int, key: str, left: int) -> bytes:
        """The next bytes; no more memory is had for them than there should be `left`, or a small piece where it is more."""
        try:
            return os.read(descriptor, min(CHUNK >> 2, left + SMALL))
        except OSError as error:
            self._tree.refuse(error, key)

    def _status(self, descriptor: int, key: str) -> Stat:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyNotFoundError(f"{self.url}: {shown(key)} is no plain file any more")
        return stat_of(key, status)

    # ---- writing

    def upload(
        self,
        key: str,
        size: int,  # noqa: ARG002
        chunks: Iterator[bytes],
        attributes: Mapping[str, Any],
        *,
        replace: bool,
    ) -> LocalUpload:
        """Under another name beside its place."""
        parent, _, name = key.rpartition("/")
        upload = LocalUpload(self._tree, self.url, parent, name, replace=replace)
        with self._tree.directory(parent, make=True) as directory:
            try:
                upload.fill(directory, chunks, attributes)
            except OSError as error:
                self._tree.refuse(error, key)
        return upload

    def sync(self) -> None:
        """One call for all of it; an error of an earlier write to the disk comes here, too."""
        with self._tree.directory("") as top:
            try:
                _sync_file_system(top)
            except OSError as error:
                self._tree.refuse(error, "what was written")

    def delete(self, key: str) -> None:
        """Unlink it."""
        parent, _, name = key.rpartition("/")
        with suppress(KeyNotFoundError), self._tree.directory(parent) as directory:
            try:
                os.unlink(name, dir_fd=directory)
            except OSError as error:
                self._tree.refuse(error, key)

    def delete_many(self, keys: Sequence[str]) -> Mapping[str, LrsError]:
        """One after the other."""
        return deleted_each(self.delete, keys)

    def directory(self, key: str) -> Mapping[str, Any]:
        """Its mode, owner and group."""
        with self._tree.directory(key) as descriptor:
            return attributes_of(os.fstat(descriptor))

    def make_directory(self, key: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:
        """A new one gets them."""
        return self._tree.make(key, attributes)

    def refuses(self, key: str) -> str:
        """What no file system takes, and what would lead out."""
        parts = key.split("/")
        if any(part in ("", ".", "..") for part in parts):
            return "a part of its path is empty, '.' or '..', which a path in a file system cannot have"
        try:
            encoded = [os.fsencode(part) for part in parts]
        except UnicodeEncodeError:
            return "it is not a name that a file system has"
        if "\0" in key or max(map(len, encoded)) > 255 or sum(map(len, encoded)) + len(parts) + len(self.root) > 4000:
            return "it is longer than a file system allows, or holds a NUL"
        return "it is named like a file that is not finished" if is_unfinished(parts[-1]) else ""

    def probe(self, *, large: bool = False) -> None:  # noqa: ARG002
        """An upload of one byte, which is given up."""
        self.upload("lrs-probe", 1, iter([b"\n"]), {}, replace=False).abort()

    def is_alive(self) -> bool:
        """Whether its directory can be listed."""
        try:
            with self._tree.directory("") as top, os.scandir(top) as found:
                next(found, None)
        except (LrsError, OSError):
            return False
        return True

    def free(self) -> int | None:
        """What is left for this user on the file system."""
        try:
            found = os.statvfs(self.root)
        except OSError as error:
            self._tree.refuse(error, "its directory")
        return found.f_bavail * found.f_frsize

    def versions(self) -> Versions:
        """There is one of each."""
        return Versions.GONE

    def now(self) -> float:
        """When a file was changed that is written there and given up: on a share by the clock of its server."""
        upload = self.upload("lrs-clock", 1, iter([b"\n"]), {}, replace=False)
        try:
            return upload.changed()
        finally:
            upload.abort()


def _place_of(entry: os.DirEntry[str]) -> bytes:
    """Where the keys of an entry stand in the order of all keys: a directory's begin with its name and `/`."""
    return os.fsencode(f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name)


_WAIT_BEFORE, _WRITE = 1, 2
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _protect(descriptor: int) -> None:
    """Have dirty pages written out, so that whoever writes through a mapping must fault again, which changes the times.

    Without it such a writer changes the content for half a minute and no time of the file says so. Linux only, and best
    effort: what is young is read twice besides.
    """
    if _libc is not None and hasattr(_libc, "sync_file_range"):
        _libc.sync_file_range(descriptor, ctypes.c_int64(0), ctypes.c_int64(0), _WAIT_BEFORE | _WRITE)


def _sync_file_system(directory: int) -> None:
    """Linux has syncfs(2), which also says that an earlier write-back failed; elsewhere sync(2) has to do."""
    if _libc is None:
        os.sync()
    elif _libc.syncfs(directory) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
