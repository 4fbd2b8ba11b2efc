"""Removing a sealed backup: it loses its name first, then its files, so that no part of one is ever taken for a whole one.

Removed is only a folder of this user that is the very one which was meant. It gets the hidden name `.NAME.removed-ID` and a
mark that its owner alone can set (the sticky bit, which needs no room on a full disk): by that a later run knows what a
killed one has left. Whatever else is called so is left alone. Files that other backups share keep their other names.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from kubectl_lrs.model.catalog import FILE as CATALOG_FILE
from kubectl_lrs.model.catalog import MAX_SIZE, parse
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.lock import have_alone
from kubectl_lrs.runtime.safe_files import Directory, remove_tree, unguessable
from kubectl_lrs.runtime.trust import RefusedError, kind_of, user_name

_REMOVED = re.compile(r"\.(.+)\.removed-[0-9a-f]{12}")
_MARK = stat.S_ISVTX


class ChangedError(LrsError):
    """What stands under a name is not what was meant."""


class InUseError(LrsError):
    """Another run reads the backup."""


@dataclass(frozen=True)
class Seen:
    """Which folder a backup is: its place on the disk, and the sum of its catalog."""

    device: int
    inode: int
    catalog: str

    @classmethod
    def of(cls, folder: Directory) -> Seen:
        """The backup in an open folder. OSError, RefusedError, or an error of its catalog."""
        found = os.fstat(folder.descriptor)
        with folder.reading(CATALOG_FILE) as file:
            catalog = parse(file.read(MAX_SIZE), where=str(folder.path / CATALOG_FILE))
        return cls(found.st_dev, found.st_ino, catalog.sha256)

    def is_at(self, parent: Directory, name: str) -> bool:
        """Whether this folder stands under that name."""
        found = parent.look(name)
        return found is not None and (found.st_dev, found.st_ino) == (self.device, self.inode)


def own(parent: Directory, name: str) -> Directory:
    """A backup of this user, opened. RefusedError where it is another's, or others may write it; OSError."""
    folder = parent.inner(name)
    found = os.fstat(folder.descriptor)
    if found.st_uid != os.geteuid():
        folder.close()
        raise RefusedError(folder.path, f"it belongs to {user_name(found.st_uid)}", hint="its owner can remove it")
    return folder


def remove(parent: Directory, name: str, wanted: Seen) -> list[str]:
    """Remove the backup `name`; the paths of what is left of it, which no backup made.

    ChangedError, InUseError, RefusedError; OSError for what the disk says. `parent` holds what lies in it against our trust.
    """
    with own(parent, name) as folder:
        if Seen.of(folder) != wanted:
            raise ChangedError(f"{folder.path}: it is not the backup any more that was meant")
        if not have_alone(folder):
            raise InUseError(f"{folder.path}: another run reads it")
        hidden = f".{name[:200]}.removed-{unguessable()}"
        parent.rename(name, hidden)
        if not folder.is_at(parent, hidden):
            if parent.look(name) is None:
                parent.rename(hidden, name)
            raise ChangedError(f"{folder.path}: somebody else moves it")
        os.fchmod(folder.descriptor, stat.S_IMODE(os.fstat(folder.descriptor).st_mode) | _MARK)
        parent.sync()
        return _emptied(parent, hidden, folder)


def _emptied(parent: Directory, hidden: str, folder: Directory) -> list[str]:
    if left := remove_tree(folder):
        return left
    if folder.is_at(parent, hidden):
        with suppress(FileNotFoundError):  # another run finishes it too
            os.rmdir(hidden, dir_fd=parent.descriptor)
    return []


@dataclass(frozen=True)
class Unfinished:
    """A removal that was killed, of the backup `name`; `why` it cannot be told to be ours, empty where it is."""

    hidden: str
    name: str
    why: str = ""


def unfinished(parent: Directory) -> Iterator[Unfinished]:
    """What is called as a removal that was killed."""
    for hidden in sorted(parent.names()):
        if (match := _REMOVED.fullmatch(hidden)) and (found := parent.look(hidden)):
            yield Unfinished(hidden, match[1], _doubt(parent, found))


def _doubt(parent: Directory, found: os.stat_result) -> str:
    if not stat.S_ISDIR(found.st_mode):
        return f"it is {kind_of(found)}, not a folder"
    if found.st_uid != os.geteuid():
        return f"it belongs to {user_name(found.st_uid)}"
    if not found.st_mode & _MARK:
        return "no removal of ours has marked it"
    return parent.trust.doubt(found) if parent.trust else ""


def finish(parent: Directory, each: Unfinished) -> list[str]:
    """Remove what is left of it; what stays. RefusedError where it is not surely ours, OSError."""
    with own(parent, each.hidden) as folder:
        if why := _doubt(parent, os.fstat(folder.descriptor)):
            raise RefusedError(folder.path, why)
        return _emptied(parent, each.hidden, folder)
