"""Bringing a forgotten backup back, which is a seal like any other: only where all is there and will be.

It gets a session of its own, with copies of what lies beside the seal: a deletion of the forgotten one that comes late does
not take it away. It counts only if it comes within a quarter of the grace time, since what it refers to may be condemned.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from kubectl_lrs.backends.base import Backend, KeyNotFoundError, put
from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.repository.pool import condemned, refs
from kubectl_lrs.repository.pool.check import check
from kubectl_lrs.repository.pool.layout import REFS, BackupId, new_session
from kubectl_lrs.repository.pool.ranges import held, is_same
from kubectl_lrs.repository.pool.seal import Seal, Stored
from kubectl_lrs.repository.pool.sight import PoolHandle, Sight, look
from kubectl_lrs.repository.pool.spool import Spool
from kubectl_lrs.repository.pool.tokens import Among, Tokens
from kubectl_lrs.repository.pool.uploads import store


def unforget(place: PoolHandle, name: str) -> BackupId:
    """Seal the forgotten backup of this name again, under a new session. UsageError, LrsError with the reason."""
    sight = look(place)
    seal = _meant(sight, name)
    sum_of_catalog = seal.head["sha256"]
    if twin := next((each for each, one in sight.sealed.items() if one.catalog == sum_of_catalog), None):
        raise UsageError(f"{name} is there as {twin}", hint="list shows it")
    return sealed_anew(place, seal)


def sealed_anew(place: PoolHandle, seal: Seal) -> BackupId:
    """The same backup under a session of its own. LrsError where what it needs may be gone before that counts."""
    now, name = place.backend.now(), seal.backup.name  # before all that is judged by it
    _require_young(place, seal, now)
    found = check(place.backend, lambda: refs.read(place.backend, seal.backup, seal.objects[REFS]))
    if found.gone:
        raise LrsError(f"{name}: {len(found.gone)} objects that it refers to are deleted already; it cannot be brought back")
    backup = BackupId(name, new_session())
    for file, stored in seal.objects.items():
        _copy(place.backend, seal.backup.key(file), backup.key(file), stored)
    new = replace(seal, backup=backup, checked_at=now - place.grace / 4)
    data = new.serialise()
    if not put(place.backend, backup.seal, data, once=True).is_proven and not is_same(place.backend, backup.seal, data):
        raise LrsError(f"{name}: the storage has something else than the seal that it was sent; it counts for nothing")
    if new.is_late(place.backend.stat(backup.seal).mtime, place.grace):
        raise LrsError(f"{name}: it took too long and counts for nothing", hint="try again")
    return backup


def _meant(sight: Sight, name: str) -> Seal:
    """What was forgotten under a name, or under a name with its session."""
    found = {each: seal for each, seal in sight.forgotten.items() if name in (each.name, str(each))}
    if len(found) > 1:
        raise UsageError(f"{name} was forgotten {len(found)} times", hint=f"name one: {', '.join(map(str, found))}")
    for seal in found.values():
        return seal
    there = ", ".join(each.name for each in sight.forgotten) or "nothing that could be brought back"
    raise UsageError(f"no backup {name!r} was forgotten", hint=f"there is {there}")


def _require_young(place: PoolHandle, seal: Seal, now: float) -> None:
    """LrsError where what it refers to may be deleted before the seal counts."""
    for each in condemned.lists(place.backend):
        if each.since is not None and now - each.since < place.grace / 2:
            continue
        listed = condemned.tokens(place.backend, [each])
        if _meet(listed, place, seal):
            hours = place.grace / 2 / 3600
            raise LrsError(
                f"{seal.backup.name}: what it refers to was condemned more than {hours:g} hours ago and may be deleted any time",
                hint="hold keeps a backup from being removed in the first place",
            )


def _meet(listed: Tokens, place: PoolHandle, seal: Seal) -> bool:
    among = Among(listed)
    return any(among.has(each.token) for each in refs.read(place.backend, seal.backup, seal.objects[REFS]))


def _copy(backend: Backend, source: str, target: str, stored: Stored) -> None:
    """One object under a new name, held against its sum."""
    with closing(Spool()) as spool:
        try:
            for data in held(backend, source, stored):
                spool.write(data)
        except KeyNotFoundError as error:
            raise DamageError(f"{error}: it is deleted already; the backup cannot be brought back") from error
        written = store(backend, target, spool.size, spool.chunks(), synced=True)
    if not written.is_proven:
        for _ in held(backend, target, stored):
            pass
