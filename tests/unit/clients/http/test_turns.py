"""The pace at a server that says it is asked too often, by a clock that stands until it is moved."""

from __future__ import annotations

import pytest

from kubectl_lrs.clients.http import turns
from kubectl_lrs.clients.http.turns import FIRST, LONGEST, Turns


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(turns, "time", made)
    return made


@pytest.mark.usefixtures("clock")
def test_nobody_waits_at_a_server_that_refuses_nobody() -> None:
    ours = Turns()
    for _ in range(100):
        assert ours.take() == 0
        ours.answered()


@pytest.mark.usefixtures("clock")
def test_after_a_refusal_one_comes_after_the_other() -> None:
    ours = Turns()
    ours.refused(7)
    assert [ours.take() for _ in range(3)] == pytest.approx([7, 7 + FIRST, 7 + 2 * FIRST])


@pytest.mark.usefixtures("clock")
def test_who_was_refused_at_the_same_time_says_nothing_new() -> None:
    once, often = Turns(), Turns()
    once.refused(7)
    for _ in range(16):
        often.refused(7)
    assert [often.take() for _ in range(3)] == [once.take() for _ in range(3)]
    assert (once.refusals, often.refusals) == (1, 16)


def test_a_server_that_bore_many_goes_on_with_as_many(clock: Clock) -> None:
    ours = Turns()
    for _ in range(2000):
        ours.answered()
        clock.now += 1 / 100
    ours.refused(0)
    ours.take()
    assert ours.take() == pytest.approx(1 / 100, rel=0.1)


def test_the_pace_becomes_what_it_bears(clock: Clock) -> None:
    """A server that bears ten a second, asked without end: hardly any is refused, and none waits much longer than it must."""
    ours, room, refused, answered = Turns(), 10.0, 0, 0
    began = clock.now
    while answered < 1000:
        wait = ours.take()
        clock.now += wait + 0.001
        room = min(10.0, room + 10 * (wait + 0.001))
        if room < 1:
            refused += 1
            ours.refused(1)
            continue
        room -= 1
        answered += 1
        ours.answered()
    assert refused < 50
    assert answered / (clock.now - began) > 10 / 1.2


def test_it_never_stands_still(clock: Clock) -> None:
    ours = Turns()
    for _ in range(200):
        ours.refused(0)
        clock.now += 1
    ours.take()
    assert ours.take() <= LONGEST
