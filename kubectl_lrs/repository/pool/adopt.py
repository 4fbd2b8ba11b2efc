"""Taking in what somebody replicated: by the storage's clock its seals came long after what they say, and count for little.

Each such backup that is whole is sealed anew, as one that is brought back; then the seal that came late goes, unless somebody
reads it: what a backup has beside the pool stays no longer than its seal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kubectl_lrs.backends.base import delete_surely
from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.repository.pool import holds
from kubectl_lrs.repository.pool.layout import BackupId
from kubectl_lrs.repository.pool.sight import PoolHandle, Sealed, look
from kubectl_lrs.repository.pool.unforget import sealed_anew


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """One backup that was sealed late; `why` it could not be taken in, empty where it was."""

    backup: BackupId
    why: str = ""


def adopt(place: PoolHandle) -> Iterator[Adoption]:
    """One after the other. DamageError where something that steers removal cannot be read; UnreachableError."""
    sealed = look(place).sealed
    in_time = {one.catalog for one in sealed.values() if not one.is_late}
    for backup, one in sorted(sealed.items()):
        if one.is_late:
            try:
                _take_in(place, one, is_there=one.catalog in in_time)
            except UnreachableError:
                raise
            except LrsError as error:
                yield Adoption(backup=backup, why=str(error))
            else:
                yield Adoption(backup=backup)


def _take_in(place: PoolHandle, one: Sealed, *, is_there: bool) -> None:
    """`is_there`: a run that was broken off has sealed it anew."""
    if not is_there:
        sealed_anew(place, replace(one.seal, is_copy=True))
    if holds.read(place.backend, now=place.backend.now(), grace=place.grace).is_read(one.catalog):
        raise LrsError("another run reads it as it came; adopt again when that is done")
    delete_surely(place.backend, one.seal.backup.seal)
