"""One object's failure says little: the server itself is asked, once, and only what it says opens the circuit."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import ApiError, CredentialsError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.stores.common.circuit_breaker import CircuitBreaker
from tests.builders.fake_kube import FakeKube, not_found

AWAY = UnreachableError("away")


@pytest.mark.parametrize("error", [None, LrsError("invalid"), ApiError("no", status=422)])
def test_a_failure_that_is_the_objects_own_asks_nobody(error: LrsError | None) -> None:
    kube = FakeKube()
    CircuitBreaker(kube).judge(error)  # type: ignore[arg-type]
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
    breaker = CircuitBreaker(FakeKube([{"metadata": {"name": "kube-system"}}], [answer]))  # type: ignore[arg-type]
    breaker.judge(AWAY)
    assert bool(breaker.lost) is lost


def test_once_lost_nobody_is_asked_again() -> None:
    kube = FakeKube(answers=[AWAY])
    breaker = CircuitBreaker(kube)  # type: ignore[arg-type]
    for _ in range(3):
        breaker.judge(AWAY)
    assert len(kube.asked) == 1
    assert breaker.lost == "away"
