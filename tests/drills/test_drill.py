"""The centre of the suite: create, back up, destroy, restore, and nothing differs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.builders.compare import essence, essences
from tests.conftest import Cli, Crd

FINALIZER = "lrs.datarobot.com/cleanup"


def _populate(plane: ControlPlane, crd: Crd, namespace: str) -> None:
    """Every type, statuses, an owner of another kind, an owner that is an LRS, a finalizer; equal names in each namespace."""
    made = samples.samples(crd.api_version, crd.kind, namespace)
    status, owner = plane.api("POST", f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "owner"}})
    assert status == 201
    made[5]["metadata"]["finalizers"] = [FINALIZER]
    made[6]["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    ]
    loader.create_many(plane, made)
    for each in made:
        loader.set_status(plane, each, samples.status_of(each))


def _destroy(plane: ControlPlane, *namespaces: str) -> None:
    for namespace in namespaces:
        loader.release(plane, namespace=namespace)
        loader.delete_namespace(plane, namespace, wait=False)
    for namespace in namespaces:
        loader.delete_namespace(plane, namespace)
    loader.delete_crd(plane)


@pytest.fixture
def two(plane: ControlPlane, namespace: str, each_crd: Crd) -> tuple[str, str]:
    """Two namespaces with the same names in them."""
    other = f"{namespace}-b"
    loader.create_namespace(plane, other)
    for each in (namespace, other):
        _populate(plane, each_crd, each)
    return namespace, other


def _without_spark(objects: dict[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {k: v for k, v in objects.items() if v["metadata"].get("labels", {}).get(samples.TYPE_LABEL) != "spark_app"}


def test_drill(plane: ControlPlane, each_crd: Crd, two: tuple[str, str], cli: Cli) -> None:
    before = _without_spark(essences(plane, each_crd.api_version, *two))
    assert len(before) == 2 * (sum(samples.COUNTS.values()) - samples.COUNTS["spark_app"])
    cli.ok("backup", "-A", "-l", "app.kubernetes.io/part-of=datarobot")
    _destroy(plane, *two)
    loader.install_crd(plane, each_crd.path)
    cli.ok("restore", "latest", "--create-namespaces")
    assert essences(plane, each_crd.api_version, *two) == before
    cli.ok("verify")
    assert "unchanged" in cli.ok("restore", "latest")


def test_drill_with_plain_kubectl(plane: ControlPlane, each_crd: Crd, two: tuple[str, str], cli: Cli) -> None:
    before = _without_spark(essences(plane, each_crd.api_version, *two))
    cli.ok("backup", "-A", "-l", "app.kubernetes.io/part-of=datarobot", "--name", "plain")
    _destroy(plane, *two)
    folder = cli.directory / "plain"
    plane.kubectl_run("create", "-f", str(folder / "crd.yaml"))
    loader.wait_until(lambda: loader.is_served(plane, each_crd.api_version), "the CRD to be served")
    for namespace in two:
        loader.create_namespace(plane, namespace)
    plane.kubectl_run("create", "--recursive", "-f", str(folder / "lrs"))
    assert essences(plane, each_crd.api_version, *two) == before


def test_saved_crd_is_the_one_that_was_there(plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli) -> None:
    before = plane.api("GET", f"{loader.CRD_PATH}/{loader.CRD_NAME}")[1]
    cli.ok("backup", "-n", namespace, "--allow-empty", "--name", "crd")
    loader.delete_crd(plane)
    plane.kubectl_run("create", "-f", str(cli.directory / "crd" / "crd.yaml"))
    loader.wait_until(lambda: loader.is_served(plane, each_crd.api_version), "the CRD to be served")
    assert essence(plane.api("GET", f"{loader.CRD_PATH}/{loader.CRD_NAME}")[1]) == essence(before)


def test_owner_that_lives_is_linked_anew_and_one_that_does_not_is_dropped(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli
) -> None:
    _populate(plane, crd, namespace)
    owned = samples.samples(crd.api_version, crd.kind, namespace)[6]["metadata"]["name"]
    cli.ok("backup", "-n", namespace)
    plane.api("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/owner")
    path = f"{loader.objects_path(crd.api_version, namespace)}/{owned}"
    loader.wait_until(lambda: plane.api("GET", path)[0] == 404, "the garbage collector to take the owned object")
    assert "owner not there, dropped: ConfigMap/owner" in cli.ok("restore", owned)
    assert "ownerReferences" not in plane.api("GET", path)[1]["metadata"]

    plane.api("DELETE", path)
    uid = plane.api("POST", f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "owner"}})[1]["metadata"]["uid"]
    cli.ok("restore", owned)
    assert [owner["uid"] for owner in plane.api("GET", path)[1]["metadata"]["ownerReferences"]] == [uid]
