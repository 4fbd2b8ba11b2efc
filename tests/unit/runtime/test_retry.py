"""The policy of trying again: how often, after which pause, and when it is given up. Nothing is timed: pauses are counted."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from kubectl_lrs.runtime import retry
from kubectl_lrs.runtime.cancel import Cancel, Deadline
from kubectl_lrs.runtime.retry import Outage, Policy, Settled, Tries, contend, insist, is_any


class Clock:
    """Time that passes only while something waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        monkeypatch.setattr(Cancel, "wait", self.wait)
        monkeypatch.setattr(retry.random, "uniform", lambda _low, high: high)

    def wait(self, cancel_or_seconds: object, seconds: float | None = None) -> bool:
        """As `Cancel.wait`, bound to this clock in place of a Cancel."""
        spent = float(seconds if seconds is not None else cancel_or_seconds)  # type: ignore[arg-type]
        self.waits.append(spent)
        self.now += spent
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def _all(tries: Tries, asked: float | None = None) -> int:
    """How many attempts there are of something that always fails."""
    count = 1
    while tries.again(asked=asked):
        count += 1
    return count


def test_pauses_double_up_to_the_longest(clock: Clock) -> None:
    assert _all(Tries(Policy(attempts=6, first=1, longest=5), Cancel())) == 6
    assert clock.waits == [1, 2, 4, 5, 5]


def test_jitter_is_between_half_and_all() -> None:
    assert all(0.5 <= Policy(first=1.0).pause(1) <= 1.0 for _ in range(200))
    assert len({Policy().pause(3) for _ in range(20)}) > 1


ASKED: dict[str, tuple[Policy, float, list[float]]] = {
    "as the server asks": (Policy(attempts=3), 7.0, [7.0, 7.0]),
    "at once": (Policy(attempts=3), 0.0, [0.0, 0.0]),
    "longer than we wait": (Policy(attempts=3, longest_asked=300), 301.0, []),
    "cut to the longest": (Policy(attempts=3, at_most_asked=30), 100.0, [30.0, 30.0]),
}


@pytest.mark.parametrize("what", ASKED)
def test_what_a_server_asks_for(clock: Clock, what: str) -> None:
    policy, asked, waits = ASKED[what]
    _all(Tries(policy, Cancel()), asked)
    assert clock.waits == waits


def test_a_deadline_is_never_slept_over(clock: Clock) -> None:
    cancel = Cancel()
    assert _all(Tries(Policy(attempts=99, first=1, longest=1), cancel, deadline=Deadline(5.5, cancel))) == 6
    assert clock.now == 1005.0


def test_fewer_attempts_for_one_that_never_answered(clock: Clock) -> None:
    tries = Tries(Policy(attempts=6), Cancel())
    assert [tries.again(at_most=3) for _ in range(3)] == [True, True, False]
    assert clock.waits


@pytest.mark.parametrize("when", ["before", "while it waits"])
def test_cancelled(when: str) -> None:
    cancel = Cancel()
    if when == "before":
        cancel.set()
    else:
        import threading

        threading.Timer(0.05, cancel.set).start()
    assert not Tries(Policy(first=600, longest=600), cancel).again()


def test_an_outage_is_shared_and_ends_all_within_its_patience(clock: Clock) -> None:
    """Twenty pieces of work, one after the other, against a server that gives 500 to everything."""
    outage, began = Outage(), clock.now
    for _ in range(20):
        tries = Tries(Policy(), Cancel(), outage=outage)
        while True:
            outage.failed()
            if not tries.again():
                break
    assert clock.now - began < retry.PATIENCE
    assert outage.left < 8.0


def test_without_the_notion_it_would_take_minutes(clock: Clock) -> None:
    began = clock.now
    for _ in range(20):
        _all(Tries(Policy(), Cancel()))
    assert clock.now - began > 100


def test_a_success_gives_the_patience_back(clock: Clock) -> None:
    outage = Outage()
    outage.failed()
    clock.now += 29
    assert 0 < outage.left <= 1
    outage.succeeded()
    assert outage.left == float("inf")
    clock.now += 29
    outage.failed()
    assert 0 < outage.left <= 1, "it counts from the last success"


def test_silence_is_no_outage(clock: Clock) -> None:
    """Nothing was asked for an hour: the first failure then has the whole patience."""
    outage = Outage()
    clock.now += 3600
    outage.failed()
    assert outage.left == retry.PATIENCE


def test_insist(clock: Clock) -> None:
    seen: list[int] = []

    def act(attempt: int) -> str:
        seen.append(attempt)
        if attempt < 3:
            raise KeyError(attempt)
        return "done"

    assert insist(act, policy=Policy(), cancel=Cancel(), may_pass=_is_key_error) == "done"
    assert seen == [1, 2, 3]
    assert len(clock.waits) == 2
    with pytest.raises(ValueError, match="another"):
        insist(_raiser(ValueError("another")), policy=Policy(), cancel=Cancel(), may_pass=_is_key_error)
    with pytest.raises(KeyError):
        insist(_raiser(KeyError("x")), policy=Policy(attempts=2), cancel=Cancel(), may_pass=_is_key_error)


def _is_key_error(error: Exception) -> bool:
    return isinstance(error, KeyError)


def _raiser(error: Exception):  # type: ignore[no-untyped-def]
    def act(_attempt: int) -> None:
        raise error

    return act


LATER = datetime.now(timezone.utc) + timedelta(hours=2)
AFTER: dict[str, float | None] = {
    "0": 0.0,
    " 12 ": 12.0,
    "": None,
    "-1": None,
    "1.5": None,
    "soon": None,
    "\u0661": None,  # a digit, and no number of HTTP's
    "Mon, 01 Jan 2001 00:00:00 GMT": 0.0,
}


@pytest.mark.parametrize("text", AFTER)
def test_retry_after(text: str) -> None:
    assert retry.retry_after(text) == AFTER[text]


def test_retry_after_a_date() -> None:
    assert retry.retry_after(None) is None
    found = retry.retry_after(format_datetime(LATER, usegmt=True))
    assert found is not None
    assert 3600 < found <= 7200


def test_what_a_failed_attempt_has_left_is_taken_back_before_the_next_and_not_after_the_last() -> None:
    done: list[object] = []

    def act(attempt: int) -> None:
        done.append(attempt)
        raise KeyError(attempt)

    with pytest.raises(KeyError):
        insist(
            act, policy=Policy(attempts=3, first=0), may_pass=is_any(KeyError), before_again=lambda _error: done.append("back")
        )
    assert done == [1, "back", 2, "back", 3]


def test_until_a_deadline_however_often(clock: Clock) -> None:
    cancel = Cancel()
    assert _all(Tries(Policy.every(2), cancel, deadline=Deadline(9000, cancel))) == 4500
    assert set(clock.waits) == {2}


# ---- others who write at the same time


class Busy(Exception):  # noqa: N818
    """Another was faster."""


class Thing:
    """One that others change: what the looks find, and what becomes of the writes, in order."""

    def __init__(self, looks: list[object], writes: list[object]) -> None:
        self.looks, self.writes = looks, writes
        self.did: list[str] = []

    def look(self, failed: Exception | None) -> object:
        """The next thing to find."""
        self.did.append(f"look after {type(failed).__name__}" if failed else "look")
        return self.looks.pop(0)

    def send(self, seen: object) -> object:
        """The next answer."""
        self.did.append(f"send {seen}")
        answer = self.writes.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def contended(self, attempts: int = 3) -> object:
        """All of it."""
        return contend(self.look, self.send, policy=Policy(attempts=attempts, first=0), may_pass=is_any(Busy))


def test_every_write_fits_to_a_look_of_its_own() -> None:
    thing = Thing(["a", "b", "c"], [Busy(), Busy(), "done"])
    assert thing.contended() == "done"
    assert thing.did == ["look", "send a", "look after Busy", "send b", "look after Busy", "send c"]


def test_a_look_may_settle_it_at_once_or_later() -> None:
    assert Thing([Settled("there")], []).contended() == "there"
    thing = Thing(["a", Settled(None)], [Busy()])
    assert thing.contended() is None
    assert thing.did == ["look", "send a", "look after Busy"]


def test_after_the_last_attempt_one_look_more_and_then_its_error() -> None:
    thing = Thing(["a", "b", "c"], [Busy(1), Busy(2)])
    with pytest.raises(Busy, match="2"):
        thing.contended(attempts=2)
    assert thing.did == ["look", "send a", "look after Busy", "send b", "look after Busy"]
    assert Thing(["a", Settled("it was done")], [Busy()]).contended(attempts=1) == "it was done"


def test_what_does_not_pass_is_raised_and_so_is_a_look_that_fails() -> None:
    thing = Thing(["a"], [ValueError("no")])
    with pytest.raises(ValueError, match="no"):
        thing.contended()
    assert thing.did == ["look", "send a"]

    def look(_failed: Exception | None) -> str:
        raise Busy

    with pytest.raises(Busy):
        contend(look, str, policy=Policy(first=0), may_pass=is_any(Busy))


def test_who_is_told_to_end_looks_and_writes_no_more() -> None:
    cancel = Cancel()
    cancel.set()
    thing = Thing(["a", "b"], [Busy()])
    with pytest.raises(Busy):
        contend(thing.look, thing.send, policy=Policy(first=0), may_pass=is_any(Busy), cancel=cancel)
    assert thing.did == ["look", "send a", "look after Busy"]
