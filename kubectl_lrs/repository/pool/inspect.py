"""What a pooled repository holds, and whether all that steers it can be read and all that is referred to is there.

No content is read, and memory is flat in objects: the references of all backups are merged with one listing of the pool.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from kubectl_lrs.backends.base import Backend, KeyExistsError, KeyNotFoundError, Versions, get, has, put
from kubectl_lrs.model.errors import DamageError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.repository.base import Damage
from kubectl_lrs.repository.count import Count
from kubectl_lrs.repository.pool import condemned, holds, refs, sight
from kubectl_lrs.repository.pool.check import Listing, pool
from kubectl_lrs.repository.pool.layout import BACKUPS, REFS, RESERVE, BackupId, backup_of, described, new_session
from kubectl_lrs.repository.pool.repository import PooledRepository
from kubectl_lrs.repository.pool.seal import Seal

PROBE = "probe/"
"""Where an object is put to see what the storage does; nothing else lies there."""

NAMED = 20
"""So many objects of one backup that are gone are named."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What there is. `condemned`: how many objects the lists name. `reserve`: its bytes, None where it is given up."""

    id: str
    grace: float
    backups: int
    unreadable: int
    pool: Count
    own: Count
    condemned: int
    forgotten: int
    held: int
    unfinished: int
    reserve: int | None


def facts(repository: PooledRepository) -> Facts:
    """Look it through; about a request for each thousand objects, and one for each backup. DamageError."""
    mark, backend = repository.mark, repository.backend
    seen = sight.look(repository.place)
    listed = condemned.tokens(backend)
    try:
        named = sum(1 for _ in listed)
    finally:
        listed.close()
    own = [stat.size for each in seen.files.values() for stat in each.values()]
    return Facts(
        id=mark.id,
        grace=mark.grace,
        backups=len(seen.sealed),
        unreadable=len(seen.broken),
        pool=Count.of(stat.size for _, stat in pool(backend)),
        own=Count.of(own),
        condemned=named,
        forgotten=len(seen.forgotten),
        held=len(seen.holds.holds.by_key),
        unfinished=len({stat.key[: -len("-0.gz")] for stat in seen.logs if stat.key.endswith("-0.gz")}),
        reserve=_size(backend, RESERVE),
    )


def _size(backend: Backend, key: str) -> int | None:
    with suppress(KeyNotFoundError):
        return backend.stat(key).size
    return None


# ---- whether it is whole


def damages(repository: PooledRepository) -> Iterator[Damage]:
    """What is wrong: seals, holds and lists that cannot be read, objects that are gone. Each names the backup that it is of."""
    backend = repository.backend
    yield from _steering(repository.place)
    sealed, unsealed = repository.scan()
    yield from (Damage(each.name, each.why) for each in unsealed)
    seals = [seal for each in sealed if isinstance(seal := getattr(each, "seal", None), Seal)]
    there = {stat.key: stat.size for stat in backend.list(BACKUPS) if backup_of(stat.key)}
    whole = []
    for seal in seals:
        lacking = [file for file, stored in seal.objects.items() if there.get(seal.backup.key(file)) != stored.size]
        yield from (Damage(str(seal.backup), f"{file}: gone, or cut short") for file in lacking)
        if REFS not in lacking:
            whole.append(seal)
    yield from _gone(backend, whole)


def _steering(place: sight.PoolHandle) -> Iterator[Damage]:
    """What keeps prune from removing anything, seals aside."""
    try:
        holds.read(place.backend, now=place.backend.now(), grace=place.grace)
        condemned.tokens(place.backend).close()
    except DamageError as error:
        yield Damage("repository", str(error))


def _gone(backend: Backend, seals: Iterable[Seal]) -> Iterator[Damage]:
    """What backups refer to and the pool has not, in that size."""
    broken: dict[BackupId, str] = {}
    counts: dict[BackupId, int] = {}
    there = Listing(backend)
    merged = heapq.merge(*(_referred(backend, seal, broken) for seal in seals))
    for token, wanted in groupby(merged, key=lambda each: each[0]):
        sizes = {stat.size for stat in there.at(token)}
        for _, size, backup in wanted:
            if size not in sizes:
                counts[backup] = counts.get(backup, 0) + 1
                if counts[backup] <= NAMED:
                    yield Damage(str(backup), f"{described(token)}: gone, or cut short")
    yield from (
        Damage(str(each), f"and {count - NAMED} more objects are gone") for each, count in counts.items() if count > NAMED
    )
    yield from (Damage(str(each), why) for each, why in broken.items())


def _referred(backend: Backend, seal: Seal, broken: dict[BackupId, str]) -> Iterator[tuple[bytes, int, BackupId]]:
    try:
        for each in refs.read(backend, seal.backup, seal.objects[REFS]):
            yield each.token, each.size, seal.backup
    except (DamageError, KeyNotFoundError) as error:
        broken[seal.backup] = str(error)


# ---- what the storage lets us do


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What was tried, and what came of it; None where it could not be tried. `left`: the probe that could not be removed.

    `versions`: what becomes of what is deleted.
    """

    may_write: bool
    refuses_another: bool | None = None
    may_overwrite: bool | None = None
    may_delete: bool | None = None
    versions: Versions = Versions.UNKNOWN
    why: str = ""
    left: str = ""

    @property
    def is_append_only(self) -> bool:
        """Whether who has these credentials can put objects there and surely destroy none."""
        is_refused = self.may_overwrite is False and self.may_delete is False
        return self.may_write and (self.versions is Versions.LOCKED or is_refused)


def probe(backend: Backend) -> Rights:
    """Put an object, put another in its place without and with leave, delete it. Nothing of it is left, where that is allowed."""
    key = f"{PROBE}{new_session()}"
    versions = backend.versions()
    try:
        put(backend, key, b"one")
    except UnreachableError:
        raise
    except LrsError as error:
        return Rights(may_write=False, versions=versions, why=str(error))
    refuses = _refuses(backend, key)
    may_overwrite = _overwrites(backend, key)
    why = ""
    try:
        backend.delete(key)
        may_delete = not has(backend, key)
    except UnreachableError:
        raise
    except LrsError as error:
        may_delete, why = False, str(error)
    return Rights(
        may_write=True,
        refuses_another=refuses,
        may_overwrite=may_overwrite,
        may_delete=may_delete,
        versions=versions,
        why=why,
        left="" if may_delete else key,
    )


def _refuses(backend: Backend, key: str) -> bool:
    """Whether another object is refused where it may only be made anew."""
    try:
        put(backend, key, b"two")
    except (KeyExistsError, DeniedError):  # some storages ask first who may overwrite, and then for the condition
        return True
    return False


def _overwrites(backend: Backend, key: str) -> bool:
    try:
        put(backend, key, b"three", replace=True)
    except UnreachableError:
        raise
    except LrsError:
        return False
    return get(backend, key) == b"three"
