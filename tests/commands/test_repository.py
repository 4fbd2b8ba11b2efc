"""Every command takes a backup from every place: the same calls over a pooled path and a bucket; and what is refused there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.base import get, put
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository.pool import condemned, sight
from kubectl_lrs.repository.pool.condemned import Name
from kubectl_lrs.repository.pool.mark import read_mark
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.ports import reserved
from tests.bed.s3 import S3
from tests.bed.s3_between import Answer, Between, Forward, Request
from tests.builders.pooled import put_content, seal
from tests.conftest import Cli, Crd


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with S3(tmp_path_factory.mktemp("s3"), versions=True) as running:
        yield running


def reached(s3: S3) -> Mapping[str, str]:
    """What an administrator exports."""
    return {**s3.environment, "LRS_BACKUP_ENDPOINT": s3.endpoint}


def bucket(s3: S3, path: Path) -> str:
    """One of a test's own."""
    name = re.sub(r"[^a-z0-9-]", "-", path.name.lower())[:50].strip("-")
    (s3.buckets / name).mkdir()
    return name


@pytest.fixture(params=["path", "s3"])
def place(request: pytest.FixtureRequest, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty repository, on a path and in a bucket in turn."""
    if request.param == "path":
        return str(tmp_path / "pool")
    for name, value in reached(s3).items():
        monkeypatch.setenv(name, value)
    return f"s3://{bucket(s3, tmp_path)}/backups"


@pytest.fixture
def sampled(plane: ControlPlane, crd: Crd, namespace: str) -> str:
    """A namespace with two dozen LRS."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace))
    return namespace


def _stored(output: str) -> dict[str, int]:
    return dict(json.loads(output)["stored"])


def _data(cli: Cli, *call: object) -> Any:
    return json.loads(cli.ok(*call, "-o", "json"))


def test_every_command(place: str, sampled: str, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cli.ok("repository", "init", place)
    monkeypatch.setenv("LRS_BACKUP_DIR", place)
    first = _stored(cli.ok("backup", "-n", sampled, "--name", "one", "-o", "json"))
    assert first["linkedFiles"] <= 1  # what is there twice within it
    assert first["newObjects"] < 5
    second = _stored(cli.ok("backup", "-n", sampled, "--name", "two", "-o", "json"))
    assert second["newBytes"] < first["newBytes"] / 10
    assert second["linkedBytes"] > first["newBytes"] / 2
    assert [each["name"] for each in _data(cli, "list")["backups"]] == ["one", "two"]
    listed = {line.split()[0] for line in cli.ok("list", "-o", "wide").splitlines()[1:]}
    assert listed == {"one", "two"}
    shown = _data(cli, "show", "latest")
    assert (shown["name"], len(shown["objects"])) == ("two", shown["tiers"]["resources"]["objects"])
    assert shown["path"].startswith(place if place.startswith("s3") else f"file://{place}")
    for depth in ([], ["--sample", "50%"], ["--full"]):
        assert _data(cli, "verify", "one", *depth)["intact"]
    assert _data(cli, "verify", shown["path"])["intact"], "a backup by where it is"
    cli.ok("diff", "one", "two")
    cli.ok("diff", "one", "live", "-n", sampled)
    assert cli.run("check", "--from", "one").returncode in (0, 4)
    cli.ok("hold", "one", "--reason", "why")
    assert next(each for each in _data(cli, "list")["backups"] if each["name"] == "one")["hold"]["reason"] == "why"
    assert "why" in cli.ok("show", "one")
    cli.ok("unhold", "one")
    assert _data(cli, "verify", "latest", "--against-cluster")["restorable"]
    cli.ok("export", "one", tmp_path / "out")
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tmp_path / "out", check=False)
    assert done.returncode == 0
    assert _data(cli, "repository", "show")["backups"] == 2
    assert _data(cli, "repository", "check")["intact"]
    if not place.startswith("s3"):  # what takes longer than the Tab key waits is no candidate
        words = cli.ok("__complete", "verify", "")
        assert {line.split("\t")[0] for line in words.splitlines()} >= {"latest", "one", "two"}


def test_a_backup_beside_an_earlier_one_is_what_it_would_be_without(
    place: str, sampled: str, crd: Crd, plane: ControlPlane, cli: Cli, tmp_path: Path
) -> None:
    fillers = [samples.filler(number, crd.api_version, crd.kind, sampled) for number in range(4)]
    changed, gone, _, _ = names = [each["metadata"]["name"] for each in fillers]
    loader.create_many(plane, fillers[:3])
    cli.ok("repository", "init", place)
    cli.ok("backup", "-n", sampled, "--name", "one", "--backup-dir", place)
    plane.kubectl_run("label", "lrs", changed, "changed=yes", "-n", sampled)
    plane.kubectl_run("delete", "lrs", gone, "-n", sampled)
    loader.create_many(plane, fillers[3:])
    cli.ok("backup", "-n", sampled, "--name", "two", "--backup-dir", place)
    cli.ok("backup", "-n", sampled, "--name", "alone", "--backup-dir", tmp_path / "plain")
    cli.ok("export", "two", tmp_path / "out", "--backup-dir", place)
    sums = [(tmp_path / name / "SHA256SUMS").read_text() for name in ("plain/alone", "out")]
    assert sums[0] == sums[1]
    assert {name for name in names if f"/{name}.yaml" in sums[1]} == {*names} - {gone}
    assert _data(cli, "verify", "two", "--full", "--backup-dir", place)["intact"]
    cli.ok("restore", "two", "--dry-run=server", "-n", sampled, "--backup-dir", place)


def test_restored(place: str, sampled: str, crd: Crd, plane: ControlPlane, cli: Cli) -> None:
    """One LRS, then all of them, out of it."""
    cli.ok("repository", "init", place)
    cli.ok("backup", "-n", sampled, "--name", "one", "--backup-dir", place)
    names = [each["metadata"]["name"] for each in loader.live(plane, crd.api_version, sampled)]
    kept = {each["metadata"]["name"]: each["spec"] for each in loader.live(plane, crd.api_version, sampled)}
    loader.clear(plane, namespace=sampled)
    saved = [each["name"] for each in _data(cli, "show", "one", "--backup-dir", place)["objects"]]
    cli.ok("restore", saved[3], "--from", "one", "--backup-dir", place)
    assert [each["metadata"]["name"] for each in loader.live(plane, crd.api_version, sampled)] == [saved[3]]
    cli.ok("restore", "one", "--backup-dir", place)
    now = {each["metadata"]["name"]: each["spec"] for each in loader.live(plane, crd.api_version, sampled)}
    assert now == {name: kept[name] for name in saved}
    assert set(saved) <= set(names)


# ---- who may only read


LONG_READS = [
    ("export", "one", "OUT/exported"),
    ("copy", "HERE", "OUT"),
    ("verify", "one", "--full"),
    ("verify", "one", "--sample", "90%"),
    ("restore", "one"),
]
SHORT_READS = [("list",), ("show", "one"), ("verify", "one"), ("restore", "one", "--dry-run=client"), ("diff", "one", "one")]


def test_who_may_only_read_is_told_for_how_long_it_stays(s3: S3, tmp_path: Path, cli: Cli, sampled: str) -> None:
    """Whoever reads for long would hold the backup; whoever reads for a moment need not."""
    name = bucket(s3, tmp_path)
    place = f"s3://{name}/p"
    cli.ok("repository", "init", place, env=reached(s3))
    cli.ok("backup", "-n", sampled, "--name", "one", "--backup-dir", place, env=reached(s3))
    user = s3.add_user(f"reader-{name}", "a-secret-of-the-test")
    s3.allow(f"reader-{name}", name, "s3:GetObject", "s3:ListBucket")
    (tmp_path / "out").mkdir()
    for call in (*LONG_READS, *SHORT_READS):
        words = [word.replace("HERE", place).replace("OUT", str(tmp_path / "out")) for word in call]
        done = cli.run(*words, env={**reached(s3), **user, "LRS_BACKUP_DIR": place})
        assert done.returncode == 0, done.stderr
        said = [line for line in done.stderr.splitlines() if "read without a hold" in line]
        assert len(said) == (call in LONG_READS), (call, done.stderr)
        assert all(re.search(r"48 hours until 20\d\d-\d\d-\d\d \d\d:\d\dZ", line) for line in said), said
        assert not (s3.buckets / name / "p" / "holds").exists()


# ---- what the storage keeps


def test_what_becomes_of_what_is_deleted(s3: S3, cli: Cli) -> None:
    """A bucket as it is made; one that keeps versions; one that locks each new object."""
    client = s3.client()
    for versions in ("gone", "kept", "locked"):
        name = f"keeps-{versions}"
        if versions == "locked":
            s3.make_locked_bucket(name)
        else:
            client.create_bucket(Bucket=name)
        if versions == "kept":
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        cli.ok("repository", "init", f"s3://{name}/p", env=reached(s3))
        checked = json.loads(cli.ok("repository", "check", f"s3://{name}/p", "-o", "json", env=reached(s3)))["storage"]
        assert (checked["versions"], checked["appendOnly"]) == (versions, versions == "locked")
        said = cli.ok("repository", "check", f"s3://{name}/p", env=reached(s3))
        assert ("storage: append-only" in said) == (versions == "locked"), said
        assert ("storage: not append-only" in said) == (versions != "locked"), said


def test_a_prune_says_what_frees_the_room_of_a_bucket_that_keeps_versions(
    s3: S3, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    client = s3.client()
    client.create_bucket(Bucket="many-versions")
    client.put_bucket_versioning(Bucket="many-versions", VersioningConfiguration={"Status": "Enabled"})
    cli.ok("repository", "init", "s3://many-versions/p", env=reached(s3))
    backend = open_backend(StorageLocation(url="s3://many-versions/p", endpoint=s3.endpoint, is_ours=True))
    put_content(backend, b"nobody needs it")
    long_ago = backend.now() - 100 * 3600
    names = [Name(stat.key, stat.size) for stat in backend.list("blobs/")]
    (made,) = condemned.write(backend, names, now=long_ago)
    os.utime(s3.buckets / "many-versions" / "p" / made.key, (long_ago, long_ago))
    done = cli.run("prune", "--keep-last", "1", "--backup-dir", "s3://many-versions/p", "--yes", env=reached(s3))
    assert done.returncode == 0, done.stderr
    (note,) = (line for line in done.stderr.splitlines() if "keeps versions" in line)
    (rule,) = json.loads(note[note.index("{") :])["Rules"]
    assert rule["Filter"] == {"Prefix": "p/"}
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


# ---- what was replicated


def test_what_was_replicated_is_taken_in(s3: S3, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its seals are ten days older than the storage says that they came."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    url = f"s3://{bucket(s3, tmp_path)}/p"
    cli.ok("repository", "init", url, env=reached(s3))
    backend = open_backend(StorageLocation(url=url, endpoint=s3.endpoint, is_ours=True))
    where = sight.PoolHandle(backend, read_mark(backend).id, read_mark(backend).grace)
    with pytest.raises(LrsError, match="too late"):
        seal(where, "night", [put_content(backend, b"content")], backend.now() - 10 * 86400)
    checked = json.loads(cli.ok("repository", "check", url, "-o", "json", env=reached(s3)))
    assert [each.partition(".")[0] for each in checked["late"]] == ["night"]
    assert "repository check --adopt" in cli.ok("repository", "check", url, env=reached(s3))
    _refused(cli, "repository", "show", "--adopt", url, code=2, said="--adopt says nothing", env=reached(s3))
    done = json.loads(cli.ok("repository", "check", "--adopt", url, "-o", "json", env=reached(s3)))
    assert (done["late"], done["adopted"], done["damages"], done["backups"]) == ([], ["night"], [], 1)
    assert "sealed late" not in cli.ok("repository", "check", url, env=reached(s3))


# ---- one clear line for what is wrong


def _refused(cli: Cli, *call: object, code: int, said: str, hint: str = "", env: Mapping[str, str] | None = None) -> None:
    done = cli.run(*call, env=env)
    assert done.returncode == code, done.stdout + done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert said in errors[0], errors[0]
    assert "Traceback" not in done.stderr
    assert "this is a bug" not in done.stderr
    if hint:
        assert hint in done.stderr


CALLS = [("list",), ("show",), ("verify",), ("restore", "latest"), ("hold", "x", "--reason", "y"), ("export", "latest", "out")]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
def test_a_bucket_without_a_repository(s3: S3, tmp_path: Path, cli: Cli, call: tuple[str, ...]) -> None:
    url = f"s3://{bucket(s3, tmp_path)}/p"
    _refused(cli, *call, "--backup-dir", url, code=2, said="no repository", hint="repository init", env=reached(s3))


def test_no_backup_is_made_where_no_repository_is(s3: S3, tmp_path: Path, cli: Cli, sampled: str) -> None:
    name = bucket(s3, tmp_path)
    call = ("backup", "-n", sampled, "--backup-dir", f"s3://{name}/p")
    _refused(cli, *call, code=2, said="no repository", hint="repository init", env=reached(s3))
    assert not list((s3.buckets / name).iterdir())


@pytest.mark.parametrize("call", [("list",), ("repository", "init")], ids=" ".join)
def test_a_bucket_that_is_not_there(s3: S3, cli: Cli, call: tuple[str, ...]) -> None:
    said = "The specified bucket does not exist"
    _refused(cli, *call, "--backup-dir", "s3://no-such-bucket/p", code=5, said=said, hint="is the URL right", env=reached(s3))


@pytest.mark.parametrize("call", [("list",), ("repository", "init")], ids=" ".join)
def test_credentials_that_are_refused(s3: S3, tmp_path: Path, cli: Cli, call: tuple[str, ...]) -> None:
    env = {**reached(s3), "AWS_SECRET_ACCESS_KEY": "another-secret-that-is-wrong"}
    done = cli.run(*call, "--backup-dir", f"s3://{bucket(s3, tmp_path)}/p", env=env)
    assert done.returncode == 5, done.stderr
    assert "another-secret-that-is-wrong" not in done.stdout + done.stderr
    assert s3.secret not in done.stdout + done.stderr


def test_no_credentials_at_all(s3: S3, tmp_path: Path, cli: Cli) -> None:
    env = {
        "LRS_BACKUP_ENDPOINT": s3.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
    }
    done = cli.run("list", "--backup-dir", f"s3://{bucket(s3, tmp_path)}/p", env=env)
    assert done.returncode == 5, done.stderr
    assert "credentials" in done.stderr


@pytest.mark.parametrize(
    ("status", "code", "message", "ends", "hint"),
    [
        (400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'eu-north-1'", 2, "AWS_REGION"),
        (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", 5, "clock"),
        (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 5, "credentials"),
    ],
)
def test_what_aws_says_of_a_call_that_is_wrong(
    s3: S3, tmp_path: Path, cli: Cli, status: int, code: str, message: str, ends: int, hint: str
) -> None:
    """Another region, a clock that is wrong, unknown credentials: a HEAD is told none of it, and a GET is asked for."""
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"

    def rule(request: Request, _forward: Forward) -> Answer:
        return Answer(
            status=status, headers={"Content-Type": "application/xml"}, body=b"" if request.method == "HEAD" else text.encode()
        )

    with Between(s3, rule) as between:
        env = {**reached(s3), "LRS_BACKUP_ENDPOINT": between.endpoint}
        _refused(cli, "list", "--backup-dir", f"s3://{bucket(s3, tmp_path)}/p", code=ends, said=message, hint=hint, env=env)


def test_nobody_listens(tmp_path: Path, s3: S3, cli: Cli) -> None:
    (port,) = reserved(1)
    env = {**reached(s3), "LRS_BACKUP_ENDPOINT": f"http://127.0.0.1:{port}"}
    _refused(cli, "list", "--backup-dir", "s3://b/p", code=5, said="s3://b", env=env)


def test_a_prefix_that_holds_something_else(s3: S3, tmp_path: Path, cli: Cli) -> None:
    name = bucket(s3, tmp_path)
    (s3.buckets / name / "p").mkdir()
    (s3.buckets / name / "p" / "other").write_text("x")
    _refused(cli, "repository", "init", f"s3://{name}/p", code=2, said="not empty", hint="prefix of its own", env=reached(s3))
    cli.ok("repository", "init", f"s3://{name}/q", env=reached(s3))
    assert (s3.buckets / name / "p" / "other").read_text() == "x"


@pytest.mark.parametrize(
    ("was", "now"), [('"formatVersion": 1', '"formatVersion": 2'), ('"pooled"', '"round"'), ("false", "true")]
)
def test_a_repository_that_this_version_does_not_read(s3: S3, tmp_path: Path, cli: Cli, was: str, now: str) -> None:
    url = f"s3://{bucket(s3, tmp_path)}/p"
    cli.ok("repository", "init", url, env=reached(s3))
    options = {"key": s3.access, "secret": s3.secret, "client_kwargs": {"region_name": "us-east-1"}}
    backend = open_backend(StorageLocation(url=url, options=options, endpoint=s3.endpoint))
    put(backend, "lrs-repository.json", get(backend, "lrs-repository.json").replace(was.encode(), now.encode()), replace=True)
    for call in (("list",), ("repository", "show"), ("repository", "check")):
        _refused(cli, *call, "--backup-dir", url, code=2, said="does not read", hint="newer one", env=reached(s3))


def test_a_plain_folder_in_the_place_of_a_pool(s3: S3, tmp_path: Path, cli: Cli, sampled: str) -> None:
    """Somebody pushed a folder of backups into the bucket by other means: it is no repository, and what to do is said."""
    name = bucket(s3, tmp_path)
    cli.ok("backup", "-n", sampled, "--name", "one")
    subprocess.run(["cp", "-r", str(cli.directory / "one"), str(s3.buckets / name / "one")], check=True)
    url = f"s3://{name}"
    _refused(cli, "list", "--backup-dir", url, code=2, said="no repository", hint="repository init", env=reached(s3))
    _refused(cli, "repository", "init", url, code=2, said="not empty", env=reached(s3))
