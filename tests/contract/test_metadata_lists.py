"""Lists of metadata by the real API server: in Protobuf they say what they say in JSON, whatever stands in them."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes import client
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags, load
from kubectl_lrs.clients.kubernetes.resources import NAMESPACES
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.stores.lrs.changes import Born
from kubectl_lrs.stores.lrs.connect import served
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import Crd

JSON_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
LEFT_OUT = {"ownerReferences", "selfLink", "deletionGracePeriodSeconds"}
HOSTILE = (
    "",
    '"},{"metadata":{"name":"planted","uid":"planted"}}',
    '\\"uid\\":\\"planted',
    "\x00\x01\x1f\x7f",
    "\x0a\x0b\x12\x07planted",
    "k8s\x00",
    "ä😀\u2028\ufffd",
    "x" * 300,
    "y" * 20_000,
)


@pytest.fixture
def kube(plane: ControlPlane) -> KubeClient:
    """As administrator."""
    return KubeClient(load(KubeFlags(kubeconfig=str(plane.kubeconfig)), {}))


def _lrs(crd: Crd, namespace: str, number: int, **metadata: Any) -> Manifest:
    made = samples.filler(number, crd.api_version, crd.kind, namespace)
    return made | {"metadata": {"name": f"lrs-{number}", "namespace": namespace, **metadata}}


def _fill(plane: ControlPlane, crd: Crd, namespace: str) -> None:
    """One that is being deleted among them, one that the server has named, and one that another owns."""
    objects = [_lrs(crd, namespace, number, annotations={"text": text, "a/b": ""}) for number, text in enumerate(HOSTILE)]
    labels = {"datarobot-lrs-type": "custom_app", "empty": ""}
    objects += [
        _lrs(crd, namespace, 90),
        _lrs(crd, namespace, 91, labels=labels, finalizers=["example.com/a", "example.com/b"]),
        _lrs(crd, namespace, 92, finalizers=["example.com/held"]),
        _lrs(crd, namespace, 93) | {"metadata": {"generateName": "made-", "namespace": namespace}},
    ]
    made = [_create(plane, crd, namespace, each) for each in objects]
    owner = {"apiVersion": crd.api_version, "kind": crd.kind, **{key: made[0]["metadata"][key] for key in ("name", "uid")}}
    _create(plane, crd, namespace, _lrs(crd, namespace, 94, ownerReferences=[owner]))
    assert plane.api("DELETE", f"{loader.objects_path(crd.api_version, namespace)}/lrs-92")[0] == 200


def _create(plane: ControlPlane, crd: Crd, namespace: str, manifest: Manifest) -> Manifest:
    status, answer = plane.api("POST", loader.objects_path(crd.api_version, namespace), manifest)
    assert status == 201, answer
    return dict(answer)


def _listed(kube: KubeClient, namespace: str | None) -> list[Manifest]:
    pages = kube.pages(served(kube, ""), namespace, metadata_only=True)
    return [manifest for page in pages for _, manifest in page.items]


def _brief(metadata: dict[str, Any]) -> dict[str, Any]:
    """What is taken in of it."""
    managers = [{"manager": each["manager"]} for each in metadata["managedFields"]]
    return {k: v for k, v in metadata.items() if k not in LEFT_OUT} | {"managedFields": managers}


def test_what_protobuf_says_is_what_json_says(
    plane: ControlPlane, crd: Crd, namespace: str, kube: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(plane, crd, namespace)
    monkeypatch.setattr(client, "FIRST_PAGE", 3)
    monkeypatch.setattr(client, "FULL_METADATA", 4)
    found = _listed(kube, namespace)
    whole = {each["metadata"]["uid"]: each["metadata"] for each in loader.live(plane, crd.api_version, namespace)}
    assert len(found) == len(whole) == len(HOSTILE) + 5
    for each in found:
        assert each == {"metadata": _brief(whole[each["metadata"]["uid"]])}
    assert sum(Born.of(each).is_going for each in found) == 1
    monkeypatch.setattr(client, "METADATA_ONLY", JSON_ONLY)
    assert [*map(Born.of, _listed(kube, namespace))] == [*map(Born.of, found)], "a server without Protobuf"


def test_it_is_asked_for_in_protobuf(crd: Crd, namespace: str, kube: KubeClient, plane: ControlPlane) -> None:
    """Else the test above would compare JSON with itself."""
    _fill(plane, crd, namespace)
    (page,) = kube.pages(served(kube, ""), namespace, metadata_only=True)
    assert {text for text, _ in page.items} == {""}
    assert page.resource_version


def test_an_empty_list(kube: KubeClient, namespace: str, crd: Crd) -> None:
    (page,) = kube.pages(served(kube, ""), namespace, metadata_only=True)
    assert page.items == []
    assert int(page.resource_version) > 0


def test_objects_of_kubernetes_itself(kube: KubeClient) -> None:
    """Kept in Protobuf by the server, and with a kind of their own."""
    names = {each["metadata"]["name"] for each in kube.items(NAMESPACES)}
    listed = {each["metadata"]["name"] for page in kube.pages(NAMESPACES, metadata_only=True) for _, each in page.items}
    assert listed == names >= {"kube-system"}
