"""The folder that holds the backups: what is in it, and which one a name means. It must not talk to any server."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from kubectl_lrs.model.catalog import FILE as CATALOG_FILE
from kubectl_lrs.model.catalog import SUMS_FILE, Catalog, Cluster
from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.model.names import BACKUP_PREFIX, LATEST
from kubectl_lrs.model.stores import is_less
from kubectl_lrs.repository import SealedFolder
from kubectl_lrs.runtime.paths import exists, is_folder

CLOCKS = timedelta(minutes=1)
"""By so much the clocks of two machines may differ."""


@dataclass(frozen=True)
class Unsealed:
    """A folder that is named like a backup or holds a catalog, and cannot be read as one."""

    path: Path
    why: str


class BackupDir:
    """The folder `path`; it need not exist before the first backup."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def scan(self) -> tuple[list[SealedFolder], list[Unsealed]]:
        """The sealed backups, oldest first, and what only looks like one."""
        sealed: list[SealedFolder] = []
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
                unsealed.append(Unsealed(path, str(error)))
        sealed.sort(key=lambda folder: (folder.catalog.instant, folder.name))
        return sealed, unsealed

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.path) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError as error:
            raise UsageError(f"{self.path}: no such folder", hint="name the folder of the backups with --backup-dir") from error
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be read as a folder of backups: {error.strerror}") from error

    def find(self, name: str) -> SealedFolder:
        """The backup that `name` means: `latest`, a name in this folder, or a path."""
        if name == LATEST:
            return self.latest()
        candidates = (self.path / name, Path(name))
        for is_meant in (is_folder, exists):  # a folder first; a file of this name is an error that says so
            for candidate in candidates:
                if is_meant(candidate):
                    return SealedFolder.open(candidate).in_use()
        names = [folder.name for folder in self.scan()[0]] if is_folder(self.path) else []
        from difflib import get_close_matches

        near = get_close_matches(name, names, n=3, cutoff=0.5) or names[-3:]
        hint = f"there is {', '.join(near)}" if near else f"{self.path} holds no sealed backup"
        raise UsageError(f"backup {name!r} not found in {self.path}", hint=hint)

    def names_backup(self, name: str) -> bool:
        """Whether `name` means a backup: no LRS can be called so, or there is a folder of this name with catalog or sums."""
        if name == LATEST or name.startswith((".", "/", BACKUP_PREFIX)):
            return True
        return any(map(_looks_like_backup, (self.path / name, Path(name))))

    def latest(self) -> SealedFolder:
        """The newest sealed backup by its catalog's instant, as `newest_first` has it; its `warning` says what it decided."""
        return self._newest(lambda _catalog: True, "no sealed backup")

    def latest_of(self, cluster: Cluster) -> SealedFolder:
        """The newest sealed backup of this cluster."""
        return self._newest(lambda catalog: catalog.cluster.is_same(cluster), f"no sealed backup of the cluster {cluster.server}")

    def _newest(self, wanted: Callable[[Catalog], bool], otherwise: str) -> SealedFolder:
        candidates = [folder for folder in self.newest_first() if wanted(folder.catalog)]
        if candidates:
            chosen = candidates[0]
            chosen.warning = _choice(chosen, candidates)
            return chosen.in_use()
        sealed, _ = self.scan()
        others = ", ".join(f"{f.path.name} ({_what_it_is(f)})" for f in sealed[-5:])
        raise UsageError(
            f"{self.path}: {otherwise}",
            hint=f"there is {others}; name the one you mean" if others else "make one with: backup --backup-dir DIR",
        )

    def newest_first(self) -> list[SealedFolder]:
        """The sealed backups that may be the latest. One of the future comes after all others; one without anything never."""
        sealed = [folder for folder in reversed(self.scan()[0]) if not folder.catalog.is_empty]
        return sorted(sealed, key=lambda folder: is_of_future(folder.catalog))

    def narrower_than_before(self, folder: SealedFolder) -> SealedFolder | None:
        """The backup of the same cluster just before `folder`, when that one held more (a wider selection)."""
        before = None
        for other in self.scan()[0]:
            if other.name == folder.name:
                break
            if other.catalog.cluster.is_same(folder.catalog.cluster) and not is_of_future(other.catalog):
                before = other
        return before if before and is_narrower(folder.catalog, before.catalog) else None


def _looks_like_backup(path: Path) -> bool:
    return os.path.lexists(path / CATALOG_FILE) or os.path.lexists(path / SUMS_FILE)


def _what_it_is(folder: SealedFolder) -> str:
    return "empty" if folder.catalog.is_empty else f"of {folder.catalog.cluster.server}"


def is_of_future(catalog: Catalog) -> bool:
    """Whether its instant is later than now, by more than clocks of machines that are looked after differ."""
    return catalog.instant > datetime.now(timezone.utc) + CLOCKS


def _choice(chosen: SealedFolder, candidates: Sequence[SealedFolder]) -> str:
    """What is to be said where the time alone did not decide."""
    if is_of_future(chosen.catalog):
        return f"{chosen.path.name} is dated later than now ({chosen.catalog.instant:%Y-%m-%d %H:%M:%S}Z); is a clock wrong?"
    later = [folder.name for folder in candidates if is_of_future(folder.catalog)]
    return f"dated later than now, and not taken for the latest: {', '.join(later[:3])}; is a clock wrong?" if later else ""


def is_narrower(catalog: Catalog, than: Catalog) -> bool:
    """Whether one backup was asked for less than another: fewer namespaces, types, labels or tiers."""
    mine, theirs = catalog.selection, than.selection
    types, other_types = set(mine.get("types") or ()), set(theirs.get("types") or ())
    return bool(
        (mine.get("namespace") and mine.get("namespace") != theirs.get("namespace"))
        or (types and (not other_types or other_types - types))
        or set(mine.get("excludedTypes") or ()) - set(theirs.get("excludedTypes") or ())
        or (mine.get("selector") and mine.get("selector") != theirs.get("selector"))
        or set(than.tiers) - set(catalog.tiers)
        or is_less(catalog.levels, than.levels)
    )
