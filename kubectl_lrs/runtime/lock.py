"""The lock of something that is being written: a flock on a file beside it, which goes with the process that holds it.

The file says which run made it, so that no other program's file is ever written or removed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from contextlib import suppress

from kubectl_lrs.runtime.safe_files import Directory
from kubectl_lrs.runtime.trust import OWN, Trust

SUFFIX = ".lock"

_NOTE = re.compile(rb"kubectl-lrs \S+ \d+(?: (\d+))?\n")
_OLD_NOTE = re.compile(rb"\S+ \d+\n")
"""What version 0.1.0 noted; anybody's lock may say so."""

_LOOKS, _LOOK = 50, 0.02
"""How often, and after how many seconds each, a file that this run has made is tried to be locked."""

_NO_LOCKS = frozenset((errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL))
"""What a file system says that has no flock."""


class Lock:
    """The lock `name` in an open folder. `trust`: whose locks are believed.

    `is_certain`: whether the file system has locks at all. `is_ours`: whether the file was made by this run, or surely by
    an earlier one of ours; `inode` is then the number of the folder that this run noted as its own, 0 for none.
    `is_known`: whether it says what locks of this program say; `is_blank`: whether it is this user's and says nothing yet.
    """

    def __init__(self, folder: Directory, name: str, trust: Trust = OWN) -> None:
        self.name = name
        self.path = folder.path / name
        self.is_certain = True
        self.is_ours = False
        self.is_known = False
        self.is_blank = False
        self.inode = 0
        self._folder = Directory(os.dup(folder.descriptor), folder.path, trust)
        self._descriptor = -1
        self._is_new = False

    def take(self, *, make: bool = True) -> bool:
        """Whether it is held now; False when another process holds it, or where it is not there and is not to be made.

        RefusedError: what stands there may not be believed. OSError: it cannot be opened.
        """
        try:
            while self._descriptor < 0 and self._open(make=make):
                if not self._is_locked():
                    self._close()
                    break
                if not self._is_there():  # whoever held it before removed the file between the open and the lock
                    self._close()
            return self._descriptor >= 0
        finally:
            if self._descriptor < 0:
                self._folder.close()

    def _open(self, *, make: bool) -> bool:
        """Open the file, made where it is not there and that is wanted; whether there is one."""
        while True:
            try:
                self._descriptor = self._folder.opened(self.name, os.O_RDWR)
            except FileNotFoundError:
                if not make:
                    return False
            else:
                self._identify()
                return True
            with suppress(FileExistsError):
                self._make()
                return True

    def _make(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self.name, flags, 0o600, dir_fd=self._folder.descriptor)
        self.is_ours = self.is_known = self._is_new = True
        try:
            self.note()
        except BaseException:
            self._folder.remove(self.name)
            self._close()
            raise

    def _identify(self) -> None:
        """Whether the file is one of ours, by what is in it; that nobody else wrote it there is known by then."""
        text = os.pread(self._descriptor, 1024, 0)
        found = _NOTE.fullmatch(text)
        self.is_known = found is not None or _OLD_NOTE.fullmatch(text) is not None
        is_mine = os.fstat(self._descriptor).st_uid == os.geteuid()
        self.is_ours = found is not None and is_mine
        self.is_blank = not text and is_mine
        self.inode = int(found[1] or 0) if found and self.is_ours else 0

    def _is_locked(self) -> bool:
        """Whether no other process has it; without locks, whether this run has made the file."""
        try:
            self._flock()
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                self.release()
                raise
            self.is_certain = False  # its being there is all that others can see
            return self._is_new
        return True

    def _flock(self) -> None:
        """Lock it. Who looks for what is left of other runs may have opened a new one first, and holds it for a moment."""
        for _ in range(_LOOKS if self._is_new else 0):
            with suppress(BlockingIOError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(_LOOK)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _is_there(self) -> bool:
        found = self._folder.look(self.name)
        return found is not None and os.path.samestat(os.fstat(self._descriptor), found)

    def note(self, inode: int = 0) -> None:
        """Write into the file, which must be ours, whose it is and which folder is being made."""
        import socket  # for those who hold one: `list` does not wait for it

        text = f"kubectl-lrs {socket.gethostname() or '-'} {os.getpid()}{f' {inode}' if inode else ''}\n".encode()
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))
        self.inode = inode

    def adopt(self) -> None:
        """Take one that says nothing for one of ours: the run that made it was killed before it said so."""
        self.note()
        self.is_ours = self.is_known = True

    def release(self) -> None:
        """Let it go, and remove its file if it is ours: what it was for is no more, or has its final name."""
        if self._descriptor >= 0 and self.is_ours and self._is_there():
            with suppress(FileNotFoundError):
                self._folder.remove(self.name)
        self.abandon()

    def back_out(self) -> None:
        """Let it go as it was before: its file goes if this run has made it."""
        if self._is_new:
            self.release()
        self.abandon()

    def abandon(self) -> None:
        """Let it go, and leave its file: what it is for stays for another run."""
        self._close()
        self._folder.close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def share(folder: Directory) -> None:
    """Say that an open folder is in use, for as long as it is open. Where that cannot be said it is not."""
    with suppress(OSError):
        fcntl.flock(folder.descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


def have_alone(folder: Directory) -> bool:
    """Whether no other process uses an open folder, nor will while this one has it open; where nothing tells, yes.

    OSError for what else goes wrong.
    """
    try:
        fcntl.flock(folder.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (*_NO_LOCKS, errno.EBADF):  # NFS locks for writing alone what is open for writing
            raise
    return True
