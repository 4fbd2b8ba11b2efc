"""Restore: what is not there is created, what is there is merged into, or replaced by one that was loaded beside it.

Until the new collection is whole and takes the old one's name, in one act of the server's, the old one is as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bson import ObjectId

from kubectl_lrs.model.errors import DeniedError, LrsError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.notes import Note
from kubectl_lrs.model.plan import WRITES, Action, ApplyOptions, Finding, Severity, StorePlan, errors_of
from kubectl_lrs.model.report import BEGUN, Outcome, Report, Result
from kubectl_lrs.runtime import blocks
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.mongo import findings, indexes, losses, temporary
from kubectl_lrs.stores.mongo.apply import RefusedError, Tools, Trial, Work
from kubectl_lrs.stores.mongo.definition import sent_options
from kubectl_lrs.stores.mongo.evidence import Standing, standing
from kubectl_lrs.stores.mongo.fill import Create, Merge
from kubectl_lrs.stores.mongo.find import named_database, restored_database
from kubectl_lrs.stores.mongo.flags import RestoreOptions
from kubectl_lrs.stores.mongo.keys import KeySource
from kubectl_lrs.stores.mongo.plan import MongoStep, decide
from kubectl_lrs.stores.mongo.presence import Presence
from kubectl_lrs.stores.mongo.replace import Replace, ReplaceInPlace
from kubectl_lrs.stores.mongo.saved import TIER, Measured, StoredDump
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.errors import MongoUnreachableError, UnansweredError
from kubectl_lrs.stores.mongo.server.info import CollectionInfo, Server, Size
from kubectl_lrs.stores.mongo.server.persist import Persist
from kubectl_lrs.stores.mongo.temporary import Workplace


class MongoRestorer:
    """The Mongo part of a restore."""

    name = TIER

    def __init__(
        self,
        mongo: Mongo,
        dump: StoredDump,
        options: RestoreOptions,
        *,
        presence: Presence,
        keys: KeySource | None,
        stop: Cancel,
    ) -> None:
        self._mongo = mongo
        self._dump = dump
        self._options = options
        self._presence = presence
        self._keys = keys
        self._stop = stop

    # ---- plan

    def plan(self, progress: Progress) -> StorePlan:
        """Look at every document's length, at the database, and at who else uses it; nothing is written."""
        blocks.keep()
        measured = self._measure(progress)
        progress.begin("looking at MongoDB")
        server = self._mongo.server()
        database = self._database()
        present = self._mongo.collections(database)
        decided = [self._decide(name, each, database, present, server) for name, each in measured.items()]
        tried = [self._try(step) for step in decided]
        steps = [step for step, _ in tried]
        return StorePlan(
            store=TIER,
            target=f"{self._mongo.describe()} database {database}",
            steps=steps,
            findings=(
                *findings.of_dump(self._dump, steps, database, server),
                *findings.of_steps(steps, present),
                *self._lost(steps, present, progress),
                *(finding for _, found in tried for finding in found),
                *findings.of_runs(temporary.found(self._mongo, server, database, present.values()), sweeps=_replaces(steps)),
                *self._obstacles(steps, server),
            ),
            effects=findings.effects(steps, database),
            remains=findings.remains(self._dump),
        )

    def _database(self) -> str:
        """Where it goes to."""
        return restored_database(self._mongo, self._dump.database, named_database(self._mongo, self._options.database))

    def _lost(self, steps: Sequence[MongoStep], present: Iterable[str], progress: Progress) -> Iterator[Finding]:
        """What goes with what is replaced."""
        for step in steps:
            if step.action is Action.REPLACE and not step.is_in_place:
                there = indexes.restorable([*indexes.listed(self._mongo, step.database, step.name).values()])
                yield from findings.of_definition_lost(step, map(indexes.name_of, there))
        if any(map(losses.is_compared, steps)):
            progress.begin("comparing the documents that are replaced")
            yield from findings.of_losses(losses.look(self._mongo, self._dump, steps, present))
        yield from self._newer([step for step in steps if not losses.is_compared(step)])

    def _newer(self, steps: Iterable[MongoStep]) -> Iterator[Finding]:
        """How many documents go with what is replaced that were made since the backup, as far as their ids tell."""
        since = _first_id_after(self._dump.instant)
        for step in steps if since else ():
            about = step.stored.metadata
            if step.action is Action.REPLACE and not (about.is_view or about.is_timeseries):
                count = self._mongo.exact_count(step.database, step.name, {"_id": {"$gte": since}})
                yield from findings.of_newer(step, count)

    def _measure(self, progress: Progress) -> dict[str, Measured]:
        progress.begin("checking the documents", len(self._dump.collections))
        measured = {}
        for stored in self._dump.collections:
            measured[stored.name] = self._dump.measured(stored)
            progress.advance()
        return measured

    def _decide(
        self, name: str, measured: Measured, database: str, present: Mapping[str, CollectionInfo], server: Server
    ) -> MongoStep:
        stored = next(each for each in self._dump.collections if each.name == name)
        there = standing(self._mongo, database, name, present[name]) if name in present else None
        existing = self._options.existing
        size = self._size(database, there) if there and server.is_mongos and existing is Existing.DROP else None
        return decide(stored, there, database=database, measured=measured, existing=existing, size=size)

    def _size(self, database: str, there: Standing) -> Size | None:
        """Of a collection behind a mongos; one that cannot be measured is taken for sharded."""
        if there.info.kind not in ("", "collection"):
            return None
        try:
            return self._mongo.measure(database, there.info.name)
        except DeniedError:
            return Size(documents=0, bytes=0, max_bytes=0, max_documents=0, is_sharded=True)

    def _try(self, step: MongoStep) -> tuple[MongoStep, list[Finding]]:
        """The step, after the server was asked whether it takes the collection and its indexes; what could not be asked."""
        if not is_tried(step, is_of_some=self._dump.only is not None):
            return step, []
        about = step.stored.metadata
        missing = indexes.restorable(about.indexes)
        is_new = step.action is not Action.MERGE
        options = sent_options(about)
        if step.there and not is_new:
            there = indexes.listed(self._mongo, step.database, step.name)
            missing = [each for each in missing if indexes.name_of(each) not in there]
            collation = step.there.info.option("collation")
            options = {"collation": collation} if collation else {}
        if not missing and not (is_new and options):
            return step, []
        tried = indexes.trial(self._mongo, step.database, temporary.trial_name(), options, missing, is_new=is_new)
        if tried.problem:
            reason = f"the server does not take its options: {tried.problem}"
            return replace(step, action=Action.CONFLICT, reason=reason), []
        found = []
        if tried.unknown:
            why = f"{step.name}: whether the server takes its options and indexes could not be tried: {tried.unknown}"
            found.append(Finding(Severity.NOTE, why, note=Note.MONGO_NOT_TRIED))
        return replace(step, refused=tried.refused), found

    def _obstacles(self, steps: Iterable[MongoStep], server: Server) -> Iterator[Finding]:
        """What stands against all of it."""
        yield from self._presence.findings(drops=_replaces(steps), allow=self._options.allow_running_app)
        if self._keys:
            yield from self._keys.compare(self._dump.facts.get("keys"), ignore=self._options.ignore_keys)
        yield from self._of_server(server)

    def _of_server(self, server: Server) -> Iterator[Finding]:
        """What it does not let us do."""
        if not server.is_primary and not server.set_name and not server.is_mongos:
            yield Finding(Severity.ERROR, f"{self._mongo.describe()} does not take writes")
        for option in self._mongo.access.without_effect:
            why = "a restore reads from the primary, and has each write confirmed by the majority"
            message = f"{option} in the MongoDB URI has no effect: {why}"
            yield Finding(Severity.NOTE, message, note=Note.MONGO_OPTIONS_WITHOUT_EFFECT)

    # ---- apply

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """One collection after the other; an LrsError where the server is lost or lets us write nothing.

        Before the first write who else is there is looked at again: the user may have taken an hour to say yes.
        """
        steps = plan.of(MongoStep)
        drops = _replaces(steps) and not options.dry_run
        if drops:
            self._require_nobody()
        for database in dict.fromkeys(step.database for step in steps):
            if drops:
                self._sweep(database, progress)
            persist = Persist(self._mongo, self._stop)
            with self._workplace(persist, database, steps) as workplace:
                tools = Tools(
                    mongo=self._mongo,
                    persist=persist,
                    dump=self._dump,
                    presence=self._presence,
                    allow_running_app=self._options.allow_running_app,
                    workplace=workplace,
                    progress=progress,
                    stop=self._stop,
                    dry_run=options.dry_run,
                )
                self._apply_to(database, steps, tools, report)
            if drops:  # what seemed to be alive then may be over by now
                self._sweep(database, progress)

    def _workplace(self, persist: Persist, database: str, steps: Sequence[MongoStep]) -> Workplace:  # noqa: ARG002
        """What marks as ours that which is made beside the application's collections."""
        return Workplace(self._mongo, persist, database)

    def _sweep(self, database: str, progress: Progress) -> None:
        for said in temporary.sweep(self._mongo, database):
            progress.note(said)

    def _require_nobody(self) -> None:
        found = errors_of(self._presence.findings(drops=True, allow=self._options.allow_running_app))
        if found:
            raise LrsError(f"{found[0].message}: nothing was written", hint=found[0].hint)

    def _apply_to(self, database: str, steps: Iterable[MongoStep], tools: Tools, report: Report) -> None:
        for step in steps:
            if self._stop.is_set():
                return
            if step.database == database:
                report.add(self._applied(step, tools))

    def _applied(self, step: MongoStep, tools: Tools) -> Outcome:
        if step.action not in WRITES:
            return Outcome.of(step)
        work = self._work(step, tools)
        try:
            return work.do()
        except RefusedError as error:
            return work.refused(str(error))
        except UnansweredError as error:
            if not self._stop.is_set():
                raise UnansweredError(f"{error}; {work.state()}", hint=error.hint) from error
            return Outcome.of(step, Result.NOT_TRIED, f"{BEGUN}{error}; {work.state()}", error, work.account.counts)
        except (MongoUnreachableError, DeniedError) as error:
            raise type(error)(f"{error}; {work.state()}", hint=error.hint or "run the same command again") from error
        except LrsError as error:
            return Outcome.of(step, Result.FAILED, f"{error}; {work.state()}", error)

    def _work(self, step: MongoStep, tools: Tools) -> Work:
        return work_of(step, tools)


def _first_id_after(instant: str) -> ObjectId | None:
    """The least id that a server makes in the second after an instant; None where it is none."""
    try:
        at = datetime.fromisoformat(instant.replace("Z", "+00:00"))
        return ObjectId.from_datetime(at + timedelta(seconds=1))
    except (ValueError, OverflowError):
        return None


def _replaces(steps: Iterable[MongoStep]) -> bool:
    return any(step.action is Action.REPLACE for step in steps)


def work_of(step: MongoStep, tools: Tools) -> Work:
    """What does a step."""
    if tools.dry_run:
        return Trial(tools, step)
    if step.action is Action.CREATE:
        return Create(tools, step)
    if step.action is Action.MERGE:
        return Merge(tools, step)
    return ReplaceInPlace(tools, step) if step.is_in_place else Replace(tools, step)


def is_tried(step: MongoStep, *, is_of_some: bool) -> bool:
    """Whether the server is asked about a step: not of a view or time series, nor of what gains documents alone.

    `is_of_some`: only some documents are restored.
    """
    about = step.stored.metadata
    gains_documents = is_of_some and step.action is Action.MERGE
    return step.action in WRITES and not (about.is_view or about.is_timeseries or gains_documents)
