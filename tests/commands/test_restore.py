"""`restore`: what it writes, what it leaves alone, what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.builders.compare import essences
from tests.conftest import Cli, Crd

Live = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture
def saved(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> str:
    """A namespace with LRS, and a backup of it called `saved`."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace))
    cli.ok("backup", "-n", namespace, "--name", "saved")
    return namespace


def _names(plane: ControlPlane, crd: Crd, namespace: str) -> list[str]:
    return [each["metadata"]["name"] for each in loader.live(plane, crd.api_version, namespace)]


def _delete(plane: ControlPlane, crd: Crd, namespace: str, *names: str) -> None:
    for name in names:
        assert plane.api("DELETE", f"{loader.objects_path(crd.api_version, namespace)}/{name}")[0] == 200


def _versions(plane: ControlPlane, crd: Crd, namespace: str) -> dict[str, str]:
    return {
        each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in loader.live(plane, crd.api_version, namespace)
    }


def test_equal_objects_are_not_written(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    before = _versions(plane, crd, saved)
    assert "20 unchanged" in cli.ok("restore", "saved")
    assert _versions(plane, crd, saved) == before


def test_named_objects_only(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    names = [name for name in _names(plane, crd, saved) if "deployment" in name]
    before = essences(plane, crd.api_version, saved)
    _delete(plane, crd, saved, *names)
    assert "2 created" in cli.ok("restore", names[0], f"{saved}/{names[1]}")
    assert set(names) & set(_names(plane, crd, saved)) == set(names[:2])
    assert "6 created, 2 unchanged" in cli.ok("restore", "saved", "--type", "deployment")
    assert essences(plane, crd.api_version, saved) == before


def test_differing_object_is_left_alone_and_reported(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    name = _names(plane, crd, saved)[0]
    path = f"{loader.objects_path(crd.api_version, saved)}/{name}"
    plane.api("PATCH", path, {"spec": {"image": "other"}}, content_type="application/merge-patch+json")
    done = cli.run("restore", "saved")
    assert done.returncode == 3
    assert any(name in line and "conflict" in line for line in done.stdout.splitlines())
    assert plane.api("GET", path)[1]["spec"]["image"] == "other"


def test_name_that_is_there_twice(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    other = f"{saved}-twin"
    loader.create_namespace(plane, other)
    name = _names(plane, crd, saved)[0]
    twin = {**samples.samples(crd.api_version, crd.kind, other)[0]}
    twin["metadata"]["name"] = name
    loader.create_many(plane, [twin])
    cli.ok("backup", "-A", "--name", "twice", "--type", "spark_app,deployment,custom_application")
    done = cli.run("restore", name, "--from", "twice")
    assert done.returncode == 2
    assert f"{saved}/{name}" in done.stderr
    assert f"{other}/{name}" in done.stderr
    cli.ok("restore", f"{other}/{name}", "--from", "twice")
    loader.delete_namespace(plane, other, wait=False)


def test_name_that_is_not_there_gets_near_ones(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    name = next(name for name in _names(plane, crd, saved) if "deployment" in name)
    done = cli.run("restore", name[:-1] + "z")
    assert done.returncode == 2
    assert name in done.stderr


def test_missing_namespace_is_reported_and_made_on_request(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    before = essences(plane, crd.api_version, saved)
    loader.delete_namespace(plane, saved)
    done = cli.run("restore", "saved")
    assert done.returncode != 0
    assert f"namespace {saved} does not exist" in done.stdout + done.stderr
    assert plane.api("GET", f"/api/v1/namespaces/{saved}")[0] == 404
    assert cli.run("restore", "saved", "--create-namespaces", "--dry-run=client").returncode == 0
    assert plane.api("GET", f"/api/v1/namespaces/{saved}")[0] == 404
    cli.ok("restore", "saved", "--create-namespaces")
    assert essences(plane, crd.api_version, saved) == {k: v for k, v in before.items() if "spark" not in k[1]}


@pytest.mark.parametrize("mode", ["client", "server"])
def test_dry_run_writes_nothing(plane: ControlPlane, crd: Crd, saved: str, cli: Cli, mode: str) -> None:
    _delete(plane, crd, saved, *_names(plane, crd, saved))
    answer = json.loads(cli.ok("restore", "saved", f"--dry-run={mode}", "-o", "json"))
    assert sum(answer["counts"].values()) == 20
    assert _names(plane, crd, saved) == []


def test_object_that_the_server_refuses_does_not_stop_the_others(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    _delete(plane, crd, saved, *_names(plane, crd, saved))
    policy = {
        "metadata": {"name": f"no-agents-{saved}"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {"apiGroups": ["lrs.datarobot.com"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["lrs"]}
                ]
            },
            "validations": [{"expression": "!object.metadata.name.contains('agent')", "message": "no agents today"}],
        },
    }
    binding = {
        "metadata": {"name": f"no-agents-{saved}"},
        "spec": {
            "policyName": f"no-agents-{saved}",
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": saved}}},
        },
    }
    base = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
    assert plane.api("POST", f"{base}ies", policy)[0] == 201
    assert plane.api("POST", f"{base}ybindings", binding)[0] == 201
    probe = samples.samples(crd.api_version, crd.kind, saved)[17]
    assert "agent" in probe["metadata"]["name"]
    objects = loader.objects_path(crd.api_version, saved)
    loader.wait_until(lambda: plane.api("POST", f"{objects}?dryRun=All", probe)[0] in (403, 422), "the policy to be in force")
    try:
        done = cli.run("restore", "saved")
        assert done.returncode == 3
        assert done.stdout.count("no agents today") == 4
        assert "16 created, 4 failed" in done.stdout
    finally:
        plane.api("DELETE", f"{base}ybindings/no-agents-{saved}")
        plane.api("DELETE", f"{base}ies/no-agents-{saved}")


def test_latest_is_the_newest_of_this_cluster(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    assert "backup saved, taken" in cli.run("restore", "latest").stderr
    from kubectl_lrs.model.catalog import parse

    foreign = cli.directory / "saved" / "backup.json"
    catalog = parse(foreign.read_bytes(), where="")
    from dataclasses import replace

    foreign.write_bytes(replace(catalog, cluster=replace(catalog.cluster, uid="another")).serialise())
    done = cli.run("restore", "latest")
    assert done.returncode == 2
    assert "no sealed backup of the cluster" in done.stderr
    assert "saved" in done.stderr


# ---- what the vendor's script has made

VENDOR = "lrs_backup_2026_11_23_08_16"


@pytest.fixture
def scripted(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> dict[tuple[str, str], Any]:
    """LRS that the vendor's script has saved, a file each, and that are gone since."""
    made = [each for each in samples.samples(crd.api_version, crd.kind, namespace) if _is_model(each)]
    loader.create_many(plane, made)
    before = essences(plane, crd.api_version, namespace)
    (cli.directory / VENDOR).mkdir()
    for each in made:
        name = each["metadata"]["name"]
        text = plane.kubectl_run("get", "lrs", name, "-n", namespace, "-o", "yaml").stdout
        (cli.directory / VENDOR / f"{name}.yaml").write_text(text)
    plane.api("DELETE", loader.objects_path(crd.api_version, namespace))
    return before


def _is_model(lrs: dict[str, Any]) -> bool:
    return bool(lrs["metadata"]["labels"].get(samples.TYPE_LABEL) == "deployment")


@pytest.mark.parametrize("named", [(VENDOR,), (f"./{VENDOR}",), (f"{VENDOR}/",), ("-f", VENDOR)])
def test_a_folder_of_the_vendors_script_restores_by_its_name(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, scripted: dict[tuple[str, str], Any], named: tuple[str, ...]
) -> None:
    done = cli.run("restore", *named)
    assert done.returncode == 0, done.stderr
    assert "there are no sums" in done.stderr
    assert essences(plane, crd.api_version, namespace) == scripted


def test_one_lrs_out_of_it(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, scripted: dict[tuple[str, str], Any]) -> None:
    first = min(name for _, name in scripted)
    cli.ok("restore", first, "--from", VENDOR)
    assert {name for _, name in essences(plane, crd.api_version, namespace)} == {first}
    done = cli.run("restore", "nobody", "--from", VENDOR)
    assert (done.returncode, "'nobody' is not in" in done.stderr) == (2, True)
    assert "LRS alone are read" in cli.run("restore", VENDOR, "--mongo-existing", "drop").stderr


@pytest.mark.parametrize("odd", ["lrs", "lrs.raw.jsonl.gz", "SHA256SUMS", "backup.json", ""])
def test_what_is_a_part_of_a_backup_of_ours_is_none(cli: Cli, crd: Crd, namespace: str, odd: str) -> None:
    (cli.directory / VENDOR).mkdir()
    (cli.directory / VENDOR / (f"{odd}" if odd else "notes.txt")).write_text("x")
    if odd:
        (cli.directory / VENDOR / "a.yaml").write_text("kind: ConfigMap\n")
    done = cli.run("restore", VENDOR)
    assert done.returncode in (2, 4)
    assert "plain files" not in done.stderr
