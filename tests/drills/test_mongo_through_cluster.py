"""Backup and restore of the MongoDB in a cluster, through the command line: the drill, and trouble on the way."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.bed.loader import PATIENCE, wait_until
from tests.builders.mongo_fixtures import App
from tests.builders.mongo_pods import NAMESPACE, STEP_DOWN, MongoBed
from tests.conftest import Cli, Crd

MEGABYTES = 24


@pytest.fixture
def large(app: App, mongo_bed: MongoBed) -> App:
    """The application, with a collection that takes some time over a slow way."""
    app.fill(20)
    app.db.longrunningservices.insert_many([{"_id": n, "data": bytes([n]) * 1_000_000} for n in range(MEGABYTES)])
    return app


def secrets_in(directory: Path, secret: str) -> list[Path]:
    """The files that hold it."""
    return [path for path in directory.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_drill(
    cli: Cli, crd: Crd, namespace: str, app: App, mongo_bed: MongoBed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    app.fill(50)
    before = app.everything()
    done = cli.run("backup", "-n", namespace, "--mongo", "complete", "--name", "saved", "-v", "10", *mongo_bed.flags)
    assert done.returncode == 0, done.stderr
    app.drop()
    arguments = ("restore", "saved", "--tier", "mongo", *mongo_bed.flags)
    again = cli.run(*arguments)
    assert again.returncode == 0, again.stderr
    assert app.everything() == before
    wait_until(lambda: mongo_bed.open_connections() == 0, "the port-forwards to end")
    assert list(temporary.iterdir()) == []
    password = mongo_bed.servers.password
    for form in (password, base64.b64encode(password.encode()).decode(), quote(password, safe="")):
        assert form not in done.stdout + done.stderr + again.stdout + again.stderr
        assert secrets_in(cli.directory, form) == []
    assert "pods/pcs-mongo-0/portforward" in done.stderr  # that is what -v is for
    catalog = json.loads(cli.ok("show", "saved", "-o", "json"))
    assert catalog["tiers"]["mongo"]["server"]["address"] == f"MongoDB of Service {NAMESPACE}/pcs-mongo-headless"


def replaced(bed: MongoBed, pod: str) -> None:
    number = int(pod[-1])
    bed.pods.replace(number, bed.servers.members[number].port)


def stepped_down(bed: MongoBed, pod: str) -> None:
    bed.servers.direct(bed.servers.members[int(pod[-1])]).admin.command(STEP_DOWN)
    bed.kubelet.cut(pod)


@pytest.mark.parametrize("trouble", [replaced, stepped_down])
def test_the_way_is_lost_in_mid_dump(
    cli: Cli, crd: Crd, namespace: str, large: App, mongo_bed: MongoBed, trouble: Callable[[MongoBed, str], None]
) -> None:
    before = large.everything()
    pod = mongo_bed.primary()
    mongo_bed.kubelet.trouble(pod, rate=8_000_000)
    process = cli.start("backup", "-n", namespace, "--mongo", "minimum", "--name", "saved", *mongo_bed.flags)
    wait_until(lambda: _dumped(cli.directory) > 2_000_000, "the dump to be under way")
    trouble(mongo_bed, pod)
    mongo_bed.kubelet.trouble(pod)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "reading longrunningservices from its beginning" in err
    large.servers.settle()
    large.drop()
    cli.ok("restore", "saved", "--tier", "mongo", *mongo_bed.flags)
    after = large.everything()
    assert {name: after[name] for name in after} == {
        name: before[name] for name in ("custom_applications", "longrunningservices")
    }


def _dumped(directory: Path) -> int:
    """Bytes of the large collection on the disk so far."""
    return sum(path.stat().st_size for path in directory.glob(".*/**/longrunningservices.bson*"))


def test_the_pod_does_not_come_back(cli: Cli, crd: Crd, namespace: str, large: App, mongo_bed: MongoBed) -> None:
    pod = mongo_bed.primary()
    mongo_bed.kubelet.trouble(pod, rate=8_000_000)
    process = cli.start("backup", "-n", namespace, "--mongo", "minimum", "--name", "saved", *mongo_bed.flags)
    wait_until(lambda: _dumped(cli.directory) > 2_000_000, "the dump to be under way")
    mongo_bed.pods.secret("another password")  # so that it fails for good, and at once
    mongo_bed.kubelet.cut(pod)
    mongo_bed.kubelet.trouble(pod)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 5, err
    assert f"Secret {NAMESPACE}/pcs-mongo" in err
    assert not (cli.directory / "saved").exists()


def test_restore_over_a_way_that_breaks(cli: Cli, crd: Crd, namespace: str, large: App, mongo_bed: MongoBed) -> None:
    before = large.everything()
    cli.ok("backup", "-n", namespace, "--mongo", "complete", "--name", "saved", *mongo_bed.flags)
    large.drop()
    pod = mongo_bed.primary()
    timers = [threading.Timer(0.8 + 0.3 * n, mongo_bed.kubelet.cut, (pod,)) for n in range(3)]
    for timer in timers:
        timer.start()
    done = cli.run("restore", "saved", "--tier", "mongo", *mongo_bed.flags)
    for timer in timers:
        timer.join()
    if done.returncode:  # what was cut too often continues with the same command
        assert done.returncode in (3, 5), done.stderr
        cli.ok("restore", "saved", "--tier", "mongo", *mongo_bed.flags)
    assert large.everything() == before


@pytest.mark.parametrize("arguments", [("--mongo-uri", "mongodb://127.0.0.1:1/"), ()])
def test_flags_of_the_cluster_beside_a_uri(cli: Cli, crd: Crd, namespace: str, arguments: tuple[str, ...]) -> None:
    environment = {} if arguments else {"LRS_MONGO_URI": "mongodb://127.0.0.1:1/"}
    done = cli.run("backup", "-n", namespace, "--mongo", "minimum", "--mongo-secret", "x", *arguments, env=environment)
    assert done.returncode == 2
    assert "--mongo-secret is about the MongoDB in the cluster" in done.stderr


@pytest.mark.parametrize("name", ["../x", "A", "a/b", ""])
def test_names_that_are_none(cli: Cli, crd: Crd, namespace: str, name: str) -> None:
    done = cli.run("backup", "-n", namespace, "--mongo", "minimum", "--mongo-secret", name)
    assert done.returncode == 2
    assert "--mongo-secret" in done.stderr


def test_check_looks_through_it_too(cli: Cli, crd: Crd, namespace: str, app: App, mongo_bed: MongoBed) -> None:
    app.fill(3)
    arguments = ("check", "-n", namespace, "--mongo", *mongo_bed.flags, "-o", "json")
    done = cli.run(*arguments)
    assert done.returncode == 4, done.stderr
    found = [each["code"] for each in json.loads(done.stdout)["findings"]]
    assert found == ["application-without-document"] * 3 + ["document-without-application"] * 3
    app.db.longrunningservices.delete_many({})
    app.db.longrunningservices.insert_many([{"_id": each["_id"]} for each in app.db.custom_applications.find()])
    assert json.loads(cli.ok(*arguments))["lookedAt"]["documents"] == 3
    wait_until(lambda: mongo_bed.open_connections() == 0, "the port-forwards to end")
    mongo_bed.pods.secret("wrong")
    away = cli.run(*arguments)
    assert away.returncode == 5, away.stdout
    (gap,) = (each for each in json.loads(away.stdout)["unchecked"] if each["part"] == "LRS documents")
    assert gap["askedFor"]
