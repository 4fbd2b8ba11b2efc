"""A server that answers and does nothing: given up when nothing was done for long, and never for what failed by itself."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import ApiError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.runtime.retry import PATIENCE
from kubectl_lrs.runtime.standstill import ENOUGH, GROUPS, Standstill

BROKEN = UnreachableError("HTTP 500", hint="later")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def _fail(standstill: Standstill, *groups: str, error: LrsError = BROKEN) -> None:
    for group in groups:
        standstill.judge(error, group)


@pytest.mark.parametrize("error", [BROKEN, ApiError("etcd", status=500), ApiError("busy", status=503)])
def test_a_group_is_given_up_when_nothing_was_done_for_long(clock: Clock, error: LrsError) -> None:
    standstill = Standstill()
    _fail(standstill, *["a"] * 100, error=error)
    assert standstill.failure("a") is None, "what fails at once may pass"
    clock.now += PATIENCE
    _fail(standstill, "a", error=error)
    failure = standstill.failure("a")
    assert isinstance(failure, UnreachableError)
    assert str(failure) == f"nothing was done there for 30s, and the rest is not tried: {error}"
    assert failure.hint == error.hint
    assert standstill.why("a") == str(failure)
    assert standstill.failure("b") is None, "another one is tried"


def test_few_failures_say_nothing_of_the_rest(clock: Clock) -> None:
    standstill = Standstill()
    _fail(standstill, *["a"] * (ENOUGH - 2))
    clock.now += 10 * PATIENCE
    _fail(standstill, "a")
    assert standstill.failure("a") is None
    _fail(standstill, "a")
    assert standstill.failure("a")


@pytest.mark.parametrize("done", [None, LrsError("invalid"), ApiError("no", status=422)], ids=["done", "its own", "refused"])
def test_what_is_done_for_one_makes_all_others_worth_trying(clock: Clock, done: LrsError | None) -> None:
    standstill = Standstill()
    _fail(standstill, *["a"] * ENOUGH)
    clock.now += PATIENCE
    standstill.judge(done, "b")
    _fail(standstill, *["a"] * ENOUGH)
    assert standstill.failure("a") is None
    clock.now += PATIENCE
    _fail(standstill, "a")
    assert standstill.failure("a")


def test_a_refusal_is_neither_done_nor_a_failure(clock: Clock) -> None:
    standstill = Standstill()
    _fail(standstill, *["a"] * ENOUGH)
    clock.now += PATIENCE
    standstill.judge(DeniedError("no"), "a")
    assert standstill.failure("a") is None
    _fail(standstill, "a")
    assert standstill.failure("a")


def test_where_several_groups_fail_no_other_is_tried(clock: Clock) -> None:
    standstill = Standstill()
    _fail(standstill, *map(str, range(GROUPS - 2)))
    clock.now += PATIENCE
    _fail(standstill, "another")
    assert standstill.failure("not tried yet") is None
    _fail(standstill, "one more")
    assert standstill.failure("not tried yet")


def test_a_server_that_hangs_is_given_up_by_when_it_was_asked(clock: Clock) -> None:
    standstill = Standstill()
    clock.now += 1000
    began, clock.now = clock.now, clock.now + 2 * PATIENCE
    for _ in range(ENOUGH):
        standstill.judge(BROKEN, "a", began=began)
    assert standstill.failure("a")
