"""How an object is, by its conditions; and waiting for it, as long as there is time."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes.client import FIELD_MANAGER
from kubectl_lrs.model.errors import ExpiredError
from kubectl_lrs.runtime.cancel import Cancel, Deadline
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.common import readiness
from kubectl_lrs.stores.common.readiness import UNKNOWN, Before, state, wait_ready, why_not_awaited, why_not_ready
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


# ---- what each status says, and what it cannot say of an object that was just written

READY: dict[str, Any] = {"type": "Ready", "status": "True"}
NOT_READY: dict[str, Any] = {"type": "Ready", "status": "False", "reason": "Starting"}
AVAILABLE: dict[str, Any] = {"type": "Available", "status": "True"}


def _object(status: Any, *, generation: int = 3, uid: str = "u", **metadata: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"metadata": {"name": "one", "uid": uid, "generation": generation, **metadata}}
    return made if status is None else {**made, "status": status}


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"conditions": [READY]}, ""),
        ({"conditions": [AVAILABLE]}, ""),
        ({"conditions": [AVAILABLE, READY]}, ""),
        ({"conditions": [READY, {"type": "Degraded", "status": "False"}]}, ""),
        ({"observedGeneration": 3, "conditions": [{**READY, "observedGeneration": 3}]}, ""),
        ({"conditions": [AVAILABLE, NOT_READY]}, "Ready=False (Starting)"),
        ({"conditions": [NOT_READY, AVAILABLE]}, "Ready=False (Starting)"),
        ({"conditions": [READY, {**AVAILABLE, "status": "False"}]}, "Available=False"),
        ({"conditions": [READY, {**READY, "status": "Unknown"}]}, "Ready=Unknown"),
        ({"conditions": [{**READY, "observedGeneration": 2}]}, "Ready=True, of an earlier generation"),
        ({"conditions": [{**READY, "observedGeneration": 2}, AVAILABLE]}, "Available=True, of an earlier generation"),
        ({"observedGeneration": 2, "conditions": [{**READY, "observedGeneration": 3}]}, "Ready=True, of an earlier generation"),
        ({"conditions": [{**READY, "status": True}]}, "Ready=True"),
        ({"conditions": [{"type": "Progressing", "status": "True"}]}, "Progressing=True"),
        ({"conditions": []}, "it has no conditions"),
        ({"conditions": {}}, "it has no conditions"),
        ("Running", "it has no conditions"),
        (None, "it has no conditions"),
    ],
)
def test_what_a_status_says(status: Any, why: str) -> None:
    assert why_not_ready(_object(status)) == why


def test_object_that_is_being_deleted_is_not_ready() -> None:
    assert why_not_ready(_object({"conditions": [READY]}, deletionTimestamp="now")) == "it is being deleted"


DOUBT = "Ready=True, as before it was written; nothing tells whether that is still so"


def test_condition_from_before_the_write_does_not_count() -> None:
    before = _object({"conditions": [READY]}, generation=2)
    written = Before.of(before, _object({"conditions": [READY]}))
    assert why_not_ready(_object({"conditions": [READY]}), written) == DOUBT


@pytest.mark.parametrize(
    "after",
    [
        {"conditions": [{**READY, "lastTransitionTime": "later"}]},
        {"conditions": [READY], "phase": "Running"},
        {"conditions": [{**READY, "observedGeneration": 3}]},
        {"conditions": [READY], "observedGeneration": 3},
    ],
    ids=["transition", "another field", "generation of the condition", "generation of the status"],
)
def test_status_that_was_written_since_counts(after: dict[str, Any]) -> None:
    written = Before.of(_object({"conditions": [READY]}, generation=2), _object({"conditions": [READY]}))
    assert why_not_ready(_object(after), written) == ""


def test_owner_of_the_fields_tells_who_has_spoken_since() -> None:
    """The same words again, by another manager than this program."""
    written = Before.of(_object({"conditions": [READY]}, generation=2), _object({"conditions": [READY]}))
    ours = [{"manager": FIELD_MANAGER, "fieldsV1": {"f:status": {"f:conditions": {}}}}]
    assert why_not_ready(_object({"conditions": [READY]}, managedFields=ours), written) == DOUBT
    theirs = [{"manager": "operator", "fieldsV1": {"f:status": {"f:conditions": {}}}}]
    assert why_not_ready(_object({"conditions": [READY]}, managedFields=theirs), written) == ""


def test_write_that_made_no_new_generation_leaves_the_conditions_true() -> None:
    """A label is no other spec: what was said of that spec still holds."""
    written = Before.of(_object({"conditions": [READY]}), _object({"conditions": [READY]}))
    assert why_not_ready(_object({"conditions": [READY]}), written) == ""


def test_whatever_is_said_of_an_object_that_was_created_is_new() -> None:
    written = Before.of(_object(None, generation=1), _object(None, generation=1))
    assert why_not_ready(_object({"conditions": [READY]}, generation=1), written) == ""


@pytest.mark.parametrize("status", [{"conditions": [READY], "observedGeneration": 3}, {"conditions": [READY]}])
def test_status_that_was_restored_never_answers_for_the_operator(status: dict[str, Any]) -> None:
    """Not even with a generation that fits: that was saved with it. Nor when another part of it changes."""
    written = Before.of(_object(None), _object(None)).with_status_of(_object(status))
    doubt = "Ready=True, its status is the one that was restored; nothing has spoken since"
    assert why_not_ready(_object(status), written) == doubt
    assert why_not_ready(_object({**status, "phase": "Pending"}), written) == doubt
    new = {**status, "conditions": [{**READY, "lastTransitionTime": "later"}]}
    assert why_not_ready(_object(new), written) == ""


def test_another_object_of_the_same_name_is_not_the_one_that_was_written() -> None:
    written = Before.of(_object(None), _object(None))
    assert (
        why_not_ready(_object({"conditions": [READY]}, uid="other"), written) == "Ready=True, another object has its name by now"
    )


def test_what_was_half_ready_before_is_not_waited_for() -> None:
    assert why_not_awaited({"conditions": [AVAILABLE, NOT_READY]}) == "were not ready"
    assert why_not_awaited({"conditions": [AVAILABLE, READY]}) == ""


def test_state_in_a_word() -> None:
    assert state(_object({"conditions": [AVAILABLE, NOT_READY]})) == "Ready=False (Starting)"
    assert state(_object({"conditions": [AVAILABLE, READY]})) == "Available"
