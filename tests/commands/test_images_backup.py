"""`backup --images`: what is missing, out of reach, refused, interrupted or damaged."""

from __future__ import annotations

import base64
import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed import images, loader
from tests.bed.controlplane import ControlPlane
from tests.bed.front import Front, Trouble
from tests.bed.loader import PATIENCE
from tests.bed.registry import PASSWORD, USER, Registry, keys
from tests.builders import imagery
from tests.builders.rights import grant
from tests.conftest import Cli, Crd


@pytest.fixture
def front(registry: Registry) -> Iterator[Front]:
    with Front(registry) as running:
        yield running


@pytest.fixture
def made(registry: Registry, plane: ControlPlane, crd: Crd, namespace: str) -> dict[str, images.Image]:
    """Four images, each named by an LRS."""
    return _named(registry, registry.host, plane, crd, namespace)


def _named(registry: Registry, host: str, plane: ControlPlane, crd: Crd, namespace: str) -> dict[str, images.Image]:
    registry.destroy()
    found = {f"{host}/{name.partition('/')[2]}": image for name, image in imagery.standard(registry).items()}
    loader.create_many(
        plane, [imagery.lrs(crd.api_version, crd.kind, namespace, number, name) for number, name in enumerate(found)]
    )
    return found


def _listed(folder: Path) -> dict[str, dict[str, Any]]:
    return {each["reference"]: each for each in json.loads((folder / "images.json").read_text())["images"]}


def _is_sealed(cli: Cli, name: str) -> bool:
    return (cli.directory / name).exists()


def test_an_image_that_is_gone_makes_the_backup_partial(
    registry: Registry, made: dict[str, images.Image], cli: Cli, namespace: str
) -> None:
    gone, kept = next(iter(made)), list(made)[1:]
    repository, _ = imagery.repository_of(gone)
    assert registry.call("DELETE", f"/v2/{repository}/manifests/{made[gone].digest}")[0] == 202
    done = cli.run("backup", "-n", namespace, "--images", "copy", "--name", "saved")
    assert done.returncode == 3, done.stderr
    assert f"{gone}: " in done.stderr
    listed = _listed(cli.directory / "saved")
    assert {name: each["state"] for name, each in listed.items()} == {gone: "missing"} | dict.fromkeys(kept, "copied")
    assert "MANIFEST_UNKNOWN" in listed[gone]["reason"]
    catalog = json.loads((cli.directory / "saved/backup.json").read_text())
    assert catalog["state"] == "partial"
    assert [each["name"] for each in catalog["missing"]] == [gone]
    assert "partial" in cli.ok("list")
    cli.ok("verify", "saved")
    registry.destroy()
    restored = cli.run("restore", "saved")
    assert restored.returncode == 0, restored.stderr
    assert f"1 image cannot be pushed, such as {gone}" in restored.stderr
    assert sum(len(registry.tags(name)) for name in registry.repositories()) == 3


def test_an_image_without_one_of_its_blobs_or_platforms_is_missing_as_a_whole(
    registry: Registry, made: dict[str, images.Image], cli: Cli, namespace: str
) -> None:
    one, two, three, four = made
    alone = [digest for digest in made[one].blobs if digest not in made[two].blobs]
    registry.blob_file(alone[0]).unlink()
    registry.blob_file(next(iter(made[three].manifests))).unlink()
    changed = next(digest for digest in made[two].blobs if digest not in made[one].blobs)
    registry.blob_file(changed).write_bytes(registry.blob_file(changed).read_bytes()[:-1] + b"x")
    done = cli.run("backup", "-n", namespace, "--images", "copy", "--name", "saved")
    assert done.returncode == 3, done.stderr
    listed = _listed(cli.directory / "saved")
    states = {name: each["state"] for name, each in listed.items()}
    assert states == {one: "missing", two: "unresolved", three: "missing", four: "copied"}, (
        "wrong bytes are not a word of absence"
    )
    assert "not that blob" in listed[two]["reason"]
    index = json.loads((cli.directory / "saved/images/index.json").read_text())
    assert [each["digest"] for each in index["manifests"]] == [made[four].digest]
    assert not (cli.directory / f"saved/images/blobs/sha256/{changed.partition(':')[2]}").exists(), "nothing unverified"


def test_a_registry_out_of_reach_means_no_copy(plane: ControlPlane, crd: Crd, cli: Cli, namespace: str) -> None:
    with Front() as front:
        host = front.host
    loader.create_many(plane, [imagery.lrs(crd.api_version, crd.kind, namespace, 1, f"{host}/datarobot/managed-image:x")])
    done = cli.run("backup", "-n", namespace, "--images", "copy", "--name", "saved")
    assert done.returncode == 5, done.stderr
    assert f"{host}: cannot be reached" in done.stderr
    assert "--images inventory only lists them, --images none leaves it out" in done.stderr
    assert not _is_sealed(cli, "saved")
    listed = cli.run("backup", "-n", namespace, "--images", "inventory", "--name", "listed")
    assert listed.returncode == 0, listed.stderr
    assert "1 image could not be looked up" in listed.stderr
    assert _listed(cli.directory / "listed")[f"{host}/datarobot/managed-image:x"]["state"] == "unresolved"
    cli.ok("backup", "-n", namespace, "--images", "none", "--name", "without")


def test_images_that_are_not_meant_and_more_that_are(
    registry: Registry, made: dict[str, images.Image], plane: ControlPlane, crd: Crd, cli: Cli, namespace: str
) -> None:
    doubtful = imagery.lrs(crd.api_version, crd.kind, namespace, 9, f"{registry.host}/datarobot/custom-apps/managed-image:one")
    doubtful["spec"]["env"]["BUILD"] = f"--from={registry.host}/extra/base-image:more --fast"
    loader.create_many(plane, [doubtful])
    images.push(registry, "extra/base-image", "more", images.image("more"))
    more = f"{registry.host}/extra/base-image:more"
    first = cli.run("backup", "-n", namespace, "--images", "copy", "--name", "first")
    assert first.returncode == 0
    assert "1 strings may name images and cannot be decided" in first.stderr
    assert "a repository of the product is a part of it" in first.stderr
    assert more not in _listed(cli.directory / "first")
    done = cli.run(
        *("backup", "-n", namespace, "--images", "copy", "--name", "second"),
        *("--image", more, "--exclude-image", "*/datarobot/*", "--exclude-image", "docker.io/*"),
    )
    assert done.returncode == 0, done.stderr
    assert list(_listed(cli.directory / "second")) == sorted([f"{registry.host}/managed-image:three", more])
    assert "3 images were left out by --exclude-image" in done.stderr
    assert cli.run("backup", "-n", namespace, "--images", "copy", "--image", "Not An Image").returncode == 2


@pytest.mark.parametrize("flags", [("--image", "python:3"), ("--exclude-image", "*"), ("--registry-pull-secrets",)])
def test_a_flag_about_images_that_are_not_taken_is_refused(crd: Crd, cli: Cli, namespace: str, flags: tuple[str, ...]) -> None:
    for level in ((), ("--images", "none")):
        done = cli.run("backup", "-n", namespace, *level, *flags)
        assert done.returncode == 2, done.stderr
        assert f"{flags[0]} is about images, of which nothing is taken" in done.stderr
    assert not list(cli.directory.iterdir())


# ---- interrupted and damaged


def test_killed_in_mid_copy_the_next_run_takes_over_what_is_whole(
    registry: Registry, front: Front, plane: ControlPlane, crd: Crd, cli: Cli, namespace: str
) -> None:
    made = _named(registry, front.host, plane, crd, namespace)
    blobs = sorted(
        {digest: data for image in made.values() for digest, data in image.blobs.items()}.items(), key=lambda pair: -len(pair[1])
    )
    last = blobs[-1][0]
    trouble = Trouble(f"GET .*/blobs/{last}", held=threading.Event())
    front.troubles.append(trouble)
    command = ("backup", "-n", namespace, "--images", "copy", "--images-parallel", "1")
    running = cli.start(*command, "--name", "saved")
    assert trouble.seen.wait(PATIENCE)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    trouble.held.set()  # type: ignore[union-attr]
    assert not _is_sealed(cli, "saved")
    copied = sorted((cli.directory / ".saved/images/blobs/sha256").iterdir())
    whole = {f"sha256:{path.name}" for path in copied} - {last}
    assert len(whole) >= len(blobs) - 2, "all but the one that was not answered, and one that may not be on the disk yet"
    damaged = copied[0]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    front.log.clear()
    cli.ok(*command, "--name", "saved")
    fetched = {path.rpartition("/")[2] for path in front.paths("GET") if "/blobs/" in path}
    assert fetched == {digest for digest, _ in blobs} - whole | {f"sha256:{damaged.name}"}
    cli.ok("verify", "saved")
    assert imagery.blobs_in(cli.directory / "saved") == imagery.digests_of(list(made.values()))
    facts = json.loads((cli.directory / "saved/backup.json").read_text())["tiers"]["images"]
    assert facts["reused"] == len(blobs) - len(fetched)
    assert not list(cli.directory.glob(".saved*"))


def test_a_second_backup_gets_no_blob_again(
    registry: Registry, front: Front, plane: ControlPlane, crd: Crd, cli: Cli, namespace: str
) -> None:
    made = _named(registry, front.host, plane, crd, namespace)
    command = ("backup", "-n", namespace, "--images", "copy")
    cli.ok(*command, "--name", "one")
    digests = {digest for image in made.values() for digest in image.blobs}
    for name in ("two", "three"):
        front.log.clear()
        cli.ok(*command, "--name", name)
        cli.ok("verify", name)
        fetched = {path.rpartition("/")[2] for path in front.paths("GET") if "/blobs/" in path}
        facts = json.loads((cli.directory / name / "backup.json").read_text())
        if name == "two":
            assert (fetched, facts["tiers"]["images"]["reused"]) == (set(), len(digests))
            assert facts["stored"]["linkedFiles"] >= len(digests)
            spoiled = next(
                path for path in (cli.directory / "two/images/blobs/sha256").iterdir() if f"sha256:{path.name}" in digests
            )
            assert spoiled.stat().st_nlink == 2
            spoiled.chmod(0o600)
            spoiled.write_bytes(spoiled.read_bytes()[:-1] + b"?")
            spoiled.chmod(0o400)
        else:
            assert fetched == {f"sha256:{spoiled.name}"}, "one that has rotted is fetched anew"


def test_interrupted_by_the_user(
    registry: Registry, front: Front, plane: ControlPlane, crd: Crd, cli: Cli, namespace: str
) -> None:
    _named(registry, front.host, plane, crd, namespace)
    trouble = Trouble("GET .*/blobs/", held=threading.Event())
    front.troubles.append(trouble)
    running = cli.start("backup", "-n", namespace, "--images", "copy", "--name", "saved")
    assert trouble.seen.wait(PATIENCE)
    running.send_signal(signal.SIGINT)
    trouble.held.set()  # type: ignore[union-attr]
    _, said = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130, said
    assert "Traceback" not in said
    assert not _is_sealed(cli, "saved")
    cli.ok("backup", "-n", namespace, "--images", "copy", "--name", "saved")
    cli.ok("verify", "saved")


def test_a_registry_that_is_lost_in_mid_copy_means_no_backup(
    registry: Registry, front: Front, plane: ControlPlane, crd: Crd, cli: Cli, namespace: str
) -> None:
    _named(registry, front.host, plane, crd, namespace)
    front.troubles += [Trouble("GET .*/blobs/", 2), Trouble("GET .*/blobs/", 999, 403)]
    done = cli.run("backup", "-n", namespace, "--images", "copy", "--name", "saved")
    assert done.returncode == 5, done.stderr
    assert "not allowed" in done.stderr
    assert not _is_sealed(cli, "saved")


def test_a_damaged_blob_is_found(made: dict[str, images.Image], registry: Registry, cli: Cli, namespace: str) -> None:
    cli.ok("backup", "-n", namespace, "--images", "copy", "--name", "saved")
    path = max((cli.directory / "saved/images/blobs/sha256").iterdir(), key=lambda each: each.stat().st_size)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    done = cli.run("verify", "saved")
    assert done.returncode == 4
    assert path.name in done.stdout + done.stderr
    registry.destroy()
    refused = cli.run("restore", "saved")
    assert refused.returncode == 4
    assert path.name in refused.stderr
    assert registry.repositories() == []


# ---- credentials


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    certificates = keys(tmp_path_factory.mktemp("keys"))
    with Registry(tmp_path_factory.mktemp("guarded"), auth="htpasswd", tls=True, keys=certificates) as running:
        yield running


LOGIN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture
def one(guarded: Registry, plane: ControlPlane, crd: Crd, namespace: str) -> str:
    """An image behind a password, and an LRS that names it and a pull secret."""
    images.push(guarded, "datarobot/managed-image", "x", images.image("guarded"), {"Authorization": f"Basic {LOGIN}"})
    name = f"{guarded.host}/datarobot/managed-image:x"
    made = imagery.lrs(crd.api_version, crd.kind, namespace, 1, name)
    made["spec"]["template"]["imagePullSecrets"] = [{"name": "pull"}, {"name": "not-there"}]
    loader.create_many(plane, [made])
    return name


def _flags(guarded: Registry, namespace: str) -> tuple[object, ...]:
    return ("backup", "-n", namespace, "--images", "copy", "--registry-ca-file", f"{guarded.keys}/ca.crt")


def test_pull_secrets_are_used_when_that_is_asked_for(
    guarded: Registry, one: str, plane: ControlPlane, cli: Cli, namespace: str
) -> None:
    refused = cli.run(*_flags(guarded, namespace), "--name", "refused")
    assert refused.returncode == 5
    assert "--registry-pull-secrets" in refused.stderr
    config = json.dumps({"auths": {f"https://{guarded.host}/v1/": {"username": USER, "password": PASSWORD}}})
    data = base64.b64encode(config.encode()).decode()
    secret = {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": data}}
    plane.api("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "pull"}, **secret})
    assert cli.run(*_flags(guarded, namespace), "--name", "refused").returncode == 5, "only when it is asked for"
    cli.ok(*_flags(guarded, namespace), "--registry-pull-secrets", "--name", "saved")
    assert _listed(cli.directory / "saved")[one]["state"] == "copied"
    plane.api("DELETE", f"/api/v1/namespaces/{namespace}/secrets/pull")
    plane.api("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "of-the-account"}, **secret})
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    loader.wait_until(lambda: plane.api("GET", account)[0] == 200, "the service account")
    patch = {"imagePullSecrets": [{"name": "of-the-account"}]}
    plane.api("PATCH", account, patch, content_type="application/merge-patch+json")
    cli.ok(*_flags(guarded, namespace), "--registry-pull-secrets", "--name", "by-account")


def test_pull_secrets_that_may_not_be_read(guarded: Registry, one: str, plane: ControlPlane, cli: Cli, namespace: str) -> None:
    rules = [{"apiGroups": ["lrs.datarobot.com"], "resources": ["lrs"], "verbs": ["list"]}]
    grant(plane, namespace, "user-3", *rules)
    user = Cli(plane.write_kubeconfig(cli.directory / "user", token=plane.tokens["user-3"]), cli.directory)
    done = user.run(*_flags(guarded, namespace), "--registry-pull-secrets", "--name", "saved")
    assert done.returncode == 5, done.stderr
    assert "--registry-pull-secrets needs get on secrets and serviceaccounts" in done.stderr
    assert not _is_sealed(cli, "saved")


def test_docker_configuration_and_helper(guarded: Registry, one: str, cli: Cli, namespace: str, tmp_path: Path) -> None:
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {guarded.host: {"auth": LOGIN}}}))
    cli_flags = _flags(guarded, namespace)
    assert cli.run(*cli_flags, "--name", "file", env={"DOCKER_CONFIG": str(folder)}).returncode == 0
    helper = tmp_path / "docker-credential-invented"
    answer = json.dumps({"ServerURL": guarded.host, "Username": USER, "Secret": PASSWORD})
    helper.write_text(f"#!/bin/sh\nread server\n[ $# = 1 ] && [ $1 = get ] && [ $server = {guarded.host} ] && echo '{answer}'\n")
    helper.chmod(0o755)
    (folder / "config.json").write_text(json.dumps({"credHelpers": {guarded.host: "invented"}}))
    env = {"DOCKER_CONFIG": str(folder), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = cli.run(*cli_flags, "--name", "helper", env=env)
    assert done.returncode == 0, done.stderr
    for path in (cli.directory / "helper").rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()
    assert PASSWORD not in done.stdout + done.stderr
    helper.unlink()
    missing = cli.run(*cli_flags, "--name", "none", env=env)
    assert missing.returncode == 2
    assert "docker-credential-invented: not found on PATH" in missing.stderr
