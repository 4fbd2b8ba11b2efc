"""A real API server answers the creation of what it has once written with the same text: so that only metadata are read."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes import echo
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags, load
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.manifest import sanitise
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import Crd

TEXTS = {"COMMAND": "a && b > c < d", "TEXT": 'é "quoted" \\ \n \t', "EMPTY": ""}


def test_what_was_saved_comes_back_as_it_is_sent(
    plane: ControlPlane, crd: Crd, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    echoed = echo.Sent.echoed

    def noted(sent: echo.Sent, data: bytes) -> dict[str, Any] | None:
        found = echoed(sent, data)
        seen.append(found is not None)
        return found

    monkeypatch.setattr(echo.Sent, "echoed", noted)
    kube = KubeClient(load(KubeFlags(kubeconfig=str(plane.kubeconfig)), {}))
    group, _, version = crd.api_version.partition("/")
    resource = Resource(group=group, version=version, plural="lrs", kind=crd.kind)
    first = samples.samples(crd.api_version, crd.kind, namespace)
    for sample in first:
        sample["spec"]["env"] = {**(sample["spec"].get("env") or {}), **TEXTS}
    loader.create_many(plane, first)
    saved = [sanitise(each) for each in loader.live(plane, crd.api_version, namespace)]
    answers = [kube.create(resource, _renamed(each), namespace) for each in saved]
    live = {each["metadata"]["name"]: each for each in loader.live(plane, crd.api_version, namespace)}
    assert answers == [live[f"{each['metadata']['name']}-again"] for each in saved]
    assert seen == [True] * len(saved), "what is quick is not taken, and nobody would know"


def _renamed(manifest: dict[str, Any]) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], "name": f"{manifest['metadata']['name']}-again"}}
