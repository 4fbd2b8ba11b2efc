"""A CRD with two versions: what one of them does not know is read in the other, in which the objects are stored."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.stores.lrs.connect import target
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import Cli, Crd, _Installed

PLACE = f"{loader.CRD_PATH}/{loader.CRD_NAME}"


@pytest.fixture
def newer(plane: ControlPlane, crd: Crd) -> Iterator[str]:
    """v1 comes beside v1alpha1, lacks a field of it, and is preferred; nothing converts. Objects are stored as before."""
    document = yaml.safe_load(crd.path.read_text())
    (old,) = document["spec"]["versions"]
    new = copy.deepcopy(old) | {"name": "v1", "storage": False}
    del new["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["note"]
    _set_versions(plane, [old, new])
    yield "lrs.datarobot.com/v1"
    _Installed.current = None  # installed anew by who comes next


def _set_versions(plane: ControlPlane, versions: list[dict[str, Any]]) -> None:
    live = plane.api("GET", PLACE)[1]
    live["spec"]["versions"] = versions
    status, answer = plane.api("PUT", PLACE, live)
    assert status == 200, answer
    names = {each["name"] for each in versions if each["served"]}
    loader.wait_until(
        lambda: (
            {each["version"] for each in plane.api("GET", loader.GROUP_PATH)[1]["versions"]} == names
            and all(plane.api("GET", f"/apis/lrs.datarobot.com/{name}/lrs?limit=1")[0] == 200 for name in names)
        ),
        "both versions to be served",
    )


def _made(plane: ControlPlane, crd: Crd, namespace: str) -> dict[str, Any]:
    made: dict[str, Any] = samples.filler(0, crd.api_version, crd.kind, namespace)
    made["spec"]["note"] = "precious"
    loader.create_many(plane, [made])
    return made


def test_what_the_preferred_version_does_not_know_is_saved_and_comes_back(
    cli: Cli, crd: Crd, plane: ControlPlane, namespace: str, newer: str
) -> None:
    name = _made(plane, crd, namespace)["metadata"]["name"]
    path = f"{loader.objects_path(crd.api_version, namespace)}/{name}"
    shown = plane.api("GET", f"{loader.objects_path(newer, namespace)}/{name}")[1]
    assert "note" not in shown["spec"], "the preferred version does not show it"
    assert plane.api("GET", loader.GROUP_PATH)[1]["preferredVersion"]["version"] == "v1"

    cli.ok("backup", "-n", namespace, "--name", "b")
    (saved,) = cli.directory.glob("b/lrs/*/*.yaml")
    manifest = yaml.safe_load(saved.read_text())
    assert (manifest["apiVersion"], manifest["spec"]["note"]) == (crd.api_version, "precious")
    cli.ok("diff", "b", "live", "-n", namespace)
    assert plane.api("DELETE", path)[0] == 200
    cli.ok("restore", "b")
    assert plane.api("GET", path)[1]["spec"]["note"] == "precious"


def test_where_the_stored_version_is_not_served_it_is_the_preferred_one(
    plane: ControlPlane, crd: Crd, cli: Cli, newer: str
) -> None:
    versions = plane.api("GET", PLACE)[1]["spec"]["versions"]
    _set_versions(plane, [each | ({"served": False} if each["name"] == "v1alpha1" else {}) for each in versions])
    found = target(KubeFlags(kubeconfig=str(plane.kubeconfig)), Cancel())
    assert found.resource.api_version == newer
    assert found.resource.versions == ("v1",)


def test_what_only_an_older_version_shows_is_named(cli: Cli, crd: Crd, plane: ControlPlane, namespace: str, newer: str) -> None:
    """The stored version is v1 by now, and an object was not written since: it is whole in v1alpha1 alone."""
    name = _made(plane, crd, namespace)["metadata"]["name"]
    plain = samples.filler(1, crd.api_version, crd.kind, namespace)
    plain["spec"].pop("note", None)
    loader.create_many(plane, [plain])
    versions = plane.api("GET", PLACE)[1]["spec"]["versions"]
    _set_versions(plane, [each | {"storage": each["name"] == "v1"} for each in versions])
    done = cli.run("backup", "-n", namespace, "--name", "b", "-o", "json")
    assert done.returncode == 3, done.stderr
    (lacking,) = json.loads(cli.ok("show", "b", "-o", "json"))["missing"]
    assert (lacking["kind"], lacking["name"]) == ("LRS", f"{namespace}/{name}")
    assert lacking["reason"] == "of what it holds in v1alpha1, v1 does not show, and the backup lacks: spec.note"
    note = [{"op": "remove", "path": "/spec/note"}]
    path = f"{loader.objects_path(crd.api_version, namespace)}/{name}"
    assert plane.api("PATCH", path, note, content_type="application/json-patch+json")[0] == 200
    cli.ok("backup", "-n", namespace, "--name", "c")


def test_a_change_in_an_older_version_than_the_stored_one_is_warned_of(
    cli: Cli, crd: Crd, plane: ControlPlane, namespace: str, newer: str
) -> None:
    """What the older one does not know goes with the write, and the answer, which is in the older one, cannot show it."""
    made = _made(plane, crd, namespace)
    cli.ok("backup", "-n", namespace, "--name", "b")
    old, new = plane.api("GET", PLACE)[1]["spec"]["versions"]
    new["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["young"] = {"type": "string"}
    _set_versions(plane, [old | {"storage": False}, new | {"storage": True}])
    path = f"{loader.objects_path(newer, namespace)}/{made['metadata']['name']}"

    def changed() -> bool:  # a schema is known a moment after it was taken
        change = {"spec": {"young": "of v1", "replicas": 9}}
        answer = plane.api("PATCH", path, change, content_type="application/merge-patch+json")[1]
        return bool(answer.get("spec", {}).get("young"))

    loader.wait_until(changed, "the new field to be known")
    warned = "LRS are stored in version v1 here, and the backup is of v1alpha1"
    assert warned not in cli.run("restore", "b", "--dry-run=client").stderr, "nothing is changed"
    done = cli.run("restore", "b", "--existing=update", "--yes")
    assert warned in done.stderr, done.stdout
    assert done.returncode == 3, done.stderr
    assert "updated, altered by the server: removed spec.note" in done.stdout, "what the stored one does not know is seen"
    assert "young" not in plane.api("GET", path)[1]["spec"], "as it warns"
