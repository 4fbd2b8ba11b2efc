"""A trial whose answer says nothing of the object is neither a yes nor a refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.proxy import ALWAYS, Act, FaultProxy, refuse
from tests.builders import impatient
from tests.conftest import Cli, Crd

BUSY: dict[str, Act] = {
    "503": refuse(503, retry_after="0"),
    "429": refuse(429, retry_after="0"),
    "409 of a quota": refuse(409, reason="Conflict", message="Operation cannot be fulfilled on resourcequotas: changed"),
}


def _save(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    """Two LRS are in the backup `saved`, and not in the cluster."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[5:7])
    cli.ok("backup", "-n", namespace, "--name", "saved")
    loader.clear(plane, namespace=namespace)


def _data(cli: Cli, *arguments: str, code: int) -> dict[str, Any]:
    done = cli.run(*arguments, "-o", "json")
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("busy", BUSY)
def test_nothing_is_said_to_be_refused(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli, busy: str
) -> None:
    _save(plane, crd, namespace, through)
    proxy.when("POST", r"/lrs\?.*dryRun", BUSY[busy], nth=ALWAYS)
    plan = _data(through, "restore", "saved", "--dry-run=client", code=0)
    assert not [each for each in plan["findings"] if "would refuse" in each["message"]]
    assert [each["severity"] for each in plan["findings"] if "not checked for" in each["message"]] == ["note"]
    tried = _data(through, "verify", "saved", "--against-cluster", code=5)
    assert {each["answer"] for each in tried["objects"]} == {"not checked"}
    rehearsed = _data(through, "rehearse", "saved", code=3)
    assert {name: count for name, count in rehearsed["counts"].items() if count} == {"not proved": 2}


@pytest.mark.parametrize("busy", BUSY)
def test_a_crd_of_which_the_server_says_nothing(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli, busy: str
) -> None:
    _save(plane, crd, namespace, through)
    loader.delete_crd(plane)
    try:
        proxy.when("POST", "/customresourcedefinitions", BUSY[busy], nth=ALWAYS)
        answer = _data(through, "verify", "saved", "--against-cluster", "--install-crd", code=5)
        (error,) = (each["message"] for each in answer["findings"] if each["severity"] == "error")
        assert error.startswith("whether the server takes the saved CRD is not known")
        assert answer["restorable"] is None
    finally:
        loader.install_crd(plane, crd.path)


def test_credentials_that_end_in_the_middle_refuse_no_object(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli
) -> None:
    _save(plane, crd, namespace, through)
    name = samples.samples(crd.api_version, crd.kind, namespace)[6]["metadata"]["name"]
    proxy.when("POST", r"/lrs\?.*dryRun", refuse(401, reason="Unauthorized"), nth=ALWAYS, names=name)
    answer = _data(through, "verify", "saved", "--against-cluster", code=5)
    assert {each["name"]: each["answer"] for each in answer["objects"]}[name] == "not checked"


# ---- the schema

SCHEMA = "/openapi/v3/apis/lrs"
VERBS = {
    "restore": ("restore", "saved", "--dry-run=client"),
    "verify": ("verify", "saved", "--against-cluster"),
    "rehearse": ("rehearse", "saved"),
    "diff": ("diff", "saved"),
}


LACKS = {
    "may not be read: openapi is forbidden": refuse(403, message="openapi is forbidden"),
    "publishes no schema": refuse(404),
    "could not be read: ": refuse(500, message="the schema is lost"),
    "could not be read": refuse(503, message="the schema is lost"),
}


@pytest.mark.parametrize("lack", LACKS)
@pytest.mark.parametrize("verb", VERBS)
def test_what_is_not_looked_at_without_a_schema_is_said(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli, tmp_path: Path, verb: str, lack: str
) -> None:
    """Also by a server that fails at it: on a bad night that keeps nobody from a restore, which is held against it anyway."""
    _save(plane, crd, namespace, through)
    code = through.run(*VERBS[verb]).returncode
    proxy.when("GET", SCHEMA, LACKS[lack], nth=ALWAYS)
    done = through.run(*VERBS[verb], env=impatient.environment(tmp_path, patience=0.0))
    assert done.returncode == code, done.stdout + done.stderr
    assert lack in done.stdout + done.stderr
    assert "in a default of its alone counts as different" in done.stdout + done.stderr


def test_a_namespace_that_cannot_be_looked_at_is_not_one_that_takes_them(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli, tmp_path: Path
) -> None:
    _save(plane, crd, namespace, through)
    proxy.when("GET", rf"/api/v1/namespaces/{namespace}$", refuse(500, message="no namespace today"), nth=ALWAYS)
    env = impatient.environment(tmp_path, patience=0.0)
    done = through.run("verify", "saved", "--against-cluster", env=env)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "no namespace today" in done.stdout
    assert "whether it would restore" in done.stdout
    assert through.run("restore", "saved", "--dry-run=client", env=env).returncode == 3
