"""Files of earlier sealed backups in the same folder, which a new one shares by hard links: nothing is written twice.

Shared is only what nobody else can have written, and what nobody may write: plain files of this user, read-only, below
folders of this user or root. Each is read and held against its sum first, so that one that has rotted is written anew.
No file of a sealed backup is ever changed here, nor its rights.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from kubectl_lrs.model.catalog import SUMS_FILE, Catalog
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.plain.files import Below, copied, file_sum, sum_of
from kubectl_lrs.repository.plain.places import Places
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.sums import is_inside, parsed_sums
from kubectl_lrs.runtime.safe_files import Directory, unguessable
from kubectl_lrs.runtime.trust import SEALED, RefusedError, is_read_only

BACKUPS = 16
"""So many of the newest backups are looked into: those of two weeks, or of what is made once a week beside them."""

FILES = 500_000
"""So many files of theirs are remembered, and all of the newest backup."""

_NO_LINKS = frozenset((errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS))
"""What is said where no link to a backup can be made at all; anything else is about one file."""


class EarlierBackup:
    """One sealed backup whose files may be shared; `folder` is open, and holds what lies below it against `SEALED`."""

    def __init__(self, catalog: Catalog, folder: Directory) -> None:
        self.catalog = catalog
        self.folder = folder
        self.is_linked = True

    def sums(self) -> Iterator[tuple[str, str]]:
        """(path, SHA-256) of each file."""
        with self.folder.reading(SUMS_FILE) as file:
            yield from parsed_sums(file, str(self.folder.path / SUMS_FILE))

    def is_as_sealed(self) -> bool:
        """Whether its list of sums is the one of its catalog."""
        with self.folder.reading(SUMS_FILE) as file:
            return file_sum(file) == self.catalog.sums_sha256

    def reading(self, relative: str) -> BinaryIO | None:
        """One of its files, held against its sum, at its beginning; None where it is not there, or not as it was sealed."""
        with suppress(OSError, RefusedError, DamageError):
            wanted = next((digest for path, digest in self.sums() if path == relative), "")
            with ExitStack() as stack:
                file = stack.enter_context(self.folder.reading(relative))
                if file_sum(file) == wanted:
                    stack.pop_all()
                    file.seek(0)
                    return file
        return None


class _Found(NamedTuple):
    """A file that has a sum by its backup's list, and the folder that it lies in, both open."""

    backup: EarlierBackup
    above: Directory
    name: str
    descriptor: int
    status: os.stat_result


class _Near(threading.local):
    """Where a thread was last."""

    backup: EarlierBackup | None = None
    below: Below

    def to(self, backup: EarlierBackup, relative: str) -> tuple[Directory, str]:
        """The innermost folder of a file's path, and its name. Each folder on the way is held against what may be shared."""
        if backup is not self.backup:
            self.backup, self.below = backup, Below(backup.folder)
        return self.below.at(relative)


class Earlier:
    """What earlier backups hold, by its sum. Several threads may use it at once.

    `is_believed`: their files are shared without being read; `unread` counts those.
    """

    def __init__(self, backups: Sequence[EarlierBackup] = (), *, is_believed: bool = False) -> None:
        """Of `backups`, the newest first."""
        self.backups = tuple(backups)
        self.is_believed = is_believed
        self.unread = 0
        self._near = _Near()
        self._listed: list[EarlierBackup] = []
        self._refused: Counter[str] = Counter()
        self._guard = threading.Lock()
        self._places = Places()
        self._places.remember(self._lists(), FILES)

    def _lists(self) -> Iterator[BinaryIO]:
        """Their lists of sums as they stand, which are looked at when something of them is wanted."""
        for backup in self.backups:
            with suppress(OSError, RefusedError):
                file = backup.folder.reading(SUMS_FILE)
                self._listed.append(backup)
                yield file

    def link(self, digest: str, to: Directory, relative: str, *, instead: bool = False) -> int | None:
        """Make `relative` another name of the file that has this sum; its size, None where that was not done.

        `instead`: of the new file that stands there, which is then gone.
        """
        found = self._found(digest)
        if found is None:
            return None
        try:
            if not found.backup.is_linked or not is_read_only(found.status) or not self._is_right(found, digest):
                return None
            return self._link(found, to, relative, instead=instead)
        except OSError as error:
            found.backup.is_linked = error.errno not in _NO_LINKS
            self._count(error)
            return None
        finally:
            os.close(found.descriptor)

    def copy(self, digest: str, to: Directory, relative: str) -> bool:
        """Make `relative` a new file with the content that has this sum; whether that was done."""
        found = self._found(digest)
        if found is None:
            return False
        with os.fdopen(found.descriptor, "rb") as file:
            return copied(file, digest, to, relative)

    def remarks(self) -> Iterable[str]:
        """What the user should know of how files were shared."""
        for why, count in sorted(self._refused.items()):
            yield f"{count} file{'s' if count > 1 else ''} could not be linked to an earlier backup and were copied: {why}"
        if self.unread:
            yield f"{self.unread} files were linked to earlier backups without being read (--trust-previous)"

    def close(self) -> None:
        """Nothing more is shared."""
        self._places.close()
        self._near = _Near()
        for backup in self.backups:
            backup.folder.close()

    def _found(self, digest: str) -> _Found | None:
        """It is the caller's to close."""
        try:
            number, path = next(self._places.find(digest), (-1, ""))
            if number < 0 or not is_inside(path):
                return None
            above, name = self._near.to(self._listed[number], path)
            return _Found(self._listed[number], above, name, *above.seen(name))
        except (OSError, RefusedError) as error:
            self._count(error)
            return None

    def _is_right(self, found: _Found, digest: str) -> bool:
        """Whether it may be shared: what was read in this run has this sum, or its backup is believed."""
        if not self.is_believed:
            return sum_of(found.descriptor, found.status.st_size)[0] == digest
        with self._guard:
            self.unread += 1
        return True

    def _link(self, found: _Found, to: Directory, relative: str, *, instead: bool) -> int | None:
        """By another name first where something stands there. What was read is what is linked, or nothing is."""
        folder, slash, _ = relative.rpartition("/")
        name = f"{folder}{slash}.{unguessable()}" if instead else relative
        os.link(found.name, name, src_dir_fd=found.above.descriptor, dst_dir_fd=to.descriptor, follow_symlinks=False)
        is_done = False
        try:
            made = os.stat(name, dir_fd=to.descriptor, follow_symlinks=False)
            if os.path.samestat(made, found.status):
                if instead:
                    to.rename(name, relative)
                is_done = True
        finally:
            if not is_done:
                to.remove(name)
        return made.st_size if is_done else None

    def _count(self, error: OSError | RefusedError) -> None:
        with self._guard:
            self._refused[error.why if isinstance(error, RefusedError) else error.strerror or str(error)] += 1


def open_earlier(place: Path, newest_first: Iterable[SealedFolder], *, is_believed: bool = False) -> Earlier:
    """The newest of these sealed backups that are ours, in the folder `place`. What cannot be believed is not shared."""
    opened: list[EarlierBackup] = []
    known: set[str] = set()
    with Directory.named(place, SEALED) as parent:
        for sealed in newest_first:
            if len(opened) == BACKUPS:
                break
            if sealed.catalog.sums_sha256 not in known:  # else it holds the same
                with suppress(OSError, RefusedError), ExitStack() as stack:
                    backup = EarlierBackup(sealed.catalog, stack.enter_context(parent.inner(sealed.path.name)))
                    if backup.is_as_sealed():
                        stack.pop_all()
                        opened.append(backup)
                        known.add(sealed.catalog.sums_sha256)
    return Earlier(opened, is_believed=is_believed)
