"""All that steers removal, read at once and believed only as a whole: seals, holds, condemned lists, what was forgotten.

The order matters: the storage's clock and the lists before the backups. Whoever deletes by a list that was mature then has
seen every backup that was sealed in time before it. One that cannot be read raises, and nothing is removed by anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from kubectl_lrs.backends.base import Backend, KeyNotFoundError, Stat
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool import condemned, holds, refs
from kubectl_lrs.repository.pool import seal as seals
from kubectl_lrs.repository.pool.check import Listing
from kubectl_lrs.repository.pool.layout import (
    BACKUPS,
    FORGOTTEN,
    REFS,
    RESERVE,
    SEAL,
    SESSIONS,
    BackupId,
    backup_of,
    forgotten_of,
    segment_of,
    session_log_of,
)
from kubectl_lrs.repository.pool.seal import Seal

CLOCKS = 60.0
"""Seconds by which instants of one storage may contradict each other."""


class PoolHandle(NamedTuple):
    """One repository. `grace`: seconds."""

    backend: Backend
    repository: str
    grace: float


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A backup: its seal, and when the storage has it from. `is_late`: it counts as long as all that it needs is there."""

    seal: Seal
    stored: float | None
    is_late: bool = False

    @property
    def catalog(self) -> str:
        """The sum of its catalog, by which it is held."""
        return str(self.seal.head["sha256"])


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What was there. `now`: the storage's clock before anything else was read.

    `sealed`: what counts; `broken`: late seals of which something is gone, which count for nothing. `files`: what each backup
    has in `backups/`. `forgotten`: seals that are kept of those, and since when. `logs`: sessions' logs. `ahead`: something
    that was stored later than now, so that the clock is not to be believed.
    """

    now: float
    lists: tuple[condemned.List, ...]
    holds: holds.PoolHolds
    sealed: Mapping[BackupId, Sealed]
    broken: frozenset[BackupId] = frozenset()
    files: Mapping[BackupId, Mapping[str, Stat]] = field(default_factory=dict)
    forgotten: Mapping[BackupId, Seal] = field(default_factory=dict)
    forgotten_since: Mapping[BackupId, float] = field(default_factory=dict)
    logs: tuple[Stat, ...] = ()
    has_reserve: bool = False
    ahead: str = ""

    @property
    def held_forgotten(self) -> list[BackupId]:
        """What was forgotten and is held or read all the same: what it needs stays."""
        return [
            each
            for each, seal in self.forgotten.items()
            if each not in self.sealed and each in self.files and self.holds.keeps(str(seal.head["sha256"]))
        ]


def look(place: PoolHandle, known: Mapping[BackupId, Sealed] | None = None) -> Sight:
    """See what is there. `known`: seals that were read before; nothing at a key ever changes. DamageError."""
    backend = place.backend
    now = backend.now()
    lists = tuple(condemned.lists(backend))
    held = holds.read(backend, now=now, grace=place.grace)
    files: dict[BackupId, dict[str, Stat]] = {}
    for stat in backend.list(BACKUPS):
        if found := backup_of(stat.key):
            files.setdefault(found[0], {})[found[1]] = stat
    sealed, broken = _sealed(place, files, known or {})
    kept = {_forgotten_one(place, stat): stat for stat in backend.list(FORGOTTEN)}
    stored = [stat for each in files.values() for stat in each.values()]
    return Sight(
        now=now,
        lists=lists,
        holds=held,
        sealed=sealed,
        broken=broken,
        files=files,
        forgotten=dict(_forgotten(place, kept, sealed)),
        forgotten_since={each: now if stat.mtime is None else stat.mtime for each, stat in kept.items()},
        logs=tuple(stat for stat in backend.list(SESSIONS) if session_log_of(stat.key) or segment_of(stat.key)),
        has_reserve=any(stat.key == RESERVE for stat in backend.list(RESERVE)),
        ahead=_ahead(now, lists, stored),
    )


def _ahead(now: float, lists: tuple[condemned.List, ...], stored: list[Stat]) -> str:
    """A key that the storage dates later than its own now."""
    dated = [(each.since, each.key) for each in lists] + [(each.mtime, each.key) for each in stored]
    return next((key for since, key in dated if since is not None and since > now + CLOCKS), "")


def _sealed(
    place: PoolHandle, files: Mapping[BackupId, Mapping[str, Stat]], known: Mapping[BackupId, Sealed]
) -> tuple[dict[BackupId, Sealed], frozenset[BackupId]]:
    found: dict[BackupId, Sealed] = {}
    broken = set()
    for backup, there in files.items():
        if (stat := there.get(SEAL)) is None:
            continue
        before = known.get(backup)
        one = before if before and not before.is_late else _read(place, backup, stat)
        if one is None:
            continue
        if one.is_late and not is_whole(place.backend, one.seal):
            broken.add(backup)
        else:
            found[backup] = one
    return found, frozenset(broken)


def _read(place: PoolHandle, backup: BackupId, stat: Stat) -> Sealed | None:
    """The same; None where it is gone by now."""
    with suppress(KeyNotFoundError):
        return read_seal(place, backup, stat)
    return None


def read_seal(place: PoolHandle, backup: BackupId, stat: Stat) -> Sealed:
    """One seal, as it was listed. DamageError, UsageError where it is of a newer version, KeyNotFoundError."""
    where = f"{place.backend.url}/{stat.key}"
    if stat.size > seals.MAX_SIZE:
        raise DamageError(f"{where}: too large for a seal")
    held = bytearray()
    reading = place.backend.read(stat, held.extend)
    if reading.is_damaged or not reading.is_steady:
        why = "the storage's own sum says something else" if reading.is_damaged else "it changes while it is read"
        raise DamageError(f"{where}: damaged: {why}")
    seal = seals.parse(bytes(held), backup=backup, repository=place.repository, where=where)
    return Sealed(seal=seal, stored=stat.mtime, is_late=seal.is_late(stat.mtime, place.grace))


def _forgotten_one(place: PoolHandle, stat: Stat) -> BackupId:
    if backup := forgotten_of(stat.key):
        return backup
    raise DamageError(f"{place.backend.url}/{stat.key}: no forgotten backup", hint="nothing was removed; look at it")


def _forgotten(
    place: PoolHandle, kept: Mapping[BackupId, Stat], sealed: Mapping[BackupId, Sealed]
) -> Iterator[tuple[BackupId, Seal]]:
    for backup, stat in kept.items():
        one = sealed.get(backup) or _read(place, backup, stat)
        if one:
            yield backup, one.seal


def is_whole(backend: Backend, seal: Seal) -> bool:
    """Whether all is there that a seal refers to, in its size: what makes one count that came late."""
    there = Listing(backend)
    try:
        wanted = refs.read(backend, seal.backup, seal.objects[REFS])
        return all(any(stat.size == each.size for stat in there.at(each.token)) for each in wanted)
    except (KeyNotFoundError, DamageError):
        return False


def tokens_of(place: PoolHandle, seal: Seal) -> Iterator[bytes]:
    """What it refers to. DamageError where that cannot be read, or is another thing than was sealed."""
    try:
        for each in refs.read(place.backend, seal.backup, seal.objects[REFS]):
            yield each.token
    except KeyNotFoundError as error:
        raise DamageError(
            f"{error}: the backup {seal.backup} is sealed and has lost it", hint="nothing was removed; verify it"
        ) from error
