"""Restore: what is not there is created, what is there is merged into, or replaced by one that was loaded beside it.

Until the new collection is whole and takes the old one's name, in one act of the server's, the old one is as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bson

from kubectl_lrs.model.errors import DeniedError, LrsError
from kubectl_lrs.model.plan import WRITES, Action, ApplyOptions, Finding, Severity, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.mongo import names
from kubectl_lrs.stores.mongo.keys import KeySource
from kubectl_lrs.stores.mongo.load import BATCH_BYTES, Loader, Tally, insist
from kubectl_lrs.stores.mongo.metadata import Metadata
from kubectl_lrs.stores.mongo.plan import (
    TIER,
    MongoStep,
    RestoreWish,
    beside,
    decide,
    effects,
    target_database,
    warnings,
)
from kubectl_lrs.stores.mongo.presence import Presence
from kubectl_lrs.stores.mongo.saved import StoredCollection, StoredDump
from kubectl_lrs.stores.mongo.server.client import CollectionInfo, Mongo
from kubectl_lrs.stores.mongo.server.errors import NAMESPACE_EXISTS, NAMESPACE_NOT_FOUND, MongoError, MongoUnreachableError

_NOT_AN_OPTION = frozenset(("autoIndexId",))
_NOT_OF_AN_INDEX = frozenset(("v", "ns"))


class MongoRestorer:
    """The Mongo part of a restore."""

    name = TIER

    def __init__(
        self,
        mongo: Mongo,
        dump: StoredDump,
        wish: RestoreWish,
        *,
        presence: Presence,
        keys: KeySource | None,
        stop: Cancel,
    ) -> None:
        self._mongo = mongo
        self._dump = dump
        self._wish = wish
        self._presence = presence
        self._keys = keys
        self._stop = stop

    # ---- plan

    def plan(self, progress: Progress) -> StorePlan:
        """Look at every document's length, at the database, and at who else uses it; nothing is written."""
        sizes = self._measure(progress)
        progress.begin("looking at MongoDB")
        server = self._mongo.server()
        database = target_database(self._mongo, self._dump, self._wish)
        present = self._mongo.collections(database)
        steps = [self._decide(stored, sizes[stored.name], database, present) for stored in self._dump.collections]
        drops = any(step.action is Action.REPLACE for step in steps)
        findings = [*warnings(self._dump, steps, present, database)]
        findings += self._presence.findings(drops=drops, allow=self._wish.allow_running_app)
        if self._keys:
            findings += self._keys.compare(self._dump.facts.get("keys"), ignore=self._wish.ignore_keys)
        if not server.is_primary and not server.set_name and not server.is_mongos:
            findings.append(Finding(Severity.ERROR, f"{self._mongo.describe()} does not take writes"))
        return StorePlan(
            store=TIER,
            target=f"{self._mongo.describe()} database {database}",
            steps=steps,
            findings=tuple(findings),
            effects=effects(steps, database),
        )

    def _measure(self, progress: Progress) -> dict[str, tuple[int, int]]:
        progress.begin("checking the documents", len(self._dump.collections))
        sizes = {}
        for stored in self._dump.collections:
            sizes[stored.name] = self._dump.measured(stored) if stored.data else (0, 0)
            progress.advance()
        return sizes

    def _decide(
        self, stored: StoredCollection, size: tuple[int, int], database: str, present: Mapping[str, CollectionInfo]
    ) -> MongoStep:
        there = present.get(stored.name)
        before = self._mongo.count(database, stored.name) if there and there.kind not in ("view", "timeseries") else 0
        return decide(stored, there, database=database, size=size, before=before, existing=self._wish.existing)

    # ---- apply

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """One collection after the other; an LrsError where the server is lost or lets us write nothing."""
        for step in plan.of(MongoStep):
            if self._stop.is_set():
                return
            report.add(self._apply(step, progress, dry_run=options.dry_run))

    def _apply(self, step: MongoStep, progress: Progress, *, dry_run: bool) -> Outcome:
        if step.action not in WRITES:
            return Outcome.of(step)
        work = _Work(self._mongo, self._dump, step, progress, self._stop, dry_run=dry_run)
        try:
            return work.do()
        except (MongoUnreachableError, DeniedError) as error:
            raise type(error)(f"{error}; {work.state()}", hint=error.hint or "run the same command again") from error
        except LrsError as error:
            return Outcome.of(step, Result.FAILED, f"{error}; {work.state()}", error)


class _Work:
    """The work on one collection."""

    def __init__(
        self,
        mongo: Mongo,
        dump: StoredDump,
        step: MongoStep,
        progress: Progress,
        stop: Cancel,
        *,
        dry_run: bool,
    ) -> None:
        self._mongo = mongo
        self._dump = dump
        self._database = step.database
        self._step = step
        self._progress = progress
        self._stop = stop
        self._dry_run = dry_run
        self._has_begun = False

    @property
    def _name(self) -> str:
        return self._step.stored.name

    @property
    def _about(self) -> Metadata:
        return self._step.stored.metadata

    def state(self) -> str:
        """What a failure leaves."""
        if not self._has_begun:
            return f"{self._name} is as it was"
        if self._step.action is Action.REPLACE and not self._in_place:
            return f"the old {self._name} is as it was"
        return f"{self._name} holds a part of the documents; the same command goes on"

    @property
    def _in_place(self) -> bool:
        """Whether what is there must go before the new one comes: only collections can be renamed."""
        return self._about.is_timeseries or self._about.is_view

    def do(self) -> Outcome:
        """All of it."""
        if self._dry_run:
            return self._outcome(self._load(self._data_name(self._name)))
        action = self._step.action
        if action is Action.REPLACE and not self._in_place:
            return self._replace()
        if action is Action.REPLACE:
            self._has_begun = True
            insist(self._mongo, self._stop, lambda _attempt: self._mongo.drop(self._database, self._name))
        if action is not Action.MERGE:
            self._create(self._name)
        return self._fill()

    def _fill(self) -> Outcome:
        """Documents, then indexes, into the collection itself."""
        self._has_begun = True
        if self._about.is_view:
            return Outcome.of(self._step)
        tally = self._load(self._data_name(self._name))
        if self._stop.is_set() and tally.total < self._step.documents:
            return self._interrupted(tally)
        problem = self._build_indexes(self._name)
        return self._outcome(tally, problem)

    def _replace(self) -> Outcome:
        """Load beside, with its indexes; then one rename puts it in the place of the old one."""
        temporary = beside(self._name)
        insist(self._mongo, self._stop, lambda _attempt: self._mongo.drop(self._database, temporary))
        self._create(temporary)
        self._has_begun = True
        try:
            tally = self._load(temporary)
            if self._stop.is_set() and tally.total < self._step.documents:
                return self._interrupted(tally)
            if problem := self._flaw(tally) or self._build_indexes(temporary):
                message = f"{problem}: the old {self._name} is as it was"
                return Outcome.of(self._step, Result.FAILED, message, MongoError(message))
            self._put_in_place(temporary)
            return self._outcome(tally)
        finally:
            self._clear(temporary)

    def _put_in_place(self, temporary: str) -> None:
        def rename(attempt: int) -> None:
            try:
                self._mongo.rename(self._database, temporary, self._name)
            except MongoError as error:
                if not (attempt and error.code == NAMESPACE_NOT_FOUND):  # the answer was lost, and it was done all the same
                    raise

        insist(self._mongo, self._stop, rename)

    def _flaw(self, tally: Tally) -> str:
        """Why what was loaded must not take the place of what is there; empty where it may."""
        if tally.refusals:
            return f"the server refused {tally.refusals} documents: {_named(tally.refused)}"
        if tally.new != self._step.documents:
            return f"{tally.new} documents arrived of {self._step.documents}"
        return ""

    def _clear(self, temporary: str) -> None:
        """What was loaded beside and did not take the place; where that fails the next run does it."""
        try:
            self._mongo.drop(self._database, temporary)
        except LrsError as error:
            self._progress.note(f"warning: {temporary} is left: {error}; the next restore removes it")

    def _create(self, name: str) -> None:
        options = {key: value for key, value in self._about.options.items() if key not in _NOT_AN_OPTION}

        def create(attempt: int) -> None:
            try:
                self._mongo.create(self._database, name, options)
            except MongoError as error:
                if not (attempt and error.code == NAMESPACE_EXISTS):  # the answer was lost, and it was done all the same
                    raise

        insist(self._mongo, self._stop, create)

    def _data_name(self, name: str) -> str:
        return names.BUCKETS + name if self._about.is_timeseries else name

    def _load(self, into: str) -> Tally:
        stored = self._step.stored
        self._progress.begin(f"{self._database}.{stored.name}", self._step.documents)
        if not stored.data:
            return Tally()
        options = self._about.options
        loader = Loader(
            self._mongo,
            self._database,
            into,
            is_empty=self._step.action is not Action.MERGE,
            in_order=bool(options.get("capped")),
            validate=not (self._has_validator() or self._about.is_timeseries),
            dry_run=self._dry_run,
            stop=self._stop,
        )
        return loader.load(self._dump.batches(stored, BATCH_BYTES), self._progress)

    def _has_validator(self) -> bool:
        """Documents may be older than the validator: only then is the right to bypass it needed."""
        there = self._step.there
        return "validator" in self._about.options or bool(there and there.option("validator"))

    def _build_indexes(self, name: str) -> str:
        """Those that are not there, after the data; what went wrong, empty where nothing did."""
        found = insist(self._mongo, self._stop, lambda _attempt: self._mongo.indexes(self._database, name))
        there = {each["name"]: each for each in map(bson.decode, found)}
        wanted = [each for each in map(_cleaned, self._about.indexes) if not _is_own(each)]
        missing = [each for each in wanted if each.get("name") not in there]
        self._progress.begin(f"building {len(missing)} indexes of {self._name}")
        try:
            if missing:
                insist(self._mongo, self._stop, lambda _attempt: self._mongo.create_indexes(self._database, name, missing))
        except MongoUnreachableError:
            raise
        except MongoError as error:
            return str(error)
        others = [str(each["name"]) for each in wanted if each.get("name") in there and each["key"] != there[each["name"]]["key"]]
        return f"index {', '.join(others)} is another one there" if others else ""

    def _interrupted(self, tally: Tally) -> Outcome:
        return Outcome.of(self._step, Result.NOT_TRIED, f"interrupted: {self.state()}", counts=tally.counts())

    def _outcome(self, tally: Tally, problem: str = "") -> Outcome:
        step = self._step
        parts = []
        if tally.different:
            parts.append(
                f"{tally.different} documents are there with another content and were left alone: "
                f"{_few(tally.differing, tally.different)}"
            )
        if tally.refusals:
            parts.append(f"the server refused {tally.refusals} documents: {_named(tally.refused)}")
        if problem:
            parts.append(problem)
        message = "; ".join(parts)
        if tally.refusals or problem:
            return Outcome.of(step, Result.FAILED, message, MongoError(message), tally.counts())
        if tally.different:
            return Outcome.of(step, Result.CONFLICT, message, counts=tally.counts())
        unchanged = step.action is Action.MERGE and not tally.new
        return Outcome.of(step, Result.UNCHANGED if unchanged else None, message, counts=tally.counts())


def _is_own(specification: Mapping[str, Any]) -> bool:
    """An index that comes with the collection."""
    return dict(specification["key"]) == {"_id": 1} or bool(specification.get("clustered"))


def _cleaned(specification: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in specification.items() if key not in _NOT_OF_AN_INDEX}


def _few(ids: list[str], count: int, shown: int = 5) -> str:
    more = f" and {count - shown} more" if count > shown else ""
    return ", ".join(ids[:shown]) + more


def _named(refused: list[tuple[str, str]]) -> str:
    return "; ".join(f"_id {which}: {why}" for which, why in refused[:3])
