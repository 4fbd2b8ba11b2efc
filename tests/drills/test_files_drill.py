"""The drill for files, through the real command line, over a path and over S3: back up, lose all, restore, nothing differs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.s3 import S3
from tests.builders import stored
from tests.conftest import Cli, Crd


@pytest.fixture(params=["mount", "s3"])
def ground(request: pytest.FixtureRequest, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> stored.Ground:
    """Each kind of storage in turn, with files in it."""
    made = stored.mount(tmp_path) if request.param == "mount" else stored.bucket(s3, tmp_path.name.replace("_", "-").lower())
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    made.fill()
    return made


@pytest.fixture
def app(plane: ControlPlane, crd: Crd, namespace: str) -> str:
    """A namespace with the LRS that the files belong to."""
    stored.populate(plane, crd, namespace)
    return namespace


def _facts(output: str) -> dict[str, Any]:
    return dict(json.loads(output)["tiers"]["files"])


def _index(folder: Path) -> dict[str, dict[str, Any]]:
    return {each["path"]: each for each in json.loads((folder / "files.json").read_text())["files"]}


def test_what_belongs_comes_back_byte_for_byte(ground: stored.Ground, app: str, cli: Cli) -> None:
    facts = _facts(cli.ok("backup", "-n", app, "--files", "copy", *ground.reached, "--name", "one", "-o", "json"))
    ours = {path: stored.FILES[path] for path in stored.OURS}
    assert (facts["files"], facts["bytes"]) == (3, sum(map(len, ours.values())))
    assert facts["foundBy"] == {"id": 2, "path": 1}
    assert facts["others"] == len(stored.FILES) - 3
    listed = _index(cli.directory / "one")
    assert {path: each["sha256"] for path, each in listed.items()} == stored.sums(ours)
    assert listed[stored.SPOKEN_OF]["foundBy"] == "path"
    assert listed[stored.SPOKEN_OF]["field"] == "spec.env.WORKSPACE"
    assert all(each["source"] == "lrs" and each["document"] == f"{app}/app-{stored.APP}" for each in listed.values())
    ground.empty()
    assert "3 created" in cli.ok("restore", "one", "--tier", "files", *ground.reached)
    assert ground.content() == ours
    assert "3 unchanged" in cli.ok("restore", "one", "--tier", "files", *ground.reached)
    cli.ok("verify", "one")


def test_all_comes_back_whatever_it_is_called(ground: stored.Ground, app: str, cli: Cli) -> None:
    facts = _facts(cli.ok("backup", "-n", app, "--files", "copy", "--files-all", *ground.reached, "--name", "all", "-o", "json"))
    assert facts["files"] == len(stored.FILES)
    assert facts["foundBy"] == {"all": 5, "id": 2, "path": 1}
    done = subprocess.run(
        ["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=cli.directory / "all", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    ground.empty()
    cli.ok("restore", "all", "--tier", "files", *ground.reached)
    assert ground.content() == stored.FILES


def test_other_machines_copy_it_in_segments(ground: stored.Ground, app: str, cli: Cli, tmp_path: Path) -> None:
    """By hand: one process waits and seals, others copy what it has cut. What is sealed is what one process alone makes."""
    pool, alone = tmp_path / "pool", tmp_path / "alone"
    for place in (pool, alone):
        cli.ok("repository", "init", place)
    call = ("backup", "-n", app, "--files", "copy", "--files-all", *ground.reached, "--name", "all")
    waiting = cli.start(*call, "--shards", "3", "--backup-dir", pool)
    assert waiting.stderr is not None
    told = next(line for line in waiting.stderr if line.startswith("segments to be copied: "))
    count, run = int(told.split(": ")[1].split(";")[0]), told.split("--segment ")[1].split("-N")[0]
    assert count >= 3
    environment = {"LRS_FILES_URL": ground.url}
    if ground.flags:
        environment["LRS_FILES_ENDPOINT"] = ground.flags[1]
    for number in range(count):
        done = cli.run("run", "segment", "--segment", f"{run}-{number}", "--backup-dir", pool, env=environment)
        assert (done.returncode, f"segment {run}-{number} is done" in done.stderr) == (0, True), done.stderr
    said, errors = waiting.communicate(timeout=loader.PATIENCE)
    assert waiting.returncode == 0, (said, errors)
    cli.ok(*call, "--backup-dir", alone)
    made, expected = (json.loads(cli.ok("show", "all", "--backup-dir", each, "-o", "json")) for each in (pool, alone))
    assert made["tiers"]["files"] == expected["tiers"]["files"]
    for each in (pool, alone):
        cli.ok("export", "all", tmp_path / f"{each.name}-plain", "--backup-dir", each)
    assert _index(tmp_path / "pool-plain") == _index(tmp_path / "alone-plain")
    cli.ok("verify", "all", "--full", "--backup-dir", pool)
    assert not list((pool / "sessions").glob("*"))
    nowhere = cli.run("run", "segment", "--segment", f"{run}-0", "--backup-dir", pool, env={**environment, "LRS_FILES_URL": ""})
    assert nowhere.returncode == 2
    assert "here --files-url is files.url of the installation file, or LRS_FILES_URL" in nowhere.stderr
    refused = cli.run("run", "segment", "--segment", f"{run}-0", "--backup-dir", pool, env=environment)
    assert (refused.returncode, "there is no such segment" in refused.stderr) == (1, True), refused.stderr
    plain = cli.run(*call, "--shards", "auto")
    assert (plain.returncode, "--shards: only into a repository" in plain.stderr) == (2, True), plain.stderr
    wrong = cli.run(*call, "--shards", "0", "--backup-dir", pool)
    assert (wrong.returncode, "neither auto nor a number" in wrong.stderr) == (2, True), wrong.stderr


def test_an_inventory_lists_and_copies_nothing(ground: stored.Ground, app: str, cli: Cli) -> None:
    facts = _facts(cli.ok("backup", "-n", app, "--files", "inventory", *ground.reached, "--name", "list", "-o", "json"))
    assert (facts["level"], facts["files"]) == ("inventory", 3)
    assert not (cli.directory / "list" / "files").exists()
    assert {each["path"]: each["size"] for each in _index(cli.directory / "list").values()} == {
        path: len(stored.FILES[path]) for path in stored.OURS
    }
    done = cli.run("restore", "list", "--tier", "files")
    assert done.returncode == 0
    assert "only lists 3 files" in done.stderr


def test_a_whole_restore_brings_files_before_the_lrs(
    ground: stored.Ground, app: str, cli: Cli, plane: ControlPlane, crd: Crd
) -> None:
    cli.ok("backup", "-n", app, "--files", "copy", *ground.reached, "--name", "both")
    ground.empty()
    path = f"/apis/{crd.api_version}/namespaces/{app}/lrs/app-{stored.APP}"
    plane.api("DELETE", path)
    refused = cli.run("restore", "both")
    assert refused.returncode == 2
    assert "--files-url" in refused.stderr
    report = json.loads(cli.ok("restore", "both", *ground.reached, "-o", "json"))
    assert {each["result"] for each in report["outcomes"]} == {"created"}
    assert plane.api("GET", path)[0] == 200
    assert ground.content().keys() == stored.OURS


def test_a_file_that_is_spoken_of_and_not_there_makes_it_partial(
    ground: stored.Ground, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli
) -> None:
    gone = f"{ground.url}/workspaces/main/gone.py"
    stored.populate(plane, crd, namespace, GONE=gone)
    done = cli.run("backup", "-n", namespace, "--files", "copy", *ground.reached, "--name", "part", "-o", "json")
    assert done.returncode == 3, done.stderr
    (missing,) = json.loads(done.stdout)["missing"]
    assert missing["name"] == "workspaces/main/gone.py"
    assert missing["where"] == f"lrs {namespace}/app-{stored.APP} spec.env.GONE"
    assert "partial" in cli.ok("show", "part")
    ground.empty()
    cli.ok("restore", "part", "--tier", "files", *ground.reached)
    assert ground.content().keys() == stored.OURS


def test_what_differs_is_left_alone_or_replaced_when_that_is_asked_for(ground: stored.Ground, app: str, cli: Cli) -> None:
    cli.ok("backup", "-n", app, "--files", "copy", *ground.reached, "--name", "one")
    same_size = b"PRINT('hello')\n"
    written = (ground.root / stored.SPOKEN_OF).stat()
    ground.fill({stored.SPOKEN_OF: same_size, f"kv/{stored.APP}.db": b"short"})
    os.utime(ground.root / stored.SPOKEN_OF, ns=(written.st_atime_ns, written.st_mtime_ns))  # times do not tell them apart
    done = cli.run("restore", "one", "--tier", "files", *ground.reached)
    assert done.returncode == 3
    assert "2 conflict, 1 unchanged" in done.stdout
    assert ground.content()[stored.SPOKEN_OF] == same_size
    asked = cli.run("restore", "one", "--tier", "files", *ground.reached, "--files-existing", "replace")
    assert asked.returncode == 2
    assert "replace 2 files" in asked.stderr
    plan = cli.ok("restore", "one", "--tier", "files", *ground.reached, "--files-existing", "replace", "--dry-run", "client")
    assert "with other content" in plan
    assert ground.content()[stored.SPOKEN_OF] == same_size
    cli.ok("restore", "one", "--tier", "files", *ground.reached, "--files-existing", "replace", "--yes")
    assert {path: ground.content()[path] for path in stored.OURS} == {path: stored.FILES[path] for path in stored.OURS}


def test_from_one_kind_of_storage_to_another(s3: S3, app: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = stored.mount(tmp_path), stored.bucket(s3, "another")
    first.fill()
    for name, value in second.environment.items():
        monkeypatch.setenv(name, value)
    cli.ok("backup", "-n", app, "--files", "copy", "--files-all", *first.reached, "--name", "moved")
    done = cli.run("restore", "moved", "--tier", "files", *second.reached)
    assert done.returncode == 0, done.stderr
    assert "not rewritten" in done.stderr
    assert second.content() == stored.FILES


def test_modes_and_owners_of_a_path(app: str, cli: Cli, tmp_path: Path) -> None:
    ground = stored.mount(tmp_path)
    ground.fill()
    os.chmod(ground.root / "workspaces", 0o2750)
    os.chmod(ground.root / stored.SPOKEN_OF, 0o4640)
    if os.getuid() == 0:
        os.chown(ground.root / stored.SPOKEN_OF, 1234, 2345)
    cli.ok("backup", "-n", app, "--files", "copy", *ground.reached, "--name", "modes")
    ground.empty()
    cli.ok("restore", "modes", "--tier", "files", *ground.reached)
    status = os.stat(ground.root / stored.SPOKEN_OF)
    assert status.st_mode & 0o7777 == 0o640
    assert os.stat(ground.root / "workspaces").st_mode & 0o7777 == 0o2750
    if os.getuid() == 0:
        assert (status.st_uid, status.st_gid) == (1234, 2345)


def test_what_s3_keeps_beside_the_content(s3: S3, app: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import botocore.session

    ground = stored.bucket(s3, "beside")
    for name, value in ground.environment.items():
        monkeypatch.setenv(name, value)
    client = botocore.session.get_session().create_client("s3", endpoint_url=s3.endpoint)
    key = {"Bucket": "beside", "Key": f"storage/of/app/{stored.SPOKEN_OF}"}
    client.put_object(**key, Body=b"1", ContentType="text/x-python", CacheControl="no-store", Metadata={"owner": "me"})
    cli.ok("backup", "-n", app, "--files", "copy", *ground.reached, "--name", "beside")
    client.delete_object(**key)
    cli.ok("restore", "beside", "--tier", "files", *ground.reached)
    found = client.head_object(**key)
    assert (found["ContentType"], found["CacheControl"], found["Metadata"]) == ("text/x-python", "no-store", {"owner": "me"})
