"""`restore`: which objects are meant, and into which namespace they go."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.builders.compare import essence, essences
from tests.conftest import Cli, Crd, _Installed

OLD = ("map-a", "map-b")
NEW = ("map-new", "map-other")
TYPES = [
    "custom_application",
    "deployment",
    "management_agent",
    "spark_app",
    "tracking_agent",
    "training_run",
]


@pytest.fixture(scope="module")
def crd(plane: ControlPlane) -> Crd:
    return _Installed.ensure(plane, loader.CRDS / "v1alpha1-lrs.yaml")


def _sample(crd: Crd, namespace: str, number: int, name: str = "") -> dict[str, Any]:
    made = samples.samples(crd.api_version, crd.kind, namespace)[number]
    if name:
        made["metadata"]["name"] = name
    return made


def _typed(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in made if samples.TYPE_LABEL in each["metadata"]["labels"]]


@pytest.fixture(scope="module")
def pristine(plane: ControlPlane, crd: Crd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two namespaces with LRS, `twin` in both, saved with every type and deleted; two empty ones."""
    for namespace in (*OLD, *NEW):
        loader.create_namespace(plane, namespace)
    every = _typed(samples.samples(crd.api_version, crd.kind, OLD[0]))
    every += [_sample(crd, OLD[0], 5, "twin"), _sample(crd, OLD[1], 6, "twin"), _sample(crd, OLD[1], 7, "zebra")]
    every[-1]["spec"]["env"]["URL"] = f"http://gateway.{OLD[1]}.svc:8080/{OLD[1]}"
    every[-1]["spec"]["args"].append(f"--not-{OLD[1]}-at-all")
    loader.create_many(plane, every)
    directory = tmp_path_factory.mktemp("pristine")
    cli = Cli(plane.kubeconfig, directory)
    cli.ok("backup", "-A", "--name", "saved", "--type", ",".join(TYPES))
    for namespace in OLD:
        plane.api("DELETE", loader.objects_path(crd.api_version, namespace))
    yield directory / "saved"
    for namespace in (*OLD, *NEW):
        loader.delete_namespace(plane, namespace, wait=False)


@pytest.fixture
def saved(plane: ControlPlane, crd: Crd, pristine: Path, cli: Cli) -> Iterator[None]:
    shutil.copytree(pristine, cli.directory / "saved")
    yield
    for namespace in (*OLD, *NEW):
        plane.api("DELETE", loader.objects_path(crd.api_version, namespace))


def _live(plane: ControlPlane, crd: Crd) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in (each for namespace in (*OLD, *NEW) for each in loader.live(plane, crd.api_version, namespace)):
        found.setdefault(each["metadata"]["namespace"], []).append(each["metadata"]["name"])
    return found


# ---- mapping


def test_objects_go_into_the_mapped_namespaces_and_nothing_else_changes(
    plane: ControlPlane, crd: Crd, saved: None, cli: Cli
) -> None:
    done = cli.run("restore", "saved", "--map-namespace", f"{OLD[0]}={NEW[0]}", "--map-namespace", f"{OLD[1]}={NEW[1]}")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "1 string still names a namespace that was mapped" in done.stdout
    restored = essences(plane, crd.api_version, *NEW)
    assert essences(plane, crd.api_version, *OLD) == {}
    sources = {(NEW[0], s["metadata"]["name"]): s for s in _typed(samples.samples(crd.api_version, crd.kind, NEW[0]))}
    for key, source in sources.items():
        if source["metadata"]["labels"].get(samples.TYPE_LABEL) != "spark_app":
            defaults = {"replicas": 1, "paused": False}
            assert restored[key]["spec"] == {**defaults, **source["spec"]}
            assert essence(restored[key])["metadata"] == essence(source)["metadata"]
    named = next(each for key, each in restored.items() if key[0] == NEW[1] and key[1] != "twin")
    assert named["spec"]["env"]["URL"] == f"http://gateway.{OLD[1]}.svc:8080/{OLD[1]}", "a spec is never rewritten"


def test_strings_of_the_old_place_are_counted_and_accepted(plane: ControlPlane, crd: Crd, saved: None, cli: Cli) -> None:
    flags = ("restore", "saved", "-n", OLD[1], "--map-namespace", f"{OLD[1]}={NEW[0]}")
    plan = cli.run(*flags, "--dry-run=client", "-o", "json")
    finding = next(each for each in json.loads(plan.stdout)["findings"] if "still names" in each["message"])
    assert finding["message"].startswith("1 string still names")
    (listed,) = finding["details"]
    assert listed.endswith(f"spec.env.URL: http://gateway.{OLD[1]}.svc:8080/{OLD[1]}")
    assert f"  {listed}\n" in cli.run(*flags, "--dry-run=client").stderr, "a person sees which"
    assert cli.run(*flags, "--dry-run=server").returncode == 3
    assert _live(plane, crd) == {}
    assert "2 created" in cli.ok(*flags, "--accept-unmapped")
    assert cli.run(*flags).returncode == 3, "they still name it, though nothing is left to write"


def test_n_names_the_namespace_as_it_was_saved(plane: ControlPlane, crd: Crd, saved: None, cli: Cli) -> None:
    mapping = ("--map-namespace", f"{OLD[0]}={NEW[0]}")
    cli.ok("restore", "saved", "-n", OLD[0], "--type", "deployment", *mapping)
    assert list(_live(plane, crd)) == [NEW[0]]
    done = cli.run("restore", "saved", "-n", NEW[0], *mapping)
    assert done.returncode == 2
    assert "nothing in saved matches" in done.stderr
    assert f"in the namespaces {OLD[0]}, {OLD[1]}" in done.stderr


def test_names_with_a_mapping(plane: ControlPlane, crd: Crd, saved: None, cli: Cli) -> None:
    cli.ok("restore", f"{OLD[1]}/twin", "--from", "saved", "--map-namespace", f"{OLD[1]}={NEW[1]}")
    assert _live(plane, crd) == {NEW[1]: ["twin"]}


def test_namespaces_can_change_places(plane: ControlPlane, crd: Crd, saved: None, cli: Cli) -> None:
    swap = ("--map-namespace", f"{OLD[0]}={OLD[1]}", "--map-namespace", f"{OLD[1]}={OLD[0]}")
    assert cli.run("restore", "saved", *swap).returncode == 3
    assert {key: len(names) for key, names in _live(plane, crd).items()} == {OLD[0]: 2, OLD[1]: 20}


@pytest.mark.parametrize("maps", [(f"{OLD[0]}={OLD[1]}",), (f"{OLD[0]}={NEW[0]}", f"{OLD[1]}={NEW[0]}")])
def test_two_that_would_become_one(plane: ControlPlane, crd: Crd, saved: None, cli: Cli, maps: tuple[str, ...]) -> None:
    done = cli.run("restore", "saved", *(f"--map-namespace={pair}" for pair in maps))
    assert done.returncode == 2
    assert f"{OLD[0]}/twin and {OLD[1]}/twin of saved would both become" in done.stderr
    assert _live(plane, crd) == {}


@pytest.mark.parametrize("bad", ["a", "a=", "=b", "a=b=c", "A=b", "a=b/c", "a=../b", "a=a", f"a={'x' * 64}"])
def test_bad_mapping(plane: ControlPlane, crd: Crd, saved: None, cli: Cli, bad: str) -> None:
    done = cli.run("restore", "saved", "--map-namespace", bad)
    assert done.returncode == 2
    assert f"--map-namespace {bad!r}: write it as OLD=NEW" in done.stderr
    assert _live(plane, crd) == {}


def test_namespace_mapped_twice(plane: ControlPlane, crd: Crd, saved: None, cli: Cli) -> None:
    done = cli.run("restore", "saved", "--map-namespace", f"{OLD[0]}=x", "--map-namespace", f"{OLD[0]}=y")
    assert (done.returncode, _live(plane, crd)) == (2, {})
    assert f"{OLD[0]} is mapped twice" in done.stderr


def test_mapping_that_has_nothing_to_map(plane: ControlPlane, crd: Crd, saved: None, cli: Cli) -> None:
    done = cli.run("restore", "saved", "--map-namespace", f"typo={NEW[0]}")
    assert (done.returncode, _live(plane, crd)) == (2, {})
    assert "nothing that is to be restored from saved was saved in namespace typo" in done.stderr
    assert f"{OLD[0]}, {OLD[1]}" in done.stderr


def test_owner_is_the_one_in_the_mapped_namespace(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    new = f"{namespace}-new"
    loader.create_namespace(plane, new)
    owners = [
        plane.api("POST", f"/api/v1/namespaces/{each}/configmaps", {"metadata": {"name": "owner"}})[1]
        for each in (namespace, new)
    ]
    child = _sample(crd, namespace, 5)
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner"}
    child["metadata"]["ownerReferences"] = [{**reference, "uid": owners[0]["metadata"]["uid"]}]
    loader.create_many(plane, [child])
    cli.ok("backup", "-n", namespace, "--name", "owned")
    cli.ok("restore", "owned", "--map-namespace", f"{namespace}={new}")
    (restored,) = loader.live(plane, crd.api_version, new)
    assert restored["metadata"]["ownerReferences"] == [{**reference, "uid": owners[1]["metadata"]["uid"]}]
    loader.delete_namespace(plane, new, wait=False)


def test_namespace_of_a_mapping_is_made(plane: ControlPlane, crd: Crd, saved: None, cli: Cli) -> None:
    flags = ("restore", "saved", "-n", OLD[0], "--map-namespace", f"{OLD[0]}=map-made")
    assert cli.run(*flags).returncode == 3
    assert plane.api("GET", "/api/v1/namespaces/map-made")[0] == 404
    assert "20 created" in cli.ok(*flags, "--create-namespaces")
    assert plane.api("GET", f"/api/v1/namespaces/{OLD[0]}")[0] == 200
    loader.delete_namespace(plane, "map-made", wait=False)


# ---- selection

CHOICES: dict[str, tuple[list[str], dict[str, int]]] = {
    "one type": (["saved", "--type", "deployment"], {OLD[0]: 9, OLD[1]: 2}),
    "several types": (["saved", "--type", "management_agent,tracking_agent"], {OLD[0]: 4}),
    "types given twice": (["saved", "--type", "management_agent", "--type", "tracking_agent"], {OLD[0]: 4}),
    "not a type": (["saved", "--exclude-type", "deployment,training_run"], {OLD[0]: 9}),
    "a namespace": (["saved", "-n", OLD[1]], {OLD[1]: 2}),
    "all, in spite of a namespace": (["saved", "-n", OLD[1], "-A"], {OLD[0]: 20, OLD[1]: 2}),
    "labels": (["saved", "-l", "datarobot-lrs-type in (management_agent)"], {OLD[0]: 2}),
    "labels that are not there": (["saved", "-l", "!datarobot-deployment-id"], {OLD[0]: 11}),
    "labels and a namespace": (["saved", "-l", "app.kubernetes.io/part-of=datarobot", "-n", OLD[1]], {OLD[1]: 2}),
    "labels and a type": (["saved", "-l", "app.kubernetes.io/part-of=datarobot", "--type", "tracking_agent"], {OLD[0]: 2}),
    "Spark sessions by type": (["saved", "--type", "spark_app"], {OLD[0]: 4}),
    "a name and its namespace": ([f"{OLD[1]}/twin", "--from", "saved"], {OLD[1]: 1}),
    "a name and -n": (["twin", "-n", OLD[1], "--from", "saved"], {OLD[1]: 1}),
    "a name with both": ([f"{OLD[1]}/twin", "-n", OLD[1], "--from", "saved"], {OLD[1]: 1}),
    "a name and its type": ([f"{OLD[1]}/twin", "--type", "deployment", "--from", "saved"], {OLD[1]: 1}),
    "a name twice": ([f"{OLD[1]}/twin", f"{OLD[1]}/twin", "--from", "saved"], {OLD[1]: 1}),
    "two of one name": ([f"{OLD[0]}/twin", f"{OLD[1]}/twin", "--from", "saved"], {OLD[0]: 1, OLD[1]: 1}),
}


@pytest.mark.parametrize("case", CHOICES)
def test_selection(plane: ControlPlane, crd: Crd, saved: None, cli: Cli, case: str) -> None:
    arguments, counts = CHOICES[case]
    cli.ok("restore", *arguments)
    assert {key: len(names) for key, names in _live(plane, crd).items()} == counts


REFUSED: dict[str, tuple[list[str], str]] = {
    "a name that is there twice": (["twin", "--from", "saved"], f"2 times: {OLD[0]}/twin, {OLD[1]}/twin"),
    "a name that is nearly there": (["twim", "--from", "saved"], "did you mean twin?"),
    "a name of another namespace": (["twin", "-n", NEW[0], "--from", "saved"], f"'twin' is not in namespace {NEW[0]} of saved"),
    "a name in another namespace": ([f"{NEW[0]}/twin", "--from", "saved"], f"'{NEW[0]}/twin' is not in saved"),
    "a name and another -n": (
        [f"{OLD[0]}/twin", "-n", OLD[1], "--from", "saved"],
        f"is not in namespace {OLD[1]}, which -n names",
    ),
    "a name that is nowhere near": (["qqqqqqqq", "--from", "saved"], "list them with: show -o name"),
    "a name with slashes": (["a/b/c", "--from", "saved"], "'a/b/c' is not in saved"),
    "a name and labels": ([f"{OLD[1]}/twin", "-l", "a=b", "--from", "saved"], "together with -l or --exclude-type"),
    "a name and a type not wanted": (["twin", "--exclude-type", "x", "--from", "saved"], "together with -l or --exclude-type"),
    "a name and another type": ([f"{OLD[1]}/twin", "--type", "spark_app", "--from", "saved"], "is of type deployment"),
    "a type that is not there": (["saved", "--type", "deploymnet"], f"it holds the types {', '.join(TYPES)}"),
    "labels that nothing has": (["saved", "-l", "no=body"], "nothing in saved matches"),
    "a namespace that is not there": (["saved", "-n", "map-c"], f"in the namespaces {OLD[0]}, {OLD[1]}"),
    "a type wanted and not": (["saved", "--type", "a", "--exclude-type", "a"], "both asked for and excluded"),
    "two backups": (["saved", "saved"], "it stands alone"),
    "a backup and another": (["saved", "--from", "latest"], "--from names another"),
    "a backup and an LRS": (["saved", "twin"], "it stands alone"),
    "a backup that is not there": (["./save"], "not found"),
    "a backup that is not there, by its name": (["lrs_backup_2020_01_01_00_00_00"], "not found"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_selection_that_makes_no_sense(plane: ControlPlane, crd: Crd, saved: None, cli: Cli, case: str) -> None:
    arguments, message = REFUSED[case]
    done = cli.run("restore", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert _live(plane, crd) == {}


def test_spark_sessions_are_skipped_with_the_reason(plane: ControlPlane, crd: Crd, saved: None, cli: Cli) -> None:
    answer = json.loads(cli.ok("restore", "saved", "-o", "json"))
    skipped = [each for each in answer["outcomes"] if each["result"] == "skipped"]
    assert len(skipped) == 4
    assert all(each["type"] == "spark_app" and "--type spark_app restores it" in each["message"] for each in skipped)
    assert not [name for names in _live(plane, crd).values() for name in names if "spark" in name]


def test_empty_backup_is_restored_to_nothing(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    cli.ok("backup", "-n", namespace, "--name", "empty", "--allow-empty")
    assert "nothing to do" in cli.ok("restore", "empty")


def test_strings_of_sessions_that_are_not_restored_do_not_count(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    session = copy.deepcopy(_sample(crd, namespace, 0))
    session["spec"]["env"]["PLACE"] = namespace
    loader.create_many(plane, [session, _sample(crd, namespace, 5)])
    cli.ok("backup", "-n", namespace, "--name", "both", "--type", "spark_app,deployment")
    cli.ok("restore", "both", "--map-namespace", f"{namespace}={NEW[0]}")
    plane.api("DELETE", loader.objects_path(crd.api_version, NEW[0]))
