"""The plain form: a folder of this machine, a folder in it for each backup. It must not talk to any server."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_lrs.model.catalog import FILE as CATALOG_FILE
from kubectl_lrs.model.catalog import SUMS_FILE
from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.model.names import BACKUP_PREFIX, backup_name
from kubectl_lrs.repository.base import Backup, Preparation, Repository, oldest_first
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.unsealed import Unsealed
from kubectl_lrs.runtime.paths import exists, is_folder

if TYPE_CHECKING:
    from kubectl_lrs.repository.holds import Holds
    from kubectl_lrs.repository.plain.abandoned import Leftover
    from kubectl_lrs.repository.plain.earlier import Earlier
    from kubectl_lrs.repository.plain.writer import FolderWriter
    from kubectl_lrs.runtime.progress import Progress
    from kubectl_lrs.runtime.trust import Trust


class PlainRepository(Repository):
    """The folder `path`; it need not exist before the first backup."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def location(self) -> str:
        """As the user named it."""
        return str(self.path)

    @property
    def resolved(self) -> str:
        """Without links, from the root."""
        return str(self.path.resolve())

    @property
    def journals(self) -> Path:
        """The folder itself."""
        return self.path

    def scan(self) -> tuple[list[Backup], list[Unsealed]]:
        """The sealed backups, oldest first, and what only looks like one."""
        sealed: list[Backup] = []
        unsealed: list[Unsealed] = []
        for entry in self._entries():
            if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
                continue
            path = self.path / entry.name
            if not entry.name.startswith(BACKUP_PREFIX) and not _looks_like_backup(path):
                continue
            try:
                sealed.append(SealedFolder.open(path))
            except LrsError as error:
                unsealed.append(Unsealed(entry.name, str(path), str(error), until=_until(path)))
        return oldest_first(sealed), unsealed

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.path) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError as error:
            raise UsageError(f"{self.path}: no such folder", hint="name the folder of the backups with --backup-dir") from error
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be read as a folder of backups: {error.strerror}") from error

    def opened(self, name: str) -> Backup | None:
        """A name in this folder, or a path."""
        candidates = (self.path / name, Path(name))
        for is_meant in (is_folder, exists):  # a folder first; a file of this name is an error that says so
            for candidate in candidates:
                if is_meant(candidate):
                    return SealedFolder.open(candidate)
        return None

    def named(self, name: str) -> Backup | None:
        """The same, but for paths: what lies in the current directory is not in this folder."""
        path = self.path / name
        return SealedFolder.open(path) if _looks_like_backup(path) else None

    def names(self) -> list[str]:
        """Of the sealed ones; none where there is no such folder."""
        return super().names() if is_folder(self.path) else []

    def has(self, name: str) -> bool:
        """Whether there is a folder of this name, here or as a path, with catalog or sums."""
        return any(map(_looks_like_backup, (self.path / name, Path(name))))

    def holds(self) -> Holds:
        """Those that lie in the folder."""
        from kubectl_lrs.repository.plain.holds import read_holds

        return read_holds(self.path)

    def hold(self, backup: Backup, reason: str) -> None:
        """Written beside the backup, which may lie in another folder."""
        from kubectl_lrs.repository.plain.holds import hold

        try:
            hold(Path(backup.parent), backup.catalog, reason)
        except OSError as error:
            raise self.explained(error, "nothing is held") from error

    def unhold(self, backup: Backup) -> None:
        """Removed from beside the backup."""
        from kubectl_lrs.repository.plain.holds import unhold

        try:
            unhold(Path(backup.parent), backup.catalog)
        except FileNotFoundError as error:
            raise UsageError(f"{backup.name} is not held") from error
        except OSError as error:
            raise self.explained(error, "it is still held") from error

    def prepare(self, *, trust: Trust, trust_previous: bool, progress: Progress) -> Preparation:
        """Make the folder, and take what killed runs have left in it."""
        from kubectl_lrs.repository.plain.abandoned import taken_in
        from kubectl_lrs.repository.plain.earlier import open_earlier
        from kubectl_lrs.runtime.safe_files import make_folder

        make_folder(self.path)
        leftovers = taken_in(self.path, trust, progress)
        newest_first = [each for each in reversed(self.scan()[0]) if isinstance(each, SealedFolder)]
        return _Prepared(self.path, leftovers, open_earlier(self.path, newest_first, is_believed=trust_previous))

    def explained(self, error: OSError, so: str = "no backup was made") -> LrsError:
        """What the disk refuses."""
        from kubectl_lrs.repository.plain.files import disk_error

        return disk_error(error, self.path, so)


class _Prepared:
    """A folder that is there, and what a new backup may use."""

    def __init__(self, path: Path, leftovers: Sequence[Leftover], earlier: Earlier) -> None:
        self._path = path
        self._leftovers = leftovers
        self._earlier = earlier

    def begin(self, name: str) -> FolderWriter:
        """A hidden folder of this run."""
        if not name:
            return self._after_instant()
        for leftover in self._leftovers:
            if leftover.path.name == f".{name}":
                leftover.move_aside()
        try:
            return self._writer(name, _now())
        except FileExistsError as error:
            raise UsageError(f"{error.filename}: {error.strerror}", hint="choose another --name") from error

    def _after_instant(self) -> FolderWriter:
        while True:
            instant = _now()
            try:
                return self._writer(backup_name(instant), instant)
            except FileExistsError:  # another run began in this second
                time.sleep(1 - _now().microsecond / 1e6)

    def _writer(self, name: str, instant: datetime) -> FolderWriter:
        from kubectl_lrs.repository.plain.writer import FolderWriter

        return FolderWriter(self._path, name, self._leftovers, self._earlier, instant=instant)

    def close(self) -> None:
        """Nothing more is shared."""
        self._earlier.close()


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _until(path: Path) -> datetime | None:
    """When its catalog was written, or where there is none: when something last came into the folder or went."""
    for each in (path / CATALOG_FILE, path):
        with suppress(OSError):
            return datetime.fromtimestamp(each.lstat().st_mtime, timezone.utc)
    return None


def _looks_like_backup(path: Path) -> bool:
    return os.path.lexists(path / CATALOG_FILE) or os.path.lexists(path / SUMS_FILE)
