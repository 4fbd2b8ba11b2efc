"""MongoDB goes away, changes its primary, refuses documents; the disk is full; a run is killed: nothing half looks whole."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo.errors import PyMongoError

from kubectl_lrs.model.errors import UnreachableError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import ApplyOptions
from kubectl_lrs.model.report import Result
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.mongo.collect import MongoCollector
from kubectl_lrs.stores.mongo.find import DumpOptions
from kubectl_lrs.stores.mongo.flags import RestoreOptions
from kubectl_lrs.stores.mongo.plain_dump import dumped
from kubectl_lrs.stores.mongo.presence import Presence
from kubectl_lrs.stores.mongo.restore import MongoRestorer
from kubectl_lrs.stores.mongo.server.access import UriAccess
from kubectl_lrs.stores.mongo.server.client import Mongo
from tests.bed.mongo import MongoServers
from tests.builders.applied import applied
from tests.builders.mongo_fixtures import App, age, app_on, loaded_beside
from tests.conftest import Cli, Crd

MANY = 4000


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[App]:
    """A standalone of the test's own, which may be killed."""
    with MongoServers.start(tmp_path / "server") as servers:
        yield from app_on(servers)


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[App]:
    """A replica set of the test's own."""
    with MongoServers.start(tmp_path / "servers", members=3, replica_set="own") as servers:
        yield from app_on(servers)


def fill_large(app: App, count: int = MANY) -> None:
    """So much that it does not pass in one batch."""
    app.fill(3)
    app.db.longrunningservices.insert_many([{"n": n, "padding": "x" * 2000} for n in range(count)])


class Acting(Silent):
    """Does something once, when so much has passed: bytes of a dump, documents of a restore."""

    def __init__(self, after: int, act: Any) -> None:
        self.left = after
        self.act = act
        self.notes: list[str] = []

    def advance(self, count: int = 1) -> None:
        self.left -= count
        if self.left <= 0 and self.act:
            act, self.act = self.act, None
            act()

    def note(self, message: str, _known: object = None) -> None:
        self.notes.append(message)


def fast(app: App) -> str:
    """So much patience as a busy server needs, and no more where it is dead."""
    return app.servers.uri(serverSelectionTimeoutMS="4000")


def restoring(app: App, path: Path, stop: threading.Event | None = None, **wish: Any) -> MongoRestorer:
    mongo = Mongo(UriAccess(fast(app)))
    presence = Presence(mongo, None, "")
    wanted = RestoreOptions(allow_running_app=True, **wish)
    return MongoRestorer(mongo, dumped(path), wanted, presence=presence, keys=None, stop=stop or threading.Event())


def test_the_server_dies_in_mid_dump(alone: App, tmp_path: Path) -> None:
    fill_large(alone)
    writer = FolderWriter(tmp_path, "saved")
    progress = Acting(2_000_000, alone.servers.members[0].kill)
    with pytest.raises(UnreachableError, match=alone.servers.members[0].address):  # whichever reader meets it first
        MongoCollector(Mongo(UriAccess(fast(alone))), DumpOptions(level="minimum")).collect(writer, progress)
    assert f"mongo/{alone.name}/longrunningservices.bson" not in writer.paths()
    assert not (writer.path / "mongo" / alone.name / "longrunningservices.bson").exists()
    writer.put_away(keep=False)
    alone.servers.members[0].start()


def test_the_command_makes_no_backup_then(cli: Cli, crd: Crd, namespace: str, alone: App) -> None:
    fill_large(alone, 10)
    alone.servers.fail({"failCommands": ["find"], "namespace": f"{alone.name}.longrunningservices", "closeConnection": True})
    done = cli.run("backup", "-n", namespace, "--mongo", "minimum", "--name", "saved", env={"LRS_MONGO_URI": fast(alone)})
    assert done.returncode == 5
    assert f"reading {alone.name}.longrunningservices" in done.stderr
    assert list(cli.directory.iterdir()) == []


def test_the_primary_steps_down_in_mid_dump(trio: App, tmp_path: Path) -> None:
    """The collection at hand is read again, at the same instant: what was written meanwhile is not in it."""
    fill_large(trio)

    def step_down() -> None:
        primary = trio.servers.primary()
        trio.db.custom_applications.insert_one({"n": "late"})
        trio.db.longrunningservices.insert_one({"n": "late"})
        primary.kill()

    writer = FolderWriter(tmp_path, "saved")
    progress = Acting(3_000_000, step_down)
    mongo = Mongo(UriAccess(trio.servers.uri()))
    facts = MongoCollector(mongo, DumpOptions(level="minimum")).collect(writer, progress)
    writer.put_away(keep=False)
    assert [each["documents"] for each in facts["collections"]] == [3, MANY + 3]


@pytest.mark.parametrize("existing", [Existing.MERGE, Existing.DROP])
def test_the_primary_steps_down_in_mid_restore(trio: App, tmp_path: Path, existing: Existing) -> None:
    fill_large(trio)
    trio.servers.run_tool("mongodump", "--db", trio.name, "--out", tmp_path / "dump")
    before = trio.everything()
    trio.db.longrunningservices.delete_many({"n": {"$gt": 2}})

    def step_down() -> None:
        with suppress(PyMongoError):
            trio.client.admin.command({"replSetStepDown": 5, "force": True})

    mongo = Mongo(UriAccess(trio.servers.uri()))
    wish = RestoreOptions(allow_running_app=True, existing=existing)
    dump = dumped(tmp_path / "dump")
    tier = MongoRestorer(mongo, dump, wish, presence=Presence(mongo, None, ""), keys=None, stop=threading.Event())
    plan = tier.plan(Silent())
    outcomes = {each.name: each for each in applied(tier, plan, ApplyOptions(workers=4, timeout=60), Acting(1200, step_down))}
    mongo.close()
    done = outcomes["longrunningservices"]
    assert done.result is (Result.MERGED if existing is Existing.MERGE else Result.REPLACED), done.message
    assert done.counts["new"] == (MANY - 3 if existing is Existing.MERGE else MANY + 3)
    assert trio.everything() == before


@pytest.mark.parametrize("existing", [Existing.MERGE, Existing.DROP])
def test_the_server_dies_in_mid_restore(alone: App, tmp_path: Path, existing: Existing) -> None:
    """The message says which collection and what state it is in; when the server is back the same command finishes."""
    fill_large(alone)
    alone.servers.run_tool("mongodump", "--db", alone.name, "--out", tmp_path / "dump")
    before = alone.everything()
    alone.db.longrunningservices.delete_many({"n": {"$gt": 2}})
    left = alone.content("longrunningservices")
    tier = restoring(alone, tmp_path / "dump", existing=existing)
    plan = tier.plan(Silent())
    with pytest.raises(UnreachableError, match="longrunningservices") as caught:
        applied(tier, plan, ApplyOptions(workers=4, timeout=60), Acting(1200, alone.servers.members[0].kill))
    alone.servers.members[0].start()
    alone.client.admin.command("ping")
    age(alone)
    if existing is Existing.DROP:
        assert "the old longrunningservices is as it was" in str(caught.value)
        assert alone.content("longrunningservices") == left
    else:
        assert "the same command goes on" in str(caught.value)
    tier = restoring(alone, tmp_path / "dump", existing=existing)
    assert all(each.error is None for each in applied(tier, tier.plan(Silent()), ApplyOptions(workers=4, timeout=60), Silent()))
    assert alone.everything() == before


def test_a_document_that_the_server_refuses(app: App, tmp_path: Path) -> None:
    """It is named by its `_id`; the others arrive, and with `drop` the old collection stays."""
    app.fill(3)
    app.servers.run_tool("mongodump", "--db", app.name, "--out", tmp_path)
    path = tmp_path / app.name / "workspace_items.bson"
    path.write_bytes(bson.encode({"_id": [1, 2]}) + path.read_bytes())
    before = app.everything()
    tier = restoring(app, tmp_path, existing=Existing.DROP)
    outcomes = {each.name: each for each in applied(tier, tier.plan(Silent()), ApplyOptions(workers=4, timeout=60), Silent())}
    refused = outcomes["workspace_items"]
    assert refused.result is Result.FAILED
    assert "_id [1, 2]" in refused.message
    assert "the old workspace_items is as it was" in refused.message
    assert app.everything() == before
    app.db.workspace_items.delete_many({})
    tier = restoring(app, tmp_path)
    outcomes = {each.name: each for each in applied(tier, tier.plan(Silent()), ApplyOptions(workers=4, timeout=60), Silent())}
    assert outcomes["workspace_items"].result is Result.FAILED
    assert dict(outcomes["workspace_items"].counts) == {"new": 3, "refused": 1}
    assert app.everything() == before


def test_a_stopped_restore_goes_on(app: App, tmp_path: Path) -> None:
    fill_large(app, 5 * MANY)
    app.servers.run_tool("mongodump", "--db", app.name, "--out", tmp_path)
    before = app.everything()
    app.drop()
    stop = threading.Event()
    tier = restoring(app, tmp_path, stop)
    outcomes = applied(tier, tier.plan(Silent()), ApplyOptions(workers=4, timeout=60), Acting(1200, stop.set))
    interrupted = outcomes[-1]
    assert interrupted.result is Result.NOT_TRIED
    assert interrupted.message.startswith("interrupted")
    assert 0 < interrupted.counts["new"] < 5 * MANY
    tier = restoring(app, tmp_path)
    again = {each.name: each for each in applied(tier, tier.plan(Silent()), ApplyOptions(workers=4, timeout=60), Silent())}
    assert again["longrunningservices"].counts["equal"] == interrupted.counts["new"]
    assert app.everything() == before


def test_a_killed_restore_goes_on(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    """Killed while the new collections are loaded beside the old ones: these are whole, and the next run clears up."""
    fill_large(app, 20_000)
    cli.ok("backup", "-n", namespace, "--mongo", "complete", "--name", "saved", env=app.environment)
    before = app.everything()
    app.db.longrunningservices.delete_many({"n": {"$gt": 2}})
    left = app.everything()["longrunningservices"]
    arguments = ("restore", "saved", "--tier", "mongo", "--mongo-existing", "drop", "--allow-running-app", "--yes")
    process = cli.start(*arguments, env=app.environment)
    while not loaded_beside(app, "longrunningservices") and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    if process.returncode == -signal.SIGKILL:
        assert app.everything()["longrunningservices"] == left
    done = cli.run(*arguments, env=app.environment)
    assert done.returncode == 0, done.stderr
    if process.returncode == -signal.SIGKILL:
        assert "removed what an interrupted restore has left" in done.stderr
    assert app.everything() == before


def test_the_disk_is_full(app: App, tmp_path: Path) -> None:
    """The file that was begun goes; what other tiers do with such an error is shown elsewhere."""
    import resource

    fill_large(app)
    writer = FolderWriter(tmp_path, "saved")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            MongoCollector(Mongo(UriAccess(app.servers.uri())), DumpOptions(level="minimum")).collect(writer, Silent())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"mongo/{app.name}/longrunningservices.bson" not in writer.paths()
    assert not (writer.path / "mongo" / app.name / "longrunningservices.bson").exists()
    writer.put_away(keep=False)


def test_the_majority_does_not_confirm(app: App, tmp_path: Path) -> None:
    app.fill(3)
    app.servers.run_tool("mongodump", "--db", app.name, "--out", tmp_path)
    app.drop()
    concern = {"code": 64, "errmsg": "waiting for replication timed out"}
    app.servers.fail({"failCommands": ["insert"], "writeConcernError": concern})
    tier = restoring(app, tmp_path)
    try:
        outcomes = applied(tier, tier.plan(Silent()), ApplyOptions(workers=4, timeout=60), Silent())
    finally:
        app.servers.fail({}, "off")
    assert {each.result for each in outcomes} == {Result.FAILED}
    assert all("majority" in each.message for each in outcomes)


def test_report_of_a_restore_that_lost_the_server(cli: Cli, crd: Crd, namespace: str, alone: App) -> None:
    """Through the command line: the collection failed, what comes after it is not tried, the exit status is 3 or 5."""
    fill_large(alone, 10)
    env = {"LRS_MONGO_URI": fast(alone)}
    cli.ok("backup", "-n", namespace, "--mongo", "complete", "--name", "saved", env=env)
    alone.drop()
    alone.servers.fail({"failCommands": ["insert"], "closeConnection": True})
    done = cli.run("restore", "saved", "-o", "json", env=env)
    alone.servers.fail({}, "off")
    assert done.returncode in (3, 5), done.stderr
    report = json.loads(done.stdout)
    assert {each["result"] for each in report["outcomes"]} == {"failed", "not tried"}
    assert "the connection to mongodb://127.0.0.1" in done.stderr
    cli.ok("restore", "saved", env=env)
    assert alone.db.longrunningservices.count_documents({}) == 13


@pytest.mark.parametrize("command", ["create", "insert", "createIndexes", "renameCollection"])
def test_one_lost_connection_is_no_failure(app: App, tmp_path: Path, command: str) -> None:
    app.fill(3)
    app.db.custom_applications.create_index("name")
    app.servers.run_tool("mongodump", "--db", app.name, "--out", tmp_path)
    before = app.everything()
    app.db.custom_applications.delete_many({})
    tier = restoring(app, tmp_path, existing=Existing.DROP)
    plan = tier.plan(Silent())
    app.servers.fail_on(app.servers.primary(), {"failCommands": [command], "closeConnection": True}, {"times": 1})
    try:
        outcomes = applied(tier, plan, ApplyOptions(workers=4, timeout=60), Silent())
    finally:
        app.servers.fail({}, "off")
    assert {each.result for each in outcomes} == {Result.REPLACED}
    assert app.everything() == before
