"""What waits on the disk and what is on its way: all of it arrives, some at once, and the first failure is everybody's."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.backends.base import KeyExistsError, Upload, get
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.repository.pool import uploads as module
from kubectl_lrs.repository.pool.spool import Spool
from kubectl_lrs.repository.pool.uploads import AT_ONCE, Uploads, store


def spooled(*data: bytes) -> Spool:
    spool = Spool()
    for each in data:
        spool.write(each)
    return spool


@given(st.lists(st.sampled_from([b"", b"a", b"bc" * 1000, b"\0" * 70_000, b"x" * 65_536])), st.data())
def test_a_spool_has_what_was_written(pieces: list[bytes], data: st.DataObject) -> None:
    spool, whole = spooled(*pieces), b"".join(pieces)
    start = data.draw(st.integers(0, len(whole)))
    assert spool.read(start, 500) == whole[start : start + 500]
    spool.write(b"more")
    whole += b"more"
    assert (spool.size, spool.digest) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert b"".join(spool.chunks()) == b"".join(spool.chunks()) == whole
    spool.close()


def test_all_arrive_and_are_counted() -> None:
    backend = Memory()
    uploads, done = Uploads(backend), list[str]()
    contents = {f"k{number}": os.urandom(1000 + number) for number in range(30)}
    for key, data in contents.items():
        uploads.submit(key, spooled(data), lambda key=key: done.append(key))  # type: ignore[misc]
    uploads.drain()
    assert {key: get(backend, key) for key in contents} == contents
    assert sorted(done) == sorted(contents)
    assert (uploads.count, uploads.size) == (30, sum(map(len, contents.values())))


@pytest.mark.parametrize(("size", "room", "at_once"), [(1, 1 << 20, AT_ONCE), (40, 100, 2), (1000, 100, 1)])
def test_no_more_at_once_than_may_be(size: int, room: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BYTES_AT_ONCE", room)

    class Slow(Memory):
        def upload(self, key: str, *rest: Any, **more: Any) -> Upload:
            with change:
                busy.append(key)
                change.notify_all()
                assert change.wait_for(lambda: is_let, 30)
            return super().upload(key, *rest, **more)

    busy: list[str] = []
    is_let = False
    change = threading.Condition()
    uploads = Uploads(Slow())
    thread = threading.Thread(target=lambda: [uploads.submit(str(n), spooled(b"1" * size), list) for n in range(AT_ONCE + 3)])
    thread.start()
    with change:
        assert change.wait_for(lambda: len(busy) == at_once, 30)
        assert not change.wait_for(lambda: len(busy) > at_once, 0.05)
        is_let = True
        change.notify_all()
    thread.join(30)
    uploads.drain()
    assert len(busy) == AT_ONCE + 3


def test_the_first_failure_ends_all_that_follow() -> None:
    class Broken(Memory):
        def upload(self, key: str, *_: Any, **__: Any) -> Upload:
            raise UnreachableError(f"no {key}")

    uploads = Uploads(Broken())
    uploads.submit("a", spooled(b"1"), list)
    for wait in (uploads.drain, uploads.drain, lambda: uploads.submit("b", spooled(b"1"), list)):
        with pytest.raises(UnreachableError, match="no a"):
            wait()
    assert uploads.count == 0


def test_what_two_threads_have_alike_is_stored_once() -> None:
    backend = Memory()
    uploads = Uploads(backend)
    for _ in range(5):
        uploads.submit("same", spooled(b"content"), list)
    uploads.drain()
    assert uploads.count == 1
    uploads.submit("same", spooled(b"another"), list)
    uploads.drain()  # of the same size: its name has its sum, so it is the same
    uploads.submit("same", spooled(b"longer than that"), list)
    with pytest.raises(LrsError, match="another one"):
        uploads.drain()


def test_one_object_is_made_once() -> None:
    backend = Memory()
    store(backend, "a", 2, iter([b"1", b"2"]))
    assert get(backend, "a") == b"12"
    with pytest.raises(KeyExistsError):
        store(backend, "a", 1, iter([b"1"]))
