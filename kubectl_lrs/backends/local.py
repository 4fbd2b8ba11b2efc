"""A storage that is a path: a Gluster volume, NFS, a disk. It needs no library.

No link below the prefix is followed and no path leaves it: every folder on the way is opened by itself, from the one
before it, and refused where it is a link.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from kubectl_lrs.backends.base import CHUNK, FullError, GoneError, Place, Stored, TakenError
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError
from kubectl_lrs.runtime.redact import shown

PART_PREFIX = ".lrs-part-"
"""What a file is called until all of it is there."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_MODE, _FOLDER_MODE = 0o777, 0o3777
"""What is kept of a mode. A backup brings back no set-user-id; on a folder, set-group-id only says whose new files are."""

MAX_NOTED = 20


def opened(place: Place) -> Mount:
    """The path of a `file:` URL."""
    return Mount(place.host_and_path[1])


class Mount:
    """Everything below the folder `root`, which may itself be reached through links."""

    def __init__(self, root: str) -> None:
        self.root = os.path.normpath(root)
        self.url = f"file://{shown(self.root)}"
        self.notes: list[str] = []
        self._folders: Mapping[str, Mapping[str, Any]] = {}

    def tells_content(self, _marker: str) -> bool:
        """Never: a marker is made of times here."""
        return False

    def names(self, path: str) -> tuple[str, ...]:
        """With the folder before it, as a path and as a URL."""
        return f"{self.root}/{path}".replace("//", "/", 1), f"file://{self.root}/{path}"

    # ---- reading

    def listing(self) -> Iterator[Stored]:
        """Every plain file; links and other things are noted."""
        left: list[str] = []
        self.notes.clear()
        with self._folder("") as top:
            yield from self._below(top, "", left)
        if left:
            more = f" and {len(left) - MAX_NOTED} more" if len(left) > MAX_NOTED else ""
            self.notes.append(
                f"{len(left)} below {self.url} are links or no plain files, and are not taken: "
                f"{', '.join(map(shown, left[:MAX_NOTED]))}{more}"
            )

    def _below(self, folder: int, path: str, left: list[str]) -> Iterator[Stored]:
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            self._raise(error, path or "its folder")
        for entry in entries:
            if entry.name.startswith(PART_PREFIX):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                self._raise(error, path + entry.name)
            if stat.S_ISDIR(status.st_mode):
                yield from self._inside(folder, entry.name, path, left)
            elif stat.S_ISREG(status.st_mode):
                yield _stored(path + entry.name, status)
            else:
                left.append(path + entry.name)

    def _inside(self, folder: int, name: str, path: str, left: list[str]) -> Iterator[Stored]:
        try:
            inner = os.open(name, _FOLDER, dir_fd=folder)
        except FileNotFoundError:
            return
        except OSError as error:
            self._raise(error, path + name)
        try:
            yield from self._below(inner, f"{path}{name}/", left)
        finally:
            os.close(inner)

    def look(self, path: str) -> Stored | None:
        """None where there is no plain file."""
        parent, _, name = path.rpartition("/")
        try:
            with self._folder(parent) as folder:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except GoneError:
            if not Path(self.root).is_dir():
                raise
            return None
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._raise(error, path)
        if not stat.S_ISREG(status.st_mode):
            raise TakenError(f"{self.url}: {shown(path)} is no plain file there")
        return _stored(path, status)

    def read(self, wanted: Stored, sink: Callable[[bytes], object]) -> tuple[Stored, bool]:
        """The file stood still when neither its size nor its time of change is another after the last byte."""
        parent, _, name = wanted.path.rpartition("/")
        with self._folder(parent) as folder:
            try:
                descriptor = os.open(name, _FILE, dir_fd=folder)
            except OSError as error:
                self._raise(error, wanted.path)
        try:
            before = _stored(wanted.path, self._status(descriptor, wanted.path))
            size = 0
            # One that grows as fast as it is read would never end.
            while size <= before.size and (data := self._chunk(descriptor, wanted.path)):
                sink(data)
                size += len(data)
            after = _stored(wanted.path, self._status(descriptor, wanted.path))
        finally:
            os.close(descriptor)
        return after, before == after and size == after.size

    def _chunk(self, descriptor: int, path: str) -> bytes:
        try:
            return os.read(descriptor, CHUNK >> 2)
        except OSError as error:
            self._raise(error, path)

    def _status(self, descriptor: int, path: str) -> os.stat_result:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise GoneError(f"{self.url}: {shown(path)} is no plain file any more")
        return status

    # ---- writing

    def write(self, path: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> list[str]:  # noqa: ARG002
        """Under another name beside it, on the disk, and then renamed or linked into place."""
        parent, _, name = path.rpartition("/")
        part = f"{PART_PREFIX}{secrets.token_hex(8)}"
        with self._folder(parent, make=True) as folder:
            try:
                unset = self._write_part(folder, part, chunks, attributes)
                self._place(folder, part, name, path, replace=replace)
                os.fsync(folder)
            except OSError as error:
                self._raise(error, path)
            finally:
                with suppress(OSError):
                    os.unlink(part, dir_fd=folder)
        return unset

    def _write_part(self, folder: int, part: str, chunks: Iterator[bytes], attributes: Mapping[str, Any]) -> list[str]:
        descriptor = os.open(part, _NEW, 0o600 if "mode" in attributes else 0o666, dir_fd=folder)
        try:
            for data in chunks:
                view = memoryview(data)
                while view:
                    view = view[os.write(descriptor, view) :]
            unset = _set_attributes(descriptor, attributes)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return unset

    def _place(self, folder: int, part: str, name: str, path: str, *, replace: bool) -> None:
        if replace:
            os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
            return
        try:
            os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError as error:
            raise TakenError(f"{self.url}: {shown(path)} is there already") from error
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
            # A file system without hard links: the moment between the look and the rename is left.
            if os.access(name, os.F_OK, dir_fd=folder, follow_symlinks=False):
                raise TakenError(f"{self.url}: {shown(path)} is there already") from error
            os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)

    def folder(self, path: str) -> Mapping[str, Any]:
        """Its mode, owner and group."""
        with self._folder(path) as descriptor:
            return _attributes(os.fstat(descriptor))

    def prepare(self, folders: Mapping[str, Mapping[str, Any]]) -> None:
        """New ones get them."""
        self._folders = folders

    def problem(self, path: str) -> str:
        """What no file system takes, and what would leave the prefix."""
        parts = path.split("/")
        if any(part in ("", ".", "..") for part in parts):
            return "a part of its path is empty, '.' or '..', which a path in a file system cannot have"
        try:
            encoded = [os.fsencode(part) for part in parts]
        except UnicodeEncodeError:
            return "it is not a name that a file system has"
        if "\0" in path or max(map(len, encoded)) > 255 or sum(map(len, encoded)) + len(parts) + len(self.root) > 4000:
            return "it is longer than a file system allows, or holds a NUL"
        if parts[-1].startswith(PART_PREFIX):
            return "it is named like a file that is not finished"
        return ""

    def probe(self) -> None:
        """A file of no bytes, made and removed."""
        part = f"{PART_PREFIX}{secrets.token_hex(8)}"
        with self._folder("") as folder:
            try:
                os.close(os.open(part, _NEW, 0o600, dir_fd=folder))
                os.unlink(part, dir_fd=folder)
            except OSError as error:
                self._raise(error, "a file")

    def free(self) -> int | None:
        """What is left for this user on the file system."""
        try:
            found = os.statvfs(self.root)
        except OSError as error:
            self._raise(error, "its folder")
        return found.f_bavail * found.f_frsize

    # ---- the way to a file

    @contextmanager
    def _folder(self, path: str, *, make: bool = False) -> Iterator[int]:
        """The folder below the prefix, opened; with `make` what is missing is made."""
        descriptor = self._top(is_lost=make)
        try:
            at = ""
            for part in path.split("/") if path else ():
                at = f"{at}/{part}" if at else part
                following = self._step(descriptor, part, at, make=make)
                os.close(descriptor)
                descriptor = following
            yield descriptor
        finally:
            os.close(descriptor)

    def _top(self, *, is_lost: bool) -> int:
        """The prefix itself; `is_lost`: it was there before, so that where it is not the storage is out of reach."""
        try:
            return os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            kind = UnreachableError if is_lost else GoneError
            raise kind(f"{self.url}: no such folder", hint="is the storage mounted there?") from error
        except OSError as error:
            self._raise(error, "its folder")

    def _step(self, folder: int, part: str, at: str, *, make: bool) -> int:
        if part in ("", ".", ".."):
            raise GoneError(f"{self.url}: {shown(at)}: not a path below the folder")
        try:
            if make:
                with suppress(FileExistsError):
                    self._make(folder, part, self._folders.get(at) or {})
            return os.open(part, _FOLDER, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                kind = TakenError if make else GoneError
                raise kind(f"{self.url}: {shown(at)} is no folder there, or a link, which is not followed") from error
            self._raise(error, at)

    def _make(self, folder: int, part: str, attributes: Mapping[str, Any]) -> None:
        os.mkdir(part, 0o777, dir_fd=folder)
        if attributes:
            descriptor = os.open(part, _FOLDER, dir_fd=folder)
            try:
                _set_attributes(descriptor, attributes)
            finally:
                os.close(descriptor)

    def _raise(self, error: OSError, path: str) -> NoReturn:
        where = f"{self.url}: {shown(path)}"
        if isinstance(error, FileNotFoundError):
            raise GoneError(f"{where}: not there") from error
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY):
            raise TakenError(f"{where}: a link, a folder, or no plain file is there") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise DeniedError(
                f"{where}: {error.strerror}", hint="run as a user who may, such as the one of the application"
            ) from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise FullError(f"{where}: {error.strerror}", hint="make room there; running it again goes on") from error
        if error.errno in (errno.ENOTCONN, errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ECONNABORTED):
            raise UnreachableError(f"{where}: {error.strerror}", hint="is the storage still mounted?") from error
        raise LrsError(f"{where}: {error.strerror or error}") from error


def _stored(path: str, status: os.stat_result) -> Stored:
    return Stored(path, status.st_size, f"{status.st_mtime_ns:x}-{status.st_ino:x}", _attributes(status))


def _attributes(status: os.stat_result) -> dict[str, Any]:
    return {"mode": status.st_mode & _mask(status), "uid": status.st_uid, "gid": status.st_gid}


def _set_attributes(descriptor: int, attributes: Mapping[str, Any]) -> list[str]:
    """Owner, group and mode as they were, where we may; what could not be set."""
    now = os.fstat(descriptor)
    unset = []
    uid, gid, mode = attributes.get("uid"), attributes.get("gid"), attributes.get("mode")
    if isinstance(uid, int) and isinstance(gid, int) and (uid, gid) != (now.st_uid, now.st_gid):
        try:
            os.fchown(descriptor, uid, gid)
        except (OSError, OverflowError):
            unset.append(f"owner {uid}:{gid}")
    if isinstance(mode, int):
        os.fchmod(descriptor, mode & _mask(now))
    return unset


def _mask(status: os.stat_result) -> int:
    return _FOLDER_MODE if stat.S_ISDIR(status.st_mode) else _FILE_MODE
