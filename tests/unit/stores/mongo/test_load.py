"""What becomes of each document: counted once, whatever the server answers, and however often it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import bson
import pytest

from kubectl_lrs.formats.bson_batches import document, id_of
from kubectl_lrs.model.errors import DeniedError, LrsError
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.mongo.load import Loader, LoadOptions, Tally
from kubectl_lrs.stores.mongo.server.errors import DUPLICATE_KEY, MongoError, MongoUnreachableError
from kubectl_lrs.stores.mongo.server.info import Refused

EMPTY = bson.Timestamp(0, 0)


def doc(number: int, **more: Any) -> bytes:
    return bson.encode({"_id": number, **more})


class Mongo:
    """Holds documents by `_id`. `loses`: answers that do not arrive."""

    def __init__(self, *there: bytes, understands: bool = False, may_update: bool = True, loses: int = 0) -> None:
        self.held = {id_of(each): each for each in there}
        self.understands, self.may_update, self.loses = understands, may_update, loses

    def matching(self, _database: str, _collection: str, query: bytes, *, about: int) -> Iterator[list[bytes]]:
        wanted = bson.decode(query)["_id"]["$in"]
        assert about == len(wanted)
        yield [each for key in wanted if (each := self.held.get(id_of(bson.encode({"_id": key}))))]

    def _take(self, documents: Sequence[bytes], *, stamps: bool) -> list[Refused]:
        refused = []
        for place, each in enumerate(documents):
            if id_of(each) in self.held:
                refused.append(Refused(place, DUPLICATE_KEY, "duplicate", "_id"))
            elif b"refuse me" in each:
                refused.append(Refused(place, 121, "failed validation", ""))
            else:
                self.held[id_of(each)] = each.replace(bytes(8), b"\1" * 8) if stamps else each
        if self.loses:
            self.loses -= 1
            raise MongoUnreachableError("the answer is lost")
        return refused

    def insert(
        self, _database: str, _collection: str, documents: Sequence[bytes], *, keep_empty_timestamps: bool = False, **_more: Any
    ) -> list[Refused]:
        if keep_empty_timestamps and not self.understands:
            raise MongoError("unknown field", code=40415)
        return self._take(documents, stamps=not keep_empty_timestamps)

    def upsert(self, _database: str, _collection: str, documents: Sequence[bytes], **_more: Any) -> list[Refused]:
        if not self.may_update:
            raise DeniedError("not allowed")
        return self._take(documents, stamps=False)


def again(act: Any) -> Any:
    """Asks once more, as `Persist` does."""
    for attempt in range(3):
        try:
            return act(attempt)
        except MongoUnreachableError:
            continue
    raise LrsError("lost")


def load(server: Mongo, *documents: bytes, is_empty: bool = False, **more: Any) -> Tally:
    mongo: Any = server
    loader = Loader(mongo, again, "d", "c", LoadOptions(is_empty=is_empty, **more), stop=Cancel())  # type: ignore[arg-type]
    return loader.load([b"".join(documents)], Silent())


def test_new_equal_and_different_ones() -> None:
    server = Mongo(doc(1), doc(2, a=1))
    tally = load(server, doc(1), doc(2, a=2), doc(3))
    assert (tally.new, tally.equal, tally.different, tally.differing) == (1, 1, 1, ["2"])
    assert server.held[id_of(doc(2))] == doc(2, a=1)


def test_a_sharded_collection_shows_one_twice() -> None:
    server = Mongo()
    server.matching = lambda *_, **_more: iter([[doc(1, a=1), doc(2, a=1)], [doc(1, a=2), doc(2, a=2)]])  # type: ignore[method-assign]
    tally = load(server, doc(1, a=1), doc(2, a=2), doc(3))
    assert (tally.new, tally.equal, tally.different) == (1, 2, 0)
    tally = load(server, doc(1, a=3))
    assert (tally.new, tally.equal, tally.different) == (0, 0, 1)


@pytest.mark.parametrize("is_empty", [True, False])
@pytest.mark.parametrize("in_order", [True, False])
def test_a_lost_answer_counts_nothing_twice(is_empty: bool, in_order: bool) -> None:
    server = Mongo(loses=1)
    tally = load(server, doc(1), doc(2), doc(3), is_empty=is_empty, in_order=in_order)
    assert tally.counts() == {"new": 3}


def test_one_that_is_refused_is_named() -> None:
    tally = load(Mongo(), doc(1), doc(2, a="refuse me"), doc(3), is_empty=True)
    assert tally.counts() == {"new": 2, "refused": 1}
    assert tally.refused == [("2", "failed validation")]


def test_a_dry_run_only_counts() -> None:
    server = Mongo(doc(1))
    tally = load(server, doc(1), doc(2), dry_run=True)
    assert (tally.counts(), tally.bytes) == ({"new": 1, "equal": 1}, len(doc(2)))
    assert len(server.held) == 1


@pytest.mark.parametrize(
    ("server", "stamped"),
    [(Mongo(understands=True), 0), (Mongo(), 0), (Mongo(may_update=False), 1), (Mongo(loses=1), 0)],
    ids=["told", "asked in another way", "not allowed", "lost once"],
)
def test_empty_timestamps(server: Mongo, stamped: int) -> None:
    odd, plain = doc(1, at=EMPTY), doc(2, a="plain")
    tally = load(server, odd, plain, is_empty=True, has_empty_timestamps=True)
    assert (tally.new, tally.stamped) == (2, stamped)
    assert (server.held[id_of(odd)] == odd) is not bool(stamped)
    assert server.held[id_of(plain)] == plain


def test_an_id_that_is_not_the_first_field() -> None:
    """As the server stores it: what comes is counted once, and is equal the next time."""
    odd, other = (document(bson.encode({"a": n})[4:-1] + doc(1)[4:-1]) for n in (1, 2))
    server = Mongo()
    assert load(server, odd, doc(2), is_empty=True).counts() == {"new": 2, "moved": 1}
    assert server.held[id_of(odd)] == bson.encode({"_id": 1, "a": 1})
    assert load(server, odd, doc(2)).counts() == {"new": 0, "equal": 2}
    assert load(server, other).counts() == {"new": 0, "different": 1}


@pytest.mark.parametrize("nameless", [bson.encode({}), bson.encode({"a": 1}), bson.encode({"a": {"_id": 1}})])
def test_documents_without_an_id(nameless: bytes) -> None:
    """What is empty takes them; where others are nothing tells whether they are there, and each run would add them again."""
    server = Mongo()
    assert load(server, doc(1), nameless, is_empty=True).counts() == {"new": 2, "nameless": 1}
    before = dict(server.held)
    assert load(server, doc(1), nameless, doc(2)).counts() == {"new": 1, "equal": 1, "untold": 1}
    assert load(server, doc(1), nameless, doc(3), dry_run=True).counts() == {"new": 1, "equal": 1, "untold": 1}
    assert server.held.keys() == {*before, id_of(doc(2))}
