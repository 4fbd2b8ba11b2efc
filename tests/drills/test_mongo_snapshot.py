"""All collections at one instant, while others write; and what is said where that cannot be had."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo.errors import PyMongoError

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.mongo.collect import MongoCollector
from kubectl_lrs.stores.mongo.find import DumpOptions
from kubectl_lrs.stores.mongo.levels import COMPLETE, MINIMUM
from kubectl_lrs.stores.mongo.server.access import UriAccess
from kubectl_lrs.stores.mongo.server.client import Mongo
from tests.builders.mongo_fixtures import App
from tests.conftest import Cli, Crd

SHARES = 300
"""Documents in each collection that the transfers go between."""

PADDING = "x" * 2000


def collect(app: App, directory: Path, options: DumpOptions) -> tuple[FolderWriter, dict[str, Any]]:
    """What a backup does with MongoDB, into a folder of its own."""
    writer = FolderWriter(directory, "saved")
    try:
        return writer, MongoCollector(Mongo(UriAccess(app.servers.uri())), options).collect(writer, Silent())
    except BaseException:
        writer.put_away(keep=False)
        raise


def saved_documents(writer: FolderWriter, app: App, name: str) -> list[dict[str, Any]]:
    with writer.reading(f"mongo/{app.name}/{name}.bson") as file:
        return bson.decode_all(file.read())


@contextmanager
def transfers(app: App) -> Iterator[list[int]]:
    """Transactions that move amounts between collections, so that the sum over all of them never changes."""
    stop = threading.Event()
    done: list[int] = []

    def move(seed: int) -> None:
        step = seed
        with app.client.start_session() as session:
            while not stop.is_set():
                step += 1
                giver, taker = app.db[COMPLETE[step % 6]], app.db[COMPLETE[(step // 6 + 1 + step) % 6]]
                try:
                    with session.start_transaction():
                        giver.update_one({"_id": step % SHARES}, {"$inc": {"amount": -1}}, session=session)
                        taker.update_one({"_id": (step * 7) % SHARES}, {"$inc": {"amount": 1}}, session=session)
                    done.append(1)
                except PyMongoError:  # two transfers met: nothing was moved
                    continue

    threads = [threading.Thread(target=move, args=(1000 * n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield done
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_an_invariant_over_all_collections_holds(app: App, tmp_path: Path) -> None:
    for name in COMPLETE:
        app.db[name].insert_many([{"_id": n, "amount": 100, "padding": PADDING} for n in range(SHARES)])
    with transfers(app) as done:
        while len(done) < 20:
            pass
        before = len(done)
        writer, facts = collect(app, tmp_path, DumpOptions(level="complete"))
        after = len(done)
    documents = [each for name in COMPLETE for each in saved_documents(writer, app, name)]
    writer.put_away(keep=False)
    assert after > before
    assert len(documents) == SHARES * len(COMPLETE)
    assert sum(each["amount"] for each in documents) == 100 * SHARES * len(COMPLETE)
    assert facts["consistency"] == "snapshot"
    assert [note for note in facts["notes"] if "instant" in note["message"]] == []


def test_what_comes_later_is_not_in_it(app: App, tmp_path: Path) -> None:
    """Between the first collection and the last one documents are added: none of them is in the dump."""
    app.fill(5)
    mongo = Mongo(UriAccess(app.servers.uri()))

    class Adding(Silent):
        def begin(self, what: str, total: int | None = None, *, unit: str = "") -> None:  # noqa: ARG002
            if what.startswith(app.name):
                app.fill(3)

    writer = FolderWriter(tmp_path, "saved")
    facts = MongoCollector(mongo, DumpOptions(level="complete")).collect(writer, Adding())
    assert [each["documents"] for each in facts["collections"]] == [5] * len(COMPLETE)
    writer.put_away(keep=False)


def test_capped_collections_are_read_outside(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    app.fill(3)
    app.db.create_collection("events", capped=True, size=1 << 16)
    app.db.events.insert_one({"_id": 1})
    arguments = ("backup", "-n", namespace, "--mongo", "minimum", "--mongo-collection", "events", "--name", "saved")
    done = cli.run(*arguments, env=app.environment)
    assert done.returncode == 0
    assert "capped" in done.stderr
    facts = json.loads((cli.directory / "saved" / "backup.json").read_text())["tiers"]["mongo"]
    assert facts["outsideSnapshot"] == ["events"]
    assert facts["consistency"] == "snapshot"
    instants = {each["name"]: each["instant"] for each in facts["collections"]}
    own = instants.pop("events")
    assert own["from"]["t"] <= own["until"]["t"]
    assert all(each == facts["instant"] == {"from": each["from"], "until": each["from"]} for each in instants.values())
    assert facts["instant"]["from"] == facts["atClusterTime"]


def test_a_standalone_is_read_with_a_warning(cli: Cli, crd: Crd, namespace: str, app_alone: App) -> None:
    app_alone.fill(4)
    before = app_alone.everything()
    arguments = ("backup", "-n", namespace, "--mongo", "complete", "--name", "saved")
    done = cli.run(*arguments, env=app_alone.environment)
    assert done.returncode == 0
    assert "the server is a standalone and cannot be read at one instant" in done.stderr
    facts = json.loads((cli.directory / "saved" / "backup.json").read_text())["tiers"]["mongo"]
    assert (facts["consistency"], facts["atClusterTime"]) == ("none", None)
    instants = [facts["instant"], *(each["instant"] for each in facts["collections"])]
    first, last = facts["instant"]["from"]["time"], facts["instant"]["until"]["time"]
    assert all(first <= each["from"]["time"] <= each["until"]["time"] <= last for each in instants)
    app_alone.drop()
    cli.ok("restore", "saved", env=app_alone.environment)
    assert app_alone.everything() == before


def test_no_snapshot_when_none_is_wanted(app: App, tmp_path: Path) -> None:
    app.fill(4)
    writer, facts = collect(app, tmp_path, DumpOptions(level="minimum", consistent=False))
    assert facts["consistency"] == "none"
    assert any("--mongo-consistency=none" in note["message"] for note in facts["notes"])
    writer.put_away(keep=False)


TOO_OLD = {"failCommands": ["find", "getMore"], "errorCode": 239, "errorLabels": []}


def test_a_snapshot_that_is_too_old_is_taken_again(app: App, tmp_path: Path) -> None:
    app.fill(4)
    data = {**TOO_OLD, "failCommands": ["find"], "namespace": f"{app.name}.longrunningservices"}
    app.servers.fail_on(app.servers.primary(), data, {"times": 1})
    try:
        writer, facts = collect(app, tmp_path, DumpOptions(level="minimum"))
    finally:
        app.servers.fail({}, "off")
    assert [each["documents"] for each in facts["collections"]] == [4] * len(MINIMUM)
    assert sorted(writer.paths("mongo/")) == sorted(set(writer.paths("mongo/")))
    writer.put_away(keep=False)


def test_a_history_that_is_too_short_is_an_error(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    app.fill(4)
    app.servers.fail({**TOO_OLD, "namespace": f"{app.name}.longrunningservices"})
    try:
        done = cli.run("backup", "-n", namespace, "--mongo", "minimum", "--name", "saved", env=app.environment)
    finally:
        app.servers.fail({}, "off")
    assert done.returncode == 1
    assert "longrunningservices" in done.stderr
    assert "minSnapshotHistoryWindowInSeconds" in done.stderr
    assert "--mongo-consistency=none" in done.stderr
    assert list(cli.directory.iterdir()) == []


def test_a_real_history_that_ends(app: App, tmp_path: Path) -> None:
    """The server keeps no past at all, and much is written between the instant and the read."""
    app.fill(4)
    for member in app.servers.members:
        app.servers.direct(member).admin.command({"setParameter": 1, "minSnapshotHistoryWindowInSeconds": 0})
    mongo = Mongo(UriAccess(app.servers.uri()))

    class Ageing(Silent):
        def begin(self, what: str, total: int | None = None, *, unit: str = "") -> None:  # noqa: ARG002
            if what.startswith(app.name):
                app.db.other.insert_many([{"n": n} for n in range(2000)])
                app.client.admin.command("fsync")

    writer = FolderWriter(tmp_path, "saved")
    try:
        with pytest.raises(LrsError, match="forgets its past") as caught:
            MongoCollector(mongo, DumpOptions(level="minimum")).collect(writer, Ageing())
        assert "minSnapshotHistoryWindowInSeconds" in caught.value.hint
    finally:
        writer.put_away(keep=False)
        for member in app.servers.members:
            app.servers.direct(member).admin.command({"setParameter": 1, "minSnapshotHistoryWindowInSeconds": 300})


@pytest.mark.parametrize("command", ["find", "getMore"])
def test_a_lost_cursor_or_connection_begins_the_collection_anew(app: App, tmp_path: Path, command: str) -> None:
    app.fill(400, MINIMUM)
    app.db.longrunningservices.insert_many([{"padding": PADDING * 10} for _ in range(200)])
    failing = {"failCommands": [command], "namespace": f"{app.name}.longrunningservices"}
    kind = {"closeConnection": True} if command == "find" else {"errorCode": 43}
    app.servers.fail_on(app.servers.primary(), {**failing, **kind}, {"times": 2 if command == "find" else 1})
    try:
        writer, facts = collect(app, tmp_path, DumpOptions(level="minimum"))
    finally:
        app.servers.fail({}, "off")
    assert [each["documents"] for each in facts["collections"]] == [400, 600]
    assert len(saved_documents(writer, app, "longrunningservices")) == 600
    writer.put_away(keep=False)
