"""What a restore does to collections that are there: merge adds and never overwrites, drop replaces in one act."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import bson
import pytest

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.repository import open_repository
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.mongo import losses
from kubectl_lrs.stores.mongo.flags import RestoreOptions
from kubectl_lrs.stores.mongo.levels import COMPLETE, MINIMUM
from kubectl_lrs.stores.mongo.presence import Presence
from kubectl_lrs.stores.mongo.restore import MongoRestorer
from kubectl_lrs.stores.mongo.saved import saved as saved_dump
from kubectl_lrs.stores.mongo.server.access import UriAccess
from kubectl_lrs.stores.mongo.server.client import Mongo
from tests.builders.mongo_fixtures import App
from tests.conftest import Cli, Crd

ALLOW = ("--allow-running-app", "--yes")


@pytest.fixture
def saved(cli: Cli, crd: Crd, namespace: str, app: App) -> dict[str, Any]:
    """A backup of ten documents in each collection; what there was."""
    app.fill(10)
    app.db.custom_applications.create_index("name", unique=True)
    cli.ok("backup", "-n", namespace, "--mongo", "complete", "--name", "saved", env=app.environment)
    return app.everything()


def restore(cli: Cli, app: App, *arguments: str, code: int = 0) -> dict[str, Any]:
    """The report."""
    done = cli.run("restore", "saved", "--tier", "mongo", "-o", "json", *arguments, env=app.environment)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    report: dict[str, Any] = json.loads(done.stdout)
    return {each["name"]: each for each in report["outcomes"]}


def test_merge_adds_what_is_missing_and_overwrites_nothing(cli: Cli, app: App, saved: dict[str, Any]) -> None:
    apps = app.db.custom_applications
    changed, removed = apps.find_one({"n": 3}), apps.find_one({"n": 4})
    assert changed
    assert removed
    apps.update_one({"_id": changed["_id"]}, {"$set": {"n": 333}})
    apps.delete_one({"_id": removed["_id"]})
    apps.insert_one({"_id": "mine"})
    found = restore(cli, app, code=3)
    assert found["custom_applications"]["result"] == "conflict"
    assert found["custom_applications"]["counts"] == {"new": 1, "equal": 8, "different": 1}
    assert str(changed["_id"]) in found["custom_applications"]["message"]
    assert all(found[name]["result"] == "unchanged" for name in COMPLETE[1:])
    assert apps.find_one({"_id": changed["_id"]})["n"] == 333
    assert apps.find_one({"_id": removed["_id"]}) == removed
    assert apps.count_documents({}) == 11


def test_merge_asks_once_for_what_is_there(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    """Of more documents than a server gives at first unless it is told how many are wanted."""
    app.fill(1)
    app.db.workspace_items.insert_many([{"_id": f"item {number}"} for number in range(300)])
    cli.ok("backup", "-n", namespace, "--mongo", "complete", "--name", "saved", env=app.environment)
    done = cli.run("restore", "saved", "--tier", "mongo", "-o", "json", "-v", "6", env=app.environment)
    assert done.returncode == 0, done.stderr
    found = {each["name"]: each["counts"] for each in json.loads(done.stdout)["outcomes"]}
    assert found["workspace_items"] == {"new": 0, "equal": 301}
    asked = re.findall(r"MongoDB (find|getMore) \S+\.workspace_items ", done.stderr)
    assert asked == ["find"], done.stderr


def test_merge_tells_the_same_number_of_another_type(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    """To the server 1 and 1.0 are one `_id`: such a document is there, and differs."""
    app.fill(1)
    app.db.workspace_items.insert_one({"_id": 7})
    cli.ok("backup", "-n", namespace, "--mongo", "complete", "--name", "saved", env=app.environment)
    app.db.workspace_items.replace_one({"_id": 7}, {"a": 1})
    app.db.workspace_items.delete_one({"_id": 7})
    app.db.workspace_items.insert_one({"_id": 7.0})
    found = restore(cli, app, code=3)
    assert found["workspace_items"]["counts"] == {"new": 0, "equal": 1, "different": 1}
    assert app.db.workspace_items.find_one({"_id": 7}) == {"_id": 7.0}


def test_a_document_that_a_unique_index_refuses(cli: Cli, app: App, saved: dict[str, Any]) -> None:
    apps = app.db.custom_applications
    gone = apps.find_one({"n": 4})
    assert gone
    apps.delete_one({"_id": gone["_id"]})
    apps.insert_one({"_id": "mine", "name": gone["name"]})
    found = restore(cli, app, code=3)
    assert found["custom_applications"]["result"] == "failed"
    assert found["custom_applications"]["counts"]["refused"] == 1
    assert str(gone["_id"]) in found["custom_applications"]["message"]


def test_drop_replaces_the_whole_collection(cli: Cli, app: App, saved: dict[str, Any]) -> None:
    app.db.custom_applications.insert_one({"_id": "mine"})
    app.db.custom_applications.drop_indexes()
    app.db.other.insert_one({"_id": 1})
    found = restore(cli, app, "--mongo-existing", "drop", *ALLOW)
    assert {each["result"] for each in found.values()} == {"replaced"}
    assert found["custom_applications"]["message"] == "11 documents were replaced by 10"
    after = app.everything()
    assert after.pop("other")
    assert after == saved


def _findings(cli: Cli, app: App, *arguments: str) -> list[str]:
    done = cli.run("restore", "saved", "--tier", "mongo", "-o", "json", "--dry-run=client", *arguments, env=app.environment)
    assert done.returncode == 0, done.stderr
    return [each["message"] for each in json.loads(done.stdout)["findings"]]


DROP = ("--mongo-existing", "drop", "--allow-running-app")


def test_what_drop_would_lose_is_told_by_application(cli: Cli, app: App, saved: dict[str, Any]) -> None:
    """Documents that came since, and those that changed, in whichever collection."""
    assert not any("would be lost" in each for each in _findings(cli, app, *DROP))
    sales, staff = app.db.custom_applications.find_one({"n": 3}), bson.ObjectId()
    app.db.custom_applications.insert_one({"_id": staff, "name": "staff"})
    app.db.custom_applications.update_one({"_id": sales["_id"]}, {"$set": {"name": "sales"}})
    app.db.workspace_items.insert_many([{"applicationId": sales["_id"]}, {"path": f"apps/{sales['_id']}/x"}, {"note": "x"}])
    done = cli.run("restore", "saved", "--tier", "mongo", "-o", "json", "--dry-run=client", *DROP, env=app.environment)
    (found,) = [each for each in json.loads(done.stdout)["findings"] if "would be lost" in each["message"]]
    assert found["message"] == "documents would be lost: 4 that the backup does not hold, 1 that changed since"
    assert found["details"] == [
        f"application sales ({sales['_id']}): 2 that the backup does not hold, 1 that changed since "
        "(custom_applications, workspace_items)",
        f"application staff ({staff}): 1 that the backup does not hold (custom_applications); "
        "the backup does not hold the application itself",
        "of no application that is known: 1 that the backup does not hold (workspace_items)",
    ]
    shown = cli.run("restore", "saved", "--tier", "mongo", "--dry-run=client", *DROP, env=app.environment).stderr
    assert f"warning: {found['message']}" in shown
    assert all(f"  {each}" in shown for each in found["details"])
    assert not any("would be lost" in each for each in _findings(cli, app)), "a merge loses none"


def test_of_a_large_collection_the_young_documents_are_counted(
    cli: Cli, app: App, saved: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the ids of documents that were made since; those that a client has made up tell nothing."""
    monkeypatch.setattr(losses, "MOST", 5)
    app.db.custom_applications.insert_one({"_id": "mine"})
    assert not any("made since" in each for each in _planned(cli, app))
    later = datetime.now(timezone.utc) + timedelta(days=1)
    app.db.custom_applications.insert_many([{"_id": bson.ObjectId.from_datetime(later), "name": str(n)} for n in (1,)])
    app.db.workspace_items.insert_many([{"_id": bson.ObjectId.from_datetime(later + timedelta(days=n))} for n in range(3)])
    said = [each for each in _planned(cli, app) if "made since" in each]
    assert sorted(said) == [
        "custom_applications: at least 1 document that was made since the backup would be lost with what is replaced",
        "workspace_items: at least 3 documents that were made since the backup would be lost with what is replaced",
    ]


def _planned(cli: Cli, app: App) -> list[str]:
    """What is found by a plan that is made in this process."""
    folder, mongo = open_repository(str(cli.directory)).find("saved"), Mongo(UriAccess(app.servers.uri()))
    restorer = MongoRestorer(
        mongo,
        saved_dump(folder, folder.catalog.tiers["mongo"]),
        RestoreOptions(existing=Existing.DROP, allow_running_app=True),
        presence=Presence(mongo, None, "nowhere"),
        keys=None,
        stop=Cancel(),
    )
    try:
        return [each.message for each in restorer.plan(Silent()).findings]
    finally:
        mongo.close()


def test_drop_that_fails_leaves_the_old_one(cli: Cli, app: App, saved: dict[str, Any]) -> None:
    """The server cannot put the new collection in its place: nothing is lost, and the same command does it later."""
    app.db.custom_applications.insert_one({"_id": "mine"})
    before = app.everything()
    app.servers.fail({"failCommands": ["renameCollection"], "errorCode": 96}, "alwaysOn")
    try:
        found = restore(cli, app, "--mongo-existing", "drop", *ALLOW, code=1)
    finally:
        app.servers.fail({}, "off")
    assert {each["result"] for each in found.values()} == {"failed"}
    assert "is as it was" in found["custom_applications"]["message"]
    assert app.everything() == before
    restore(cli, app, "--mongo-existing", "drop", *ALLOW)
    assert app.everything() == saved


def test_dry_runs_write_nothing(cli: Cli, app: App, saved: dict[str, Any]) -> None:
    app.db.custom_applications.delete_one({"n": 1})
    app.db.workspace_items.drop()
    before = app.everything()
    plan = json.loads(cli.ok("restore", "saved", "--dry-run=client", "-o", "json", env=app.environment))
    assert {each["name"]: each["action"] for each in plan["steps"]} == {
        name: "create" if name == "workspace_items" else "merge" for name in COMPLETE
    }
    found = restore(cli, app, "--dry-run=server")
    assert found["custom_applications"]["counts"] == {"new": 1, "equal": 9}
    assert found["workspace_items"]["counts"] == {"new": 10}
    assert app.everything() == before


def test_only_some_collections(cli: Cli, app: App, saved: dict[str, Any]) -> None:
    app.drop()
    found = restore(cli, app, "--mongo-collection", "workspace_items")
    assert set(found) == {"workspace_items"} == set(app.db.list_collection_names())
    done = cli.run("restore", "saved", "--mongo-collection", "nothing", env=app.environment)
    assert done.returncode == 1
    assert "holds no collection nothing" in done.stderr


def test_into_another_database(cli: Cli, app: App, saved: dict[str, Any]) -> None:
    """Where the application's database has another name, it must be said; nothing is guessed."""
    app.drop()
    app.client["Elsewhere"].longrunningservices.insert_one({"_id": 1})
    done = cli.run("restore", "saved", env=app.environment)
    assert done.returncode == 2
    assert f"{app.name}" in done.stderr
    assert "--mongo-db Elsewhere" in done.stderr
    restore(cli, app, "--mongo-db", "Elsewhere")
    assert app.client["Elsewhere"].longrunningservices.count_documents({}) == 11
    assert app.db.list_collection_names() == []


def test_a_view_of_the_same_name(cli: Cli, app: App, saved: dict[str, Any]) -> None:
    app.db.workspace_items.drop()
    app.db.create_collection("workspace_items", viewOn="custom_applications", pipeline=[])
    found = restore(cli, app, "--mongo-existing", "drop", *ALLOW, code=3)
    assert found["workspace_items"]["result"] == "conflict"
    assert "there is a view of this name" in found["workspace_items"]["message"]
    assert app.content("custom_applications") == saved["custom_applications"][3]


def test_what_is_said_before(cli: Cli, app: App, saved: dict[str, Any]) -> None:
    app.db.workspace_items.drop()
    app.db.create_collection("workspace_items", capped=True, size=4096)
    done = cli.run("restore", "saved", "--dry-run=client", env=app.environment)
    assert "only these collections" in done.stderr
    assert "as they were at 20" in done.stderr
    assert "workspace_items: its options differ from the backup's" in done.stderr


def test_documents_older_than_the_validator(cli: Cli, app: App, saved: dict[str, Any]) -> None:
    app.db.workspace_items.delete_many({})
    app.db.command({"collMod": "workspace_items", "validator": {"must": {"$exists": True}}})
    found = restore(cli, app)
    assert found["workspace_items"]["counts"] == {"new": 10}


def test_damage_is_found_before_the_first_write(cli: Cli, app: App, saved: dict[str, Any]) -> None:
    """With the sums made right again, lengths and counts still tell."""
    from tests.builders.reseal import rewrite

    app.drop()
    path = cli.directory / "saved" / "mongo" / app.name / "workspace_items.bson"
    whole = path.read_bytes()
    first = bson.encode({"_id": 0})
    for damaged, what in ((whole[:-1], "truncated or altered"), (whole + first, "11 documents, but 10 were saved")):
        path.write_bytes(damaged)
        done = cli.run("restore", "saved", env=app.environment)
        assert done.returncode == 4
        assert "workspace_items.bson" in done.stderr
        rewrite(cli.directory / "saved", lambda objects: objects)
        done = cli.run("restore", "saved", env=app.environment)
        assert done.returncode == 4, done.stderr
        assert what in done.stderr
    assert app.db.list_collection_names() == []


def test_minimum_is_two_collections(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    app.fill(2)
    cli.ok("backup", "-n", namespace, "--mongo", "minimum", "--name", "saved", env=app.environment)
    app.drop()
    assert set(restore(cli, app)) == set(MINIMUM) == set(app.db.list_collection_names())
