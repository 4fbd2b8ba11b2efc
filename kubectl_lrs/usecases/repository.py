"""Repositories themselves: made, shown, checked. What lies in a place that is no repository is never touched."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.repository import Repository
from kubectl_lrs.repository.base import Damage
from kubectl_lrs.repository.place import BY_ENVIRONMENT, Reach, open_repository, open_storage, path_of
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.pool import inspect
from kubectl_lrs.repository.pool.adopt import Adoption, adopt
from kubectl_lrs.repository.pool.mark import init
from kubectl_lrs.repository.pool.repository import PooledRepository
from kubectl_lrs.runtime.paths import is_url
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.safe_files import make_folder


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A repository. `bytes`: of all its files, each counted once; `pool`: more of a pooled one."""

    location: str
    form: str
    backups: int
    unreadable: int
    bytes: int
    held: int
    pool: inspect.Facts | None = None


@dataclass(frozen=True, kw_only=True)
class RepositoryCheck:
    """What a look at all of it has found. `late`: backups that count only as long as all is seen that they need; `adopted`: those
    that did, and were sealed anew."""

    location: str
    backups: int
    late: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()
    damages: tuple[Damage, ...]
    rights: inspect.Rights

    def exit_code(self) -> ExitCode:
        """4 where something is not as it should be."""
        return ExitCode.DIFFERENCE if self.damages else ExitCode.DONE


def make(where: str, reach: Reach = BY_ENVIRONMENT) -> tuple[str, str]:
    """An empty pooled repository: where it is, and its id. UsageError where anything is there already."""
    where = path_of(where)
    if not is_url(where):
        _refuse_other(Path(where))
        make_folder(Path(where))
    backend = open_storage(where, reach)
    return backend.url, init(backend).id


def _refuse_other(path: Path) -> None:
    """UsageError where a path is not free; what lies there is named, and what to do."""
    if not path.exists():
        if not path.absolute().parent.is_dir():
            raise UsageError(f"{path}: the folder above it is not there", hint="is a share not mounted? or make it first")
        return
    if not path.is_dir():
        raise UsageError(f"{path}: not a folder", hint="name a folder of its own for the repository")
    sealed, unsealed = PlainRepository(path).scan()
    if sealed or unsealed:
        raise UsageError(
            f"{path}: it holds {len(sealed) + len(unsealed)} plain backups, which need no init",
            hint="name a folder of its own for the pooled form; copy takes backups from one into the other",
        )
    with os.scandir(path) as entries:
        other = next((entry.name for entry in entries if entry.name != "lrs-repository.json"), "")
    if other and not (path / "lrs-repository.json").exists():
        raise UsageError(f"{path}: not empty: {other} lies there", hint="name a folder of its own for the repository")


def show(where: str, reach: Reach = BY_ENVIRONMENT) -> Shown:
    """What there is. UsageError, DamageError."""
    repository = open_repository(where, reach)
    if isinstance(repository, PooledRepository):
        found = inspect.facts(repository)
        return Shown(
            location=repository.location,
            form="pooled",
            backups=found.backups,
            unreadable=found.unreadable,
            bytes=found.pool.bytes + found.own.bytes + (found.reserve or 0),
            held=found.held,
            pool=found,
        )
    sealed, unsealed = repository.scan()
    return Shown(
        location=repository.resolved,
        form="plain",
        backups=len(sealed),
        unreadable=len(unsealed),
        bytes=_bytes(repository),
        held=len(repository.holds().by_key),
    )


def _bytes(repository: Repository) -> int:
    """Of the files of its sealed backups; what several share is counted once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for backup in repository.scan()[0]:
        for found in getattr(backup, "files", tuple)():
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_size
    return total


def check(where: str, progress: Progress, reach: Reach = BY_ENVIRONMENT, *, take_in: bool = False) -> RepositoryCheck:
    """See whether all that steers it can be read and all that is referred to is there, and what the storage allows.

    `take_in`: seal anew before what was sealed late, as of a bucket that somebody replicated.
    """
    repository = open_repository(where, reach)
    if not isinstance(repository, PooledRepository):
        raise UsageError(
            f"{repository.location}: plain backups, each whole by itself; there is nothing else to check",
            hint="verify checks one of them",
        )
    try:
        taken_in = _adopted(repository, progress) if take_in else []
        progress.begin("seals, references, objects")
        damages = [Damage(str(each.backup), f"not taken in: {each.why}") for each in taken_in if each.why]
        damages += inspect.damages(repository)
        progress.begin("what the storage allows")
        rights = inspect.probe(repository.backend)
    finally:
        progress.end()
    return RepositoryCheck(
        location=repository.location,
        backups=len(repository.scan()[0]),
        late=tuple(repository.late()),
        adopted=tuple(each.backup.name for each in taken_in if not each.why),
        damages=tuple(damages),
        rights=rights,
    )


def _adopted(repository: PooledRepository, progress: Progress) -> list[Adoption]:
    progress.begin("backups that were sealed late")
    found = []
    for each in adopt(repository.place):
        found.append(each)
        progress.advance()
    return found
