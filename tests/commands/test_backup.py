"""`backup`: what it takes, what it leaves out, what it refuses."""

from __future__ import annotations

import gzip
import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.builders.compare import essence
from tests.builders.rights import grant
from tests.conftest import Cli, Crd


@pytest.fixture
def sampled(plane: ControlPlane, crd: Crd, namespace: str) -> str:
    """A namespace with two dozen LRS."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace))
    return namespace


def _catalog(cli: Cli, name: str) -> dict[str, Any]:
    return dict(json.loads((cli.directory / name / "backup.json").read_text()))


def _types(cli: Cli, *flags: str) -> dict[str, int]:
    return dict(json.loads(cli.ok("backup", "-o", "json", *flags))["tiers"]["resources"]["types"])


def test_takes_all_but_spark_sessions_and_counts_the_untyped(sampled: str, cli: Cli) -> None:
    expected = {kind or "<none>": count for kind, count in samples.COUNTS.items() if kind != "spark_app"}
    assert _types(cli, "-n", sampled) == expected


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--type", "spark_app"], {"spark_app": 4}),
        (["--type", "deployment,tracking_agent"], {"deployment": 8, "tracking_agent": 2}),
        (["--type", "deployment", "--type", "spark_app"], {"deployment": 8, "spark_app": 4}),
        (
            ["--exclude-type", "deployment,training_run,custom_application"],
            {"<none>": 1, "management_agent": 2, "tracking_agent": 2},
        ),
        (["-l", "datarobot-lrs-type in (deployment, spark_app)"], {"deployment": 8}),
        (["-l", "datarobot-deployment-id"], {"deployment": 8}),
        (["-l", "no-such=label", "--allow-empty"], {}),
    ],
)
def test_selection(sampled: str, cli: Cli, flags: list[str], expected: dict[str, int]) -> None:
    assert _types(cli, "-n", sampled, *flags) == expected


def test_all_namespaces_overrides_namespace_and_keeps_equal_names_apart(
    plane: ControlPlane, crd: Crd, sampled: str, cli: Cli
) -> None:
    other = f"{sampled}-same"
    loader.create_namespace(plane, other)
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, other))
    cli.ok("backup", "-A", "-n", sampled, "--name", "all")
    names = [sorted(path.name for path in (cli.directory / "all" / "lrs" / ns).iterdir()) for ns in (sampled, other)]
    assert names[0] == names[1]
    assert len(names[0]) == 20
    loader.delete_namespace(plane, other, wait=False)


def test_files_hold_what_the_server_has(plane: ControlPlane, crd: Crd, sampled: str, cli: Cli) -> None:
    cli.ok("backup", "-n", sampled, "--name", "one", "--type", "deployment")
    folder = cli.directory / "one"
    live = {each["metadata"]["name"]: each for each in loader.live(plane, crd.api_version, sampled)}
    raw = [json.loads(line) for line in gzip.decompress((folder / "lrs.raw.jsonl.gz").read_bytes()).splitlines()]
    assert len(raw) == 8
    for each in raw:
        name = each["metadata"]["name"]
        assert each == live[name]
        assert loader_yaml(folder / "lrs" / sampled / f"{name}.yaml") == essence(live[name])
    facts = _catalog(cli, "one")["tiers"]["resources"]
    assert int(facts["resourceVersion"]) >= max(int(each["metadata"]["resourceVersion"]) for each in raw)
    assert (facts["group"], facts["plural"], facts["kind"]) == ("lrs.datarobot.com", "lrs", crd.kind)


def loader_yaml(path: Path) -> Any:
    """A YAML file, read by PyYAML."""
    import yaml

    return yaml.safe_load(path.read_text())


def test_sums_check_with_plain_sha256sum(sampled: str, cli: Cli) -> None:
    cli.ok("backup", "-n", sampled, "--name", "sums")
    done = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=cli.directory / "sums", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.count(": OK") == 20 + 3


def test_credentials_are_for_the_owner_only(sampled: str, cli: Cli) -> None:
    cli.ok("backup", "-n", sampled, "--name", "private")
    for directory, _, files in os.walk(cli.directory / "private"):
        assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
        assert {stat.S_IMODE(os.stat(Path(directory, name)).st_mode) for name in files} <= {0o400}


def test_name_of_253_bytes(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    long = samples.filler(0, crd.api_version, crd.kind, namespace)
    twins = [f"{'a' * 60}." * 4 + "b" * 8 + end for end in ("c", "d")]
    for name in twins:
        assert len(name) == 253
        loader.create_many(plane, [{**long, "metadata": {**long["metadata"], "name": name}}])
    cli.ok("backup", "-n", namespace)
    for name in twins:
        plane.api("DELETE", f"{loader.objects_path(crd.api_version, namespace)}/{name}")
    assert "2 created" in cli.ok("restore", "latest")
    assert sorted(each["metadata"]["name"] for each in loader.live(plane, crd.api_version, namespace)) == sorted(twins)


def test_objects_of_a_megabyte(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    big = [samples.filler(number, crd.api_version, crd.kind, namespace) for number in range(25)]
    for each in big:
        each["spec"]["template"]["blob"] = "x" * 1_000_000
    loader.create_many(plane, big)
    cli.ok("backup", "-n", namespace, "--name", "big")
    assert _catalog(cli, "big")["tiers"]["resources"]["objects"] == 25
    cli.ok("verify", "big")


def test_object_that_is_being_deleted_is_left_out_and_named(plane: ControlPlane, crd: Crd, sampled: str, cli: Cli) -> None:
    name = loader.live(plane, crd.api_version, sampled)[0]["metadata"]["name"]
    path = f"{loader.objects_path(crd.api_version, sampled)}/{name}"
    plane.api("PATCH", path, {"metadata": {"finalizers": ["example.com/hold"]}}, content_type="application/merge-patch+json")
    plane.api("DELETE", path)
    done = cli.run("backup", "-n", sampled, "--name", "terminating")
    assert done.returncode == 0
    assert f"{sampled}/{name} was being deleted" in done.stderr
    assert [each["name"] for each in _catalog(cli, "terminating")["tiers"]["resources"]["skipped"]] == [name]
    assert not (cli.directory / "terminating" / "lrs" / sampled / f"{name}.yaml").exists()
    plane.api("PATCH", path, {"metadata": {"finalizers": None}}, content_type="application/merge-patch+json")


def test_nothing_found_is_no_backup(plane: ControlPlane, crd: Crd, sampled: str, namespace: str, cli: Cli) -> None:
    """`namespace` is empty; `sampled` holds LRS of every type."""
    empty = f"{namespace}-empty"
    loader.create_namespace(plane, empty)
    for arguments, said in (
        (("-n", empty), f"there are LRS in: {sampled}"),
        (("-n", sampled, "--type", "deployments"), "did you mean --type deployment?"),
        (("-n", sampled, "-l", "no=such"), "-l no=such: no LRS fits"),
        (("-A", "--type", "nonsense"), "there is: "),
        ((), "namespace default (the context's; -n names another, -A all)"),
    ):
        done = cli.run("backup", *arguments)
        assert (done.returncode, done.stdout, list(cli.directory.iterdir())) == (3, "", []), (arguments, done.stderr)
        assert said in done.stderr, (arguments, done.stderr)
        assert "no backup was made" in done.stderr
        assert "--allow-empty" in done.stderr
    loader.delete_namespace(plane, empty, wait=False)


def test_empty_backup_on_request_is_never_latest(crd: Crd, sampled: str, namespace: str, cli: Cli) -> None:
    cli.ok("backup", "-n", sampled, "--name", "full")
    done = cli.run("backup", "-n", sampled, "--type", "deployments", "--name", "empty", "--allow-empty")
    assert (done.returncode, "warning: no LRS matched" in done.stderr) == (0, True), done.stderr
    cli.ok("verify", "empty")
    assert cli.run("verify").stderr == "latest is full\n"
    assert "empty" in cli.ok("list", "-o", "name").splitlines()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("S3:/bucket", "'S3:/bucket': no URL of a storage"),
        ("ftp://a/b", "ftp"),
        ("hdfs://a/b", "hdfs:// needs the Python package pyarrow"),
    ],
)
def test_url_that_means_no_storage(crd: Crd, sampled: str, cli: Cli, url: str, said: str) -> None:
    """Nor is it taken for a folder."""
    for arguments, env in (
        (("backup", "-n", sampled, "--backup-dir", url), {}),
        (("backup", "-n", sampled), {"LRS_BACKUP_DIR": url}),
        (("list", "--backup-dir", url), {}),
    ):
        done = cli.run(*arguments, env=env)
        assert (done.returncode, list(cli.directory.iterdir())) == (2, []), done.stderr
        assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(("repository", "show", "s3:x"), "DIR|URL"), (("copy", "s3:x", "to"), "FROM"), (("copy", ".", "s3:x"), "TO")],
)
def test_an_argument_that_means_no_storage_is_not_called_a_flag(cli: Cli, arguments: tuple[str, ...], word: str) -> None:
    done = cli.run(*arguments)
    assert done.returncode == 2
    assert f"error: {word}: 's3:x': no URL of a storage" in done.stderr
    assert "--backup" not in done.stderr
    assert "LRS_BACKUP" not in done.stderr


def test_folder_above_must_be_there(crd: Crd, sampled: str, cli: Cli) -> None:
    done = cli.run("backup", "-n", sampled, "--backup-dir", "not/mounted")
    assert (done.returncode, list(cli.directory.iterdir())) == (2, [])
    assert "mounted" in done.stderr
    cli.ok("backup", "-n", sampled, "--backup-dir", "made")
    assert (cli.directory / "made").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("where", "said"), [("/dev/full", "No space left"), ("pipe", "")])
def test_sealed_and_nobody_to_tell(crd: Crd, sampled: str, cli: Cli, where: str, said: str) -> None:
    """The backup is made; that it could not be told is said, and is no traceback."""
    import subprocess

    if where == "pipe":
        reader, writer = os.pipe()
        os.close(reader)
        out = os.fdopen(writer, "wb")
    else:
        out = open(where, "wb")  # noqa: SIM115
    with out:
        command = cli._command(("backup", "-n", sampled, "--name", "saved"))
        done = subprocess.run(
            command, env=cli._environment(None), cwd=cli.directory, stdout=out, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode != 0
    assert " is sealed; the result could not be written to standard output: " in done.stderr, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    cli.ok("verify", "saved")


def test_missing_namespace(crd: Crd, cli: Cli) -> None:
    done = cli.run("backup", "-n", "no-such-namespace")
    assert (done.returncode, list(cli.directory.iterdir())) == (2, [])
    assert "namespace 'no-such-namespace' does not exist" in done.stderr


def test_missing_crd(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    loader.delete_crd(plane)
    done = cli.run("backup", "-n", namespace)
    assert (done.returncode, list(cli.directory.iterdir())) == (2, [])
    assert "CustomResourceDefinition is not installed" in done.stderr


def _may_list(plane: ControlPlane, namespace: str, user: str) -> None:
    rules = [{"apiGroups": ["lrs.datarobot.com"], "resources": ["lrs"], "verbs": ["list"]}]
    grant(plane, namespace, user, *rules)


def test_role_in_one_namespace_is_enough(plane: ControlPlane, sampled: str, cli: Cli, tmp_path: Path) -> None:
    _may_list(plane, sampled, "user-1")
    mine = Cli(plane.write_kubeconfig(tmp_path / "user", token=plane.tokens["user-1"], namespace=sampled), cli.directory)
    done = mine.run("backup", "--name", "mine")
    assert done.returncode == 0, done.stderr
    assert _catalog(cli, "mine")["tiers"]["resources"]["objects"] == 20
    assert "the CRD is not in the backup" in done.stderr

    forbidden = mine.run("backup", "-A")
    assert forbidden.returncode == 5
    assert 'cannot list resource "lrs"' in forbidden.stderr
    assert "at the cluster scope" in forbidden.stderr
    assert "-n" in forbidden.stderr.splitlines()[-1]


def test_name_that_is_taken(crd: Crd, namespace: str, cli: Cli) -> None:
    cli.ok("backup", "-n", namespace, "--name", "taken", "--allow-empty")
    before = (cli.directory / "taken" / "backup.json").read_bytes()
    assert cli.run("backup", "-n", namespace, "--name", "taken").returncode == 2
    assert (cli.directory / "taken" / "backup.json").read_bytes() == before


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "latest", "-dash", "x" * 201])
def test_name_that_is_none(crd: Crd, namespace: str, cli: Cli, name: str) -> None:
    assert cli.run("backup", "-n", namespace, f"--name={name}").returncode == 2
    assert list(cli.directory.iterdir()) == []


def test_two_runs_at_once_make_two_backups(crd: Crd, sampled: str, cli: Cli) -> None:
    runs = [cli.start("backup", "-n", sampled) for _ in range(3)]
    assert [run.wait(PATIENCE) for run in runs] == [0, 0, 0]
    assert len(json.loads(cli.ok("list", "-o", "json"))["backups"]) == 3
    for each in cli.directory.iterdir():
        cli.ok("verify", each.name)
