"""The directories below a path, opened one from the other: no link is followed, and no key leads out.

What the operating system refuses becomes an error of ours here.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, NoReturn

from kubectl_lrs.backends.base import KeyExistsError, KeyNotFoundError, NoSpaceError
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError
from kubectl_lrs.runtime.redact import shown

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_MODE, _DIRECTORY_MODE = 0o777, 0o3777
"""What is kept of a mode: no set-user-id; on a directory, set-group-id only says whose new files are."""

_IN_THE_WAY = (errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LOST = (errno.ENOTCONN, errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ECONNABORTED, errno.EREMOTEIO)


class _Place(NamedTuple):
    """What stood at a path. Links lead to the root, and to nothing below it."""

    path: str
    device: int
    inode: int
    is_root: bool

    @classmethod
    def of(cls, descriptor: int, path: str, *, is_root: bool = False) -> _Place:
        """An open directory."""
        found = os.fstat(descriptor)
        return cls(path, found.st_dev, found.st_ino, is_root)

    def is_there(self) -> bool:
        """Whether it still does."""
        found = os.stat(self.path, follow_symlinks=self.is_root)  # noqa: PTH116  for every file
        return found.st_ino == self.inode and found.st_dev == self.device


class _Open:
    """A directory, which is open for as long as somebody has this."""

    def __init__(self, key: str, descriptor: int, way: Sequence[_Place]) -> None:
        self.key = key
        self.descriptor = descriptor
        self._way = way

    def is_there(self) -> bool:
        """Whether it and all above it stand where they were opened, and no link in the place of one: as if it was opened now."""
        try:
            return all(map(_Place.is_there, self._way))
        except OSError:  # or the path is longer than one call takes
            return False

    def __del__(self) -> None:
        os.close(self.descriptor)


class _Near(threading.local):
    """The directory that a thread was in last."""

    last: _Open | None = None


class Tree:
    """The directory `root`, which may itself be reached through links."""

    def __init__(self, root: str, url: str) -> None:
        self.root = root
        self._url = url
        self._device: int | None = None
        self._near = _Near()

    @contextmanager
    def directory(self, key: str, *, make: bool = False) -> Iterator[int]:
        """One below the root, opened; with `make` what is missing is made.

        Each thread keeps the last one open, for as long as it stands where it was: the next file mostly lies beside the last.
        """
        near = self._near.last
        if near is None or near.key != key or not near.is_there():
            near = self._opened(key, make=make)
            if key:  # whoever looks through the root has a position in it
                self._near.last = near
        yield near.descriptor

    def _opened(self, key: str, *, make: bool) -> _Open:
        descriptor, at = self._top(was_there=make), ""
        try:
            way = [_Place.of(descriptor, self.root, is_root=True)]
            for part in key.split("/") if key else ():
                at = f"{at}/{part}" if at else part
                following = self._step(descriptor, part, at, make=make)
                os.close(descriptor)
                descriptor = following
                way.append(_Place.of(descriptor, f"{self.root}/{at}"))
        except BaseException:
            os.close(descriptor)
            raise
        return _Open(key, descriptor, way)

    def _top(self, *, was_there: bool) -> int:
        """The root; `was_there`: it was before, so that where it is not, the storage is out of reach."""
        try:
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            kind = UnreachableError if was_there else KeyNotFoundError
            raise kind(f"{self._url}: no such directory", hint="is the storage mounted there?") from error
        except OSError as error:
            self.refuse(error, "its directory")
        device = os.fstat(descriptor).st_dev
        if device != (self._device if self._device is not None else device):
            os.close(descriptor)
            raise UnreachableError(f"{self._url}: another file system is there now", hint="is the storage still mounted?")
        self._device = device
        return descriptor

    def require(self) -> None:
        """KeyNotFoundError or UnreachableError where the root is not there."""
        os.close(self._top(was_there=False))

    def _step(self, directory: int, part: str, at: str, *, make: bool) -> int:
        if part in ("", ".", ".."):
            raise KeyNotFoundError(f"{self._url}: {shown(at)}: not a path below the directory")
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o777, dir_fd=directory)
            return os.open(part, DIRECTORY, dir_fd=directory)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                kind = KeyExistsError if make else KeyNotFoundError
                raise kind(f"{self._url}: {shown(at)} is no directory there, or a link, which is not followed") from error
            self.refuse(error, at)

    def make(self, key: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:
        """A directory where there is none; what of a new one could not be set."""
        parent, _, name = key.rpartition("/")
        with self.directory(parent, make=True) as directory:
            try:
                os.mkdir(name, 0o777, dir_fd=directory)
            except FileExistsError:
                return ()
            except OSError as error:
                self.refuse(error, key)
            made = self._step(directory, name, key, make=False)
        try:
            # Between the two calls somebody else may have put one of theirs in its place.
            return set_attributes(made, attributes) if os.fstat(made).st_uid == os.geteuid() else ()
        finally:
            os.close(made)

    def refuse(self, error: OSError, key: str) -> NoReturn:
        """Raise what the operating system said of a key."""
        where = f"{self._url}: {shown(key)}"
        if isinstance(error, FileNotFoundError):
            raise KeyNotFoundError(f"{where}: not there") from error
        if error.errno in _IN_THE_WAY:
            raise KeyExistsError(f"{where}: a link, a directory, or no plain file is there") from error
        if error.errno in _DENIED:
            hint = "run as a user who may, such as the one of the application"
            raise DeniedError(f"{where}: {error.strerror}", hint=hint) from error
        if error.errno in _FULL:
            raise NoSpaceError(f"{where}: {error.strerror}", hint="make room there; running it again goes on") from error
        if error.errno in _LOST:
            raise UnreachableError(f"{where}: {error.strerror}", hint="is the storage still mounted?") from error
        raise LrsError(f"{where}: {error.strerror or error}") from error


class Range:
    """The keys that a list is to hold: those with a prefix that come after another one."""

    def __init__(self, prefix: str, after: str) -> None:
        self._prefix = os.fsencode(prefix)
        self._after = os.fsencode(after)

    def is_after(self, key: str) -> bool:
        """Whether a key comes late enough."""
        return not self._after or os.fsencode(key) > self._after

    def may_hold(self, directory: str) -> bool:
        """Whether a key below a directory (`a/b/`) can be one of them."""
        name = os.fsencode(directory)
        is_past = name < self._after and not self._after.startswith(name)
        return not is_past and (name.startswith(self._prefix) or self._prefix.startswith(name))


# ---- what is kept beside the content

KEPT = ("mode", "uid", "gid")
_shared: dict[tuple[int, int, int], Mapping[str, Any]] = {}
"""The same few attributes stand beside very many files: they are held once."""


def attributes_of(status: os.stat_result) -> Mapping[str, Any]:
    """Mode, owner and group."""
    values = status.st_mode & _mask(status), status.st_uid, status.st_gid
    found = _shared.get(values)
    if found is None:
        found = _shared.setdefault(values, dict(zip(KEPT, values, strict=True)))
    return found


def set_attributes(descriptor: int, attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Owner, group and mode, where we may; what could not be set."""
    now = os.fstat(descriptor)
    unset: tuple[str, ...] = ()
    uid, gid, mode = (attributes.get(name) for name in ("uid", "gid", "mode"))
    if isinstance(uid, int) and isinstance(gid, int) and (uid, gid) != (now.st_uid, now.st_gid):
        try:
            os.fchown(descriptor, uid, gid)
        except (OSError, OverflowError):
            unset = (f"owner {uid}:{gid}",)
    if isinstance(mode, int):
        try:
            os.fchmod(descriptor, mode & _mask(now))
        except PermissionError:
            unset = (*unset, f"mode {mode & _mask(now):o}")
    return unset


def _mask(status: os.stat_result) -> int:
    return _DIRECTORY_MODE if stat.S_ISDIR(status.st_mode) else _FILE_MODE
