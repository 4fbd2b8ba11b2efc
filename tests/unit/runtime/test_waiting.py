"""Waiting is told: why and until when, once for each outage of a server, and to nobody where nobody wants to know."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from kubectl_lrs.runtime import waiting
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.retry import Outage, Policy, Tries

POLICY = Policy(attempts=4, first=0.001, longest=0.002)


@pytest.fixture
def told() -> Iterator[list[str]]:
    lines: list[str] = []
    waiting.tell_by(lines.append)
    yield lines
    waiting.tell_by(None)


def _fail(outage: Outage, times: int, why: str = "https://x: connection refused") -> None:
    tries = Tries(POLICY, Cancel(), outage=outage)
    for _ in range(times):
        outage.failed()
        tries.again(why=why)


def test_why_and_until_when(told: list[str]) -> None:
    _fail(Outage(), 1)
    (line,) = told
    assert re.fullmatch(r"note: https://x: connection refused; trying again until \d\d:\d\d:\d\d \S+ \(1s\)", line)


def test_once_for_each_outage_whoever_waits(told: list[str]) -> None:
    outage = Outage()
    _fail(outage, 3)
    _fail(outage, 3)
    assert len(told) == 1
    outage.succeeded()
    _fail(outage, 1)
    assert len(told) == 2
    _fail(Outage(), 1)
    assert len(told) == 3, "another server"


def test_what_is_not_waited_for_is_not_told(told: list[str]) -> None:
    """The last attempt, a run that is to end, and a server that has been away too long."""
    stop, outage = Cancel(), Outage()
    stop.set()
    outage.failed()
    assert not Tries(POLICY, stop, outage=outage).again(why="x")
    assert not Tries(Policy(attempts=1), Cancel(), outage=outage).again(why="x")
    assert Tries(POLICY, Cancel(), outage=outage).again(why="")
    assert told == []


def test_nobody_is_told_where_nobody_wants_to_know() -> None:
    waiting.tell_by(None)
    waiting.tell("x", 1.0)


def test_it_says_for_how_long_at_most(told: list[str]) -> None:
    outage = Outage()
    outage.failed()
    stop = Cancel()
    tries = Tries(Policy(attempts=6, first=0.001, longest=100.0), stop, outage=outage)
    assert tries._longest(6) == pytest.approx(0.001 * (1 + 2 + 4 + 8 + 16))
    assert tries._longest(3) == pytest.approx(0.003)
