"""LRS that are made, changed and deleted on a real API server while the other stores of a backup are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags, load
from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.meanwhile import Meanwhile, What
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.render.backup import remarks
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Progress, Silent
from kubectl_lrs.stores.base import Facts
from kubectl_lrs.stores.lrs.collect import LrsCollector
from kubectl_lrs.stores.lrs.connect import served
from kubectl_lrs.stores.lrs.saved import BackupSource, index
from kubectl_lrs.usecases.backup import back_up
from kubectl_lrs.usecases.making import Destination
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import Cli, Crd

MERGE_PATCH = "application/merge-patch+json"


class Slow:
    """A store that is read while something happens."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self._happens = happens

    def collect(self, writer: FolderWriter, _progress: Progress) -> Facts:
        self._happens()
        writer.write(f"slow/{id(self)}", b"1")
        return {"files": 1, "images": 1, "collections": ["one"], "documents": 1}


class Place:
    """Five LRS in a namespace, and what can be done with them."""

    def __init__(self, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
        self.plane, self.namespace, self.cli = plane, namespace, cli
        self.kube = KubeClient(load(KubeFlags(kubeconfig=str(plane.kubeconfig)), {}))
        self.resource = served(self.kube, "")
        self.base = loader.objects_path(crd.api_version, namespace)
        self.samples = samples.samples(crd.api_version, crd.kind, namespace)
        loader.create_many(plane, self.samples[4:9])
        self.names = [each["metadata"]["name"] for each in self.samples[4:9]]

    def make(self, number: int) -> None:
        assert self.plane.api("POST", self.base, self.samples[number])[0] == 201

    def patch(self, number: int, patch: dict[str, Any]) -> None:
        path = f"{self.base}/{self.samples[number]['metadata']['name']}"
        assert self.plane.api("PATCH", path, patch, content_type=MERGE_PATCH)[0] == 200

    def delete(self, number: int) -> None:
        assert self.plane.api("DELETE", f"{self.base}/{self.samples[number]['metadata']['name']}")[0] == 200

    def name(self, number: int) -> str:
        return str(self.samples[number]["metadata"]["name"])

    def back_up(self, selection: Selection | None = None, **stores: Callable[[], None]) -> tuple[str, Catalog]:
        """One backup, with these stores after the LRS."""
        selection = selection or Selection(namespace=self.namespace)
        return back_up(
            {"resources": LrsCollector(self.kube, self.resource, selection)}
            | {name: Slow(happens) for name, happens in stores.items()},
            destination=Destination(repository=PlainRepository(self.cli.directory), name="saved"),
            cluster=self.kube.identity(),
            selection=selection,
            profile="lrs",
            levels=dict.fromkeys(stores, "copy"),
            progress=Silent(),
        )


@pytest.fixture
def place(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> Place:
    return Place(plane, crd, namespace, cli)


def _changes(catalog: Catalog) -> dict[str, str]:
    assert isinstance(catalog.meanwhile, Meanwhile)
    return {each.name: str(each.what) for each in catalog.meanwhile.changes}


def _nothing() -> None:
    """A store that is read at once."""


def _everything(place: Place) -> None:
    place.make(9)
    place.patch(4, {"spec": {"replicas": 7}})
    place.delete(5)
    place.delete(6)
    place.make(6)
    place.patch(7, {"metadata": {"labels": {"team": "blue"}}})


def test_what_happens_while_documents_are_read(place: Place, plane: ControlPlane) -> None:
    """What was made is in the backup, whole and as the server has it; the rest is named."""
    location, catalog = place.back_up(mongo=lambda: _everything(place))
    assert _changes(catalog) == {
        place.name(9): What.TAKEN_IN,
        place.name(4): What.CHANGED,
        place.name(5): What.DELETED,
        place.name(6): What.REMADE,
    }
    assert catalog.meanwhile is not None
    assert catalog.meanwhile.touched == 1, "a label is metadata"
    assert (catalog.state, catalog.objects) == ("whole", 6)
    folder = SealedFolder.open(Path(location))
    assert list(folder.damages()) == []
    read = {each.name: each for each in BackupSource(folder)}
    assert sorted(read) == sorted([*place.names, place.name(9)])
    status, live = plane.api("GET", f"{place.base}/{place.name(9)}")
    assert status == 200
    assert read[place.name(9)].manifest["spec"] == live["spec"]
    assert [each["name"] for each in index(folder)][-1] == place.name(9)


def test_what_happens_while_files_are_read_is_named(place: Place) -> None:
    """No document of the backup can speak of it: the backup is whole, as of the instant of its documents."""
    _, catalog = place.back_up(mongo=_nothing, files=lambda: _everything(place))
    assert _changes(catalog)[place.name(9)] == What.MADE
    assert (catalog.state, catalog.objects) == ("whole", 5)
    said = "\n".join(remarks(catalog))
    assert f"note: {place.namespace}/{place.name(9)} was made meanwhile, and is not in the backup" in said
    assert f"{place.name(5)} was deleted meanwhile" in said


def test_both_looks_are_told_of(place: Place) -> None:
    """What was taken in at the first may change before the second."""
    _, catalog = place.back_up(mongo=lambda: place.make(9), images=lambda: place.make(10), files=lambda: place.delete(9))
    assert _changes(catalog) == {place.name(9): What.DELETED, place.name(10): What.MADE}
    assert catalog.objects == 6


def test_nothing_happens(place: Place) -> None:
    _, catalog = place.back_up(mongo=_nothing, files=_nothing)
    assert _changes(catalog) == {}
    assert not [line for line in remarks(catalog) if "meanwhile" in line]


def test_no_other_store_no_look(place: Place) -> None:
    _, catalog = place.back_up()
    assert catalog.meanwhile is None
    assert "meanwhile" not in catalog.tiers["resources"]


def test_labels_and_several_namespaces(place: Place, plane: ControlPlane, crd: Crd) -> None:
    """What is not selected does not count; what no longer fits is not called deleted."""
    other = f"{place.namespace}-b"
    loader.create_namespace(plane, other)
    there = samples.samples(crd.api_version, crd.kind, other)
    for number in (4, 5):
        place.patch(number, {"metadata": {"labels": {"wave": "one"}}})
    there[4]["metadata"]["labels"]["wave"] = "one"

    def happens() -> None:
        assert plane.api("POST", loader.objects_path(crd.api_version, other), there[4])[0] == 201
        place.make(9)  # without the label
        place.delete(6)  # likewise
        place.patch(4, {"metadata": {"labels": {"wave": "two"}}})

    _, catalog = place.back_up(Selection(selector="wave=one"), mongo=happens)
    assert catalog.meanwhile is not None
    assert {(each.namespace, each.name, each.what) for each in catalog.meanwhile.changes} == {
        (other, there[4]["metadata"]["name"], "taken in"),
        (place.namespace, place.name(4), "no longer selected"),
    }
    assert catalog.tiers["resources"]["namespaces"] == {place.namespace: 2, other: 1}
    loader.delete_namespace(plane, other, wait=False)


def test_a_server_that_does_not_answer_the_look(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be told whether the parts fit: partial, with the reason."""
    real = place.kube._sender._once

    def once(method: str, target: str, body: bytes | None, content_type: str, accept: str) -> Any:
        answer = real(method, target, body, content_type, accept)
        if accept:
            answer = type(answer)(403, "Forbidden", answer.headers, b'{"message": "taken away", "reason": "Forbidden"}')
        return answer

    monkeypatch.setattr(place.kube._sender, "_once", once)
    location, catalog = place.back_up(mongo=lambda: place.make(9))
    assert catalog.state == "partial"
    (missing,) = catalog.missing
    assert (missing.store, missing.kind) == ("resources", "look")
    assert "is not known: taken away" in missing.reason
    assert catalog.objects == 5
    assert "partial" in place.cli.run("verify", Path(location).name).stdout


def test_shown(place: Place) -> None:
    location, _ = place.back_up(mongo=lambda: _everything(place))
    assert "was changed meanwhile; the backup has it as it was listed" in place.cli.ok("show", Path(location).name)
    said = place.cli.ok("verify", Path(location).name)
    assert "LRS were: 1 changed, 1 deleted, 1 made anew, 1 taken in" in said
    shown = json.loads(place.cli.ok("verify", Path(location).name, "-o", "json"))
    assert {each["what"] for each in shown["meanwhile"]["lrs"]} == {"changed", "deleted", "made anew", "taken in"}


def test_the_look_asks_for_metadata_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One LIST of metadata, and no GET of what was there all the time."""
    asked: list[tuple[str, str]] = []
    lists: list[bytes] = []
    real = place.kube._sender._once

    def once(method: str, target: str, body: bytes | None, content_type: str, accept: str) -> Any:
        answer = real(method, target, body, content_type, accept)
        if accept:
            lists.append(answer.data)
        if target.startswith(place.base):
            asked.append((method, dict(parse_qsl(urlsplit(target).query)).get("fieldSelector", "")))
        return answer

    monkeypatch.setattr(place.kube._sender, "_once", once)
    place.back_up(mongo=lambda: place.make(9))
    assert asked == [("GET", ""), ("GET", ""), ("GET", f"metadata.name={place.name(9)}")]
    (looked,) = lists
    assert b"PartialObjectMetadataList" in looked
    assert not [each["spec"]["image"] for each in place.samples[4:9] if each["spec"]["image"].encode() in looked]
