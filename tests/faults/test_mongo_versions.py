"""Behind a mongos, and with servers of other versions: what they say of themselves decides.

No registry has a mongos or a newer mongod; a stand-in passes everything to a real one and changes what it says of itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.timestamp import Timestamp

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action
from kubectl_lrs.model.report import Result
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.mongo.collect import MongoCollector
from kubectl_lrs.stores.mongo.find import DumpOptions
from kubectl_lrs.stores.mongo.server.access import UriAccess
from kubectl_lrs.stores.mongo.server.client import Mongo
from tests.bed.mongo import MongoServers
from tests.bed.mongo_router import Router
from tests.builders.mongo_fixtures import App, app_on, beside
from tests.builders.mongo_restores import Restoring, data, messages, write_dump

NAME = "custom_applications"
OTHER = "longrunningservices"
DROP = {"existing": Existing.DROP}


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServers]:
    """One member without passwords, which a stand-in can be put before."""
    with MongoServers.start(tmp_path_factory.mktemp("single"), members=1, replica_set="rs0") as servers:
        yield servers


@pytest.fixture
def app(single: MongoServers) -> Iterator[App]:
    yield from app_on(single)


def documents(count: int) -> list[dict[str, Any]]:
    return [{"_id": n, "n": n} for n in range(count)]


def collected(router: Router, tmp_path: Path) -> dict[str, Any]:
    writer = FolderWriter(tmp_path, "saved")
    try:
        return MongoCollector(Mongo(UriAccess(router.uri)), DumpOptions(level="minimum")).collect(writer, Silent())
    finally:
        writer.put_away(keep=False)


def test_a_dump_through_a_router_is_of_one_instant(app: App, tmp_path: Path) -> None:
    app.fill(5)
    with Router(app.servers.members[0].port) as router:
        facts = collected(router, tmp_path)
        finds = [each for each in router.commands if "find" in each and each.get("readConcern")]
    assert facts["consistency"] == "snapshot"
    assert {each["readConcern"]["level"] for each in finds} == {"snapshot"}
    assert [each["documents"] for each in facts["collections"]] == [5, 5]


def test_a_router_of_an_old_version_has_no_snapshots(app: App, tmp_path: Path) -> None:
    app.fill(5)
    with Router(app.servers.members[0].port, version="4.4.29") as router:
        facts = collected(router, tmp_path)
    assert facts["consistency"] == "none"
    assert facts["notes"][0]["id"] == "mongo-not-of-one-instant"
    assert "cannot be read at one instant" in facts["notes"][0]["message"]
    assert facts["instant"]["from"]["time"] <= facts["instant"]["until"]["time"]


def test_a_sharded_collection_is_not_replaced(app: App, tmp_path: Path) -> None:
    """What is loaded beside it would not be sharded: refused before the first write; one that is not sharded is replaced."""
    dump = write_dump(tmp_path, app.name, NAME, documents(3))
    write_dump(dump, app.name, OTHER, documents(3))
    for name in (NAME, OTHER):
        app.db[name].insert_one({"_id": "old"})
    with Router(app.servers.members[0].port, sharded=[NAME]) as router:
        restoring = Restoring(app, dump, uri=router.uri, **DROP)
        plan = restoring.plan()
        assert {step.name: step.action for step in plan.steps} == {NAME: Action.CONFLICT, OTHER: Action.REPLACE}
        assert "it is sharded" in next(step.reason for step in plan.steps if step.name == NAME)
        outcomes = restoring.apply(plan)
        assert outcomes[NAME].result is Result.CONFLICT
        assert outcomes[OTHER].result is Result.REPLACED, data(outcomes[OTHER])
        merged = Restoring(app, dump, uri=router.uri).apply()
    assert merged[NAME].result is Result.MERGED
    assert app.db[NAME].count_documents({}) == 4
    assert app.db[OTHER].count_documents({}) == 3
    assert beside(app) == []


def test_clients_of_other_routers_cannot_be_seen(app: App, tmp_path: Path) -> None:
    """So whether anybody else is there is not known, and nothing is replaced unless the user says so."""
    dump = write_dump(tmp_path, app.name, NAME, documents(3))
    app.db[NAME].insert_one({"_id": "old"})
    with Router(app.servers.members[0].port) as router:
        said = messages(Restoring(app, dump, uri=router.uri, allow_running_app=False, **DROP).plan())
    assert "warning: clients of other routers (mongos) than this one cannot be seen from here" in said
    assert "error: " in said


def test_a_server_that_keeps_empty_timestamps_when_told(app: App, tmp_path: Path) -> None:
    """It is asked for that first, whatever its version; one that does not understand is asked in another way."""
    stored = {"_id": 1, "at": Timestamp(0, 0)}
    dump = write_dump(tmp_path, app.name, NAME, [stored])
    with Router(app.servers.members[0].port, is_mongos=False, version="8.0.4") as router:
        assert Restoring(app, dump, uri=router.uri + "?directConnection=true").apply()[NAME].result is Result.CREATED
        asked = [each for each in router.commands if "insert" in each or "update" in each]
    assert app.content(NAME) == [bson.encode(stored)]
    assert asked[0]["bypassEmptyTsReplacement"] is True
    assert "update" in asked[1]  # the real server is of an older version


def test_a_server_that_cannot_be_told_which_collections_are_meant(app: App, tmp_path: Path) -> None:
    """Before 6.0 no UUID can be named: the documented form of the command is taken, right after the look."""
    dump = write_dump(tmp_path, app.name, NAME, documents(3))
    app.db[NAME].insert_one({"_id": "old"})

    class Older(Router):
        def _refused(self, command: dict[str, Any]) -> dict[str, Any] | None:
            if "collectionUUID" in command:
                return {"ok": 0.0, "code": 40415, "errmsg": "BSON field 'collectionUUID' is an unknown field."}
            return super()._refused(command)

    with Older(app.servers.members[0].port, is_mongos=False, version="5.0.31") as router:
        outcome = Restoring(app, dump, uri=router.uri + "?directConnection=true", **DROP).apply()[NAME]
        renames = [each for each in router.commands if "renameCollection" in each]
    assert outcome.result is Result.REPLACED, data(outcome)
    assert [each["dropTarget"] for each in renames][1:] == [True]
    assert app.db[NAME].count_documents({}) == 3
    assert beside(app) == []
