"""The last look before the first deletion of a restore: where it shows nothing, nothing is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.proxy import Act, FaultProxy, status_answer
from tests.builders import collector
from tests.conftest import Cli, Crd

MERGE_PATCH = "application/merge-patch+json"
LOST = {
    "the right was taken away": status_answer(403, reason="Forbidden"),
    "no longer served": status_answer(404),
    "broken for this one": status_answer(400, reason="BadRequest"),
}


@pytest.fixture
def other(plane: ControlPlane, namespace: str) -> Iterator[str]:
    """A second namespace."""
    name = f"{namespace}-other"
    loader.create_namespace(plane, name)
    yield name
    loader.clear(plane, namespace=name)
    loader.delete_namespace(plane, name, wait=False)


@pytest.mark.parametrize("lost", LOST)
def test_a_namespace_that_can_no_longer_be_listed(
    plane: ControlPlane, crd: Crd, namespace: str, other: str, proxy: FaultProxy, cli: Cli, tmp_path: Path, lost: str
) -> None:
    """Somebody makes an LRS that belongs to one which is recreated: it is in no backup, and would go with it."""

    def make(where: str, name: str, owner: dict[str, Any] | None = None) -> dict[str, Any]:
        one = samples.samples(crd.api_version, crd.kind, where)[4]
        one["metadata"] |= {"name": name} | ({"ownerReferences": [owner]} if owner else {})
        status, made = plane.api("POST", loader.objects_path(crd.api_version, where), one)
        assert status == 201, made
        return {"apiVersion": crd.api_version, "kind": crd.kind, "name": name, "uid": made["metadata"]["uid"]}

    owners = {where: make(where, "owner") for where in (namespace, other)}
    cli.ok("backup", "-A", "--name", "saved")
    for where in owners:
        path = f"{loader.objects_path(crd.api_version, where)}/owner"
        assert plane.api("PATCH", path, {"spec": {"image": "changed"}}, content_type=MERGE_PATCH)[0] == 200
    through = Cli(proxy.kubeconfig(tmp_path / "proxy.kubeconfig"), cli.directory)
    born = Act(before=lambda: make(other, "born", owners[other]), forward=False, answer=LOST[lost])
    proxy.when("GET", rf"/namespaces/{other}/lrs\?", born, nth=(2,))
    done = through.run("restore", "saved", "--existing", "recreate", "--yes")
    collector.let_it_pass(plane, crd, namespace)
    there = {each["metadata"]["name"]: each for each in loader.live(plane, crd.api_version, other)}
    assert set(there) == {"owner", "born"}, done.stdout
    assert there["owner"]["metadata"]["uid"] == owners[other]["uid"]
    assert done.returncode == 3
    assert "1 failed, 1 recreated" in done.stdout
    assert "not deleted: what would go with it is not known" in done.stdout
    (again,) = loader.live(plane, crd.api_version, namespace)
    assert again["metadata"]["uid"] != owners[namespace]["uid"]
