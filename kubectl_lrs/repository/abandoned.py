"""What runs that are no more have left: hidden folders whose lock is free.

Image blobs and files in them are worth keeping: they were long in coming, and a sum tells whether they are whole. The
next backup takes over what it needs of them; a backup never continues another one's snapshot.
"""

from __future__ import annotations

import errno
import os
import shutil
from itertools import count
from pathlib import Path

from kubectl_lrs.repository.files import sum_of
from kubectl_lrs.runtime.lock import SUFFIX, Lock

WORTH_KEEPING = ("images/blobs", "files", "files.json")
"""The parts of a backup that another one can take over, and the list that says which files they are."""


class Leftover:
    """A hidden folder of a run that is no more. It is ours as long as its lock is held."""

    def __init__(self, path: Path, lock: Lock) -> None:
        self.path = path
        self._lock = lock

    def give(self, relative: str, digest: str, to: str) -> bool:
        """Move one of its files, if its SHA-256 is `digest`; whether it did. One that is something else is removed."""
        source = f"{self.path}/{relative}"
        try:
            is_whole = not os.path.islink(source) and sum_of(source)[0] == digest  # noqa: PTH114
            if is_whole:
                os.chmod(source, 0o600)  # noqa: PTH101
                os.rename(source, to)  # noqa: PTH104
            else:
                os.unlink(source)  # noqa: PTH108
        except OSError:
            return False
        return is_whole

    @property
    def is_worth_keeping(self) -> bool:
        """Whether another backup could take anything over."""
        return any((self.path / part).is_dir() for part in WORTH_KEEPING)

    def move_aside(self) -> None:
        """Another name, so that a backup of the old one can be made."""
        name = next(name for n in count(1) if not (self.path.parent / (name := f"{self.path.name}~{n}")).exists())
        lock = Lock(self.path.with_name(f"{name}{SUFFIX}"))
        if not lock.take():
            raise FileExistsError(errno.EEXIST, "another run is making a backup of this name", str(self.path))
        self.path = self.path.rename(self.path.with_name(name))
        self._lock.release()
        self._lock = lock

    def remove(self) -> None:
        """It is of no more use."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()

    def keep(self) -> int:
        """Leave what is worth keeping for another run, and nothing else; how many files that is."""
        kept = _keep_only_worthy(self.path)
        if kept:
            self._lock.abandon()
        else:
            self.remove()
        return kept


def _keep_only_worthy(folder: Path) -> int:
    for entry in list(folder.iterdir()):
        if entry.name not in {part.partition("/")[0] for part in WORTH_KEEPING}:
            _remove(entry)
    return sum(len(names) for part in WORTH_KEEPING for _, _, names in os.walk(folder / part))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def take_abandoned(parent: Path) -> list[Leftover]:
    """The hidden folders of runs that are no more, each with its lock taken.

    A run that is alive holds its lock and is left alone.
    """
    taken = []
    for lock_file in sorted(parent.glob(f".*{SUFFIX}")):
        lock = Lock(lock_file)
        try:
            if not lock.take():
                continue
        except OSError:  # not ours to open: another user's run, or a link
            continue
        hidden = lock_file.with_name(lock_file.name.removesuffix(SUFFIX))
        if hidden.is_dir() and not hidden.is_symlink():
            taken.append(Leftover(hidden, lock))
        else:
            lock.release()
    return taken
