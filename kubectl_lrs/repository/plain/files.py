"""Files as a backup has them: their bytes, their sums, and that they are really on the disk."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.runtime.safe_files import Directory

CHUNK = 1 << 20
SMALL = 64 << 10
"""Bytes that most files stay below: they are read at once."""
READ_ONLY = 0o400
"""What files of a backup are from the start: backups share them, so that who writes one would write all."""


def reading(path: str) -> BinaryIO:
    """The plain file that the user has named, opened for reading; OSError where it is anything else."""
    where = Path(path)
    with Directory.named(where.parent) as folder:
        return folder.reading(where.name)


def write_all(descriptor: int, data: bytes) -> None:
    """Every byte, however many calls it takes."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])


class Below:
    """Plain files below an open folder, read one after the other. No link is followed on the way to any of them.

    The innermost folder of the last one stays open: the next one, which mostly lies beside it, needs no way down of its own.
    """

    def __init__(self, folder: Directory) -> None:
        self._folder = folder
        self._above = ""
        self._innermost = folder
        self._held = ExitStack()

    def __enter__(self) -> Below:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.close()

    def at(self, relative: str) -> tuple[Directory, str]:
        """The folder that a file lies in, open until another one is asked for, and the file's name there. OSError."""
        above, _, name = relative.rpartition("/")
        if above != self._above:
            self._go(above, relative)
        return self._innermost, name

    def sum(self, relative: str) -> tuple[str, int]:
        """SHA-256 and size of one of them; OSError where it cannot be read."""
        return _sum_in(*self.at(relative))

    def close(self) -> None:
        """Nothing of it is open any more."""
        self._held.close()
        self._above, self._innermost = "", self._folder

    def _go(self, above: str, relative: str) -> None:
        way = ExitStack()
        innermost, _ = way.enter_context(self._folder.above(relative))
        self._held.close()
        self._above, self._innermost, self._held = above, innermost, way


def _sum_in(folder: Directory, name: str) -> tuple[str, int]:
    """Most files are small, so one read serves, for which no more memory is had than such a file needs."""
    descriptor = folder.opened_below(name)
    try:
        return sum_of(descriptor)
    finally:
        os.close(descriptor)


def sum_of(descriptor: int, likely: int = SMALL) -> tuple[str, int]:
    """SHA-256 and size of the rest of an open file, which has about as many bytes as are `likely`.

    A read of a plain file that gives less than was asked for is its last.
    """
    most = min(SMALL, likely + 1)
    data = os.read(descriptor, most)
    digest, size = hashlib.sha256(data), len(data)
    while data and size >= most:
        data = os.read(descriptor, CHUNK)
        digest.update(data)
        size += len(data)
    return digest.hexdigest(), size


def file_sum(file: BinaryIO) -> str:
    """SHA-256 of the rest of an open file."""
    digest = hashlib.sha256()
    while data := file.read(CHUNK):
        digest.update(data)
    return digest.hexdigest()


def copied(file: BinaryIO, digest: str, to: Directory, relative: str) -> bool:
    """Make a new file with the same bytes, if they can be read and their SHA-256 is `digest`; whether it is there."""
    try:
        if file_sum(file) != digest:
            return False
    except OSError:
        return False
    file.seek(0)
    descriptor = to.create(relative, READ_ONLY)
    try:
        while data := file.read(CHUNK):
            write_all(descriptor, data)
    finally:
        os.close(descriptor)
    with to.reading(relative) as made:
        if file_sum(made) == digest:
            return True
    to.remove(relative)  # it changed between the two
    return False


def sync_file_system(descriptor: int, path: Path) -> None:
    """Everything written to the file system of an open folder is on the disk, or an error says it is not.

    One call for the tens of thousands of files: an fsync for each would take minutes. Linux has syncfs(2), which also
    reports failed write-backs; elsewhere sync(2) has to do.
    """
    if sys.platform == "linux":
        import ctypes  # for those who write: `list` does not wait for it

        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    else:
        os.sync()


NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def disk_error(error: OSError, path: Path, so: str = "no backup was made") -> LrsError:
    """A failed write, as the user should read it; `so` is what follows from it."""
    if error.errno in NO_SPACE:
        return LrsError(f"{path}: no space left; {so}", hint="free space or name another --backup-dir")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UsageError(f"{path}: cannot be written: {error.strerror}", hint="name another folder with --backup-dir")
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return UsageError(f"{path}: not a folder", hint="name another one with --backup-dir")
    return LrsError(f"{error.filename or path}: {error.strerror or error}; {so}")
