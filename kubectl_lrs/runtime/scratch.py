"""Folders that are made to be removed again: each with a lock beside it that says whose it is, before it is made.

A run that is killed leaves both; the next one finds the lock free and removes them. A folder without a lock that says that
this user has made that very folder is left alone, whatever it is called.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.lock import SUFFIX, Lock
from kubectl_lrs.runtime.safe_files import Directory, unguessable
from kubectl_lrs.runtime.trust import RefusedError

PREFIX = "lrs-rehearsal-"

_LOCK = re.compile(rf"({PREFIX}[0-9a-f]{{12}}){re.escape(SUFFIX)}")


@contextmanager
def scratch(parent: Path, left: list[str]) -> Iterator[Path]:
    """An empty folder of this run's own, for as long as the block lasts; `left` is told what of it could not be removed.

    LrsError where none can be made there.
    """
    with _opened(parent) as above:
        name = f"{PREFIX}{unguessable()}"
        lock = Lock(above, f"{name}{SUFFIX}")
        with _explained(parent):
            lock.take()
        try:
            with _explained(parent):
                above.make(name)
                lock.note(_inode(above, name))
            yield parent / name
        finally:
            left += _ended(above, name, lock)


def sweep(parent: Path) -> Iterator[str]:
    """Remove what killed runs have left there; what was removed and what was not, in words. LrsError: nobody can look."""
    with _opened(parent) as above:
        with _explained(parent):
            entries = sorted(above.names())
        for entry in entries:
            if found := _LOCK.fullmatch(entry):
                yield from _swept(above, found[1])


def _opened(parent: Path) -> Directory:
    with _explained(parent):
        return Directory.named(parent)


@contextmanager
def _explained(parent: Path) -> Iterator[None]:
    """That the user may not write there, or that nobody may, is no bug."""
    try:
        yield
    except OSError as error:
        raise LrsError(f"{parent}: it cannot be used for this: {error.strerror}", hint="name another folder") from error


def _swept(above: Directory, name: str) -> Iterator[str]:
    lock = Lock(above, f"{name}{SUFFIX}")
    try:
        if not lock.take(make=False):
            return
    except (RefusedError, OSError) as error:
        yield f"{above.path / name}: left alone: {error}"
        return
    there = _inode(above, name)
    if lock.is_blank and not there:  # killed before it said whose it is, which it does before it makes the folder
        lock.adopt()
    if not lock.is_ours or not lock.is_certain:
        lock.abandon()
        return
    if there and there != lock.inode and not _is_empty(above, name):  # killed before it noted the folder, it had put nothing in
        yield f"{above.path / name}: left alone: it is not the folder that a rehearsal has made"
        lock.abandon()
        return
    left = _ended(above, name, lock)
    yield from left or ([f"removed {above.path / name}, which a killed rehearsal has left"] if there else [])


def _inode(above: Directory, name: str) -> int:
    found = above.look(name)
    return found.st_ino if found else 0


def _is_empty(above: Directory, name: str) -> bool:
    with suppress(OSError, RefusedError), above.inner(name) as folder:
        return not folder.names()
    return False


def _ended(above: Directory, name: str, lock: Lock) -> list[str]:
    """Remove the folder, then its lock: that of one which could not be stays, for the next run to find it."""
    left = _removed(above, name)
    if left:
        lock.abandon()
    else:
        lock.release()
    return left


def _removed(above: Directory, name: str) -> list[str]:
    """What could not be, in words. What came back may have any mode, and for root any owner."""
    made = above.path / name
    if not _inode(above, name):
        return []
    try:
        for folder, _, _ in os.walk(made):
            Path(folder).chmod(0o700)
        shutil.rmtree(made)
    except OSError as error:
        return [f"{made} could not be removed: {error}"]
    return []
