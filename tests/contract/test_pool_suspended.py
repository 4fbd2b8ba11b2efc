"""The writer of a backup, suspended twice, at any two of its requests, while prunes forget, condemn and sweep what it reuses.

Whatever it then says: what is sealed and counts is whole. Each protection that this rests on is taken away once, and then a
backup is lost: the test can fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository.pool import journal, repository, sealing, uploads, writer
from kubectl_lrs.repository.pool.check import Checked, check
from kubectl_lrs.repository.pool.seal import Seal
from kubectl_lrs.runtime.retry import Policy
from tests.builders.pooled import GRACE, lost, mark, place_of
from tests.builders.suspended import HOUR, Actor, World
from tests.contract.test_pool_histories import CONTENTS, SMALL, back_up, prune

ALL = -1
"""No backup goes: what has matured is swept, what nobody needs is condemned."""


@dataclass(frozen=True, kw_only=True)
class History:
    """At request `first` the only backup is forgotten and what it needs condemned, and hours pass; at `second` more of them do,
    and what is mature by then is swept."""

    first: int
    second: int
    hours: float
    more: float

    def lost(self) -> list[str]:
        """What counts and has lost something."""
        world = World()
        mark(world.memory)
        Actor(world, "old", lambda backend: back_up(backend, "old", CONTENTS)).run()
        actor = Actor(world, "new", lambda backend: back_up(backend, "new", CONTENTS))
        for number in range(10_000):
            if actor.is_over:
                break
            if number == self.first:
                Actor(world, "prune", lambda backend: prune(backend, 0)).run()
                world.time += self.hours * HOUR
            if number == self.second:
                world.time += self.more * HOUR
                Actor(world, "prune", lambda backend: prune(backend, ALL)).run()
            actor.step()
        assert actor.error is None or isinstance(actor.error, LrsError), actor.error
        return list(lost(place_of(world.memory)))


def requests() -> list[str]:
    """Those of a writer that nobody disturbs."""
    world = World()
    mark(world.memory)
    Actor(world, "old", lambda backend: back_up(backend, "old", CONTENTS)).run()
    actor, found = Actor(world, "new", lambda backend: back_up(backend, "new", CONTENTS)), []
    while not actor.is_over:
        found.append(actor.at)
        actor.step()
    assert actor.error is None
    return found


def histories(step: int) -> Iterator[History]:
    """Every pair of requests, or of every so many of them."""
    count = len(requests())
    for first in range(0, count, step):
        for second in range(first, count, step):
            for hours, more in ((GRACE / HOUR - 1, 2.0), (0.0, GRACE / HOUR + 1), (GRACE / HOUR / 2, GRACE / HOUR / 2 + 1)):
                yield History(first=first, second=second, hours=hours, more=more)


@pytest.fixture(autouse=True)
def _one_request_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "AT_ONCE", 1)
    monkeypatch.setattr(uploads, "AT_ONCE", 1)
    monkeypatch.setattr(journal, "BYTES", 1)
    monkeypatch.setattr(writer, "SMALL", SMALL)
    monkeypatch.setattr(sealing, "TIMES", Policy(attempts=3, first=0.0))


def test_nothing_that_counts_is_lost() -> None:
    for each in histories(4):
        assert not each.lost(), each


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_nothing_that_counts_is_lost_at_any_two_requests() -> None:
    for each in histories(1):
        assert not each.lost(), each


def test_the_lists_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, what was condemned before the look is swept right after it."""
    monkeypatch.setattr(sealing, "check", lambda backend, refs: Checked(at=check(backend, refs).at))
    assert any(each.lost() for each in histories(4))


def test_late_seals_count_for_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, a backup counts whose objects were condemned and swept between the look and the seal."""
    monkeypatch.setattr(Seal, "is_late", lambda *_: False)
    assert any(each.lost() for each in histories(4))
