"""Documents into a collection, byte for byte, many batches at once; what became of each is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from kubectl_lrs.formats.bson_batches import (
    NotBsonError,
    by_ids,
    has_empty_timestamp,
    have_ids_first,
    id_of,
    ids_of,
    split,
    with_id_first,
)
from kubectl_lrs.formats.bson_documents import shown_id
from kubectl_lrs.model.errors import DamageError, DeniedError, LrsError
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.errors import DUPLICATE_KEY, NOT_UNDERSTOOD, MongoError
from kubectl_lrs.stores.mongo.server.info import Refused
from kubectl_lrs.stores.mongo.server.persist import Persist

BATCH_BYTES = 2 << 20
MOST_IN_BATCH = 20_000
"""Well below what one message may hold: 48 MB and 100,000 documents."""

WORKERS = 4
_ID = b"_id\0"
NAMED = 20
"""Documents that the server refuses which are named."""


@dataclass
class Tally:
    """What became of documents: `equal` and `different` were there before. `refused`: (`_id`, why), the first few.

    `stamped`: new ones in which the server has put its own time in the place of an empty timestamp. `bytes`: of the new.
    Of documents without an `_id` nothing tells whether they are there: `nameless` came into what was empty, and got one of the
    server's; `untold` were left alone. `moved`: new ones whose `_id` the server puts before their other fields.
    """

    new: int = 0
    bytes: int = 0
    stamped: int = 0
    nameless: int = 0
    moved: int = 0
    untold: int = 0
    equal: int = 0
    different: int = 0
    refusals: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take another's in."""
        self.new += other.new
        self.bytes += other.bytes
        self.stamped += other.stamped
        self.nameless += other.nameless
        self.moved += other.moved
        self.untold += other.untold
        self.equal += other.equal
        self.different += other.different
        self.refusals += other.refusals
        self.refused += other.refused[: NAMED - len(self.refused)]
        self.differing += other.differing[: NAMED - len(self.differing)]

    @property
    def total(self) -> int:
        """All of them."""
        return self.new + self.equal + self.different + self.refusals + self.untold

    def counts(self) -> dict[str, int]:
        """For the report."""
        counts = {"new": self.new, "equal": self.equal, "different": self.different}
        counts |= {"refused": self.refusals, "stamped": self.stamped}
        counts |= {"nameless": self.nameless, "moved": self.moved, "untold": self.untold}
        return {name: count for name, count in counts.items() if count or name == "new"}


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """How documents are loaded.

    `is_empty`: nothing is there yet, so nothing is looked up first. `in_order`: one after the other, as they come.
    `has_empty_timestamps`: some documents hold one, which has to be kept. `dry_run`: it only counts.
    """

    is_empty: bool
    in_order: bool = False
    validate: bool = True
    has_empty_timestamps: bool = False
    dry_run: bool = False


class Loader:
    """Writes to one collection."""

    def __init__(
        self, mongo: Mongo, persist: Persist, database: str, collection: str, options: LoadOptions, *, stop: Cancel
    ) -> None:
        self._mongo = mongo
        self._persist = persist
        self._database = database
        self._collection = collection
        self._options = options
        self._stop = stop
        self._keeps_timestamps = True
        self.done = Tally()

    def load(self, batches: Iterable[bytes], progress: Progress) -> Tally:
        """Everything, or what was done when `stop` was set; an LrsError where the server is lost: no batch is in flight then,
        but those that were sent and not answered. `done` is what is known of the others."""
        whole, halt, failure = self.done, Cancel(), None
        for done in map_unordered(batches, self._batch, workers=1 if self._options.in_order else WORKERS, stop=halt):
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
                if have_ids_first(documents):
                    self._load(documents, tally)
                else:
                    self._load_odd(documents, tally)
        except LrsError as error:
            return error
        except NotBsonError as error:  # what was looked at before are lengths
            return DamageError(f"a document for {self._database}.{self._collection} is damaged: {error}")
        return tally

    def _load(self, documents: list[bytes], tally: Tally) -> None:
        self._insert(documents if self._options.is_empty else self._missing(documents, tally), tally)

    def _load_odd(self, documents: list[bytes], tally: Tally) -> None:
        """With an `_id` that is not their first field, or without one: as the server stores them, which is counted."""
        first = [with_id_first(each) for each in documents]
        nameless = sum(each[5:9] != _ID for each in first)
        if self._options.is_empty:
            tally.nameless += nameless
        else:
            tally.untold += nameless
            first = self._missing([each for each in first if each[5:9] == _ID], tally)
        tally.moved += len({*first} - {*documents})
        self._insert(first, tally)

    def _missing(self, documents: list[bytes], tally: Tally) -> list[bytes]:
        """Those whose `_id` is not there; the others are counted."""
        there = self._persist(lambda _attempt: self._there(documents))
        return _sort_out(documents, there, tally)

    def _there(self, documents: list[bytes]) -> list[bytes]:
        """What the collection holds under these documents' `_id`s."""
        ids = [each for each in ids_of(documents) if each is not None]
        found = self._mongo.matching(self._database, self._collection, by_ids(ids), about=len(ids))
        return [each for batch in found for each in batch]

    def _insert(self, documents: list[bytes], tally: Tally) -> None:
        """Insert what is not there."""
        if self._options.dry_run:
            tally.add(Tally(new=len(documents), bytes=sum(map(len, documents))))
            return
        if not self._options.has_empty_timestamps:
            self._insert_plain(documents, tally, self._send)
            return
        plain: list[bytes] = []
        odd: list[bytes] = []
        for document in documents:
            (odd if self._options.in_order or _is_odd(document) else plain).append(document)
        self._insert_odd(odd, tally)
        self._insert_plain(plain, tally, self._send)

    def _insert_odd(self, documents: list[bytes], tally: Tally) -> None:
        """Those with empty timestamps, as they are where the server can be brought to it."""
        if self._keeps_timestamps:
            try:
                self._insert_plain(documents, tally, self._send_as_they_are)
            except DeniedError:
                self._keeps_timestamps = False
            else:
                return
        before = tally.new
        self._insert_plain(documents, tally, self._send)
        tally.stamped += min(tally.new - before, sum(map(_is_odd, documents)))

    def _send_as_they_are(self, documents: list[bytes]) -> list[Refused]:
        place = self._database, self._collection
        ordered, validate = self._options.in_order, self._options.validate
        try:
            return self._mongo.insert(*place, documents, ordered=ordered, validate=validate, keep_empty_timestamps=True)
        except MongoError as error:
            if error.code not in NOT_UNDERSTOOD:
                raise
        return self._mongo.upsert(*place, documents, ordered=ordered, validate=validate)

    def _insert_plain(self, documents: list[bytes], tally: Tally, request: Callable[[list[bytes]], list[Refused]]) -> None:
        left = documents

        def send(attempt: int) -> list[Refused]:
            nonlocal left
            if attempt:
                left = self._without_arrived(left, tally)
            return request(left) if left else []

        refused = self._persist(send)
        tally.new += len(left) - len(refused)
        for each in refused:
            self._count_refused(left[each.place], each, tally)
        if self._options.in_order and refused:  # an ordered insert ends at the first document that is refused
            rest = left[refused[-1].place + 1 :]
            tally.new -= len(rest)
            self._insert_plain(rest, tally, request)

    def _without_arrived(self, documents: list[bytes], tally: Tally) -> list[bytes]:
        """The answer was lost, and some may have arrived: those that have not."""
        arrived = Tally()
        left = _sort_out(documents, self._there(documents), arrived)
        tally.add(Tally(new=arrived.equal, different=arrived.different, differing=arrived.differing))
        return left

    def _send(self, documents: list[bytes]) -> list[Refused]:
        ordered, validate = self._options.in_order, self._options.validate
        return self._mongo.insert(self._database, self._collection, documents, ordered=ordered, validate=validate)

    def _count_refused(self, document: bytes, refused: Refused, tally: Tally) -> None:
        """A document whose `_id` came to be there meanwhile, or that means the same `_id` to the server, is no refusal."""
        if refused.code == DUPLICATE_KEY and refused.index == "_id":
            if document in self._there([document]):
                tally.equal += 1
            else:
                _count_different(document, tally)
        else:
            tally.add(Tally(refusals=1, refused=[(shown_id(document), refused.message)]))


def _is_odd(document: bytes) -> bool:
    """Whether the server would put its time in the place of an empty timestamp."""
    return has_empty_timestamp(document) and id_of(document) is not None


def _sort_out(documents: list[bytes], there: list[bytes], tally: Tally) -> list[bytes]:
    """Count those that are there, equal or with another content under their `_id`; the rest.

    A sharded collection may show one `_id` twice: a document is there if either is equal to it.
    """
    held = dict(zip(ids_of(there), there, strict=True))
    twice = set(there) if len(held) < len(there) else set()
    ids = ids_of(documents)
    left = [(key, each) for key, each in zip(ids, documents, strict=True) if held.get(key) != each and each not in twice]
    tally.equal += len(documents) - len(left)
    for key, each in left:
        if key in held:
            _count_different(each, tally)
    return [each for key, each in left if key not in held]


def _count_different(document: bytes, tally: Tally) -> None:
    tally.add(Tally(different=1, differing=[shown_id(document)]))


def _chunks(documents: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(documents), MOST_IN_BATCH):
        yield documents[start : start + MOST_IN_BATCH]
