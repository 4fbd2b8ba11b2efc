"""What a server answered, held against what it was sent."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubectl_lrs.model.diff import changes
from kubectl_lrs.model.schema import with_defaults
from kubectl_lrs.stores.lrs.evidence import SHOWN, alterations, altered, patched, status_alterations

SENT: dict[str, Any] = {
    "apiVersion": "lrs.datarobot.com/v1",
    "kind": "LRS",
    "metadata": {
        "name": "one",
        "namespace": "datarobot",
        "labels": {"a": "b"},
        "annotations": {"example.com/x": "y"},
        "finalizers": ["example.com/hold"],
        "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "u", "controller": None}],
    },
    "spec": {"image": "x", "note": None, "size": 1.0, "args": ["a", "b"], "deep": {"list": [{"name": "n", "value": 1}]}},
}
SERVER: dict[str, Any] = {"uid": "1", "resourceVersion": "7", "generation": 1, "creationTimestamp": "now", "managedFields": []}


def _answer(change: Any = None) -> dict[str, Any]:
    answer = copy.deepcopy(SENT)
    answer["metadata"] |= SERVER
    del answer["metadata"]["ownerReferences"][0]["controller"]
    answer["spec"]["size"] = 1
    answer["status"] = {"phase": "New"}
    if change:
        change(answer)
    return answer


def _said(answer: dict[str, Any]) -> str:
    return altered(alterations(SENT, answer, lambda manifest: manifest))


def test_what_the_server_sets_itself_is_no_alteration() -> None:
    """Nor is a status, 1.0 that comes back as 1, or a null where the server's own fields have no value."""
    assert alterations(SENT, _answer(), lambda manifest: manifest) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a["spec"].pop("note"), "removed spec.note"),
        (lambda a: a["spec"].update(image="y"), "changed spec.image"),
        (lambda a: a["spec"].update(extra=1), "added spec.extra"),
        (lambda a: a["spec"]["deep"]["list"][0].pop("value"), "removed spec.deep.list[0].value"),
        (lambda a: a["spec"]["args"].append("c"), "changed spec.args"),
        (lambda a: a["spec"].update(size=True), "changed spec.size"),
        (lambda a: a["metadata"]["labels"].clear(), "removed metadata.labels"),
        (lambda a: a["metadata"]["labels"].update(team="red"), "added metadata.labels.team"),
        (lambda a: a["metadata"].pop("annotations"), "removed metadata.annotations"),
        (lambda a: a["metadata"].pop("finalizers"), "removed metadata.finalizers"),
        (lambda a: a["metadata"]["finalizers"].append("x.io/y"), "changed metadata.finalizers"),
        (lambda a: a["metadata"].pop("ownerReferences"), "removed metadata.ownerReferences"),
        (
            lambda a: a["metadata"]["ownerReferences"][0].update(blockOwnerDeletion=True),
            "added metadata.ownerReferences[0].blockOwnerDeletion",
        ),
        (lambda a: a["metadata"].update(namespace="elsewhere"), "changed metadata.namespace"),
        (lambda a: a.update(kind="Other"), "changed kind"),
    ],
)
def test_whatever_else_differs_is_named(change: Any, said: str) -> None:
    assert _said(_answer(change)) == f"altered by the server: {said}"


def test_defaults_of_the_schema_are_no_alteration_and_what_is_added_beside_them_is() -> None:
    schema = {"properties": {"spec": {"properties": {"tier": {"type": "string", "default": "gold"}}}}}

    def normalise(manifest: dict[str, Any]) -> dict[str, Any]:
        return dict(with_defaults(manifest, schema))

    assert alterations(SENT, _answer(lambda a: a["spec"].update(tier="gold")), normalise) == []
    other = alterations(SENT, _answer(lambda a: a["spec"].update(tier="gold", more=1)), normalise)
    assert altered(other) == "altered by the server: added spec.more"
    assert altered(alterations(SENT, _answer(), normalise)) == "altered by the server: removed spec.tier"


def test_long_lists_of_fields_are_capped() -> None:
    answer = _answer(lambda a: a["spec"].update({f"x{number:02}": number for number in range(SHOWN + 5)}))
    said = _said(answer)
    assert said.endswith(" and 5 more")
    assert said.count("added") == SHOWN
    assert len(_said(_answer(lambda a: a["spec"].update({"k" * 5000: 1})))) < 300


def test_large_numbers_that_lose_digits_are_an_alteration() -> None:
    sent = {"metadata": {}, "spec": {"n": 2**70 + 1, "m": 2**70}}
    answer = {"metadata": {}, "spec": {"n": float(2**70 + 1), "m": float(2**70)}}
    assert altered(alterations(sent, answer, lambda manifest: manifest)) == "altered by the server: changed spec.n"


def test_status_is_held_against_what_was_set() -> None:
    answer = {"metadata": {}, "status": {"phase": "Running"}}
    assert status_alterations({"phase": "Running"}, answer, lambda manifest: manifest) == []
    found = status_alterations({"phase": "Running", "extra": 1}, answer, lambda manifest: manifest)
    assert [change.field for change in found] == ["status.extra"]
    found = status_alterations({"phase": "Running"}, {"metadata": {}}, lambda manifest: manifest)
    assert [change.field for change in found] == ["status"]


def test_patch_that_is_expected_is_what_the_plan_changes_and_the_live_object_is_left_alone() -> None:
    live = {"metadata": {"labels": {"a": "b"}}, "spec": {"args": ["x", "y"], "only": 1, "image": "old"}}
    before = copy.deepcopy(live)
    wanted = {"metadata": {"labels": {"a": "c"}}, "spec": {"args": ["x", "z"], "image": "new", "added": {"deep": [1]}}}
    assert patched(live, changes(live, wanted)) == {
        "metadata": {"labels": {"a": "c"}},
        "spec": {"args": ["x", "z"], "only": 1, "image": "new", "added": {"deep": [1]}},
    }
    assert live == before
