"""The drill over all stores with backups in a bucket, and on a share: what is new is copied, and all of it comes back."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.mongo import MongoServers
from tests.bed.registry import Registry
from tests.bed.s3 import S3
from tests.bed.s3_between import Between, Gate
from tests.builders import world as worlds
from tests.builders.world import APPS, World
from tests.conftest import Cli, installed

NAMESPACE = "drilled-pool"


@pytest.fixture(scope="module")
def lasting(
    plane: ControlPlane, standalone: MongoServers, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    crd = installed(plane)
    with worlds.standing(plane, crd, NAMESPACE, standalone, registry, tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def world(lasting: World) -> World:
    """Whole again."""
    lasting.mend()
    return lasting


@pytest.fixture
def bucket(s3: S3, tmp_path: Path) -> Path:
    """A bucket of the test's own, as the folder that it is."""
    made = s3.buckets / re.sub(r"[^a-z0-9-]", "-", tmp_path.name.lower())[:50].strip("-")
    made.mkdir()
    return made


@pytest.fixture(params=["s3", "share"])
def place(request: pytest.FixtureRequest, s3: S3, bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the backups are to be, as an administrator has exported it."""
    for name, value in {**s3.environment, "LRS_BACKUP_ENDPOINT": s3.endpoint}.items():
        monkeypatch.setenv(name, value)
    found = f"s3://{bucket.name}/backups" if request.param == "s3" else str(tmp_path / "share")
    monkeypatch.setenv("LRS_BACKUP_DIR", found)
    return found


def run(cli: Cli, world: World, *arguments: object, code: int = 0) -> str:
    """One command of an administrator who has exported where the stores are; its answer."""
    done = cli.run(*arguments, env=worlds.environment(world))
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "this is a bug" not in done.stderr
    return done.stdout


def data(cli: Cli, world: World, *arguments: object) -> Any:
    return json.loads(run(cli, world, *arguments, "-o", "json"))


BACKUP = ("backup", "-n", NAMESPACE, "--profile", "complete")


def _empty_machine(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Somebody who has the kubeconfig and knows the place of the backups; no file of whoever made them is there."""
    for name in ("work", "home", "state"):
        (folder / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("LRS_STATE_DIR", str(folder / "state"))
    return Cli(cli.kubeconfig, folder / "work")


def test_all_is_lost_and_comes_back(place: str, world: World, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first promise of the README: nothing is left but the place of the backups."""
    before = world.content()
    run(cli, world, "repository", "init")
    first = data(cli, world, *BACKUP, "--name", "first")["stored"]
    assert first["newObjects"] > 0
    assert first["newBytes"] > 0
    (world.root / "workspaces" / APPS[0].name / "app.py").write_text("print('another')\n")
    second = data(cli, world, *BACKUP, "--name", "second")["stored"]
    assert 0 < second["newBytes"] < first["newBytes"]
    assert second["linkedBytes"] > first["newBytes"] / 2
    assert second["storedBytes"] < first["storedBytes"]
    listed = data(cli, world, "list")["backups"]
    assert [(each["name"], each["state"]) for each in listed] == [("first", "whole"), ("second", "whole")]
    assert data(cli, world, "verify", "first", "--full")["intact"]
    assert "workspaces/sales-explorer/app.py" in cli.run("diff", "first", "second", env=worlds.environment(world)).stdout
    run(cli, world, "hold", "first", "--reason", "the drill")
    run(cli, world, "check", "--from", "first")

    world.destroy()
    cli = _empty_machine(cli, tmp_path / "another", monkeypatch)
    report = data(cli, world, "restore", "first", "--install-crd", "--create-namespaces", "--ignore-keys", "--yes")
    assert {each["result"] for each in report["outcomes"]} == {"created"}
    assert world.content() == before
    world.set_keys("first")
    again = data(cli, world, "restore", "first", "--yes")
    assert {each["result"] for each in again["outcomes"]} == {"unchanged"}

    world.delete_lrs(APPS[0].lrs)
    report = data(cli, world, "restore", APPS[0].lrs, "--from", "first", "--yes")
    assert [(each["name"], each["result"]) for each in report["outcomes"]] == [(APPS[0].lrs, "created")]
    for path in APPS[1].files:
        (world.root / path).unlink()
    report = data(cli, world, "restore", "first", "--tier", "files", "--yes")
    assert sorted(each["result"] for each in report["outcomes"]).count("created") == len(APPS[1].files)
    assert world.content() == before

    plain = tmp_path / "plain"
    run(cli, world, "copy", place, plain, "first")
    run(cli, world, "export", "second", tmp_path / "out", "--format", "1")
    for folder in (plain / "first", tmp_path / "out"):
        done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (0, b"")
        run(cli, world, "verify", folder)
    world.empty()
    run(cli, world, "restore", plain / "first", "--yes")
    assert world.content() == before


def objects(place: str, bucket: Path) -> set[str]:
    """Keys of all contents that are there."""
    root = bucket / "backups" if place.startswith("s3") else Path(place)
    return {str(path.relative_to(root)) for kind in ("blobs", "packs") for path in (root / kind).rglob("*") if path.is_file()}


def test_killed_in_mid_run_and_run_again(place: str, world: World, cli: Cli, bucket: Path) -> None:
    """What was uploaded is used by the next, which needs nothing to be unlocked."""
    big = world.root / f"kv/{APPS[0].id}/big.db"
    big.write_bytes(b"".join(bytes([number % 251]) * 65536 + number.to_bytes(4, "big") * 16384 for number in range(700)))
    run(cli, world, "repository", "init")
    running = cli.start(*BACKUP, env=worlds.environment(world))
    try:
        loader.wait_until(lambda: len(objects(place, bucket)) >= 1 or running.poll() is not None, "something to be uploaded")
        running.send_signal(signal.SIGKILL)
    finally:
        running.communicate()
    there = objects(place, bucket)
    assert there
    if running.returncode == -signal.SIGKILL:
        assert data(cli, world, "list")["backups"] == []
    made = data(cli, world, *BACKUP, "--name", "again")
    assert data(cli, world, "verify", "again", "--full")["intact"]
    assert made["state"] == "whole"
    assert data(cli, world, "repository", "check")["intact"]
    big.unlink()


def test_the_storage_goes_in_mid_run(s3: S3, bucket: Path, world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """No backup, an error of the storage; and the same command makes it when the storage is back."""
    for name, value in {**s3.environment, "LRS_BACKUP_ENDPOINT": s3.endpoint}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LRS_BACKUP_DIR", f"s3://{bucket.name}/backups")
    second = Gate(lambda request: request.method != "GET" and re.search("/(blobs|packs)/", request.path) is not None, skip=1)
    big = world.root / f"kv/{APPS[0].id}/big.db"
    big.write_bytes(b"".join(number.to_bytes(8, "big") * 131072 for number in range(100)))
    run(cli, world, "repository", "init")
    with Between(s3, second) as between:
        running = cli.start(*BACKUP, env={**worlds.environment(world), "LRS_BACKUP_ENDPOINT": between.endpoint})
        try:
            assert second.hold.seen.wait(loader.PATIENCE), "something is uploaded, and not all"
            s3.stop()
            between.stop()
            second.hold.freed.set()
            out, err = running.communicate(timeout=loader.PATIENCE)
        finally:
            running.kill()
            second.hold.freed.set()
            s3.start()
    assert running.returncode in (1, 5), out + err
    assert "s3://" in err
    assert data(cli, world, "list")["backups"] == []
    assert data(cli, world, *BACKUP, "--name", "again")["state"] == "whole"
    assert data(cli, world, "verify", "again", "--full")["intact"]
    big.unlink()
