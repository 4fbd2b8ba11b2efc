"""Objects read in ranges: all of one state, nothing else than was asked for, and never more than that."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from kubectl_lrs.backends import rest_objects
from kubectl_lrs.backends.base import EmptyRangeError, KeyExistsError, KeyNotFoundError, Stat
from kubectl_lrs.backends.rest import Answer
from kubectl_lrs.backends.rest_objects import RestObjects
from kubectl_lrs.model.errors import LrsError, UnreachableError

DATA = bytes(range(100))
MD5 = hashlib.md5(DATA).hexdigest()


class One(RestObjects):
    """One object; `answer` is what is said to a request for so many bytes from a place."""

    untold = "tag-"

    def __init__(self, answer: Callable[[int, int], Answer], etag: str = MD5) -> None:
        super().__init__("x://bucket/a", "bucket", "a/")
        self.asked: list[tuple[str, str | None]] = []
        self.is_there = True
        self._answer = answer
        self._etag = etag

    def _seen(self, key: str) -> tuple[Stat, str]:
        return Stat(key, len(DATA), self._etag), "state"

    def _asked(self, key: str, wanted: str, state: str | None) -> Answer:
        self.asked.append((key, state))
        first, last = wanted.removeprefix("bytes=").split("-")
        return self._answer(int(first), int(last) - int(first) + 1)

    def _listed(self) -> Answer:
        if not self.is_there:
            raise UnreachableError("gone")
        return Answer(200, {}, b"")

    def delete(self, key: str) -> None:
        raise LrsError(key)


def partial(start: int, length: int) -> Answer:
    body = DATA[start : start + length]
    return Answer(206, {"Content-Range": f"bytes {start}-{start + len(body) - 1}/{len(DATA)}"}, body)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_objects, "CHUNK", 30)


def test_in_ranges_of_one_state() -> None:
    one, found = One(partial), bytearray()
    reading = one.read(one.stat("k"), found.extend)
    assert (bytes(found), reading.is_steady, reading.is_damaged) == (DATA, True, False)
    assert one.asked == [("k", "state")] * 4
    assert one.read_range("k", 10, 5) == DATA[10:15]
    assert one.asked[4:] == [("k", None)]
    assert one.read_range("k", 10, 0) == b""


def test_another_content_than_its_sum() -> None:
    one = One(partial, hashlib.md5(b"other").hexdigest())
    assert one.read(one.stat("k"), lambda _data: None).is_damaged
    one = One(partial, "tag-1")
    assert not one.read(one.stat("k"), lambda _data: None).is_damaged, "where there is no sum nothing tells"
    assert [one.tells_content(etag) for etag in (MD5, "tag-1", "")] == [True, False, False]


@pytest.mark.parametrize("error", [KeyNotFoundError("k"), KeyExistsError("k"), EmptyRangeError("k")])
def test_one_that_changes_while_it_is_read(error: LrsError) -> None:
    def answer(start: int, length: int) -> Answer:
        if start:
            raise error
        return partial(start, length)

    one = One(answer)
    assert not one.read(one.stat("k"), lambda _data: None).is_steady


@pytest.mark.parametrize(
    "answer",
    [
        lambda start, length: Answer(206, {}, DATA[start : start + length]),
        lambda start, length: partial(start + 1, length),
        lambda start, length: partial(start, length + 1),
        lambda start, length: Answer(206, {"Content-Range": "bytes 10-12/100"}, DATA[start : start + length]),
        lambda _start, _length: Answer(200, {}, DATA),
    ],
)
def test_other_bytes_than_were_asked_for(answer: Callable[[int, int], Answer]) -> None:
    with pytest.raises(LrsError, match="other bytes than were asked for"):
        One(answer).read_range("k", 10, 5)


def test_all_of_a_small_object_is_a_range_from_its_beginning() -> None:
    assert One(lambda _start, _length: Answer(200, {}, DATA[:5])).read_range("k", 0, 5) == DATA[:5]


def test_behind_the_end_is_nothing() -> None:
    def answer(_start: int, _length: int) -> Answer:
        raise EmptyRangeError("k")

    assert One(answer).read_range("k", 1000, 5) == b""


def test_what_such_a_storage_has_not() -> None:
    one = One(partial)
    assert (one.url, one.roots) == ("x://bucket/a", ("bucket/a", "x://bucket/a"))
    assert (one.free(), one.directory("k"), one.make_directory("k", {})) == (None, {}, ())
    assert set(one.delete_many(["a", "b"])) == {"a", "b"}, "each that was refused is named"
    one.sync()
    assert one.is_alive()
    one.is_there = False
    assert not one.is_alive()
