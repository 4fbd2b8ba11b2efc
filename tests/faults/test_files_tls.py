"""S3 over TLS, where the library's own checksums would come as `Content-Encoding: aws-chunked`, which this gateway keeps."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.s3_upload import MIN_PART
from tests.bed.controlplane import ControlPlane
from tests.bed.s3 import S3
from tests.builders import stored
from tests.conftest import Cli, Crd

FILES = {"a/small": b"small", "a/empty": b"", "a/large": os.urandom(1 << 20) * 9}


@pytest.fixture(scope="module")
def tls(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with S3(tmp_path_factory.mktemp("tls"), certificate=(plane.keys / "server.crt", plane.keys / "server.key")) as running:
        yield running


@pytest.fixture
def app(plane: ControlPlane, crd: Crd, namespace: str) -> str:
    stored.populate(plane, crd, namespace)
    return namespace


def _client(tls: S3, plane: ControlPlane) -> Any:
    import botocore.session
    from botocore.config import Config

    return botocore.session.get_session().create_client(
        "s3",
        endpoint_url=tls.endpoint,
        region_name="us-east-1",
        aws_access_key_id=tls.access,
        aws_secret_access_key=tls.secret,
        verify=str(plane.ca_file),
        config=Config(request_checksum_calculation="when_required"),
    )


def _filled(ground: stored.Ground, client: Any, bucket: str) -> dict[str, Any]:
    """The objects as an application has put them; what the gateway says of each."""
    for key, data in FILES.items():
        client.put_object(Bucket=bucket, Key=f"storage/of/app/{key}", Body=data, ContentType="text/x-python", Metadata={"a": "b"})
    return _said(client, bucket)


def _remove(client: Any, bucket: str) -> None:
    for key in FILES:
        client.delete_object(Bucket=bucket, Key=f"storage/of/app/{key}")


def _said(client: Any, bucket: str) -> dict[str, Any]:
    names = ("ContentType", "ContentEncoding", "Metadata", "ContentLength")
    found = {}
    for key in FILES:
        answer = client.head_object(Bucket=bucket, Key=f"storage/of/app/{key}")
        found[key] = {name: answer.get(name) for name in names}
    return found


def test_what_comes_back_over_tls_is_what_was_saved(tls: S3, plane: ControlPlane, app: str, cli: Cli) -> None:
    assert len(FILES["a/large"]) > MIN_PART
    ground, client = stored.bucket(tls, "same"), _client(tls, plane)
    before = _filled(ground, client, "same")
    reached = (*ground.reached, "--files-ca-file", str(plane.ca_file))
    cli.ok("backup", "-n", app, "--files", "copy", "--files-all", *reached, "--name", "t", env=ground.environment)
    _remove(client, "same")
    assert "3 created" in cli.ok("restore", "t", "--tier", "files", *reached, env=ground.environment)
    assert _said(client, "same") == before
    assert "3 unchanged" in cli.ok("restore", "t", "--tier", "files", *reached, env=ground.environment)


@pytest.mark.parametrize(
    "wanted",
    [
        {"config_kwargs": {"request_checksum_calculation": "when_supported"}},
        {"s3_additional_kwargs": {"ChecksumAlgorithm": "CRC32"}},
    ],
    ids=["everywhere", "by name"],
)
def test_a_user_who_wants_the_librarys_checksums_is_told_what_becomes_of_them(
    tls: S3, plane: ControlPlane, app: str, cli: Cli, tmp_path: Path, wanted: dict[str, Any]
) -> None:
    bucket = f"wanted-{min(wanted).partition('_')[0]}"
    ground, client = stored.bucket(tls, bucket), _client(tls, plane)
    _filled(ground, client, bucket)
    options = tmp_path / "options.json"
    options.write_text(json.dumps(wanted))
    reached = (*ground.reached, "--files-ca-file", str(plane.ca_file), "--files-options", str(options))
    cli.ok("backup", "-n", app, "--files", "copy", "--files-all", *reached, "--name", "t", env=ground.environment)
    _remove(client, bucket)
    first = cli.run("restore", "t", "--tier", "files", *reached, "-o", "json", env=ground.environment)
    assert first.stdout, first.stderr
    outcomes = {each["name"]: (each["result"], each.get("message", "")) for each in json.loads(first.stdout)["outcomes"]}
    said = _said(client, bucket)
    kept = {key for key, each in said.items() if "aws-chunked" in (each["ContentEncoding"] or "")}
    assert {name for name, (result, _) in outcomes.items() if result == "altered"} == kept
    assert first.returncode == (3 if kept else 0), first.stderr
    again = cli.run("restore", "t", "--tier", "files", *reached, env=ground.environment)
    assert again.returncode == first.returncode
    assert all("Content-Encoding 'aws-chunked', not none" in outcomes[name][1] for name in kept)
    assert kept, "this gateway keeps it: where a newer one does not, this test shows nothing any more"
