"""`check` on a whole installation in small: nothing is found; then one thing at a time is broken, and just that is found."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import bson
import pytest

from kubectl_lrs.formats import bson_batches as rawbson
from kubectl_lrs.model.catalog import Catalog
from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.datarobot import Answer, identifier
from tests.bed.mongo import MongoServers
from tests.bed.registry import Registry
from tests.builders import reseal
from tests.builders import world as worlds
from tests.builders.world import APPS, World
from tests.conftest import Cli, Crd, installed

SALES, CHURN, ARCHIVE = APPS
NAMESPACE = "checked"
ACTIVE, _, INACTIVE = (identifier(900 + number) for number in range(3))


@pytest.fixture(scope="module")
def lasting(
    plane: ControlPlane, standalone: MongoServers, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    crd = installed(plane)
    with worlds.standing(plane, crd, NAMESPACE, standalone, registry, tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def world(lasting: World) -> Iterator[World]:
    """The installation; what a test breaks is mended after it."""
    yield lasting
    lasting.mend()


def check(
    cli: Cli, world: World, *arguments: object, code: int = 0, **environment: str
) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    """(what it says, how it ended), of all five stores."""
    env = worlds.environment(world, **environment)
    done = cli.run("check", "-n", world.namespace, "--images", *arguments, "-o", "json", env=env)
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if done.stdout else {}, done


def found(said: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(code, severity, object) of each finding."""
    return [(each["code"], each["severity"], each["object"]) for each in said["findings"]]


def test_a_whole_installation_agrees(world: World, cli: Cli) -> None:
    said, _ = check(cli, world, "--profile", "complete")
    assert said["findings"] == []
    assert said["verdict"] == "agrees as far as it was looked at"
    assert said["lookedAt"] == {
        "applications": 3,
        "documents": 3,
        "objects": 6,
        "deployments": 3,
        "images": 3,
        "files": 6,
        "keys": None,
    }
    assert [each["part"] for each in said["unchecked"]] == ["encryption keys"]
    page = cli.ok("check", "-n", world.namespace, "--profile", "complete", "-o", "html", env=world.environment)
    assert page.startswith("<!doctype html>")
    assert "All of it agrees as far as it was looked at" in page


BREAKS: dict[str, tuple[Callable[[World], object], list[tuple[str, str, str]]]] = {
    "LRS document": (
        lambda world: world.db.longrunningservices.delete_one({"k8s.image": world.image_of(SALES)}),
        [
            ("application-without-document", "error", f"applications/{SALES.id}"),
            ("object-without-document", "warning", f"lrs/NS/{SALES.lrs}"),
        ],
    ),
    "application": (
        lambda world: (world.db.custom_applications.delete_one({"name": ARCHIVE.name}), world.api.applications.pop(ARCHIVE.id)),
        [("document-without-application", "warning", f"longrunningservices/{ARCHIVE.id}")],
    ),
    "application in the database alone": (
        lambda world: world.db.custom_applications.delete_one({"name": ARCHIVE.name}),
        [("application-not-in-database", "error", f"applications/{ARCHIVE.id}")],
    ),
    "LRS": (
        lambda world: world.delete_lrs(CHURN.lrs),
        [("running-without-object", "error", f"applications/{CHURN.id}")],
    ),
    "image": (
        lambda world: world.delete_image(CHURN),
        [("image-missing", "error", f"images/HOST/{worlds.REPOSITORY}:{CHURN.name}")],
    ),
    "file": (
        lambda world: (world.root / "workspaces" / CHURN.name / "app.py").unlink(),
        [("file-missing", "error", f"files/workspaces/{CHURN.name}/app.py")],
    ),
    "LRS of a deployment": (
        lambda world: world.delete_lrs("model-churn-eu"),
        [("deployment-without-lrs", "error", f"deployments/{ACTIVE}")],
    ),
    "deactivation of its LRS": (
        lambda world: loader.create_many(world.plane, [world.serving[INACTIVE]]),
        [("lrs-of-inactive-deployment", "warning", "lrs/NS/model-pricing")],
    ),
    "deployment": (
        lambda world: world.api.deployments.pop(ACTIVE),
        [("lrs-of-unknown-deployment", "warning", "lrs/NS/model-churn-eu")],
    ),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_what_is_broken_is_found_and_nothing_else(world: World, cli: Cli, broken: str) -> None:
    breaks, wanted = BREAKS[broken]
    breaks(world)
    is_error = any(severity == "error" for _, severity, _ in wanted)
    said, _ = check(cli, world, code=4 if is_error else 0)
    names = [name.replace("NS", world.namespace).replace("HOST", world.registry.host) for _, _, name in wanted]
    assert found(said) == [(code, severity, name) for (code, severity, _), name in zip(wanted, names, strict=True)]


def test_findings_belong_to_their_application(world: World, cli: Cli) -> None:
    for name in ("LRS", "image", "file"):
        BREAKS[name][0](world)
    world.delete_lrs(SALES.lrs)
    said, _ = check(cli, world, code=4)
    assert {(each["applicationName"], each["code"]) for each in said["findings"]} == {
        (CHURN.name, "running-without-object"),
        (CHURN.name, "image-missing"),
        (CHURN.name, "file-missing"),
        (SALES.name, "running-without-object"),
    }
    for word in (SALES.id, SALES.name):
        only, _ = check(cli, world, word, code=4)
        assert found(only) == [("running-without-object", "error", f"applications/{SALES.id}")]
    assert check(cli, world, ARCHIVE.name)[0]["findings"] == []
    done = cli.run("check", "-n", world.namespace, "sales-explorr", env=world.environment)
    assert done.returncode == 2
    assert "did you mean sales-explorer" in done.stderr


def test_stale_sessions(world: World, cli: Cli) -> None:
    said, _ = check(cli, world, "--spark-older-than", "0s")
    assert found(said) == [("stale-spark", "warning", f"lrs/{world.namespace}/spark-{number}") for number in range(2)]


def test_keys_that_changed_since_the_backup(world: World, cli: Cli) -> None:
    cli.ok("backup", "-n", world.namespace, "--mongo", "minimum", "--name", "older", env=world.environment)
    cli.ok("backup", "-n", world.namespace, "--name", "newest-without", env=world.environment)
    said, _ = check(cli, world)
    assert (found(said), said["lookedAt"]["keys"], said["unchecked"]) == ([], 1, [])
    world.set_keys("second")
    said, done = check(cli, world, code=4)
    assert found(said) == [("keys-changed", "error", f"secrets/{world.namespace}/core-credentials")]
    assert "older" in said["findings"][0]["message"]
    for secret in ("first asymmetrickey", "second drsecurekey"):
        assert secret not in done.stdout + done.stderr
    world.plane.api("DELETE", f"/api/v1/namespaces/{world.namespace}/secrets/core-credentials")
    said, _ = check(cli, world, code=4)
    assert found(said) == [("keys-changed", "error", f"secrets/{world.namespace}/core-credentials")]
    assert "does not exist, and did at backup" in said["findings"][0]["message"]


def test_the_api_alone_tells_of_applications_too(world: World, cli: Cli) -> None:
    world.delete_lrs(CHURN.lrs)
    env = worlds.environment(world, LRS_MONGO_URI="", LRS_FILES_URL="")
    done = cli.run("check", "-n", world.namespace, "-o", "json", env=env)
    said = json.loads(done.stdout)
    assert (done.returncode, found(said)) == (4, [("running-without-object", "error", f"applications/{CHURN.id}")])
    assert {each["part"]: each["askedFor"] for each in said["unchecked"]} == dict.fromkeys(
        ("LRS documents", "images", "files", "encryption keys"), False
    )


def test_nothing_given_is_said_with_the_flag_for_it(world: World, cli: Cli) -> None:
    done = cli.run("check", "-n", world.namespace)
    assert done.returncode == 0
    for part, flag in (
        ("applications", "--mongo"),
        ("LRS documents", "--mongo-uri-file"),
        ("deployments", "--org-token-file"),
        ("images", "--images"),
        ("files", "--files-url"),
        ("encryption keys", "--backup-dir"),
    ):
        (line,) = (line for line in done.stdout.splitlines() if line.startswith(f"not checked: {part}:"))
        assert flag in line
    assert "agrees as far as it was looked at" in done.stdout


def test_a_store_that_was_given_and_is_out_of_reach(world: World, cli: Cli, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(world.reopen)
    away = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=300"
    said, _ = check(cli, world, code=5, LRS_MONGO_URI=away)
    assert {each["part"] for each in said["unchecked"] if each["askedFor"]} == {"LRS documents"}
    assert said["lookedAt"]["applications"] == 3, "the API tells them"
    assert "only its documents name" in said["notes"][0]
    world.registry.stop()
    world.root.rename(world.root.with_suffix(".away"))
    said, _ = check(cli, world, code=5, LRS_DATAROBOT_API_TOKEN="wrong")
    failed = {each["part"] for each in said["unchecked"] if each["askedFor"]}
    assert {"deployments", "files"} < failed
    assert any("images, such as" in part for part in failed)
    world.delete_lrs(CHURN.lrs)
    said, _ = check(cli, world, code=4, LRS_DATAROBOT_API_TOKEN="wrong")
    assert "running-without-object" in {code for code, _, _ in found(said)}, "an error comes before what is out of reach"


@pytest.mark.parametrize(("status", "code"), [(403, 5), (500, 5), (404, 0)])
def test_applications_that_the_api_does_not_list(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    """What it alone knows of them was not looked at, whatever the database says; 404 in its words is an application too old."""
    monkeypatch.setattr(world.api, "answer_applications", lambda _call: Answer(status, {"message": "not for you"}))
    said, _ = check(cli, world, code=code)
    (gap,) = (each for each in said["unchecked"] if each["part"] == "all applications")
    assert (gap["askedFor"], "not for you" in gap["why"]) == (code == 5, True)
    assert "application that the API lists and the database does not hold" in gap["findings"]


def test_a_backup_is_held_against_itself(world: World, cli: Cli) -> None:
    world.delete_lrs(CHURN.lrs)
    world.delete_image(SALES)
    (world.root / "workspaces" / SALES.name / "app.py").unlink()
    world.db.longrunningservices.delete_one({"k8s.image": world.image_of(ARCHIVE)})
    world.delete_lrs("model-fraud")
    saved = cli.run("backup", "-n", world.namespace, "--profile", "complete", "--name", "broken", env=world.environment)
    assert saved.returncode == 3, saved.stderr
    done = cli.run("check", "--from", "latest", "-o", "json")
    said = json.loads(done.stdout)
    assert done.returncode == 4, done.stderr
    by_code = {each["code"]: each["application"] for each in said["findings"]}
    assert by_code == {
        "running-without-object": CHURN.id,
        "image-missing": SALES.id,
        "file-missing": SALES.id,
        "application-without-document": ARCHIVE.id,
        "deployment-without-lrs": None,
    }
    assert [each["part"] for each in said["unchecked"]] == ["Spark sessions", "encryption keys"]
    assert said["backup"] == "broken"
    (cli.directory / "broken" / "crd.yaml").write_text("altered")
    assert cli.run("check", "--from", "broken").returncode == 4


def test_a_backup_says_what_it_cannot_tell(world: World, cli: Cli) -> None:
    cli.ok("backup", "-n", world.namespace, "--type", "deployment", "--name", "narrow")
    said = json.loads(cli.ok("check", "--from", "narrow", "-o", "json"))
    why = {each["part"]: each["why"] for each in said["unchecked"]}
    assert "--type deployment" in why["LRS"]
    assert set(why) == {
        "LRS",
        "applications",
        "LRS documents",
        "deployments",
        "Spark sessions",
        "images",
        "files",
        "encryption keys",
    }


def test_a_backup_is_not_trusted(world: World, cli: Cli) -> None:
    """Sealed by somebody who means harm: documents nested without end, counts that are none."""
    cli.ok("backup", "-n", world.namespace, "--mongo", "minimum", "--files", "inventory", "--name", "evil", env=world.environment)
    folder = cli.directory / "evil"
    deep = bson.encode({})
    for depth in range(20_001):
        deep = rawbson.document(b"\x03a\0" + deep)
        if depth in (300, 900, 960, 980, 20_000):
            (folder / "mongo" / world.database / "longrunningservices.bson").write_bytes(deep)
            reseal.rewrite(folder, lambda objects: objects, _with_wrong_counts)
            done = cli.run("check", "--from", "evil")
            assert done.returncode == 4, done.stderr
            assert "this is a bug" not in done.stderr
    (folder / "mongo" / world.database / "longrunningservices.bson").write_bytes(b"")
    reseal.rewrite(folder, lambda objects: objects)
    done = cli.run("check", "--from", "evil", "-o", "json")
    assert (done.returncode, json.loads(done.stdout)["lookedAt"]["files"]) == (4, 0)


def _with_wrong_counts(catalog: Catalog) -> Catalog:
    return replace(catalog, tiers={**catalog.tiers, "files": {**catalog.tiers["files"], "files": "many"}})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--from", "x", "--images"], "--images says nothing with --from"),
        (["--from", "x", "--mongo-db", "y"], "--mongo-db says nothing with --from"),
        (["--from", "x", "--profile", "complete"], "--profile says nothing with --from"),
        (["--no-mongo", "--mongo-db", "y"], "--mongo-db says nothing with --no-mongo"),
        (["--no-images", "--image", "y"], "--image says nothing with --no-images"),
        (["--no-files", "--files-url", "/y"], "--files-url says nothing with --no-files"),
        (["--spark-older-than", "old"], "not a duration"),
        (["--files"], "file storage"),
        (["-o", "xml"], "unknown output format"),
    ],
)
def test_what_makes_no_sense_is_refused(cli: Cli, crd: Crd, arguments: list[str], says: str) -> None:
    done = cli.run("check", *arguments)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr


def test_out_of_reach_and_not_there(cli: Cli, crd: Crd, plane: ControlPlane) -> None:
    assert cli.run("check", "--server", "https://127.0.0.1:9", "--request-timeout", "1s").returncode == 5
    assert cli.run("check", "-n", "no-such-namespace").returncode == 2


def test_the_wrong_namespace_is_one_finding(world: World, cli: Cli) -> None:
    """Not one for each application and deployment: where was looked, that nothing is there, and where there is something."""
    other = f"{world.namespace}-other"
    loader.create_namespace(world.plane, other)
    try:
        done = cli.run("check", "-n", other, "-o", "json", env=world.environment)
        said = json.loads(done.stdout)
        assert (done.returncode, found(said)) == (4, [("no-lrs-at-all", "error", f"scope/namespace {other}")])
        message = said["findings"][0]["message"]
        assert f"there are LRS in: {world.namespace} (" in message
        assert "2 applications are shown as running, 2 deployments as active" in message
        assert "the context's" not in message
        done = cli.run("check", CHURN.id, "-n", other, "-o", "json", env=world.environment)
        said = json.loads(done.stdout)
        assert found(said) == [("running-without-object", "error", f"applications/{CHURN.id}")]
        assert any(f"no LRS at all in namespace {other}; there are LRS in {world.namespace}" in note for note in said["notes"])
        done = cli.run("check", env=world.environment)
        assert "namespace default (the context's; -n names another)" in done.stdout
    finally:
        loader.delete_namespace(world.plane, other, wait=False)


def test_a_namespace_with_a_typo_is_refused_with_near_ones(world: World, cli: Cli) -> None:
    done = cli.run("check", "-n", world.namespace[:-1] + "x", env=world.environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not exist" in done.stderr
    assert world.namespace in done.stderr


def test_a_namespace_that_a_backup_does_not_hold(world: World, cli: Cli) -> None:
    cli.ok("backup", "-n", world.namespace, "--name", "one")
    done = cli.run("check", "--from", "one", "-n", "another")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"it holds those of: {world.namespace}" in done.stderr
