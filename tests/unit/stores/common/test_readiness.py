"""How an object is, by its conditions; and waiting for it, as long as there is time."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.model.errors import ExpiredError
from kubectl_lrs.runtime.cancel import Cancel, Deadline
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.common import readiness
from kubectl_lrs.stores.common.readiness import UNKNOWN, state, wait_ready, why_not_awaited
from tests.builders.fake_kube import LRS, FakeKube

TRUE = {"type": "Ready", "status": "True"}
FALSE = {"type": "Ready", "status": "False", "reason": "Pulling", "message": "wait"}


def _lrs(status: Any = None, **metadata: Any) -> dict[str, Any]:
    made = {"metadata": {"namespace": "n", "name": "a", "generation": 2, **metadata}}
    return made if status is None else {**made, "status": status}


@pytest.mark.parametrize(
    ("manifest", "wanted"),
    [
        (_lrs(), UNKNOWN),
        (_lrs("word"), UNKNOWN),
        (_lrs({}), UNKNOWN),
        (_lrs({"conditions": "none"}), UNKNOWN),
        (_lrs({"phase": "Running"}), "Running"),
        (_lrs({"phase": 1, "state": "Up"}), "Up"),
        (_lrs({"conditions": [FALSE, {"type": "Available", "status": "True"}]}), "Ready=False (Pulling)"),
        (_lrs({"conditions": [FALSE]}), "Ready=False (Pulling)"),
        (_lrs({"conditions": [TRUE]}, deletionTimestamp="now"), "Terminating"),
    ],
)
def test_in_a_few_words(manifest: dict[str, Any], wanted: str) -> None:
    assert state(manifest) == wanted


@pytest.mark.parametrize(
    ("status", "awaited"),
    [(None, True), ({}, True), ({"conditions": [TRUE]}, True), ({"conditions": [FALSE]}, False), ({"phase": "x"}, False)],
)
def test_what_was_not_ready_before_need_not_become_so(status: Any, awaited: bool) -> None:
    assert (why_not_awaited(status) == "") is awaited


def _waited(*objects: dict[str, Any], answers: Any = (), seconds: float = 0.0) -> dict[readiness.Key, str]:
    kube = FakeKube(objects, answers)
    return wait_ready(kube, LRS, {("n", "a"): None}, Deadline(seconds, Cancel()), Silent())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        ([], "it is not there"),
        ([_lrs()], "it has no conditions"),
        ([_lrs({"conditions": [FALSE]})], "Ready=False (Pulling wait)"),
        ([_lrs({"conditions": [TRUE], "observedGeneration": 1})], "Ready=True, of an earlier generation"),
        ([_lrs({"conditions": [TRUE]}, name="another")], "it is not there"),
    ],
)
def test_what_is_not_ready_in_time_says_why(objects: list[dict[str, Any]], why: str) -> None:
    assert _waited(*objects) == {("n", "a"): why}


def test_what_is_ready_is_not_waited_for() -> None:
    assert _waited(_lrs({"conditions": [TRUE], "observedGeneration": 2})) == {}
    assert _waited(_lrs({"conditions": [TRUE]})) == {}


def test_a_look_that_the_server_gave_up_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "FIRST_LOOK", 0.0)
    expired = ExpiredError("too old", status=410)
    assert _waited(_lrs({"conditions": [TRUE]}), answers=[expired, expired], seconds=60) == {}
