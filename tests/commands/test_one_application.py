"""One application out of many: what belongs to it, and that nothing of any other is touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pexpect
import pytest

from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.mongo import MongoServers
from tests.bed.registry import Registry
from tests.builders import world as worlds
from tests.builders.world import APPS, World
from tests.conftest import ROOT, Cli, installed

NAMESPACE = "one-application"
SALES, CHURN, ARCHIVE = APPS
BASE = bson.ObjectId("66b0000000000000000000ba")
REPLACE = ("--mongo-existing", "replace", "--images-existing", "replace", "--files-existing", "replace", "--existing", "replace")


@pytest.fixture(scope="module")
def saved(
    plane: ControlPlane, standalone: MongoServers, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, Path, dict[str, Any]]]:
    """An installation whose first two applications share a document, and a backup `tuesday` of all of it."""
    crd = installed(plane)
    directory = tmp_path_factory.mktemp("world")
    with worlds.standing(plane, crd, NAMESPACE, standalone, registry, directory) as world:
        _share(world)
        backups = directory / "backups"
        backups.mkdir()
        done = _run(
            Cli(plane.kubeconfig, backups), world, "backup", "-n", NAMESPACE, "--profile", "complete", "--name", "tuesday"
        )
        assert done.returncode == 0, done.stderr
        yield world, backups, world.content()


def _share(world: World) -> None:
    """A base image that two applications name, as it was on Tuesday."""
    world.db.execute_docker_images.replace_one({"_id": BASE}, {"_id": BASE, "tag": "tuesday"}, upsert=True)
    for app in (SALES, CHURN):
        world.db.custom_applications.update_one({"_id": bson.ObjectId(app.id)}, {"$set": {"baseId": BASE}})


@pytest.fixture
def world(saved: tuple[World, Path, dict[str, Any]]) -> World:
    """Whole again."""
    found = saved[0]
    found.db.client.drop_database(found.database)
    found.mend()
    _share(found)
    return found


@pytest.fixture
def before(saved: tuple[World, Path, dict[str, Any]]) -> dict[str, Any]:
    return saved[2]


@pytest.fixture
def here(saved: tuple[World, Path, dict[str, Any]], world: World) -> Cli:
    """The administrator beside the backups."""
    return Cli(world.plane.kubeconfig, saved[1])


def _run(cli: Cli, world: World, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    done = cli.run(*arguments, env=worlds.environment(world, **environment))
    assert "Traceback" not in done.stderr, done.stderr
    assert "this is a bug" not in done.stderr, done.stderr
    return done


def _json(done: subprocess.CompletedProcess[str], status: int = 0) -> Any:
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


def _lose(world: World, app: worlds.App) -> None:
    """All of an application, but for what it shares."""
    own = bson.ObjectId(app.id)
    for name in worlds.COLLECTIONS:
        world.db[name].delete_many({"$or": [{"_id": own}, {"applicationId": own}]})
    world.delete_lrs(app.lrs)
    world.delete_image(app)
    for path in app.files:
        (world.root / path).unlink()


# ---- show


def test_what_belongs_to_it_and_what_leads_there(here: Cli, world: World) -> None:
    found = _json(_run(here, world, "show", "--app", CHURN.name, "-o", "json"))
    assert (found["id"], found["name"], found["backup"], found["notKnown"]) == (CHURN.id, CHURN.name, "tuesday", [])
    by_tier: dict[str, dict[str, Any]] = {}
    for each in found["things"]:
        by_tier.setdefault(each["tier"], {})[each["name"]] = each
    assert list(by_tier["resources"]) == [f"{NAMESPACE}/{CHURN.lrs}"]
    assert {name.partition("/")[0] for name in by_tier["mongo"]} == set(worlds.COLLECTIONS)
    assert len(by_tier["mongo"]) == 7
    assert list(by_tier["images"]) == [world.image_of(CHURN)]
    assert set(by_tier["files"]) == set(CHURN.files)
    shared = {each["name"]: each["sharedWith"] for each in found["things"] if each["sharedWith"]}
    assert shared == {f"execute_docker_images/{BASE}": [f"{SALES.name} ({SALES.id})"]}
    assert by_tier["mongo"][f"execute_docker_images/{BASE}"]["because"] == f"baseId of custom_applications/{CHURN.id} names it"


def test_by_its_id_and_for_people(here: Cli, world: World) -> None:
    shown = here.ok("show", "tuesday", "--app", SALES.id)
    assert f"Application:  {SALES.name} ({SALES.id})" in shown
    assert "shared with LRS one-application/model-churn-eu" in shown, "the models take its image"
    assert f"mongo/custom_applications/{SALES.id}" in here.ok("show", "--app", SALES.id, "-o", "name")
    assert CHURN.id not in here.ok("show", "--app", SALES.id, "-o", "name")


def test_one_that_is_not_known(here: Cli) -> None:
    done = here.run("show", "--app", "sales-explorr")
    assert done.returncode == 2
    assert "tuesday knows no application 'sales-explorr'" in done.stderr
    assert f"did you mean {SALES.name}" in done.stderr


def test_a_name_that_two_have_and_one_that_another_backup_knows(here: Cli, world: World) -> None:
    twin = bson.ObjectId("66b0000000000000000000dd")
    world.db.custom_applications.insert_one({"_id": twin, "name": SALES.name})
    _lose(world, ARCHIVE)
    try:
        assert _run(here, world, "backup", "-n", NAMESPACE, "--mongo", "minimum", "--name", "wednesday").returncode == 0
        done = here.run("show", "wednesday", "--app", SALES.name)
        assert done.returncode == 2
        assert SALES.id in done.stderr
        assert str(twin) in done.stderr
        done = here.run("show", "wednesday", "--app", ARCHIVE.name)
        assert done.returncode == 2
        assert "the newest backup that knows it is tuesday" in done.stderr
        assert "tuesday" in here.ok("show", "--app", ARCHIVE.name), "the newest that knows it is taken"
        done = here.run("check", ARCHIVE.name, "--from", "wednesday")
        assert done.returncode == 2
        assert "the newest backup that knows it is tuesday" in done.stderr
        assert here.run("check", ARCHIVE.name, "--from", "latest").returncode == 0
        found = _json(here.run("show", "wednesday", "--app", str(twin), "-o", "json"))
        assert any("does not hold custom_application_images" in each for each in found["notKnown"])
    finally:
        here.ok("forget", "wednesday", "--yes")


# ---- restore


def test_all_of_one_is_lost_and_comes_back(here: Cli, world: World, before: dict[str, Any]) -> None:
    _lose(world, CHURN)
    _lose(world, ARCHIVE)
    lost = world.content()
    done = _run(here, world, "restore", "--app", CHURN.name)
    assert done.returncode == 0, done.stdout + done.stderr
    now = world.content()
    world.mend()
    _share(world)
    assert world.content() == before
    _lose(world, ARCHIVE)
    assert now == world.content(), "and nothing of the other that was lost"
    assert lost != now
    again = _json(_run(here, world, "restore", "--app", CHURN.id, "-o", "json"))
    assert {each["result"] for each in again["outcomes"]} == {"unchanged"}


def test_what_differs_is_put_back_one_by_one(here: Cli, world: World, before: dict[str, Any]) -> None:
    own, other = bson.ObjectId(CHURN.id), bson.ObjectId(SALES.id)
    world.db.custom_applications.update_one({"_id": own}, {"$set": {"name": "renamed", "added": 1}})
    world.db.custom_applications.update_one({"_id": other}, {"$set": {"status": "theirs"}})
    world.db.workspace_items.insert_one({"_id": bson.ObjectId("66b0000000000000000000ee"), "applicationId": own})
    world.db.execute_docker_images.update_one({"_id": BASE}, {"$set": {"tag": "wednesday"}})
    changed = world.content()
    plain = _json(_run(here, world, "restore", "--app", CHURN.id, "-o", "json"), 3)
    conflicts = {each["name"]: each["message"] for each in plain["outcomes"] if each["result"] == "conflict"}
    assert set(conflicts) == {f"custom_applications/{CHURN.id}", f"execute_docker_images/{BASE}"}
    assert world.content() == changed
    plan = _json(_run(here, world, "restore", "--app", CHURN.id, *REPLACE, "--dry-run", "-o", "json"), 3)
    step = next(each for each in plan["steps"] if each["action"] == "replace")
    assert (step["name"], step["because"]) == (f"custom_applications/{CHURN.id}", "the application's own document")
    assert [(each["field"], each.get("live"), each.get("backup")) for each in step["diff"]] == [
        ("name", "renamed", CHURN.name),
        ("added", 1, None),
    ]
    done = _run(here, world, "restore", "--app", CHURN.id, *REPLACE, "--yes", "-o", "json")
    outcomes = {each["name"]: each for each in _json(done, 3)["outcomes"]}
    assert outcomes[f"custom_applications/{CHURN.id}"]["result"] == "replaced"
    assert f"shared with {SALES.name}" in outcomes[f"execute_docker_images/{BASE}"]["message"]
    now = world.db.custom_applications.find_one({"_id": own})
    assert now == {"_id": own, "name": CHURN.name, "status": CHURN.status, "imageId": now["imageId"], "baseId": BASE}
    assert world.db.custom_applications.find_one({"_id": other})["status"] == "theirs"
    assert world.db.execute_docker_images.find_one({"_id": BASE})["tag"] == "wednesday"
    assert world.db.workspace_items.count_documents({"_id": bson.ObjectId("66b0000000000000000000ee")}) == 1, "none is deleted"
    kept = [json.loads(path.read_text()) for path in here.directory.glob("lrs_replaced_*.json")]
    assert [each["document"]["name"] for journal in kept for each in journal["documents"]] == ["renamed"]


def test_what_another_has_come_to_use_stays(here: Cli, world: World) -> None:
    """Alone its own on Tuesday, and shared by now: a document, an image and a file."""
    image, version = bson.ObjectId(f"66a1{CHURN.id[4:]}"), bson.ObjectId(f"66a2{CHURN.id[4:]}")
    path = f"workspaces/{CHURN.name}/app.py"
    world.db.custom_application_images.update_one({"_id": image}, {"$set": {"label": "theirs too"}})
    (world.root / path).write_bytes(b"theirs too")
    news = {"_id": bson.ObjectId("66b0000000000000000000cc"), "name": "new", "imageId": image, "source": path}
    world.db.custom_applications.insert_one(news)
    assert world.db.custom_application_image_versions.find_one({"_id": version})
    done = _run(here, world, "restore", "--app", CHURN.id, *REPLACE, "--yes", "-o", "json")
    messages = {each["name"]: each["message"] for each in _json(done, 3)["outcomes"] if each["result"] == "conflict"}
    assert set(messages) == {f"custom_application_images/{image}", path}
    assert all("shared with new" in each for each in messages.values())
    assert (world.root / path).read_bytes() == b"theirs too"


def test_what_another_comes_to_use_while_it_is_asked_stays(here: Cli, world: World) -> None:
    own, path = bson.ObjectId(CHURN.id), f"workspaces/{CHURN.name}/app.py"
    world.db.custom_applications.update_one({"_id": own}, {"$set": {"name": "renamed"}})
    (world.root / path).write_bytes(b"theirs too")
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "kubectl_lrs", "restore", "--app", CHURN.id, *REPLACE],
        env={**os.environ, "KUBECONFIG": str(here.kubeconfig), "PYTHONPATH": str(ROOT), **worlds.environment(world)},
        cwd=str(here.directory),
        timeout=loader.PATIENCE,
        encoding="utf-8",
    )
    terminal.expect(r"Go on\? \[y/N\]: ")
    news = {"_id": bson.ObjectId("66b0000000000000000000cc"), "name": "new", "source": path}
    world.db.custom_applications.insert_one(news)
    terminal.sendline("y")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 3, terminal.before
    assert "shared with new" in (terminal.before or "")
    assert (world.root / path).read_bytes() == b"theirs too"
    assert world.db.custom_applications.find_one({"_id": own})["name"] == CHURN.name, "what is its own is put back"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--app", SALES.name, "--mongo-existing", "drop"), "replaces whole collections"),
        (("tuesday", "--mongo-existing", "replace"), "is for the documents of --app or --mongo-id"),
        (("--app", SALES.name, "--mongo-collection", "workspace_items"), "says nothing with --app"),
        (("--app", SALES.name, "--mongo-id", "a/b"), "--mongo-id names documents"),
        (("--app", SALES.name, "--type", "deployment"), "choose LRS"),
        (("--app", SALES.name, "-f", "x.yaml"), "says nothing with -f"),
        (("some-lrs", "--app", SALES.name), "stands beside --app"),
        (("tuesday", "--mongo-id", "workspace_items/nobody"), "holds no document 'workspace_items/nobody'"),
        (("--app", "nobody-at-all"), "knows no application 'nobody-at-all'"),
    ],
)
def test_what_does_not_go_together(here: Cli, world: World, arguments: tuple[str, ...], why: str) -> None:
    was = world.content()
    done = _run(here, world, "restore", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert why in done.stderr
    assert world.content() == was


def test_one_document_by_its_id(here: Cli, world: World, before: dict[str, Any]) -> None:
    own = bson.ObjectId(SALES.id)
    world.db.longrunningservices.delete_many({})
    world.db.custom_applications.update_many({}, {"$set": {"status": "theirs"}})
    done = _run(here, world, "restore", "tuesday", "--mongo-id", f"longrunningservices/{SALES.id}")
    assert done.returncode == 0, done.stderr
    assert [each["_id"] for each in world.db.longrunningservices.find()] == [own]
    done = _run(
        here, world, "restore", "tuesday", "--mongo-id", f"custom_applications/{SALES.id}", "--mongo-existing", "replace", "--yes"
    )
    assert done.returncode == 0, done.stderr
    found = {str(each["_id"]): each["status"] for each in world.db.custom_applications.find()}
    assert found == {SALES.id: SALES.status, CHURN.id: "theirs", ARCHIVE.id: "theirs"}


def test_a_backup_without_documents(here: Cli, world: World, tmp_path: Path) -> None:
    (tmp_path / "lrs").mkdir()
    cli = Cli(here.kubeconfig, tmp_path / "lrs")
    assert _run(cli, world, "backup", "-n", NAMESPACE, "--name", "lrs-only").returncode == 0
    by_name = _run(cli, world, "restore", "--app", CHURN.name)
    assert by_name.returncode == 2
    assert "knows no application by its name" in by_name.stderr
    world.delete_lrs(CHURN.lrs)
    done = _run(cli, world, "restore", "--app", CHURN.id)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "it holds nothing of MongoDB" in done.stderr
    assert CHURN.lrs in world.content()["lrs"]


# ---- diff


def _differences(said: dict[str, Any]) -> dict[str, str]:
    found = {each["name"]: each["change"] for each in said["differences"]}
    return found | {each["name"]: each["change"] for store in said["stores"] for each in store["differences"]}


def test_what_has_changed_of_one(here: Cli, world: World) -> None:
    same = _json(_run(here, world, "diff", "--app", CHURN.name, "-o", "json"))
    assert (_differences(same), same["notCompared"]) == ({}, [])
    assert {store["tier"]: store["counts"]["equal"] for store in same["stores"]} == {"mongo": 7, "images": 1, "files": 2}
    own, item = bson.ObjectId(CHURN.id), bson.ObjectId("66b0000000000000000000ee")
    world.db.custom_applications.update_many({}, {"$set": {"status": "changed"}})
    world.db.longrunningservices.delete_many({})
    world.db.workspace_items.insert_one({"_id": item, "applicationId": own})
    world.delete_lrs(CHURN.lrs)
    world.delete_image(CHURN)
    (world.root / f"workspaces/{CHURN.name}/app.py").write_bytes(b"edited")
    (world.root / f"kv/{CHURN.id}/new.db").write_bytes(b"new")
    (world.root / f"kv/{SALES.id}/new.db").write_bytes(b"another's")
    said = _json(_run(here, world, "diff", "tuesday", "--app", CHURN.id, "-o", "json"), 4)
    shown = {"$oid": CHURN.id}
    assert _differences(said) == {
        CHURN.lrs: "removed",
        f"custom_applications/{json.dumps(shown)}": "changed",
        f"longrunningservices/{json.dumps(shown)}": "removed",
        f'workspace_items/{{"$oid": "{item}"}}': "added",
        world.image_of(CHURN): "removed",
        f"workspaces/{CHURN.name}/app.py": "changed",
        f"kv/{CHURN.id}/new.db": "added",
    }
    (world.root / f"kv/{SALES.id}/new.db").unlink()
    (world.root / f"kv/{CHURN.id}/new.db").unlink()


def test_what_cannot_be_had_is_not_compared(here: Cli, world: World) -> None:
    away = {"LRS_MONGO_URI": "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=300", "LRS_FILES_URL": ""}
    done = _run(here, world, "diff", "--app", CHURN.name, "-o", "json", **away)
    said = _json(done)
    assert [each["part"] for each in said["notCompared"]] == ["mongo", "files"]
    assert "nothing that was compared differs" in _run(here, world, "diff", "--app", CHURN.name, **away).stdout
    done = _run(here, world, "diff", "tuesday", "--mongo-db", "x")
    assert done.returncode == 2
    assert "--mongo-db says nothing without --app" in done.stderr


def test_two_backups_of_one(here: Cli, world: World) -> None:
    world.db.custom_applications.update_many({}, {"$set": {"status": "changed"}})
    try:
        assert _run(here, world, "backup", "-n", NAMESPACE, "--mongo", "minimum", "--name", "thursday").returncode == 0
        said = _json(_run(here, world, "diff", "tuesday", "thursday", "--app", CHURN.name, "-o", "json"), 4)
        assert _differences(said) == {f'custom_applications/{{"$oid": "{CHURN.id}"}}': "changed"}
        parts = [each["part"] for each in said["notCompared"]]
        assert {"images", "files", "mongo: collection workspace_items"} <= set(parts)
    finally:
        here.ok("forget", "thursday", "--yes")


# ---- every place


def test_out_of_what_others_saved(here: Cli, world: World, tmp_path: Path, before: dict[str, Any]) -> None:
    """A mongodump knows the documents alone, and a file of manifests the LRS; each gives back what it has of it."""
    dump, manifests = tmp_path / "dump", tmp_path / "all.json"
    shutil.copytree(here.directory / "tuesday" / "mongo", dump)
    live = loader.live(world.plane, world.crd.api_version, NAMESPACE)
    manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": live}))
    _lose(world, CHURN)
    done = _run(here, world, "restore", dump, "--app", CHURN.name, "--mongo-uri-file", world.uri_file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "it holds no LRS" in done.stderr
    assert world.content()["mongo"] == before["mongo"]
    assert CHURN.lrs not in world.content()["lrs"]
    by_name = _run(here, world, "restore", manifests, "--app", CHURN.name)
    assert by_name.returncode == 2, by_name.stdout + by_name.stderr
    done = _run(here, world, "restore", manifests, "--app", CHURN.id)
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.content()["lrs"] == before["lrs"]


def test_from_every_place(here: Cli, world: World, tmp_path: Path) -> None:
    """A pool and a folder as version 0.1.0 made it tell the same, and give it back."""
    wanted = here.ok("show", "tuesday", "--app", CHURN.name, "-o", "name")
    pool, first = tmp_path / "pool", tmp_path / "first"
    here.ok("repository", "init", pool)
    here.ok("copy", ".", pool, "tuesday")
    first.mkdir()
    here.ok("export", "tuesday", str(first / "tuesday"), "--format", "1")
    for place in (pool, first):
        assert here.ok("show", "--app", CHURN.name, "-o", "name", "--backup-dir", place) == wanted
        _lose(world, CHURN)
        done = _run(here, world, "restore", "--app", CHURN.name, "--backup-dir", place)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "custom_applications" in done.stdout
        assert _run(here, world, "restore", "--app", CHURN.name, "--dry-run", "--backup-dir", place).returncode == 0
    assert CHURN.lrs in world.content()["lrs"]
