"""HDFS behind a gateway that is overloaded, breaks off, or loses an answer: it is tried again, and a name is given once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from kubectl_lrs.backends import rest, webhdfs_again
from kubectl_lrs.backends.base import Skipped, get, put
from kubectl_lrs.backends.hdfs import Hierarchy
from kubectl_lrs.backends.place import BACKUPS, StorageLocation, open_backend
from kubectl_lrs.model.errors import UnreachableError
from kubectl_lrs.runtime.retry import Policy
from tests.bed import hdfs
from tests.bed.hdfs import Hdfs
from tests.bed.s3_between import Answer, Between, Forward, Request, pass_on

pytestmark = pytest.mark.skipif(bool(hdfs.missing()), reason=f"HDFS is not tested: {hdfs.missing()}")

DATA = b"content" * 1000


@pytest.fixture
def between(cluster: Hdfs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    for module in (rest, webhdfs_again):
        monkeypatch.setattr(module, "PATIENT", Policy(attempts=3, first=0.0))
    with Between(cluster) as running:
        yield running


@pytest.fixture
def backend(between: Between, request: pytest.FixtureRequest) -> Hierarchy:
    url = f"webhdfs://{Hdfs.user}@{between.endpoint.partition('://')[2]}/a{abs(hash(request.node.name)) % 10**10}"
    found = open_backend(StorageLocation(url=url, said=BACKUPS, is_ours=True))
    assert isinstance(found, Hierarchy)
    put(found, "x/there", DATA)
    return found


def _busy(_forward: Forward) -> Answer:
    return Answer(status=503, body=b"busy")


def _at_a_loss(_forward: Forward) -> Answer:
    return Answer(status=502, body=b"<html>no</html>")


def _cut(_forward: Forward) -> Answer:
    return Answer(status=200, body=b"x" * 100, cut=10)


def _broken(_forward: Forward) -> Answer:
    raise ConnectionResetError


def _lost(forward: Forward) -> Answer:
    forward()
    raise ConnectionResetError


FAULTS = (_busy, _at_a_loss, _cut, _broken, _lost)
"""Those that end before, and after it was done."""


class Once:
    """One fault, for the request of that number."""

    def __init__(self, number: int, fault: Callable[[Forward], Answer]) -> None:
        self.left, self._fault = number, fault

    def __call__(self, _request: Request, forward: Forward) -> Answer | None:
        self.left -= 1
        return self._fault(forward) if self.left == 0 else None


def _each(between: Between, fault: Callable[[Forward], Answer], act: Callable[[int], object]) -> int:
    """Do it again and again, with the fault at another request each time, until it has fewer. How many these are."""
    for number in range(1, 30):
        rule = Once(number, fault)
        between.rule = rule
        act(number)
        between.rule = pass_on
        if rule.left > 0:
            return number - 1
    raise AssertionError("no end")


@pytest.mark.parametrize("fault", FAULTS)
def test_what_may_pass_is_tried_again(backend: Hierarchy, between: Between, fault: Callable[[Forward], Answer]) -> None:
    def read(_number: int) -> None:
        assert get(backend, "x/there") == DATA
        assert [each.key for each in backend.list("x/there")] == ["x/there"]
        assert backend.now() > 0

    def write(number: int) -> None:
        assert put(backend, f"x/new-{number}", DATA).stat.size == len(DATA)

    def delete(number: int) -> None:
        backend.delete(f"x/new-{number}")

    assert _each(between, fault, read) > 5
    count = _each(between, fault, write)
    assert count > 4
    assert all(get(backend, f"x/new-{number}") == DATA for number in range(1, count + 1))
    assert _each(between, fault, delete) == 1
    assert _unfinished(backend) == []


def _unfinished(backend: Hierarchy) -> list[str]:
    found: list[str] = []
    for _ in backend.list(skipped=lambda key, what, _error: found.append(key) if what is Skipped.UNFINISHED else None):
        pass
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_what_must_not_come_late_is_sent_once(backend: Hierarchy, between: Between, fault: Callable[[Forward], Answer]) -> None:
    between.rule = lambda request, forward: fault(forward) if _operation(request) == "RENAME" else None
    between.log.clear()
    with pytest.raises(UnreachableError):
        put(backend, "x/seal", DATA, once=True)
    assert [_operation(each) for each in between.log].count("RENAME") == 1
    between.rule = pass_on
    assert _unfinished(backend) == []


def _operation(request: Request) -> str:
    return "".join(parse_qs(urlsplit(request.path).query).get("op", []))


def test_one_that_lasts_is_said(backend: Hierarchy, between: Between) -> None:
    between.rule = lambda _request, forward: _busy(forward)
    with pytest.raises(UnreachableError, match="503"):
        backend.stat("x/there")
    assert len(between.log) > 3
