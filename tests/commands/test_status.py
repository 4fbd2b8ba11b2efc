"""The status of a restored object: what the server makes of it, or the saved one. The operator is invented."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.bed.operator import Behaviour, LrsOperator
from tests.conftest import Cli, Crd

MERGE_PATCH = "application/merge-patch+json"
RICH: dict[str, Any] = {
    "phase": "Running",
    "observedGeneration": 1,
    "conditions": [{"type": "Ready", "status": "True", "reason": "Because", "lastTransitionTime": "2026-11-23T08:16:10Z"}],
    "nested": {"empty": {}, "none": [], "big": 2**62, "float": 0.1, "text": "ünïcödé ✓\n"},
}
STATUSES: tuple[dict[str, Any] | None, ...] = (RICH, {"phase": "Failed"}, {}, None)
"""What the four saved objects have; the last one has none at all."""


@pytest.fixture
def saved(plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli) -> dict[str, dict[str, Any] | None]:
    """A backup `saved` of four LRS that are gone: name → its status."""
    made = samples.samples(each_crd.api_version, each_crd.kind, namespace)[4:8]
    loader.create_many(plane, made)
    for each, status in zip(made, STATUSES, strict=True):
        if status is not None:
            loader.set_status(plane, each, status)
    cli.ok("backup", "-n", namespace, "--name", "saved")
    _delete(plane, each_crd, namespace)
    return {each["metadata"]["name"]: status for each, status in zip(made, STATUSES, strict=True)}


def _delete(plane: ControlPlane, crd: Crd, namespace: str) -> None:
    assert plane.api("DELETE", loader.objects_path(crd.api_version, namespace))[0] == 200
    loader.wait_until(lambda: not loader.live(plane, crd.api_version, namespace), "the LRS to be gone")


def _live(plane: ControlPlane, crd: Crd, namespace: str) -> dict[str, dict[str, Any] | None]:
    return {each["metadata"]["name"]: each.get("status") for each in loader.live(plane, crd.api_version, namespace)}


def test_without_the_flag_there_is_no_status(
    plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli, saved: dict[str, Any]
) -> None:
    cli.ok("restore", "saved")
    assert _live(plane, each_crd, namespace) == dict.fromkeys(saved)


def test_saved_status_is_set(plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli, saved: dict[str, Any]) -> None:
    """Through the subresource where there is one. A status that was missing stays missing, an empty one is empty."""
    assert "4 created" in cli.ok("restore", "saved", "--restore-status")
    assert _live(plane, each_crd, namespace) == saved
    assert "4 unchanged" in cli.ok("restore", "saved", "--restore-status")


@pytest.mark.parametrize("policy", ["update", "replace", "recreate"])
def test_saved_status_is_set_on_what_is_changed(
    plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli, saved: dict[str, Any], policy: str
) -> None:
    cli.ok("restore", "saved")
    for each in loader.live(plane, each_crd.api_version, namespace):
        loader.set_status(plane, each, {"phase": "Other"})
        path = f"{loader.objects_path(each_crd.api_version, namespace)}/{each['metadata']['name']}"
        assert plane.api("PATCH", path, {"spec": {"image": "x"}}, content_type=MERGE_PATCH)[0] == 200
    cli.ok("restore", "saved", "--restore-status", "--existing", policy, "--yes")
    expected = {**saved}
    if policy != "recreate":  # what was saved without a status keeps the one that it has
        expected[list(saved)[3]] = {"phase": "Other"}
    assert _live(plane, each_crd, namespace) == expected


@pytest.mark.parametrize("policy", ["update", "replace"])
def test_without_the_flag_what_is_changed_keeps_its_status(
    plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli, saved: dict[str, Any], policy: str
) -> None:
    cli.ok("restore", "saved")
    for each in loader.live(plane, each_crd.api_version, namespace):
        loader.set_status(plane, each, {"phase": "Other"})
        path = f"{loader.objects_path(each_crd.api_version, namespace)}/{each['metadata']['name']}"
        assert plane.api("PATCH", path, {"spec": {"image": "x"}}, content_type=MERGE_PATCH)[0] == 200
    cli.ok("restore", "saved", "--existing", policy, "--yes")
    assert _live(plane, each_crd, namespace) == {name: {"phase": "Other"} for name in saved}


def test_status_is_no_difference(plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli, saved: dict[str, Any]) -> None:
    """An object that is equal but for its status is not written, with the flag or without."""
    cli.ok("restore", "saved")
    for flags in ((), ("--restore-status",)):
        versions = [each["metadata"]["resourceVersion"] for each in loader.live(plane, each_crd.api_version, namespace)]
        assert "4 unchanged" in cli.ok("restore", "saved", *flags)
        assert versions == [each["metadata"]["resourceVersion"] for each in loader.live(plane, each_crd.api_version, namespace)]


def test_operator_that_is_awake_sets_another_status(
    plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli, saved: dict[str, Any]
) -> None:
    """The held object keeps the restore from ending until the operator has seen the others."""
    first = samples.samples(each_crd.api_version, each_crd.kind, namespace)[5]
    first["metadata"]["finalizers"] = ["example.com/hold"]
    loader.create_many(plane, [first])
    held = f"{loader.objects_path(each_crd.api_version, namespace)}/{first['metadata']['name']}"
    assert plane.api("DELETE", held)[0] == 200
    run = cli.start("restore", "saved", "--restore-status", "-o", "json")
    loader.wait_until(lambda: len(_live(plane, each_crd, namespace)) == 4, "the other three to be there")
    with LrsOperator(plane, each_crd.api_version, [namespace], behaviour=Behaviour(reason="Invented")) as operator:
        loader.wait_until(lambda: len(operator.did("status")) == 3, "the operator to set its own statuses")
        assert plane.api("PATCH", held, {"metadata": {"finalizers": None}}, content_type=MERGE_PATCH)[0] == 200
        out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 3, out + err
    (undone,) = json.loads(out)["undone"]
    assert "did not stick" in undone
    assert next(iter(saved)) in undone
    loader.release(plane, namespace=namespace)


def test_status_sticks_while_the_operator_is_paused(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    """An operator that comes to the same status as the saved one changes nothing afterwards."""
    with LrsOperator(plane, crd.api_version, [namespace]) as operator:
        loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[4:8])
        loader.wait_until(lambda: operator.is_done(namespace), "the operator to be done")
        cli.ok("backup", "-n", namespace, "--name", "saved")
        before = _live(plane, crd, namespace)
        _delete(plane, crd, namespace)
        cli.ok("restore", "saved", "--restore-status", "--pause-operator", "--yes")
        assert _live(plane, crd, namespace) == before
    loader.release(plane, namespace=namespace)


def test_status_that_the_server_refuses(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    """The schema says that phase is a string now: the object is made, and the report says what its status lacks."""
    made = samples.samples(crd.api_version, crd.kind, namespace)[4:6]
    loader.create_many(plane, made)
    loader.set_status(plane, made[0], {"phase": 7})
    loader.set_status(plane, made[1], {"phase": "Running"})
    cli.ok("backup", "-n", namespace, "--name", "saved")
    _delete(plane, crd, namespace)
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties"
    _patch_crd(plane, [{"op": "add", "path": path, "value": {"phase": {"type": "string"}}}], refused=True, crd=crd, made=made)
    try:
        done = cli.run("restore", "saved", "--restore-status", "-o", "json")
        assert done.returncode == 3, done.stdout + done.stderr
        outcomes = {each["name"]: each for each in json.loads(done.stdout)["outcomes"]}
        message = outcomes[made[0]["metadata"]["name"]]["message"]
        assert message.startswith("created, but its status could not be set: ")
        assert "phase" in message
        assert outcomes[made[1]["metadata"]["name"]]["result"] == "created"
        assert len(_live(plane, crd, namespace)) == 2
    finally:
        _patch_crd(plane, [{"op": "remove", "path": path}], refused=False, crd=crd, made=made)


def _patch_crd(plane: ControlPlane, patch: list[dict[str, Any]], *, refused: bool, crd: Crd, made: list[dict[str, Any]]) -> None:
    """Change the CRD, and wait until the server judges a wrong status by it."""
    status, answer = plane.api("PATCH", f"{loader.CRD_PATH}/{loader.CRD_NAME}", patch, content_type="application/json-patch+json")
    assert status == 200, answer
    probe = {**made[0], "metadata": {"name": "probe"}}
    base = loader.objects_path(crd.api_version, made[0]["metadata"]["namespace"])
    assert plane.api("POST", base, probe)[0] == 201

    def is_refused() -> bool:
        return plane.api("PATCH", f"{base}/probe/status", {"status": {"phase": 7}}, content_type=MERGE_PATCH)[0] == 422

    loader.wait_until(lambda: is_refused() == refused, "the server to judge by the changed CRD")
    plane.api("DELETE", f"{base}/probe")
