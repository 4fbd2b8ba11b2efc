"""Namespaces that LRS go to: there, going, missing, or not to be looked at."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from kubectl_lrs.model.errors import ConflictError, DeniedError
from kubectl_lrs.runtime.cancel import Deadline
from kubectl_lrs.stores.lrs.prepare import create_namespaces, phase, unfit_namespaces
from tests.builders.fake_kube import FakeKube


class _Kube(FakeKube):
    def __init__(self, *found: dict[str, Any], answers: Any = (), made: Exception | None = None) -> None:
        super().__init__(found, answers)
        self.made: list[str] = []
        self._made = made

    def create_object(self, _resource: Any, manifest: dict[str, Any]) -> None:
        if self._made:
            raise self._made
        self.made.append(manifest["metadata"]["name"])


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
    ("made", "failed"), [(None, set()), (ConflictError("there", status=409), set()), (DeniedError("no"), {"none"})]
)
def test_making_them(made: Exception | None, failed: set[str]) -> None:
    kube = _kube(made=made)
    assert create_namespaces(kube, ["none"], Deadline(60, threading.Event())).keys() == failed
    assert kube.made == ([] if made else ["none"])


def test_one_that_does_not_go_in_time() -> None:
    found = create_namespaces(_kube(), ["going"], Deadline(0, threading.Event()))
    assert "still being deleted after 0s" in found["going"]
