"""One object's failure says little: the server itself is asked, once, and only what it says opens the circuit."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import ApiError, CredentialsError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.runtime.retry import PATIENCE
from kubectl_lrs.stores.common.circuit_breaker import TRUSTED, CircuitBreaker, breaker_of
from tests.builders.fake_kube import FakeKube, not_found

AWAY = UnreachableError("away")


@pytest.mark.parametrize("error", [None, LrsError("invalid"), ApiError("no", status=422)])
def test_a_failure_that_is_the_objects_own_asks_nobody(error: LrsError | None) -> None:
    kube = FakeKube()
    breaker_of(kube).judge(error)  # type: ignore[arg-type]
    assert kube.asked == []


@pytest.mark.parametrize(
    ("answer", "lost"),
    [
        (AWAY, True),
        (CredentialsError("expired"), True),
        (ApiError("etcd", status=500), True),
        (ApiError("busy", status=503), True),
        (ApiError("teapot", status=418), False),
        (not_found(), False),
        (DeniedError("may not"), False),
        (None, False),
    ],
)
def test_whether_the_server_is_lost(answer: Exception | None, lost: bool) -> None:
    breaker = breaker_of(FakeKube([{"metadata": {"name": "kube-system"}}], [answer]))  # type: ignore[arg-type]
    breaker.judge(AWAY)
    assert bool(breaker.lost) is lost


def test_once_lost_nobody_is_asked_again() -> None:
    kube = FakeKube(answers=[AWAY])
    breaker = breaker_of(kube)  # type: ignore[arg-type]
    for _ in range(3):
        breaker.judge(AWAY)
    assert len(kube.asked) == 1
    assert breaker.lost == "away"


def test_a_failing_webhook_costs_one_question_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    kube = FakeKube([{"metadata": {"name": "kube-system"}}])
    breaker = breaker_of(kube)  # type: ignore[arg-type]
    for _ in range(50):
        breaker.judge(ApiError("the webhook", status=500))
    assert len(kube.asked) == 1, "and the first failure asks: thousands fail within seconds where the server is lost"
    now += TRUSTED + 1
    breaker.judge(ApiError("the webhook", status=500))
    assert len(kube.asked) == 2
    assert breaker.lost == ""


class _BusyError(UnreachableError):
    """An answer that it cannot answer."""


def test_what_any_server_says_of_itself_counts() -> None:
    said: list[LrsError | None] = [None, _BusyError("503")]
    asked: list[int] = []

    def ask() -> None:
        asked.append(1)
        if error := said[len(asked) - 1]:
            raise error

    breaker = CircuitBreaker(ask)
    for _ in range(5):
        breaker.judge(_BusyError("one thing"), is_answer=True)
    assert (len(asked), breaker.lost) == (1, "")
    breaker.judge(AWAY)
    assert (len(asked), breaker.lost) == (2, "503"), "where no answer came at all, it is asked at once"
    assert breaker.failure is said[1]


def test_a_server_that_is_well_and_does_nothing_is_given_up_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    breaker = CircuitBreaker(lambda: None)
    for _ in range(2):
        breaker.judge(ApiError("database space exceeded", status=500), "space/deployment")
        assert breaker.why_not("space/deployment") == ""
        now += PATIENCE / 2
    breaker.judge(ApiError("database space exceeded", status=500), "space/deployment")
    assert "nothing was done there for 30s" in breaker.why_not("space/deployment")
    assert breaker.why_not("another/deployment") == breaker.lost == ""
