"""Removing backups from a pool, for those who prune any form of a repository. What is safe, in which order, is `removal`'s."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from kubectl_lrs.backends.base import Backend, Versions
from kubectl_lrs.model.catalog import CLOCKS
from kubectl_lrs.model.errors import DeniedError, LrsError
from kubectl_lrs.repository.pool.layout import BackupId
from kubectl_lrs.repository.pool.removal import LostError, Removal
from kubectl_lrs.repository.pool.sight import PoolHandle, Sealed, Sight, look
from kubectl_lrs.repository.pool.survey import Survey, survey
from kubectl_lrs.repository.pruning import Found, Going, LeftAlone, Looked, Outcome, PoolFacts, PruneResult, Weight
from kubectl_lrs.runtime.cancel import Cancel

WEEK = timedelta(days=7)
NO_RIGHT = "there is no right to delete here"


class PoolPruner:
    """A pooled repository."""

    def __init__(self, place: PoolHandle) -> None:
        self._place = place

    @property
    def location(self) -> str:
        """Its URL."""
        return self._place.backend.url

    @property
    def resolved(self) -> str:
        """Its URL."""
        return self._place.backend.url

    def look(self) -> PoolLooked:
        """All that steers removal; DamageError while any of it cannot be read."""
        sight = look(self._place)
        counts = Counter(each.name for each in sight.sealed)
        broken = [
            LeftAlone(name=str(each), why="it was sealed too late, and something that it refers to is gone")
            for each in sorted(sight.broken)
        ]
        found = [_found(backup, each, sight, counts[backup.name] > 1) for backup, each in sight.sealed.items()]
        found.sort(key=lambda each: (each.catalog.instant, each.name))
        return PoolLooked(sight=sight, backups=found, left_alone=broken)

    def prepare(self, looked: Looked, going: Collection[str]) -> PoolRemoval:
        """One pass over the pool: what this frees, and what is lacking."""
        assert isinstance(looked, PoolLooked)
        wanted = {_which(each) for each in looked.backups if each.name in going}
        found = survey(self._place, looked.sight, wanted)
        names = {_which(each): each.name for each in looked.backups}
        return PoolRemoval(self._place, looked.sight, found, names)


@dataclass(frozen=True, kw_only=True)
class PoolLooked(Looked):
    """With all that was read."""

    sight: Sight


def _keeps_deleted(backend: Backend) -> bool:
    """Whether the storage keeps what was deleted, as far as it tells."""
    with suppress(LrsError):
        return backend.versions() in (Versions.KEPT, Versions.LOCKED)
    return False


def _found(backup: BackupId, sealed: Sealed, sight: Sight, is_one_of_many: bool) -> Found:
    held = sight.holds.of(sealed.catalog)
    return Found(
        name=str(backup) if is_one_of_many else backup.name,
        catalog=sealed.seal.catalog,
        hold=held.reason or "no reason was given" if held else "",
        doubt=_doubt(sealed, sight.now),
        which=backup,
    )


def _doubt(sealed: Sealed, now: float) -> str:
    """Why its instant cannot be believed: it says something else than the storage; empty where it can."""
    if sealed.is_late:
        return "sealed too late, and may lose what it refers to"
    if sealed.stored is None:
        return "of an unknown age: the storage does not tell"
    stored, instant = datetime.fromtimestamp(sealed.stored, timezone.utc), sealed.seal.catalog.instant
    if sealed.stored > now + CLOCKS.total_seconds():
        return "dated later than now"
    if instant > stored + CLOCKS:
        return "dated later than it was stored"
    is_old = instant < stored - WEEK and not sealed.seal.is_copy
    return "dated more than a week before it was stored" if is_old else ""


def _which(found: Found) -> BackupId:
    assert isinstance(found.which, BackupId)
    return found.which


class PoolRemoval:
    """A prune that is planned. `lacking`: backups of which objects are not there."""

    def __init__(self, place: PoolHandle, sight: Sight, found: Survey, names: Mapping[BackupId, str]) -> None:
        self._place, self._survey = place, found
        self._removal = Removal(place, sight, found)
        self._kept_at = ""
        self.lacking: Mapping[str, str] = {
            names[backup]: f"damaged: {count} objects that it refers to are not there" for backup, count in found.lacking.items()
        }

    def weight(self) -> Weight:
        """What is swept at once, and what is condemned."""
        swept, condemned = self._survey.sweep, self._survey.condemned.total
        return Weight(bytes=swept.bytes, swept=swept, condemned=condemned, grace=self._place.grace)

    def apply(self, going: Iterable[Going], stop: Cancel) -> Iterator[Outcome]:
        """Sweep, forget, mark. DamageError before the first deletion where something cannot be read."""
        self._removal.sweep(stop.is_set)
        forgotten = []
        for each in going:
            if stop.is_set():
                return
            outcome = self._forgotten(each)
            if outcome.result is PruneResult.REMOVED:
                forgotten.append(_which(each.found))
            yield outcome
        if not stop.is_set():
            self._removal.finish(forgotten)
        if self._removal.done.swept.objects and _keeps_deleted(self._place.backend):
            self._kept_at = self._place.backend.url

    def _forgotten(self, each: Going) -> Outcome:
        name, found = each.found.name, each.found
        if self._removal.done.denied:
            return Outcome(name=name, found=found, result=PruneResult.KEPT, message=NO_RIGHT)
        if why := self._removal.standstill:
            return Outcome(name=name, found=found, result=PruneResult.NOT_TRIED, message=why)
        try:
            self._removal.forget(_which(found), map(_which, each.kept))
        except LostError as error:
            return Outcome(name=name, found=found, result=PruneResult.KEPT, message=str(error))
        except DeniedError as error:
            return Outcome(name=name, found=found, result=PruneResult.KEPT, message=f"{NO_RIGHT}: {error}")
        except LrsError as error:
            return Outcome(name=name, found=found, result=PruneResult.FAILED, message=str(error))
        return Outcome(name=name, found=found, result=PruneResult.REMOVED)

    def facts(self) -> PoolFacts:
        """What the pool lost, and is to lose."""
        done = self._removal.done
        matures = None if done.matures is None else datetime.fromtimestamp(done.matures, timezone.utc)
        return PoolFacts(swept=done.swept, condemned=done.condemned, matures=matures, remarks=done.remarks, kept_at=self._kept_at)
