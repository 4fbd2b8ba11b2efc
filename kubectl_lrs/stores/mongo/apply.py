"""The work on one collection, as far as it is the same however it comes: made, loaded, indexed, and looked at afterwards.

Nothing is taken for done because a request was answered: what is there afterwards is held against what was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.plan import Action
from kubectl_lrs.model.report import BEGUN, Outcome, Result
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.mongo import indexes, names
from kubectl_lrs.stores.mongo.definition import altered, sent_options
from kubectl_lrs.stores.mongo.evidence import TIME_LIMIT, counted, doomed
from kubectl_lrs.stores.mongo.load import BATCH_BYTES, Loader, LoadOptions, Tally
from kubectl_lrs.stores.mongo.metadata import Metadata
from kubectl_lrs.stores.mongo.plan import MongoStep
from kubectl_lrs.stores.mongo.presence import Presence
from kubectl_lrs.stores.mongo.saved import StoredDump
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.errors import NAMESPACE_EXISTS, MongoError
from kubectl_lrs.stores.mongo.server.info import CollectionInfo
from kubectl_lrs.stores.mongo.server.persist import Persist
from kubectl_lrs.stores.mongo.temporary import Workplace

SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What the work on every collection of a run is done with."""

    mongo: Mongo
    persist: Persist
    dump: StoredDump
    presence: Presence
    allow_running_app: bool
    workplace: Workplace
    progress: Progress
    stop: Cancel
    dry_run: bool


@dataclass(kw_only=True)
class Account:
    """What is to be said of a collection: `failed` weighs more than `altered`, that more than `conflict`."""

    failed: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    conflict: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def result(self) -> Result | None:
        """None where it went as planned."""
        for said, result in ((self.failed, Result.FAILED), (self.altered, Result.ALTERED), (self.conflict, Result.CONFLICT)):
            if said:
                return result
        return None

    @property
    def message(self) -> str:
        """All of it."""
        return "; ".join((*self.conflict, *self.altered, *self.failed))


class RefusedError(LrsError):
    """It is not what it was when the plan was made: nothing was done to it."""


class Work:
    """The work on one collection."""

    def __init__(self, tools: Tools, step: MongoStep) -> None:
        self.tools = tools
        self.mongo = tools.mongo
        self.persist = tools.persist
        self.step = step
        self.database = step.database
        self.name = step.stored.name
        self.about: Metadata = step.stored.metadata
        self.account = Account()

    def do(self) -> Outcome:
        """All of it."""
        raise NotImplementedError

    def state(self) -> str:
        """What a failure leaves."""
        raise NotImplementedError

    # ---- making

    def create(self, name: str) -> CollectionInfo:
        """Make it, empty; what the server says that it is now."""

        def create(attempt: int) -> None:
            try:
                self.mongo.create(self.database, name, sent_options(self.about))
            except MongoError as error:
                if not (attempt and error.code == NAMESPACE_EXISTS):  # the answer may have been lost: what is there tells
                    raise

        self.persist(create)
        made = self.persist(lambda _attempt: self.mongo.collection(self.database, name))
        if made is None or (made.kind or "collection") != self.about.made_kind:
            raise MongoError(f"{self.database}.{name} was made, and is not there, or is no {self.about.made_kind}")
        if fields := altered(sent_options(self.about), made.decoded()):
            self.account.altered.append(f"the server keeps other options than it was sent: {', '.join(fields)}")
        return made

    # ---- documents

    def data_name(self, name: str) -> str:
        """Where its documents go to."""
        return names.BUCKETS + name if self.about.is_timeseries else name

    def load(self, into: str, *, is_empty: bool, dry_run: bool = False, most: int = 0) -> Tally:
        """All documents, or what was done until the user had enough; `most`: no more bytes than about these."""
        stored, step = self.step.stored, self.step
        self.tools.progress.begin(f"{self.database}.{stored.name}", step.documents)
        if not stored.data:
            return Tally()
        options = LoadOptions(
            is_empty=is_empty,
            in_order=self._is_capped(),
            validate=not (self._has_validator() or self.about.is_timeseries),
            has_empty_timestamps=bool(step.empty_timestamps),
            dry_run=dry_run,
        )
        loader = Loader(self.mongo, self.persist, self.database, into, options, stop=self.tools.stop)
        batches = self.batches(most or BATCH_BYTES)
        try:
            tally = loader.load([next(batches, b"")] if most else batches, self.tools.progress)
        except LrsError:
            self.account.counts = loader.done.counts()
            raise
        self._tell(tally)
        return tally

    def batches(self, size: int) -> Iterator[bytes]:
        """Its documents, in rows of about so many bytes."""
        return self.tools.dump.batches(self.step.stored, size)

    def require_room(self) -> None:
        """RefusedError where a capped collection would lose documents to the new ones; each is compared first."""
        coming = self.load(self.name, is_empty=False, dry_run=True)
        self.account.conflict.clear()  # it is said again when they are loaded
        if not coming.new:
            return
        size = self.persist(lambda _attempt: self.mongo.measure(self.database, self.name))
        is_full = bool(size.max_documents) and size.documents + coming.new > size.max_documents
        if is_full or not size.max_bytes or size.bytes + coming.bytes > size.max_bytes:
            limit = f"{size.max_documents} documents" if is_full else f"{size.max_bytes} bytes"
            raise RefusedError(f"it is capped to {limit}: {coming.new} new documents would push out some that are there")

    def _is_capped(self) -> bool:
        return bool(self.about.options.get("capped")) or bool(self.step.there and self.step.there.info.is_capped)

    def _has_validator(self) -> bool:
        """Documents may be older than the validator: only then is the right to bypass it needed."""
        there = self.step.there
        return "validator" in self.about.options or bool(there and there.info.option("validator"))

    def _tell(self, tally: Tally) -> None:
        account = self.account
        account.counts = tally.counts()
        if tally.different:
            listed = few(tally.differing, tally.different)
            account.conflict.append(f"{tally.different} documents are there with another content and were left alone: {listed}")
        if tally.refusals:
            named = "; ".join(f"_id {which}: {why}" for which, why in tally.refused[:3])
            account.failed.append(f"the server refused {tally.refusals} documents: {named}")
        if tally.stamped:
            account.altered.append(
                f"in {tally.stamped} documents the server put its own time in the place of an empty timestamp: "
                "the right update on the collection prevents that"
            )
        if tally.moved:
            account.altered.append(f"in {tally.moved} documents the server puts the _id before the other fields")
        if tally.nameless:
            account.altered.append(f"{tally.nameless} documents have no _id: the server gives each of them one")
        if tally.untold:
            why = "nothing tells whether they are there, and they were left alone"
            account.conflict.append(f"{tally.untold} documents have no _id: {why}")

    # ---- indexes

    def build(self, name: str, *, expiring: bool | None = None) -> indexes.Built:
        """Build those that are not there; `expiring`: only those by which documents are removed, or only the others."""
        wanted = indexes.restorable(self.about.indexes)
        if expiring is not None:
            wanted = [each for each in wanted if indexes.is_expiring(each) is expiring]
        self.tools.progress.begin(f"building {len(wanted)} indexes of {self.name}")
        built = indexes.build(self.mongo, self.persist, self.database, name, wanted)
        for index, fields in built.altered.items():
            self.account.altered.append(f"index {index}: the server keeps other {', '.join(fields)} than it was sent")
        if built.others:
            self.account.conflict.append(f"index {', '.join(built.others)} is another one there")
        return built

    def tell_refused(self, refused: Mapping[str, str]) -> None:
        """The documents are there, and these indexes are not."""
        for index, why in refused.items():
            self.account.altered.append(f"index {index} was not built: {why}")

    # ---- afterwards

    def check_count(self, name: str, expected: int, *, came: int) -> None:
        """Hold what is there against what should be; documents that the server may remove by itself are counted too.

        `came`: how many of them this run has brought; of none nothing is said.
        """
        found = self.persist(lambda _attempt: counted(self.mongo, self.database, name, expected))
        account = self.account
        if found < expected:
            account.counts["gone"] = expected - found
            why = "a limit of its size or age, or another client, has removed the others"
            account.altered.append(f"it holds {found} documents, and should hold {expected}: {why}")
        if old := self._doomed(name) if came else 0:
            account.counts["expired"] = old
            account.altered.append(f"{old} documents are past the time that {TIME_LIMIT} gives them: the server removes them")

    def _doomed(self, name: str) -> int:
        query = self.persist(lambda _attempt: doomed(self.mongo, self.database, self.name))
        return self.persist(lambda _attempt: self.mongo.exact_count(self.database, name, query)) if query else 0

    # ---- outcomes

    @property
    def is_interrupted(self) -> bool:
        """Whether the user has had enough."""
        return self.tools.stop.is_set()

    def interrupted(self, tally: Tally) -> Outcome:
        """It was stopped in the middle."""
        return Outcome.of(self.step, Result.NOT_TRIED, f"{BEGUN}{self.state()}", counts=tally.counts())

    def outcome(self, result: Result | None = None, message: str = "") -> Outcome:
        """What the account says; `result` and `message` where it says nothing."""
        account = self.account
        said = account.message
        error = MongoError(said) if account.failed else None
        return Outcome.of(self.step, account.result or result, said or message, error, account.counts)

    def failed(self, why: Iterable[str]) -> Outcome:
        """It failed, and what is there is as it was."""
        self.account.failed = [f"{'; '.join(why)}: {self.state()}"]
        self.account.altered = self.account.conflict = []
        return self.outcome()

    def refused(self, why: str) -> Outcome:
        """It is not what it was when the plan was made: it was left alone."""
        return Outcome.of(self.step, Result.CONFLICT, f"{why}: {self.state()}", counts=self.account.counts)


class Trial(Work):
    """A dry run: documents are compared with what is there, and none is written."""

    def state(self) -> str:
        """Nothing is written."""
        return f"{self.name} is as it was"

    def do(self) -> Outcome:
        """Count what would be new; what the plan knows already is said too."""
        is_merge, there = self.step.action is Action.MERGE, self.step.there
        if is_merge and there and there.info.is_capped:
            self.require_room()
        tally = self.load(self.data_name(self.name), is_empty=not is_merge, dry_run=True)
        self.tell_refused(self.step.refused)
        return self.outcome(Result.UNCHANGED if is_merge and not tally.new else None)


def few(found: list[str], count: int) -> str:
    """The first of them, and how many more there are."""
    more = f" and {count - SHOWN} more" if count > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
