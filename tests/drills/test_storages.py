"""A repository on every further kind of storage, by the command line alone: made, filled, read, restored, pruned, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.bed import azurite, hdfs, loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import Cli, Crd

pytestmark = pytest.mark.campaign
"""Each has a server of its own to be built or started; the drill on S3 and on a share is `test_repository_drill.py`."""

no_hdfs = pytest.mark.skipif(bool(hdfs.missing()), reason=f"HDFS is not tested: {hdfs.missing()}")
no_azurite = pytest.mark.skipif(bool(azurite.missing()), reason=f"Azure is not tested: {azurite.missing()}")
KINDS = ("gcs", pytest.param("azurite", marks=no_azurite), pytest.param("cluster", marks=no_hdfs))


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Where the backups are to be, as an administrator has exported it."""
    server = request.getfixturevalue(request.param)
    name = f"drill{abs(hash(str(tmp_path))) % 10**10}"
    found, environment = _reached(str(request.param), server, name)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("LRS_BACKUP_DIR", found)
    return found


def _reached(kind: str, server: Any, name: str) -> tuple[str, Mapping[str, str]]:
    if kind == "cluster":
        return f"{server.url}/{name}", {}
    if kind == "azurite":
        server.make_container(name)
        return f"az://{name}/backups", server.environment
    server.make_bucket(name)
    return f"gs://{name}/backups", server.environment


def data(cli: Cli, *call: object, code: int = 0) -> Any:
    done = cli.run(*call, "-o", "json")
    assert done.returncode == code, f"{call}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def test_all_is_lost_and_comes_back(place: str, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace))
    before = {each["metadata"]["name"]: each["spec"] for each in loader.live(plane, crd.api_version, namespace)}
    refused = cli.run("list")
    assert (refused.returncode, "no repository" in refused.stderr) == (2, True), refused.stderr
    cli.ok("repository", "init")
    first = data(cli, "backup", "-n", namespace, "--name", "first")["stored"]
    second = data(cli, "backup", "-n", namespace, "--name", "second")["stored"]
    assert second["newBytes"] < first["newBytes"] / 10
    assert [each["name"] for each in data(cli, "list")["backups"]] == ["first", "second"]
    assert data(cli, "verify", "first", "--full")["intact"]

    if place.startswith("webhdfs:"):  # another user, who may read and not write
        reader = place.replace("hdfs@", "another@")
        assert [each["name"] for each in data(cli, "list", "--backup-dir", reader)["backups"]] == ["first", "second"]
        assert data(cli, "verify", "first", "--full", "--backup-dir", reader)["intact"]
        denied = cli.run("hold", "first", "--reason", "why", "--backup-dir", reader)
        assert (denied.returncode, "Permission denied" in denied.stderr) == (5, True), denied.stderr

    loader.clear(plane, namespace=namespace)
    cli.ok("restore", "first")
    after = {each["metadata"]["name"]: each["spec"] for each in loader.live(plane, crd.api_version, namespace)}
    assert after == {name: before[name] for name in after}
    assert after

    pruned = data(cli, "prune", "--keep-last", "1", "--minimum", "1", "--yes")
    assert [each["name"] for each in pruned["backups"] if each["result"] == "removed"] == ["first"]
    checked = data(cli, "repository", "check")
    assert (checked["intact"], checked["backups"]) == (True, 1)
    assert checked["storage"].pop("versions") == ("gone" if place.startswith("gs:") else "unknown")
    assert checked["storage"] == {
        "appendOnly": False,
        "mayWrite": True, "refusesAnother": True, "mayOverwrite": True, "mayDelete": True, "why": "", "left": ""
    }  # fmt: skip
    cli.ok("unforget", "first")
    assert data(cli, "verify", "first", "--full")["intact"]
