"""Who may reach the storage, and how: the smallest policies, wrong keys, an own authority, options; no secret is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.model.errors import DeniedError, UsageError
from tests.bed.controlplane import ControlPlane
from tests.bed.s3 import S3
from tests.builders import stored
from tests.conftest import ROOT, Cli, Crd

SECRET = "a-secret-that-nobody-sees"


@pytest.fixture(scope="module")
def tls(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A gateway with a certificate that only the control plane's authority vouches for."""
    with S3(tmp_path_factory.mktemp("tls"), certificate=(plane.keys / "server.crt", plane.keys / "server.key")) as running:
        yield running


@pytest.fixture
def app(plane: ControlPlane, crd: Crd, namespace: str) -> str:
    stored.populate(plane, crd, namespace)
    return namespace


def _policies() -> list[dict[str, Any]]:
    """The policies that docs/files.md shows: for a backup, for a restore."""
    text = (ROOT / "docs" / "files.md").read_text()
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if '"Statement"' in block]


def _allow(s3: S3, bucket: str, user: str, statements: list[dict[str, Any]]) -> None:
    import botocore.session

    client = botocore.session.get_session().create_client(
        "s3",
        endpoint_url=s3.endpoint,
        region_name="us-east-1",
        aws_access_key_id=s3.access,
        aws_secret_access_key=s3.secret,
    )
    text = json.dumps([{**each, "Principal": {"AWS": [user]}} for each in statements]).replace("BUCKET", bucket)
    text = text.replace("PREFIX", "storage/of/app")
    granted = [{key: value for key, value in each.items() if key != "Condition"} for each in json.loads(text)]
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": granted}))


def test_the_documented_policies_are_enough_and_each_is_needed(s3: S3, app: str, cli: Cli) -> None:
    """Conditions are left out: the gateway has none. Without one of the actions it must fail."""
    ground = stored.bucket(s3, "policies")
    ground.fill()
    user = s3.add_user("smallest", SECRET)
    backup, restore = (policy["Statement"] for policy in _policies())
    saving = ("backup", "-n", app, "--files", "copy", *ground.reached, "--name")
    back = ("restore", "whole", "--tier", "files", *ground.reached)
    nothing = cli.run(*saving, "none", env=user)
    assert nothing.returncode == 5
    assert "AccessDenied" in nothing.stderr
    _allow(s3, "policies", "smallest", backup[:1])
    assert cli.run(*saving, "listed", env=user).returncode == 5
    _allow(s3, "policies", "smallest", backup)
    cli.ok(*saving, "whole", env=user)
    ground.empty()
    denied = cli.run(*back, env=user)
    assert denied.returncode == 5
    assert "may not write" in denied.stderr
    assert ground.content() == {}
    _allow(s3, "policies", "smallest", restore)
    cli.ok(*back, env=user)
    assert ground.content().keys() == stored.OURS
    assert sorted(path.name for path in cli.directory.iterdir()) == ["whole"]


def test_one_file_that_may_not_be_read_is_named_and_the_others_are_saved(s3: S3, app: str, cli: Cli) -> None:
    ground = stored.bucket(s3, "one-denied")
    ground.fill()
    user = s3.add_user("one-denied", SECRET)
    backup, _ = (policy["Statement"] for policy in _policies())
    denied = {**backup[1], "Effect": "Deny", "Resource": [f"arn:aws:s3:::BUCKET/PREFIX/{stored.SPOKEN_OF}"]}
    _allow(s3, "one-denied", "one-denied", [*backup, denied])
    done = cli.run("backup", "-n", app, "--files", "copy", *ground.reached, "--name", "part", "-o", "json", env=user)
    assert done.returncode == 3, done.stderr
    (missing,) = json.loads(done.stdout)["missing"]
    assert (missing["store"], missing["kind"], missing["name"]) == ("files", "file", stored.SPOKEN_OF)
    assert "AccessDenied" in missing["reason"]
    assert json.loads(done.stdout)["tiers"]["files"]["files"] == len(stored.OURS) - 1


def test_who_may_not_list_is_not_told_that_a_file_is_not_there(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    stored.bucket(s3, "no-list")
    user = s3.add_user("no-list", SECRET)
    backup, _ = (policy["Statement"] for policy in _policies())
    _allow(s3, "no-list", "no-list", [{**backup[1], "Resource": ["arn:aws:s3:::BUCKET/PREFIX/allowed"]}])
    for name, value in user.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DeniedError):
        open_backend(StorageLocation(url="s3://no-list/storage/of/app", endpoint=s3.endpoint)).stat("none")


def test_wrong_keys(s3: S3, app: str, cli: Cli) -> None:
    ground = stored.bucket(s3, "wrong-keys")
    for changed in ({"AWS_ACCESS_KEY_ID": "nobody"}, {"AWS_SECRET_ACCESS_KEY": SECRET}, {"AWS_PROFILE": "nobody"}):
        done = cli.run("backup", "-n", app, "--files", "copy", *ground.reached, env={**ground.environment, **changed})
        assert done.returncode == 5, done.stderr
        assert SECRET not in done.stderr
        assert s3.secret not in done.stderr
        assert list(cli.directory.iterdir()) == []


def test_no_keys_at_all(s3: S3, app: str, cli: Cli) -> None:
    ground = stored.bucket(s3, "no-keys")
    done = cli.run("backup", "-n", app, "--files", "copy", *ground.reached, env={"AWS_EC2_METADATA_DISABLED": "true"})
    assert done.returncode == 5
    assert "AWS_ACCESS_KEY_ID" in done.stderr


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_keys_in_a_file_of_options(s3: S3, app: str, cli: Cli, tmp_path: Path, suffix: str) -> None:
    ground = stored.bucket(s3, f"options-{suffix}")
    ground.fill()
    file = tmp_path / f"options.{suffix}"
    if suffix == "json":
        file.write_text(json.dumps({"key": s3.access, "secret": s3.secret}))
    else:
        file.write_text(f"key: {s3.access}\nsecret: {s3.secret}\n")
    environment = {"AWS_EC2_METADATA_DISABLED": "true"}
    cli.ok("backup", "-n", app, "--files", "copy", *ground.reached, "--files-options", str(file), "--name", "o", env=environment)
    for path in (cli.directory / "o").rglob("*"):
        assert path.is_dir() or s3.secret.encode() not in path.read_bytes(), path


def test_everything_from_the_environment(s3: S3, app: str, cli: Cli) -> None:
    ground = stored.bucket(s3, "environment")
    ground.fill()
    environment = {**ground.environment, "LRS_FILES_URL": ground.url, "LRS_FILES_ENDPOINT": s3.endpoint}
    cli.ok("backup", "-n", app, "--files", "copy", "--name", "e", env=environment)
    ground.empty()
    cli.ok("restore", "e", "--tier", "files", env=environment)
    assert ground.content().keys() == stored.OURS


def test_an_authority_of_ones_own(tls: S3, plane: ControlPlane, app: str, cli: Cli) -> None:
    ground = stored.bucket(tls, "secured")
    ground.fill()
    command = ("backup", "-n", app, "--files", "copy", *ground.reached, "--name", "t")
    unknown = cli.run(*command, env=ground.environment)
    assert unknown.returncode == 5
    assert "--files-ca-file" in unknown.stderr
    cli.ok(*command, "--files-ca-file", str(plane.ca_file), env=ground.environment)


def test_a_bucket_that_is_not_there(s3: S3, app: str, cli: Cli) -> None:
    flags = ("--files-url", "s3://no-such-bucket/x", "--files-endpoint", s3.endpoint)
    done = cli.run("backup", "-n", app, "--files", "copy", *flags, env=s3.environment)
    assert done.returncode == 5
    assert "bucket" in done.stderr


@pytest.mark.parametrize(
    ("module", "url", "extra"),
    [("botocore", "s3://bucket/x", "s3"), ("gcsfs", "gs://bucket/x", "gs"), ("adlfs", "abfs://c@a.example.com/x", "abfs")],
)
def test_a_library_that_is_not_installed(cli: Cli, tmp_path: Path, app: str, module: str, url: str, extra: str) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / f"{module}.py").write_text("raise ImportError('not installed')\n")
    done = cli.run("backup", "-n", app, "--files", "copy", "--files-url", url, env={"PYTHONPATH": f"{tmp_path / 'none'}:{ROOT}"})
    assert done.returncode == 2
    assert f"pip install 'kubectl-lrs[{extra}]'" in done.stderr


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (StorageLocation(url="ftp://host/x"), "no such kind"),
        (StorageLocation(url="relative/path"), "absolute"),
        (StorageLocation(url="file://relative"), "absolute"),
        (StorageLocation(url="s3://"), "no bucket"),
        (StorageLocation(url="s3:///x"), "no bucket"),
        (StorageLocation(url=f"s3://me:{SECRET}@bucket/x"), "password"),
        (StorageLocation(url=f"webhdfs://me:{SECRET}@host:9870/x"), "password"),
        (StorageLocation(url=f"abfs://c@a.example.com/x?sig={SECRET}"), "'?'"),
        (StorageLocation(url="s3://bucket/a/../b"), r"'\.\.'"),
        (StorageLocation(url="s3://bucket/a//b"), "empty"),
        (StorageLocation(url="/mnt/x", options={"key": SECRET}), "--files-options"),
        (StorageLocation(url="/mnt/x", endpoint="http://x"), "--files-endpoint"),
        (StorageLocation(url="/mnt/x", ca_file="/x"), "--files-ca-file"),
        (StorageLocation(url="gs://b/x", endpoint="http://x"), "is not for gs://"),
        (StorageLocation(url="s3://bucket/x", options={"client_kwargs": 3}), "--files-options"),
        (StorageLocation(url="s3://bucket/x", options={"key": SECRET, "username": SECRET}), "--files-options"),
    ],
)
def test_what_is_refused_before_anything_is_asked(place: StorageLocation, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        open_backend(place)
    assert SECRET not in f"{caught.value} {caught.value.hint}"
