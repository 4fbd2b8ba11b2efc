"""Documents into a collection, byte for byte, many batches at once; what became of each is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import bson
from bson import json_util
from bson.errors import BSONError

from kubectl_lrs.formats.bson_batches import by_ids, id_of, split, with_id
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.mongo.server.client import Mongo, Refused
from kubectl_lrs.stores.mongo.server.errors import DUPLICATE_KEY, MongoUnreachableError

R = TypeVar("R")

BATCH_BYTES = 2 << 20
MOST_IN_BATCH = 20_000
"""Well below what one message may hold: 48 MB and 100,000 documents."""

WORKERS = 4
ATTEMPTS = 4
FIRST_PAUSE = 1.0
"""Seconds before a batch is tried again over a new connection; doubled each time."""

NAMED = 20
"""Documents that the server refuses which are named."""


@dataclass
class Tally:
    """What became of documents: `equal` and `different` were there before. `refused`: (`_id`, why), the first few."""

    new: int = 0
    equal: int = 0
    different: int = 0
    refusals: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take another's in."""
        self.new += other.new
        self.equal += other.equal
        self.different += other.different
        self.refusals += other.refusals
        self.refused += other.refused[: NAMED - len(self.refused)]
        self.differing += other.differing[: NAMED - len(self.differing)]

    @property
    def total(self) -> int:
        """All of them."""
        return self.new + self.equal + self.different + self.refusals

    def counts(self) -> dict[str, int]:
        """For the report."""
        counts = {"new": self.new, "equal": self.equal, "different": self.different, "refused": self.refusals}
        return {name: count for name, count in counts.items() if count or name == "new"}


class Loader:
    """Writes to one collection. `is_empty`: nothing is there yet, so nothing is looked up first. `dry_run`: it only counts."""

    def __init__(
        self,
        mongo: Mongo,
        database: str,
        collection: str,
        *,
        is_empty: bool,
        in_order: bool = False,
        validate: bool = True,
        dry_run: bool = False,
        stop: Cancel,
    ) -> None:
        self._mongo = mongo
        self._database = database
        self._collection = collection
        self._is_empty = is_empty
        self._in_order = in_order
        self._validate = validate
        self._dry_run = dry_run
        self._stop = stop

    def load(self, batches: Iterable[bytes], progress: Progress) -> Tally:
        """Everything, or what was done when `stop` was set; an LrsError where the server is lost: no batch is in flight then."""
        whole, halt, failure = Tally(), Cancel(), None
        for done in map_unordered(batches, self._batch, workers=1 if self._in_order else WORKERS, stop=halt):
            if isinstance(done, LrsError):
                failure = failure or done
            else:
                whole.add(done)
                progress.advance(done.total)
            if failure or self._stop.is_set():
                halt.set()
        if failure:
            raise failure
        return whole

    def _batch(self, batch: bytes) -> Tally | LrsError:
        tally = Tally()
        try:
            for documents in _chunks(split(batch)):
                missing = documents if self._is_empty else self._missing(documents, tally)
                self._insert(missing, tally)
        except LrsError as error:
            return error
        return tally

    def _missing(self, documents: list[bytes], tally: Tally) -> list[bytes]:
        """Those whose `_id` is not there; the others are counted."""
        there = insist(self._mongo, self._stop, lambda _attempt: self._there(documents))
        return _sort_out(documents, there, tally)

    def _there(self, documents: list[bytes]) -> set[bytes]:
        """What the collection holds under these documents' `_id`s."""
        query = by_ids(each for each in map(id_of, documents) if each is not None)
        found: set[bytes] = set()
        for batch in self._mongo.matching(self._database, self._collection, query):
            found.update(split(batch))
        return found

    def _insert(self, documents: list[bytes], tally: Tally) -> None:
        """Insert what is not there."""
        if self._dry_run:
            tally.new += len(documents)
            return
        left = documents

        def send(attempt: int) -> list[Refused]:
            nonlocal left
            if attempt:
                left = self._without_arrived(left, tally)
            return self._send(left)

        refused = insist(self._mongo, self._stop, send)
        tally.new += len(left) - len(refused)
        for each in refused:
            self._count_refused(left[each.place], each, tally)
        if self._in_order and refused:  # an ordered insert ends at the first document that is refused
            rest = left[refused[-1].place + 1 :]
            tally.new -= len(rest)
            self._insert(rest, tally)

    def _without_arrived(self, documents: list[bytes], tally: Tally) -> list[bytes]:
        """The answer was lost, and some may have arrived: those that have not."""
        arrived = Tally()
        left = _sort_out(documents, self._there(documents), arrived)
        tally.add(Tally(new=arrived.equal, different=arrived.different, differing=arrived.differing))
        return left

    def _send(self, documents: list[bytes]) -> list[Refused]:
        if not documents:
            return []
        return self._mongo.insert(self._database, self._collection, documents, ordered=self._in_order, validate=self._validate)

    def _count_refused(self, document: bytes, refused: Refused, tally: Tally) -> None:
        """A document whose `_id` came to be there meanwhile, or that means the same `_id` to the server, is no refusal."""
        if refused.code == DUPLICATE_KEY and refused.index == "_id":
            if document in self._there([document]):
                tally.equal += 1
            else:
                _count_different(document, tally)
        else:
            tally.add(Tally(refusals=1, refused=[(shown_id(document), refused.message)]))


def insist(mongo: Mongo, stop: Cancel, act: Callable[[int], R]) -> R:
    """Do it, again after a pause and over a new connection where the server was lost; `act` is told how often it was tried."""
    for attempt in range(ATTEMPTS):
        generation = mongo.generation
        try:
            return act(attempt)
        except MongoUnreachableError:
            if attempt + 1 == ATTEMPTS or stop.wait(FIRST_PAUSE * 2**attempt):
                raise
            mongo.reopen(generation)
    raise AssertionError


def shown_id(document: bytes) -> str:
    """A document's `_id`, for people."""
    try:
        value = id_of(document)
        return json_util.dumps(bson.decode(with_id(value))["_id"])[:200] if value else "no _id"
    except (BSONError, ValueError, OverflowError):
        return "an _id that cannot be shown"


def _sort_out(documents: list[bytes], there: set[bytes], tally: Tally) -> list[bytes]:
    """Count those that are there, equal or with another content under their `_id`; the rest."""
    ids = set(map(id_of, there))
    missing = []
    for document in documents:
        if document in there:
            tally.equal += 1
        elif id_of(document) in ids:
            _count_different(document, tally)
        else:
            missing.append(document)
    return missing


def _count_different(document: bytes, tally: Tally) -> None:
    tally.add(Tally(different=1, differing=[shown_id(document)]))


def _chunks(documents: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(documents), MOST_IN_BATCH):
        yield documents[start : start + MOST_IN_BATCH]
