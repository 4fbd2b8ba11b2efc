"""Collections that change hands while they are dumped: what is sealed is what was there, or there is no backup."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.stores.mongo.collect import MongoCollector
from kubectl_lrs.stores.mongo.find import DumpOptions
from kubectl_lrs.stores.mongo.server.access import UriAccess
from kubectl_lrs.stores.mongo.server.client import Mongo
from tests.builders.mongo_fixtures import App
from tests.builders.mongo_restores import At
from tests.conftest import Cli, Crd

NAME = "longrunningservices"
COUNT = 40


def _again(app: App, name: str) -> None:
    """As mongorestore --drop does it."""
    app.db.drop_collection(name)
    app.db[name].insert_many([{"_id": n, "new": True} for n in range(COUNT)])


def _renamed(app: App, name: str) -> None:
    """As a restore of ours does it."""
    app.db["lrs_restore.x"].insert_many([{"_id": n, "new": True} for n in range(COUNT)])
    app.db["lrs_restore.x"].rename(name, dropTarget=True)


def _dumped(app: App, tmp_path: Path, act: Callable[[], object], **options: Any) -> tuple[dict[str, Any], At, Path]:
    """A dump in which something happens when all was counted, and nothing was read yet."""
    progress = At(f"{app.name}: 2 collections", act)
    writer = FolderWriter(tmp_path, "saved")
    mongo = Mongo(UriAccess(app.servers.uri()))
    try:
        facts = MongoCollector(mongo, DumpOptions(level="minimum", **options)).collect(writer, progress)
        return facts, progress, writer.path / "mongo" / app.name / f"{NAME}.bson"
    finally:
        writer.put_away(keep=True)


@pytest.fixture(params=["a set", "a set, without snapshots", "a standalone"])
def wherever(request: pytest.FixtureRequest) -> tuple[App, dict[str, Any]]:
    """How it is read: at one instant, or one collection after the other."""
    kind = request.param
    app: App = request.getfixturevalue("app_alone" if kind == "a standalone" else "app")
    return app, {"consistent": False} if kind == "a set, without snapshots" else {}


@pytest.mark.parametrize("change", [_again, _renamed])
def test_another_takes_its_place(
    wherever: tuple[App, dict[str, Any]], tmp_path: Path, change: Callable[[App, str], None]
) -> None:
    app, options = wherever
    app.fill(COUNT)
    facts, progress, _ = _dumped(app, tmp_path, lambda: change(app, NAME), **options)
    saved = {each["name"]: each for each in facts["collections"]}
    assert saved[NAME]["documents"] == COUNT
    assert bson.Binary(bytes.fromhex(saved[NAME]["uuid"]), 4) == next(
        each["info"]["uuid"] for each in app.db.list_collections(filter={"name": NAME})
    )
    assert "beginning anew" in " ".join(progress.notes)


def test_it_is_dropped(wherever: tuple[App, dict[str, Any]], tmp_path: Path) -> None:
    """It reads as if it had been empty; of what is gone there is no backup that calls itself whole."""
    app, options = wherever
    app.fill(COUNT)
    with pytest.raises(LrsError, match=f"database {app.name} has no collection {NAME}, which --mongo minimum needs"):
        _dumped(app, tmp_path, lambda: app.db.drop_collection(NAME), **options)


def test_it_is_dropped_in_the_middle_of_a_batch(wherever: tuple[App, dict[str, Any]], tmp_path: Path) -> None:
    """The server ends a cursor whose collection is gone."""
    app, options = wherever
    app.fill(3)
    app.db[NAME].insert_many([{"n": n, "padding": "x" * 20_000} for n in range(1000)])

    class Dropping(At):
        def advance(self, count: int = 1) -> None:
            if count > 100_000 and self.act:
                act, self.act = self.act, None
                act()

    mongo = Mongo(UriAccess(app.servers.uri()))
    writer = FolderWriter(tmp_path, "saved")
    progress = Dropping("never", lambda: app.db.drop_collection(NAME))
    with pytest.raises(LrsError, match=f"has no collection {NAME}"):
        MongoCollector(mongo, DumpOptions(level="minimum", **options)).collect(writer, progress)
    writer.put_away(keep=False)


def test_one_that_may_lack_is_said_to_lack(app: App, tmp_path: Path) -> None:
    app.fill(COUNT)
    facts, _, path = _dumped(app, tmp_path, lambda: app.db.drop_collection(NAME), may_lack=(NAME,))
    assert facts["allowedMissing"] == [NAME]
    assert [each["name"] for each in facts["collections"]] == ["custom_applications"]
    assert not path.exists()


def test_they_change_hands_without_end(app: App, tmp_path: Path) -> None:
    class Always(At):
        def begin(self, what: str, total: int | None = None, *, unit: str = "") -> None:  # noqa: ARG002
            if what.startswith(self.begins):
                _again(app, NAME)

    app.fill(COUNT)
    writer = FolderWriter(tmp_path, "saved")
    with pytest.raises(LrsError, match=f"{app.name}.{NAME} was dropped, and another has taken its place, while"):
        MongoCollector(Mongo(UriAccess(app.servers.uri())), DumpOptions(level="minimum", consistent=False)).collect(
            writer, Always(f"{app.name}: 2 collections", lambda: None)
        )
    writer.put_away(keep=False)


@pytest.mark.parametrize("added", [(), ("v2",), ("kept",), ("kept", "v2")])
def test_a_view_is_a_definition_and_no_documents(app_alone: App, tmp_path: Path, added: tuple[str, ...]) -> None:
    """A collection of the level that is a view by now: what it is a view of is missing, unless it is taken too."""
    app = app_alone
    app.fill(COUNT, ("custom_applications", "kept"))
    app.db.create_collection(NAME, viewOn="kept", pipeline=[])
    app.db.create_collection("v2", viewOn=NAME, pipeline=[])
    facts, _, _ = _dumped(app, tmp_path, lambda: None, added=added)
    lacking = [] if "kept" in added else ["kept"]
    assert [each.name for each in facts["missing"]] == lacking
    assert all("--mongo-collection kept takes them" in each.reason for each in facts["missing"])
    assert "beside" not in facts


def test_a_view_that_was_asked_for_by_name_is_noted(app_alone: App, tmp_path: Path) -> None:
    app = app_alone
    app.fill(COUNT, ("custom_applications", NAME))
    app.db.create_collection("v", viewOn="elsewhere", pipeline=[])
    facts, _, _ = _dumped(app, tmp_path, lambda: None, added=("v",))
    assert facts["missing"] == []
    assert "v is a view of it, and its documents are not saved" in "".join(each["message"] for each in facts["notes"])


def test_the_command_makes_no_backup_of_a_collection_that_goes(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    """The two find nothing wrong by themselves: the server does not say that what is read is gone."""
    app.fill(3)
    app.servers.fail({"failCommands": ["find"], "namespace": f"{app.name}.{NAME}", "errorCode": 175})
    try:
        done = cli.run("backup", "-n", namespace, "--mongo", "minimum", "--name", "saved", env=app.environment)
    finally:
        app.servers.fail({"failCommands": []}, "off")
    assert done.returncode == 1
    assert f"reading {app.name}.{NAME}" in done.stderr
    assert list(cli.directory.iterdir()) == []
