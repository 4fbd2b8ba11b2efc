"""Namespaces that LRS go to: there, going, missing, or not to be looked at."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes.answers import UnansweredError
from kubectl_lrs.model.errors import DeniedError, ExistsError
from kubectl_lrs.runtime.cancel import Deadline
from kubectl_lrs.stores.lrs.prepare import create_namespaces, differing, phase, unfit_namespaces
from tests.builders.fake_kube import FakeKube


class _Kube(FakeKube):
    def __init__(self, *found: dict[str, Any], answers: Any = (), made: Any = ()) -> None:
        super().__init__(found, answers)
        self.made: list[str] = []
        self._made = list(made)

    def create(self, _resource: Any, manifest: dict[str, Any]) -> dict[str, Any]:
        made = self._made.pop(0) if self._made else None
        if isinstance(made, Exception):
            raise made
        self.made.append(manifest["metadata"]["name"])
        return made or SERVED


SERVED = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "none", "uid": "u", "labels": {"kubernetes.io/metadata.name": "none"}},
    "spec": {"finalizers": ["kubernetes"]},
    "status": {"phase": "Active"},
}
LABELLED = {**SERVED, "metadata": {"name": "none", "labels": {"kubernetes.io/metadata.name": "none", "team": "x"}}}


def _namespace(name: str, phase_: str = "Active") -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"phase": phase_}}


def _kube(**settings: Any) -> Any:
    return _Kube(_namespace("there"), _namespace("going", "Terminating"), **settings)


def test_how_a_namespace_is() -> None:
    assert [phase(_kube(), name) for name in ("there", "going", "none")] == ["Active", "Terminating", "Missing"]
    assert phase(_kube(answers=[DeniedError("no")]), "there") == ""


def test_what_is_to_be_made_and_what_cannot_be_used() -> None:
    assert unfit_namespaces(_kube(), ["there", "going", "none"], create=True) == (("going", "none"), {})
    to_create, unusable = unfit_namespaces(_kube(), ["there", "going", "none"], create=False)
    assert to_create == ()
    assert unusable.keys() == {"going", "none"}
    assert "being deleted" in unusable["going"]
    assert "does not exist" in unusable["none"]
    assert unfit_namespaces(_kube(answers=[DeniedError("no")]), ["x"], create=False) == ((), {}), "not looked at is no error"


@pytest.mark.parametrize(
    ("made", "failed"), [(None, set()), (ExistsError("there", status=409), set()), (DeniedError("no"), {"none"})]
)
def test_making_them(made: Exception | None, failed: set[str]) -> None:
    kube, said = _kube(made=[made] if made else ()), []
    assert create_namespaces(kube, ["none"], Deadline(60, threading.Event()), said.append).keys() == failed
    assert kube.made == ([] if made else ["none"])
    assert said == []


@pytest.mark.parametrize(
    "answers", [[LABELLED], [UnansweredError("lost"), ExistsError("there", status=409)]], ids=["at once", "after no answer"]
)
def test_what_the_server_makes_of_one(answers: list[Any]) -> None:
    """Where no answer came, what is there then is the answer."""
    said: list[str] = []
    kube = _Kube(LABELLED, made=answers)
    kube.objects = {("", "none"): LABELLED} if len(answers) > 1 else {}
    assert create_namespaces(kube, ["none"], Deadline(60, threading.Event()), said.append) == {}  # type: ignore[arg-type]
    assert said == ["Namespace none: altered by the server: added metadata.labels.team"]


def test_one_that_another_made_is_theirs() -> None:
    said: list[str] = []
    kube = _kube(made=[ExistsError("there", status=409)])
    assert create_namespaces(kube, ["none"], Deadline(60, threading.Event()), said.append) == {}
    assert said == []


def test_what_the_server_makes_of_a_crd() -> None:
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "lrs.x"},
        "spec": {"names": {"kind": "LRS", "plural": "lrs"}, "versions": [{"name": "v1", "served": True}]},
    }
    names = {"kind": "LRS", "plural": "lrs", "singular": "lrs", "listKind": "LRSList"}
    made: dict[str, Any] = {**crd, "spec": {**crd["spec"], "names": names, "conversion": {"strategy": "None"}}}  # type: ignore[dict-item]
    assert differing(crd, made) == ""
    made["spec"] = {**made["spec"], "versions": [{"name": "v1", "served": False}]}
    assert differing(crd, made) == "altered by the server: changed spec.versions[0].served"


def test_one_that_does_not_go_in_time() -> None:
    found = create_namespaces(_kube(), ["going"], Deadline(0, threading.Event()), list[str]().append)
    assert "still being deleted after 0s" in found["going"]
