"""Why what was deleted is still there: looked up, never guessed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kubectl_lrs.model.errors import DeniedError
from kubectl_lrs.stores.common.operator import Operator, only_one
from kubectl_lrs.stores.spark import finalizers
from kubectl_lrs.stores.spark.finalizers import asleep, causes
from kubectl_lrs.stores.spark.sessions import Session


def _session(*held: str, name: str = "a") -> Session:
    return Session(
        namespace="n", name=name, uid=name, created="", age=timedelta(), state="Terminating", finalizers=held, is_going=True
    )


def _found(monkeypatch: pytest.MonkeyPatch, *operators: Operator, error: Exception | None = None) -> None:
    def find(*_: Any) -> list[Operator]:
        if error:
            raise error
        return list(operators)

    monkeypatch.setattr(finalizers, "find_operators", find)


def _said(*sessions: Session) -> str:
    return " | ".join(each.message for each in causes(None, sessions))  # type: ignore[arg-type]


AWAKE, PAUSED, SICK = Operator("n", "op", 1, 1), Operator("n", "op", 0, 0), Operator("n", "op", 2, 0)


@pytest.mark.parametrize(
    ("operators", "said"),
    [((AWAKE,), "is running"), ((PAUSED,), "0 replicas"), ((SICK,), "none of its 2 replicas"), ((), "no LRS operator")],
)
def test_what_the_operator_does(monkeypatch: pytest.MonkeyPatch, operators: tuple[Operator, ...], said: str) -> None:
    _found(monkeypatch, *operators)
    assert said in _said(_session("vendor/cleanup"))


def test_kubernetes_own_are_no_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    _found(monkeypatch, error=AssertionError("nobody is looked for"))
    assert "foreground deletion" in _said(_session("foregroundDeletion"))
    assert "n/a and 1 more" in _said(_session("orphan"), _session("orphan", name="b"))
    assert _said() == ""
    assert _said(_session()) == ""


def test_what_may_not_be_looked_up_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    _found(monkeypatch, error=DeniedError("may not"))
    assert "could not be looked up: may not" in _said(_session("vendor/cleanup"))


@pytest.mark.parametrize(
    ("operators", "warns"), [((AWAKE,), False), ((PAUSED,), True), ((SICK,), True), ((PAUSED, AWAKE), False), ((), False)]
)
def test_before_anything_is_deleted(monkeypatch: pytest.MonkeyPatch, operators: tuple[Operator, ...], warns: bool) -> None:
    _found(monkeypatch, *operators)
    assert bool(list(asleep(None, [_session("vendor/cleanup"), _session()]))) is warns  # type: ignore[arg-type]
    assert list(asleep(None, [_session("orphan")])) == []  # type: ignore[arg-type]


def test_one_operator_is_meant() -> None:
    assert only_one([AWAKE]) is AWAKE
    for several in ([], [AWAKE, PAUSED]):
        with pytest.raises(Exception, match="operator"):
            only_one(several)
