"""An LRS that somebody has nested without measure keeps nobody else's from being backed up, restored or looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.builders import collector
from tests.conftest import Cli, Crd


def _nested(depth: int) -> Any:
    value: Any = "end"
    for _ in range(depth):
        value = {"x": value}
    return value


@pytest.fixture(params=[250, 900])
def names(request: pytest.FixtureRequest, plane: ControlPlane, crd: Crd, namespace: str) -> list[str]:
    """Of three LRS; the one that is called `deep` is."""
    made = samples.samples(crd.api_version, crd.kind, namespace)[4:7]
    made[1]["metadata"]["name"] = "deep"
    loader.create_many(plane, made)
    patch = {"spec": {"template": _nested(request.param)}}
    status, answer = plane.api(
        "PATCH", f"{loader.objects_path(crd.api_version, namespace)}/deep", patch, content_type="application/merge-patch+json"
    )
    assert status == 200, str(answer)[:300]
    return [each["metadata"]["name"] for each in made]


def test_the_others_are_backed_up_and_restored(names: list[str], plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    done = cli.run("backup", "-n", namespace, "--name", "saved")
    assert done.returncode == 3, done.stderr
    assert f"{namespace}/deep: nested more than 200 levels deep" in done.stderr
    catalog = json.loads((cli.directory / "saved" / "backup.json").read_text())
    assert [each["name"] for each in catalog["missing"]] == [f"{namespace}/deep"]
    assert catalog["tiers"]["resources"]["objects"] == 2
    assert "all as sealed" in cli.ok("verify", "saved")
    others = [name for name in names if name != "deep"]
    for name in others:
        assert plane.api("DELETE", f"{loader.objects_path(crd.api_version, namespace)}/{name}")[0] == 200
    assert "2 created" in cli.ok("restore", "saved", "-n", namespace)


def test_whoever_must_see_all_is_told_which_one_it_is(names: list[str], namespace: str, cli: Cli) -> None:
    cli.run("backup", "-n", namespace, "--name", "saved")
    differs = cli.run("diff", "saved", "live", "-n", namespace)
    assert differs.returncode == 1
    assert f"{namespace}/deep: nested more than 200 levels deep" in differs.stderr
    checked = cli.run("check", "-n", namespace)
    assert checked.returncode == 5
    assert f"not checked, though asked for: all LRS: LRS {namespace}/deep: nested more than 200 levels deep" in checked.stdout
    assert "Traceback" not in checked.stderr
    assert "bug" not in checked.stderr


@pytest.mark.parametrize("is_saved", [True, False])
def test_one_that_would_go_with_its_owner_keeps_it(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, *, is_saved: bool
) -> None:
    """What it is now is in no backup."""
    base = loader.objects_path(crd.api_version, namespace)
    owner, owned = samples.samples(crd.api_version, crd.kind, namespace)[4:6]
    uid = plane.api("POST", base, owner)[1]["metadata"]["uid"]
    reference = {"apiVersion": crd.api_version, "kind": crd.kind, "name": owner["metadata"]["name"], "uid": uid}
    owned["metadata"]["ownerReferences"] = [reference]
    if is_saved:
        loader.create_many(plane, [owned])
    cli.ok("backup", "-n", namespace, "--name", "saved")
    if not is_saved:
        loader.create_many(plane, [owned])
    for each, patch in ((owned, {"spec": {"template": _nested(250)}}), (owner, {"spec": {"image": "changed"}})):
        where = f"{base}/{each['metadata']['name']}"
        assert plane.api("PATCH", where, patch, content_type="application/merge-patch+json")[0] == 200
    before = loader.live(plane, crd.api_version, namespace)
    done = cli.run("restore", "saved", "-n", namespace, "--existing", "recreate", "--yes")
    collector.let_it_pass(plane, crd, namespace)
    assert loader.live(plane, crd.api_version, namespace) == before
    assert done.returncode == 3
    assert "which would be deleted with it and cannot be read" in done.stdout


@pytest.mark.parametrize("policy", ["skip", "update", "replace", "recreate"])
def test_one_that_is_nested_since_the_backup_is_not_called_done(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, policy: str
) -> None:
    """What lives under its name cannot be read: nothing is written over it, and nobody is told that it was."""
    made = samples.samples(crd.api_version, crd.kind, namespace)[4:6]
    loader.create_many(plane, made)
    cli.ok("backup", "-n", namespace, "--name", "saved")
    where = f"{loader.objects_path(crd.api_version, namespace)}/{made[0]['metadata']['name']}"
    status, before = plane.api("PATCH", where, {"spec": {"template": _nested(250)}}, content_type="application/merge-patch+json")
    assert status == 200
    done = cli.run("restore", "saved", "-n", namespace, "--existing", policy, "--yes", "-o", "json")
    assert done.returncode == 3, done.stderr
    results = {each["name"]: each["result"] for each in json.loads(done.stdout)["outcomes"]}
    assert results[made[0]["metadata"]["name"]] in ("conflict", "failed")
    assert results[made[1]["metadata"]["name"]] == "unchanged"
    assert plane.api("GET", where)[1]["metadata"]["uid"] == before["metadata"]["uid"]
    assert plane.api("GET", where)[1]["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
