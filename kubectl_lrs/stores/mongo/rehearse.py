"""A rehearsal: the collections come into a database of its own, are held against the backup, and go again.

The database is `lrs_rehearsal_TOKEN`. Before anything else it gets the signs of life of this run (`temporary`), which name the
collections that will be made: the next rehearsal removes these where this one is killed. Nothing else is ever removed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from types import TracebackType

from kubectl_lrs.formats.bson_batches import split
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.plan import WRITES, ApplyOptions, Finding, Severity, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.model.units import size
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.mongo import indexes, names, temporary
from kubectl_lrs.stores.mongo.apply import Tools, Work
from kubectl_lrs.stores.mongo.fill import Create
from kubectl_lrs.stores.mongo.flags import RestoreOptions
from kubectl_lrs.stores.mongo.keys import KeySource
from kubectl_lrs.stores.mongo.plan import MongoStep
from kubectl_lrs.stores.mongo.presence import Presence
from kubectl_lrs.stores.mongo.restore import MongoRestorer
from kubectl_lrs.stores.mongo.saved import StoredDump
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.info import CollectionInfo, Server
from kubectl_lrs.stores.mongo.server.persist import Persist
from kubectl_lrs.stores.mongo.temporary import Owner, Workplace

MADE = "rehearses"
"""Under which a sign of life names the collections."""

SPACE = 2
"""Times the bytes of the documents that must be free: documents, indexes and the server's own log of both."""


class MongoRehearsal(MongoRestorer):
    """A restore into a database that is made for it."""

    how = "restored into a scratch database, compared and dropped"
    is_timed = True

    def __init__(self, mongo: Mongo, dump: StoredDump, *, presence: Presence, keys: KeySource, stop: Cancel) -> None:
        super().__init__(mongo, dump, RestoreOptions(), presence=presence, keys=keys, stop=stop)
        self._token = secrets.token_hex(8)
        self.aside = 0.0

    # ---- plan

    def plan(self, progress: Progress) -> StorePlan:
        """As of a restore; what keeps the documents from being read afterwards keeps them from being proved."""
        plan = super().plan(progress)
        lost = [each for each in self._key_findings() if each.severity is Severity.ERROR]
        return replace(plan, effects=(), remains=(*plan.remains, *(each.message for each in lost)))

    def _database(self) -> str:
        return f"{names.REHEARSAL}{self._token}"

    def _key_findings(self) -> list[Finding]:
        return self._keys.compare(self._dump.facts.get("keys"), ignore=False) if self._keys else []

    def _obstacles(self, steps: Iterable[MongoStep], server: Server) -> Iterator[Finding]:
        """Nobody else uses what is made for this; but there must be room for it, beside what runs."""
        yield from self._of_server(server)
        yield from (each for each in self._key_findings() if each.severity is not Severity.ERROR)
        needed = SPACE * sum(step.bytes for step in steps)
        free = self._mongo.room()
        if free is None:
            why = "how much room there is beside the application's data is not told: nothing was rehearsed"
            yield Finding(Severity.ERROR, why, hint="grant dbStats on the database admin")
        elif free < needed:
            why = f"{size(free)} are free, and {size(needed)} should be, for documents and indexes: nothing was rehearsed"
            yield Finding(Severity.ERROR, why, hint="rehearse on another MongoDB: --mongo-uri-file FILE")

    # ---- apply

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """All collections, then none of them; what is left of it is told."""
        if self._stop.is_set() or not any(step.action in WRITES for step in plan.steps):
            report.outcomes += [_judged(Outcome.of(step)) for step in plan.steps if step.action not in WRITES]
            return
        try:
            super().apply(plan, options, report, progress)
        finally:
            report.incomplete.extend(self._left())
        report.outcomes[:] = map(_judged, report.outcomes)

    def _left(self) -> Iterator[str]:
        """What could not be removed, or that nobody can tell."""
        database = self._database()
        try:
            left = self._mongo.names(database)
        except LrsError as error:
            yield f"whether database {database} is gone could not be looked at; the next rehearsal removes it: {error}"
            return
        if left:
            yield f"database {database} could not be removed: it holds {', '.join(left)}; the next one removes what is ours"

    def _workplace(self, persist: Persist, database: str, steps: Sequence[MongoStep]) -> Workplace:
        made = [step.name for step in steps if step.action in WRITES]
        return _Scratch(self._mongo, persist, database, token=self._token, made=made)

    def _work(self, step: MongoStep, tools: Tools) -> Work:
        return _Rehearsed(tools, step, self)

    def spent(self, began: float) -> None:
        """So much time went since then into what a recovery does not do."""
        self.aside += time.monotonic() - began

    # ---- what killed ones have left

    def sweep(self, progress: Progress) -> Iterator[str]:
        """Drop the collections that a rehearsal which is over says that it made, in the database of its name."""
        progress.begin("looking for what earlier rehearsals have left")
        ours = [(name, token) for name in self._mongo.databases() if (token := names.rehearsal_of(name))]
        server = self._mongo.server() if ours else None
        for database, token in ours:
            assert server
            present = self._mongo.collections(database)
            yield from self._swept(database, token, present, server)

    def _swept(self, database: str, token: str, present: Mapping[str, CollectionInfo], server: Server) -> Iterator[str]:
        signs = f"{temporary.PREFIX}{token}"
        found = next(
            (each for each in temporary.found(self._mongo, server, database, present.values()) if signs in _names(each)), None
        )
        if found is None:
            yield f"database {database} has the name of a rehearsal's and no mark of one: left alone"
        elif found.owner is Owner.DEAD:
            yield self._removed(database, signs, present, found.last.get(MADE))
        elif found.owner is Owner.UNKNOWN and set(present) == {signs} and not self._mongo.exact_count(database, signs):
            yield self._removed(database, signs, present, [])  # killed before its first sign of life: nothing else is there
        else:
            who = found.who or "nobody says whose"
            yield f"database {database} is at work or may be ({who}): left alone"

    def _removed(self, database: str, signs: str, present: Mapping[str, CollectionInfo], made: object) -> str:
        ours = [name for name in made if isinstance(name, str) and name in present] if isinstance(made, list) else []
        try:
            for name in (*reversed(ours), signs):
                self._mongo.drop(database, name, uuid=present[name].uuid)
            left = _cleared(self._mongo, database)
        except LrsError as error:
            return f"warning: database {database} of a killed rehearsal could not be removed: {error}"
        if left:
            return f"warning: of database {database} what a killed rehearsal made is removed; it also holds {', '.join(left)}"
        return f"removed database {database}, which a killed rehearsal has left"


VIEWS = "system.views"
"""Where a server keeps the views of a database, and keeps on doing so when the last of them is gone."""


def _cleared(mongo: Mongo, database: str) -> list[str]:
    """What is there after our collections went, without what the server itself has made for them."""
    left = mongo.names(database)
    if left == [VIEWS] and not mongo.exact_count(database, VIEWS):
        mongo.drop(database, VIEWS)
        left = mongo.names(database)
    return left


def _names(found: temporary.Abandoned) -> set[str]:
    return {each.name for each in found.collections}


def _judged(outcome: Outcome) -> Outcome:
    """In a database of its own nothing stands in the way: a conflict is what the server does not take."""
    return replace(outcome, result=Result.FAILED) if outcome.result is Result.CONFLICT else outcome


class _Scratch(Workplace):
    """The signs of life of a rehearsal, from before its first collection until after its last."""

    def __init__(self, mongo: Mongo, persist: Persist, database: str, *, token: str, made: Sequence[str]) -> None:
        super().__init__(mongo, persist, database, token=token, mark={MADE: list(made)})
        self._made = made

    def __enter__(self) -> Workplace:
        self.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Views before what they are views of; what cannot be dropped is told by who looks afterwards."""
        for name in reversed(self._made):
            with suppress(LrsError):
                self._mongo.drop(self._database, name)
        super().__exit__(kind, value, trace)
        with suppress(LrsError):
            _cleared(self._mongo, self._database)


@dataclass
class _Contents:
    """Documents, in whatever order they come: how many, and the sum of their digests."""

    count: int = 0
    sum: int = 0

    def add(self, documents: list[bytes]) -> None:
        """Some of them."""
        self.count += len(documents)
        self.sum += sum(int.from_bytes(blake2b(each, digest_size=32).digest(), "big") for each in documents)


class _Rehearsed(Create):
    """One collection. It is compared before indexes come by which the server removes documents that are too old."""

    def __init__(self, tools: Tools, step: MongoStep, rehearsal: MongoRehearsal) -> None:
        super().__init__(tools, step)
        self._rehearsal = rehearsal
        self._sent = _Contents()

    def state(self) -> str:
        """What a failure leaves is removed."""
        return f"{self.name} could not be rehearsed to its end"

    def batches(self, size: int) -> Iterator[bytes]:
        """As they are read for the server."""
        for batch in super().batches(size):
            self._sent.add(split(batch))
            yield batch

    def build(self, name: str, *, expiring: bool | None = None) -> indexes.Built:
        """As for every collection."""
        if expiring:
            began = time.monotonic()
            self._compare(self.data_name(name))
            self._rehearsal.spent(began)
        return super().build(name, expiring=expiring)

    def _compare(self, name: str) -> None:
        self.tools.progress.begin(f"comparing {self.name}")
        found = self.persist(lambda _attempt: self._there(name))
        if found.count != self._sent.count:
            self.account.altered.append(f"{found.count} documents are there of {self._sent.count} in the backup")
        elif found != self._sent:
            self.account.altered.append(f"the contents of its {found.count} documents are not those of the backup")

    def _there(self, name: str) -> _Contents:
        found = _Contents()
        for batch in self.mongo.present(self.database, name):
            found.add(batch)
        return found

    def check_count(self, name: str, expected: int, *, came: int) -> None:
        """They were compared, each of them."""
