"""Which of others' forms a name means, by what lies there. A backup of ours is none of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from kubectl_lrs.model.catalog import FILE as CATALOG_FILE
from kubectl_lrs.model.catalog import SUMS_FILE
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.names import BACKUP_PREFIX
from kubectl_lrs.repository import Backup, Repository, open_repository
from kubectl_lrs.repository.place import BY_ENVIRONMENT, Reach
from kubectl_lrs.runtime.paths import is_url

ENDINGS = (".json", ".yaml", ".yml", ".tar.gz", ".tgz", ".archive", ".archive.gz")
"""Names that mean a file wherever they stand; others do where they begin as a backup's or hold a `/`."""


def open_to_read(path: str, reach: Reach) -> Repository:
    """The repository that --backup-dir names; what others saved can be named too, here or by its path."""
    repository = open_repository(path, reach)
    repository.elsewhere = Others(repository.journals, reach)
    return repository


class Others:
    """What others saved, by its name in a folder of backups, by its path or its URL. `reach`: how a storage is reached."""

    def __init__(self, folder: Path, reach: Reach = BY_ENVIRONMENT) -> None:
        self._folder = folder
        self._reach = reach

    def has(self, name: str) -> bool:
        """Whether something that others saved is surely there; a URL can be nothing else."""
        try:
            return is_url(name) or self._form(name) is not None
        except UsageError:  # it may not be looked at
            return False

    def opened(self, name: str) -> Backup | None:
        """It, read; None where it is none. UsageError, DamageError."""
        if is_url(name):
            from kubectl_lrs.sources.velero import opened_at

            return opened_at(name, self._reach.to(name))
        found = self._form(name)
        return found[0](found[1]) if found else None

    def _form(self, name: str) -> tuple[Callable[[Path], Backup], Path] | None:
        if not may_mean_a_path(name):
            return None
        for path in dict.fromkeys((self._folder / name, Path(name))):
            if not os.path.lexists(path) or is_ours(path):
                continue
            for knows, opened in _forms():
                if knows(path):
                    return opened, path
        return None


def _forms() -> Iterator[tuple[Callable[[Path], bool], Callable[[Path], Backup]]]:
    """(what knows a form, what reads it), in the order in which they are asked; imported when a name may mean one."""
    from kubectl_lrs.sources import manifests, mongodump, velero

    yield mongodump.is_mongodump, mongodump.opened
    yield velero.is_velero, velero.opened
    yield manifests.is_manifests, manifests.opened


def may_mean_a_path(name: str) -> bool:
    """Whether a word can mean what others saved, and not only an LRS."""
    return os.sep in name or name.startswith(BACKUP_PREFIX) or name.endswith(ENDINGS)


def is_ours(path: Path) -> bool:
    """Whether it is a backup of ours, or was one."""
    return any(os.path.lexists(path / name) for name in (CATALOG_FILE, SUMS_FILE))
