"""What is looked at before the first write: rights by the server's own word, and only those that the steps need."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.model.errors import ApiError, DeniedError
from kubectl_lrs.model.plan import Action, Severity
from kubectl_lrs.stores.lrs.decide import LrsStep
from kubectl_lrs.stores.lrs.preflight import Right, missing_rights, rights_of


def _step(action: Action, namespace: str = "n") -> LrsStep:
    return LrsStep(namespace=namespace, name="a", action=action)


def _verbs(*steps: LrsStep, status: str = "") -> set[str]:
    return {f"{each.verb} {each.resource} {each.namespace}" for each in rights_of(steps, status=status)}


@pytest.mark.parametrize(
    ("action", "verbs"),
    [
        (Action.CREATE, {"create", "get", "list"}),
        (Action.UPDATE, {"patch", "get", "list"}),
        (Action.REPLACE, {"update", "get", "list"}),
        (Action.RECREATE, {"delete", "create", "get", "list"}),
        (Action.UNCHANGED, set()),
        (Action.CONFLICT, set()),
        (Action.SKIP, set()),
    ],
)
def test_the_rights_that_a_step_needs(action: Action, verbs: set[str]) -> None:
    assert _verbs(_step(action)) == {f"{verb} lrs n" for verb in verbs}
    with_status = _verbs(_step(action), status="lrs/status")
    assert ("patch lrs/status n" in with_status) is bool(verbs)


def test_each_right_once() -> None:
    assert len(list(rights_of([_step(Action.CREATE)] * 9 + [_step(Action.CREATE, "m")], status=""))) == 6


class _Kube:
    """Who may do what: (verb, namespace); an empty namespace is everywhere."""

    def __init__(self, *allowed: tuple[str, str], error: Exception | None = None) -> None:
        self.asked: list[tuple[str, str]] = []
        self._allowed, self._error = allowed, error

    def can_i(self, verb: str, _plural: str, *, namespace: str = "", **_: Any) -> bool:
        self.asked.append((verb, namespace))
        if self._error:
            raise self._error
        return (verb, namespace) in self._allowed


NEEDED = [Right("create", "lrs", "n", "g"), Right("create", "lrs", "m", "g"), Right("get", "lrs", "n", "g")]


@pytest.mark.parametrize(
    ("allowed", "missing"),
    [
        ([("create", ""), ("get", "")], []),
        ([("create", "n"), ("create", "m"), ("get", "n")], []),
        ([("create", "n"), ("get", "")], ["you may not create lrs.g in namespace m"]),
        ([], ["create lrs.g in namespace n", "create lrs.g in namespace m", "get lrs.g in namespace n"]),
    ],
)
def test_what_the_user_has_not(allowed: list[tuple[str, str]], missing: list[str]) -> None:
    found = list(missing_rights(_Kube(*allowed), NEEDED))  # type: ignore[arg-type]
    assert len(found) == len(missing)
    for finding, words in zip(found, missing, strict=True):
        assert words in finding.message
        assert finding.severity is Severity.ERROR


def test_a_right_on_everything_is_asked_for_once() -> None:
    kube = _Kube(("create", ""), ("get", ""))
    list(missing_rights(kube, NEEDED))  # type: ignore[arg-type]
    assert kube.asked == [("create", ""), ("get", "")]


@pytest.mark.parametrize("error", [ApiError("x", status=404), DeniedError("no")])
def test_a_server_that_does_not_tell_is_said(error: Exception) -> None:
    (found,) = missing_rights(_Kube(error=error), NEEDED)  # type: ignore[arg-type]
    assert found.severity is Severity.NOTE


def test_a_right_in_words() -> None:
    assert str(Right("patch", "lrs/status", "n", "g")) == "patch lrs.g/status in namespace n"
    assert str(Right("get", "namespaces")) == "get namespaces"
