"""Who may do what with a repository in a bucket: the policy of the documents and an object lock, on a real gateway."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.s3 import S3
from tests.conftest import ROOT, Cli, Crd

BUCKET, URL = "backups", "s3://backups/lrs"
USERS = ("lrs-writer", "lrs-reader", "lrs-pruner")


@pytest.fixture(scope="module")
def locking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A bucket in which all is locked, and of which no old versions are kept."""
    with S3(tmp_path_factory.mktemp("s3")) as running:
        running.make_locked_bucket(BUCKET)
        yield running


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A bucket as the documents say it is made, with the policy that stands there."""
    with S3(tmp_path_factory.mktemp("s3"), versions=True) as running:
        running.make_locked_bucket(BUCKET)
        for user in USERS:
            running.add_user(user, secret(user))
        running.client().put_bucket_policy(Bucket=BUCKET, Policy=policy())
        yield running


def policy() -> str:
    """That of the documents; the gateway knows users by their names."""
    text = (ROOT / "docs" / "repository.md").read_text()
    found = re.search(r"### Policies of S3\n.*?```json\n(.*?)```", text, re.DOTALL)
    assert found
    return re.sub(r"arn:aws:iam::\d+:user/", "", found[1])


def secret(user: str) -> str:
    return f"{user}-not-a-secret"


def of(s3: S3, user: str = "") -> Mapping[str, str]:
    """What this user exports."""
    keys = {"AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": secret(user)} if user else {}
    return {**s3.environment, **keys, "LRS_BACKUP_ENDPOINT": s3.endpoint, "LRS_BACKUP_DIR": URL}


def data(cli: Cli, env: Mapping[str, str], *call: object, code: int = 0) -> Any:
    done = cli.run(*call, "-o", "json", env=env)
    assert done.returncode == code, f"{call}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def names(cli: Cli, env: Mapping[str, str]) -> list[str]:
    return [each["name"] for each in data(cli, env, "list")["backups"]]


def versions(s3: S3, kind: str = "Versions") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = s3.client().list_object_versions(Bucket=BUCKET).get(kind, [])
    return found


PRUNE = ("prune", "--keep-last", "1", "--minimum", "1", "--yes")


def test_the_policy_and_the_lock_of_the_documents(keeping: S3, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    writer, reader, pruner = (of(keeping, user) for user in USERS)
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace))
    cli.ok("repository", "init", env=writer)
    for name in ("first", "second"):
        cli.ok("backup", "-n", namespace, "--name", name, env=writer)
    storage = data(cli, writer, "repository", "check")["storage"]
    assert (storage["mayWrite"], storage["mayOverwrite"], storage["mayDelete"]) == (True, True, False)
    assert (storage["versions"], storage["appendOnly"]) == ("locked", True)
    assert storage["left"].startswith("probe/")

    # Who may not delete removes nothing, and says why.
    done = data(cli, writer, *PRUNE, code=1)
    assert [(each["name"], each["result"]) for each in done["backups"]] == [("first", "kept")]
    assert "no right to delete" in done["backups"][0]["message"]
    assert data(cli, reader, "verify", "first", "--full")["intact"]
    assert cli.run("backup", "-n", namespace, env=reader).returncode == 5
    assert names(cli, reader) == ["first", "second"]

    # The writer's key is stolen: other bytes over all that is in the pool. What was there before cannot be touched.
    thief = keeping.client(USERS[0], secret(USERS[0]))
    stolen = [each for each in versions(keeping) if "/packs/" in each["Key"] or "/blobs/" in each["Key"]]
    assert stolen
    for each in stolen:
        thief.put_object(Bucket=BUCKET, Key=each["Key"], Body=b"x" * each["Size"])
    assert not data(cli, reader, "verify", "first", "--full", code=4)["intact"]
    root = keeping.client()
    for each in stolen:
        for client in (thief, keeping.client(USERS[2], secret(USERS[2])), root):
            with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
                client.delete_object(Bucket=BUCKET, Key=each["Key"], VersionId=each["VersionId"])
        source = {"Bucket": BUCKET, "Key": each["Key"], "VersionId": each["VersionId"]}
        root.copy_object(Bucket=BUCKET, Key=each["Key"], CopySource=source)
    assert data(cli, reader, "verify", "first", "--full")["intact"]

    # The pruner removes, and its key is stolen: all is deleted. It is there again without the markers.
    done = data(cli, pruner, *PRUNE)
    assert [(each["name"], each["result"]) for each in done["backups"]] == [("first", "removed")]
    assert names(cli, reader) == ["second"]
    thief = keeping.client(USERS[2], secret(USERS[2]))
    for key in {each["Key"] for each in versions(keeping)}:
        thief.delete_object(Bucket=BUCKET, Key=key)
    assert cli.run("list", env=reader).returncode == 2
    for each in versions(keeping, "DeleteMarkers"):
        root.delete_object(Bucket=BUCKET, Key=each["Key"], VersionId=each["VersionId"])
    for name in ("first", "second"):
        assert data(cli, reader, "verify", name, "--full")["intact"]


def test_a_lock_that_refuses_deletion(locking: S3, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    """Where no old versions are kept, even whoever may do everything cannot delete: it stays, and that is said."""
    env = of(locking)
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace))
    cli.ok("repository", "init", env=env)
    for name in ("first", "second"):
        cli.ok("backup", "-n", namespace, "--name", name, env=env)
    storage = data(cli, env, "repository", "check")["storage"]
    assert (storage["mayWrite"], storage["mayOverwrite"], storage["mayDelete"]) == (True, False, False)
    assert storage["appendOnly"]
    assert "object lock" in storage["why"]
    before = {each["Key"] for each in versions(locking) if "/packs/" in each["Key"] or "/backups/" in each["Key"]}
    for _ in range(2):
        done = data(cli, env, *PRUNE, code=1)
        assert [(each["name"], each["result"]) for each in done["backups"]] == [("first", "kept")]
        assert "object lock" in done["backups"][0]["message"]
    assert {each["Key"] for each in versions(locking)} >= before
    assert names(cli, env) == ["first", "second"]
    assert data(cli, env, "verify", "first", "--full")["intact"]
