"""Removing from the pool, without locks: sweep what has matured, forget, mark. In this order: a full storage takes no new list.

- *Sweep* deletes what a mature list names and nothing refers to, after every backup was read again.
- *Forget* keeps the seal in `forgotten/` and deletes it from the backup, which then is none.
- *Mark* writes what nothing refers to into a condemned list, to be swept a grace time later.

Names are never used twice, so a deletion that comes late finds what it was meant for, or nothing. Whoever is told that he may
not delete leaves it at that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from kubectl_lrs.backends.base import KeyExistsError, KeyNotFoundError, NoSpaceError, delete_surely, get, has, put
from kubectl_lrs.model.errors import DeniedError, LrsError
from kubectl_lrs.repository.count import NOTHING, Count
from kubectl_lrs.repository.pool import condemned, holds
from kubectl_lrs.repository.pool.condemned import List, Name
from kubectl_lrs.repository.pool.layout import (
    BACKUPS,
    RESERVE,
    RESERVE_SIZE,
    SEAL,
    BackupId,
    backup_of,
    segment_of,
    session_log_of,
)
from kubectl_lrs.repository.pool.mark import put_reserve
from kubectl_lrs.repository.pool.sight import PoolHandle, Sight, look, tokens_of
from kubectl_lrs.repository.pool.survey import Names, References, Survey, doomed, is_old, mature, survey
from kubectl_lrs.repository.pool.tokens import union
from kubectl_lrs.runtime.standstill import Standstill

BATCH = 1000
"""Deletions that are asked for at once."""

T = TypeVar("T")


class LostError(LrsError):
    """What the plan keeps of a group is gone by now, or somebody holds what it removes."""


@dataclass(kw_only=True)
class Done:
    """What a prune did to the pool. `matures`: when what is condemned now may be swept, by the storage's clock.

    `swept`: what was asked to go and was; of a sweep that was broken off before, all of it counts again. `remarks`: what
    could not be done, and why; `denied`: whether the right to delete is lacking.
    """

    swept: Count = NOTHING
    condemned: Count = NOTHING
    matures: float | None = None
    remarks: list[str] = field(default_factory=list)
    denied: bool = False

    def failed(self, what: str, error: LrsError) -> None:
        """One thing that was not done."""
        self.denied = self.denied or isinstance(error, DeniedError)
        self.remarks.append(f"{what}: {error}")


class Removal:
    """One prune of a repository, planned by `sight` and `plan`. Its parts are called in the order in which they stand."""

    def __init__(self, place: PoolHandle, sight: Sight, plan: Survey) -> None:
        self._place, self._sight, self._plan = place, sight, plan
        self._backend = place.backend
        self._gave_reserve = False
        self._standstill = Standstill()
        self.done = Done()

    # ---- sweep

    @property
    def standstill(self) -> str:
        """Why nothing else need be deleted, as the storage does that no more; empty as long as it is worth trying."""
        return self._standstill.why()

    @property
    def _is_over(self) -> bool:
        """Whether nothing else need be tried: it may not be deleted, or the storage deletes nothing any more."""
        return self.done.denied or bool(self.standstill)

    def sweep(self, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Delete what has matured. DamageError where something cannot be read: then nothing was deleted."""
        before = self._sight
        self._sight = look(self._place, before.sealed)
        if self._sight.ahead:
            self.done.remarks.append(_wrong_clock(self._sight))
            return
        references = self._referred(before)
        ripe = mature(self._place, self._sight)
        for each in ripe:
            self._attempted(each.key, lambda one=each: self._sweep_one(one, references, is_stopped))  # type: ignore[misc]
            if is_stopped() or self._is_over:
                return
        self._tidy()

    def _referred(self, before: Sight) -> References:
        """What is referred to now: what the plan saw, and what has come since."""
        new = [each for backup, each in self._sight.sealed.items() if backup not in before.sealed]
        late = [each.seal for each in self._sight.sealed.values() if each.is_late]
        held = [self._sight.forgotten[each] for each in self._sight.held_forgotten]
        seen = self._plan.references
        return References(
            kept=seen.kept,
            going=seen.going,
            loose=seen.loose,
            more=union(tokens_of(self._place, each.seal) for each in new if not each.is_late),
            more_loose=union(tokens_of(self._place, each) for each in [*late, *held]),
        )

    def _sweep_one(self, each: List, references: References, is_stopped: Callable[[], bool]) -> None:
        """One list. What is left of it is tried again by the next prune."""
        left = False

        def going() -> Iterator[Name]:
            nonlocal left
            for name, goes in doomed(self._place, self._sight, each, references):
                left = left or not goes
                if goes:
                    yield name

        for batch in _batches(going()):
            if is_stopped() or self._is_over:
                return
            left = not self._deleted(batch) or left
        if not left:
            self._attempted("a list that was swept", lambda: condemned.mark_swept(self._backend, each))

    def _deleted(self, batch: list[Name]) -> bool:
        """Delete these; whether all are gone. A seal goes before what it names, which stays where the seal does."""
        stay = {of[0] for of in map(backup_of, self._seals_left(batch)) if of}
        rest = [each for each in batch if not _is_seal(each.key) and not ((of := backup_of(each.key)) and of[0] in stay)]
        if not rest:
            return not stay
        began = time.monotonic()
        left = self._backend.delete_many([each.key for each in rest]) or self._left(rest)
        for error in list(left.values())[:1]:
            self.done.failed(f"{len(left)} objects are not deleted", error)
        self._standstill.judge(next(iter(left.values())) if len(left) == len(rest) else None, began=began)
        for each in rest:
            if each.key not in left:
                self.done.swept = self.done.swept.plus(each.size)
        return not (left or stay)

    def _left(self, batch: list[Name]) -> Mapping[str, LrsError]:
        """All of them, where the storage has taken their deletion and one is there all the same: it is asked about one."""
        key = batch[-1].key
        try:
            if not has(self._backend, key):
                return {}
        except LrsError as error:
            return {each.key: error for each in batch}
        why = LrsError(f"{self._backend.url}/{key}: its deletion was taken, and it is there")
        return {each.key: why for each in batch}

    def _seals_left(self, batch: list[Name]) -> list[str]:
        """Late seals that could not be deleted."""
        seals = [each.key for each in batch if _is_seal(each.key)]
        return [key for key in seals if self._is_over or not self._is_deleted(key)]

    def _is_deleted(self, key: str) -> bool:
        """Delete one, and note whether the storage still does that."""
        began = time.monotonic()
        try:
            self._backend.delete(key)
        except LrsError as error:
            self.done.failed(f"{key} is left", error)
            self._standstill.judge(error, began=began)
            return False
        self._standstill.judge(None)
        return True

    def _tidy(self) -> None:
        """What needs no condemning: lists of which nothing is left, holds that expired, logs and parts of runs that are over."""
        grace, now = self._place.grace, self._sight.now
        for each in self._sight.lists:
            if each.swept is not None and now - each.swept >= grace / 4:
                self._attempted(each.key, lambda one=each: condemned.drop(self._backend, one))  # type: ignore[misc]
        newest: dict[str, float] = {}
        for stat in self._sight.logs:
            session = _session(stat.key)
            newest[session] = max(newest.get(session, 0), now if stat.mtime is None else stat.mtime)
        keys = [stat.key for stat in self._sight.logs if now - newest[_session(stat.key)] >= grace]
        keys += self._sight.holds.expired
        over = [each for each, since in self._sight.forgotten_since.items() if now - since >= grace]
        keys += [each.forgotten for each in over if each not in self._sight.files]
        keys += condemned.leftover_markers(self._backend, self._sight.lists)
        keys += [key for key in self._plan.unfinished if self._is_left(key)]
        for error in list(self._backend.delete_many(keys).values())[:1] if keys else ():
            self.done.failed("logs and holds that are over are not deleted", error)

    def _is_left(self, key: str) -> bool:
        """Whether what has no name yet is of a run that was killed: it has been there for the grace time."""
        with suppress(KeyNotFoundError):
            return is_old(self._backend.stat(key), self._sight.now, self._place.grace)
        return False

    def _attempted(self, what: str, act: Callable[[], object]) -> bool:
        """Do it; where it cannot be done, say so and go on."""
        try:
            act()
        except LrsError as error:
            self.done.failed(f"{what} is left", error)
            return False
        return True

    # ---- forget

    def forget(self, backup: BackupId, kept: Iterable[BackupId] = ()) -> None:
        """Make it a backup no more. LostError where it is held by now, or where of `kept` something is gone; LrsError."""
        began = time.monotonic()
        try:
            self._forget(backup, kept)
        except LrsError as error:
            self._standstill.judge(error, began=began)
            raise
        self._standstill.judge(None)

    def _forget(self, backup: BackupId, kept: Iterable[BackupId]) -> None:
        sealed = self._sight.sealed.get(backup)
        there = {found[0] for stat in self._backend.list(BACKUPS) if (found := backup_of(stat.key)) and found[1] == SEAL}
        if sealed is None or backup not in there:
            raise LrsError("it is gone already; another prune forgot it")
        held = holds.read(self._backend, now=self._sight.now, grace=self._place.grace)
        if hold := held.of(sealed.catalog):
            raise LostError(f"held by now: {hold.reason}")
        if held.is_read(sealed.catalog):
            raise LostError("another run reads it; prune again when that is done")
        if gone := sorted(each.name for each in kept if each not in there):
            raise LostError(f"{gone[0]}, which the plan keeps, is gone by now; prune again")
        self._with_room(lambda: self._keep_seal(backup, sealed.seal.serialise()))
        try:
            delete_surely(self._backend, backup.seal)
        except DeniedError:
            self.done.denied = True
            raise

    def _keep_seal(self, backup: BackupId, text: bytes) -> None:
        with suppress(KeyExistsError):  # a prune that was broken off has done it
            put(self._backend, backup.forgotten, text)
        if get(self._backend, backup.forgotten) != text:
            raise LrsError(f"{self._backend.url}/{backup.forgotten}: it is not the seal that was to be kept")

    # ---- mark

    def mark(self, forgotten: Iterable[BackupId]) -> None:
        """Condemn what nothing refers to now that these are forgotten: what the plan found, where all are that it names."""
        if self.done.denied or self._sight.ahead:
            return
        gone = frozenset(forgotten)
        plan = self._plan if gone == self._plan.going else survey(self._place, self._sight, gone)
        self._with_room(lambda: self._condemn(plan.condemned))

    def _condemn(self, names: Names) -> None:
        for _ in condemned.write(self._backend, names, now=self._sight.now):
            self.done.condemned = names.total
            self.done.matures = self._backend.now() + self._place.grace

    def finish(self, forgotten: Iterable[BackupId]) -> None:
        """Mark, and put the reserve back; what cannot be done is said."""
        self._attempted("what nothing refers to any more", lambda: self.mark(forgotten))
        self.restore_reserve()

    # ---- room

    def _with_room(self, act: Callable[[], T]) -> T:
        """Do it; on a full storage once more, with the reserve given up."""
        try:
            return act()
        except NoSpaceError:
            if self._gave_reserve or not self._sight.has_reserve:
                raise
            self._backend.delete(RESERVE)
            self._gave_reserve = True
            return act()

    def restore_reserve(self) -> None:
        """Put it back where it is not there."""
        if self._sight.has_reserve and not self._gave_reserve:
            return
        try:
            put_reserve(self._backend)
        except KeyExistsError:
            return
        except LrsError as error:
            self.done.remarks.append(f"the reserve of {RESERVE_SIZE >> 20} MiB is not there: {error}")


def _session(key: str) -> str:
    """Which run a log or a list of a segment is of."""
    found = session_log_of(key) or segment_of(key)
    return found[0] if found else ""


def _is_seal(key: str) -> bool:
    found = backup_of(key)
    return found is not None and found[1] == SEAL


def _batches(names: Iterator[Name]) -> Iterator[list[Name]]:
    while batch := list(islice(names, BATCH)):
        yield batch


def _wrong_clock(sight: Sight) -> str:
    return f"nothing was swept or condemned: {sight.ahead} was stored later than the storage's own clock says that it is now"
