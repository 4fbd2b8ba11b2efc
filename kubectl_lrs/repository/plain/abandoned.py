"""What runs that are no more have left: hidden folders whose lock is free.

Image blobs and files in them are worth keeping: they were long in coming, and a sum tells whether they are whole. The
next backup takes over what it needs of them; a backup never continues another one's snapshot. The folder that they lie
in may be one that others write: what is not surely from a run of ours is at most copied, and stays where it is.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

from kubectl_lrs.model.names import BACKUP_PREFIX
from kubectl_lrs.repository.plain.files import READ_ONLY, copied, file_sum
from kubectl_lrs.runtime.lock import SUFFIX, Lock
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.safe_files import Directory, remove_tree
from kubectl_lrs.runtime.trust import OWN, RefusedError, Trust, is_mine, is_read_only, kind_of

WORTH_KEEPING = ("images/blobs", "files", "files.json")
"""The parts of a backup that another one can take over, and the list that says which files they are."""

_TOPS = frozenset(part.partition("/")[0] for part in WORTH_KEEPING)


class Leftover:
    """A hidden folder of a run that is no more. It is held as long as its lock is.

    `is_ours`: surely made by an earlier run of this user, whose lock says so; else nothing in it is moved or removed.
    `refused`: what was asked for in it and is not to be trusted, with the reason.
    """

    def __init__(self, parent: Directory, folder: Directory, lock: Lock) -> None:
        self.refused: dict[str, str] = {}
        self._parent = Directory(os.dup(parent.descriptor), parent.path)
        self._folder = folder
        self._lock = lock
        found = os.fstat(folder.descriptor)
        is_here = found.st_dev == os.fstat(parent.descriptor).st_dev  # nothing is mounted there
        is_noted = lock.inode == found.st_ino or self._is_just_made()
        self.is_ours = lock.is_ours and is_noted and is_here and found.st_uid == os.geteuid()

    def _is_just_made(self) -> bool:
        """Whether its run ended before it noted which folder is its own: then there is nothing in it."""
        return not self._lock.inode and not self._folder.names()

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._folder.path

    def reading(self, relative: str) -> BinaryIO | None:
        """One of its files, opened for reading; None where there is none that may be believed."""
        try:
            return self._folder.reading(relative)
        except RefusedError as error:
            if not self._is_shared(relative):
                self.refused[relative] = error.why
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self.refused[relative] = error.strerror or str(error)
        return None

    def _is_shared(self, relative: str) -> bool:
        """Whether it is a file that a run of ours shared with a backup: nothing odd, and the backup has it."""
        with suppress(OSError, RefusedError), self._folder.above(relative) as (folder, name):
            found = folder.look(name)
            return self.is_ours and found is not None and is_read_only(found)
        return False

    def give(self, relative: str, digest: str, to: Directory) -> bool:
        """Move or copy one of its files to the same path below `to`, if its SHA-256 is `digest`; whether it did."""
        file = self.reading(relative)
        if file is None:
            return False
        with file:
            if self.is_ours and is_mine(os.fstat(file.fileno())):
                return file_sum(file) == digest and self._move(relative, file.fileno(), to)
            return copied(file, digest, to, relative)

    def _move(self, relative: str, descriptor: int, to: Directory) -> bool:
        """Give the file of this descriptor its new name. Whatever else stood there by now would be no part of a backup."""
        with self._folder.above(relative) as (folder, name):
            found = folder.look(name)
            if found is None or not os.path.samestat(found, os.fstat(descriptor)):
                return False
            os.fchmod(descriptor, READ_ONLY)
            os.rename(name, relative, src_dir_fd=folder.descriptor, dst_dir_fd=to.descriptor)
        return True

    @property
    def is_worth_keeping(self) -> bool:
        """Whether another backup could take anything over."""
        return any(True for _ in self._files())

    def move_aside(self) -> None:
        """Another name, so that a backup of the old one can be made."""
        old = self.path.name
        if not self.is_ours:
            raise FileExistsError(errno.EEXIST, "it is there, and not surely from a run of yours", str(self.path))
        name = next(name for n in count(1) if self._parent.look(name := f"{old}~{n}") is None)
        lock = Lock(self._parent, f"{name}{SUFFIX}")
        if not (lock.take() and lock.is_ours):
            raise FileExistsError(errno.EEXIST, "another run is making a backup of this name", str(self.path))
        lock.note(self._lock.inode)
        self._parent.rename(old, name)
        self._folder.path = self.path.with_name(name)
        self._lock.release()
        self._lock = lock

    def remove(self) -> list[str]:
        """It is of no more use. What is left of it: things that no run of ours can have made, or all of it if it is not ours."""
        if not self.is_ours:
            self.close()
            return [""]
        left = remove_tree(self._folder)
        if not left and self._folder.is_at(self._parent, self.path.name):
            with suppress(OSError):
                os.rmdir(self.path.name, dir_fd=self._parent.descriptor)
                self._lock.release()
        self.close()
        return left

    def keep(self) -> int:
        """Leave what is worth keeping for another run, and nothing else; how many files that is."""
        if self.is_ours:
            remove_tree(self._folder, keep=_TOPS.__contains__)
        kept = sum(1 for _ in self._files())
        if self.is_ours and not kept:
            self.remove()
        self.close()
        return kept

    def close(self) -> None:
        """Nothing more is done with it; it stays as it is."""
        self._lock.abandon()
        self._folder.close()
        self._parent.close()

    def _files(self) -> Iterator[str]:
        """What another backup could take over."""
        for part in WORTH_KEEPING:
            yield from _plain(self._folder, part)


def _plain(folder: Directory, relative: str) -> Iterator[str]:
    """The plain files at or below a path that may be believed."""
    try:
        with folder.above(relative) as (above, name):
            found = above.look(name)
            if found is None:
                return
            if stat.S_ISREG(found.st_mode):
                yield relative
            elif stat.S_ISDIR(found.st_mode):
                with above.inner(name) as inner:
                    for each in inner.names():
                        yield from (f"{relative}/{below}" for below in _plain(inner, each))
    except (OSError, RefusedError):
        return


def taken_in(place: Path, trust: Trust, progress: Progress) -> list[Leftover]:
    """What interrupted runs have left and a new one may take over; the rest is removed, or named where it is not ours."""
    abandoned, refused = take_abandoned(place, trust)
    for error in refused:
        progress.note(f"warning: left alone: {error}; {error.hint}")
    kept = [leftover for leftover in abandoned if leftover.is_worth_keeping]
    for leftover in abandoned:
        if leftover in kept:
            progress.note(f"an interrupted backup has left files that are used where they fit: {leftover.path.name}")
        else:
            name = leftover.path.name
            if finish(leftover, progress):
                progress.note(f"removed the remains of an interrupted backup: {name.removeprefix('.')}")
    return kept


def finish(leftover: Leftover, progress: Progress) -> bool:
    """It is of no more use; whether it is gone. What could not be believed, or is not ours to remove, is named."""
    for path, why in list(leftover.refused.items())[:3]:
        progress.note(f"warning: not taken over: {leftover.path}/{path}: {why}")
    left = leftover.remove()
    if not leftover.is_ours:
        progress.note(f"warning: {leftover.path} is not surely from a run of yours, and stays; remove it if nobody needs it")
        return False
    for path in left[:3]:
        progress.note(f"warning: left alone, as no backup made it: {leftover.path}/{path}")
    return not left


def take_abandoned(place: Path, trust: Trust = OWN) -> tuple[list[Leftover], list[RefusedError]]:
    """The hidden folders of runs that are no more, each with its lock taken; and what is not to be believed.

    A run that is alive holds its lock and is left alone, and so is what cannot be opened: it is another user's.
    """
    taken: list[Leftover] = []
    refused: list[RefusedError] = []
    with Directory.named(place) as parent:
        locks = [name for name in sorted(parent.names()) if name.startswith(".") and name.endswith(SUFFIX)]
        for name in locks:
            try:
                if leftover := _taken(parent, name.removesuffix(SUFFIX), trust):
                    taken.append(leftover)
            except RefusedError as error:
                refused.append(error)
            except OSError:
                continue
    return taken, refused


def _taken(parent: Directory, hidden: str, trust: Trust) -> Leftover | None:
    """The folder of this hidden name with its lock, where there is one and nobody holds it."""
    found = parent.look(hidden)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        _refuse(hidden, parent.path / hidden, f"it is {kind_of(found)}, not what an interrupted backup has left")
        return None
    lock = Lock(parent, f"{hidden}{SUFFIX}", trust)
    if not lock.take(make=False):
        return None
    leftover = None
    try:
        if found is None:  # killed before it made its folder, or after the seal
            _clear(hidden, lock)
        elif lock.is_known:
            leftover = Leftover(parent, _trusting(parent, hidden, trust), lock)
        else:
            _refuse(hidden, lock.path, "it is not a lock of this program")
    finally:
        if leftover is None:
            lock.abandon()
    return leftover


def _clear(hidden: str, lock: Lock) -> None:
    """Remove a lock that stands for nothing. One that says nothing yet is a run's where only runs give such names."""
    if lock.is_blank and hidden.startswith(f".{BACKUP_PREFIX}"):
        lock.adopt()
    lock.release()


def _trusting(parent: Directory, hidden: str, trust: Trust) -> Directory:
    with Directory(os.dup(parent.descriptor), parent.path, trust) as folder:
        return folder.inner(hidden)


def _refuse(hidden: str, path: Path, why: str) -> None:
    """RefusedError for what is named like a backup's; whatever else is hidden may be another program's."""
    if hidden.startswith(f".{BACKUP_PREFIX}"):
        raise RefusedError(path, why)
