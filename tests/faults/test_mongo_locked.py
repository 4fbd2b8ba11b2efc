"""A MongoDB that takes writes and answers none (fsyncLock, as while its disk is copied): a stop ends that, and so does time."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import ApplyOptions
from kubectl_lrs.model.report import Report, Result
from kubectl_lrs.runtime import waiting
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.mongo.flags import RestoreOptions
from kubectl_lrs.stores.mongo.plain_dump import dumped
from kubectl_lrs.stores.mongo.presence import Presence
from kubectl_lrs.stores.mongo.restore import MongoRestorer
from kubectl_lrs.stores.mongo.server import answering
from kubectl_lrs.stores.mongo.server.access import UriAccess
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.errors import UnansweredError
from tests.bed import loader
from tests.bed.mongo import MongoServers
from tests.builders.applied import applied
from tests.builders.mongo_fixtures import App, app_on
from tests.conftest import Cli, Crd
from tests.faults.test_mongo_trouble import Acting, fill_large

MANY = 8000
WAYS = [Existing.MERGE, Existing.DROP]
HOW = ApplyOptions(workers=4, timeout=60)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[App]:
    """A standalone of the test's own, which may be locked for ever."""
    with MongoServers.start(tmp_path / "server") as servers:
        yield from app_on(servers)


def _lock(app: App) -> None:
    app.client.admin.command("fsync", lock=True)


def _unlock(app: App) -> None:
    app.client.admin.command("fsyncUnlock")


def _dump(app: App, path: Path) -> None:
    """Some documents of one collection are in the dump alone."""
    fill_large(app, MANY)
    app.servers.run_tool("mongodump", "--db", app.name, "--out", path)
    app.db.longrunningservices.delete_many({"n": {"$gt": 2}})


def _restoring(app: App, path: Path, stop: Cancel, existing: Existing) -> MongoRestorer:
    mongo = Mongo(UriAccess(app.servers.uri()), stop=stop)
    wanted = RestoreOptions(allow_running_app=True, existing=existing)
    return MongoRestorer(mongo, dumped(path), wanted, presence=Presence(mongo, None, ""), keys=None, stop=stop)


@pytest.mark.parametrize("existing", WAYS)
def test_a_stop_ends_the_write_that_waits(alone: App, tmp_path: Path, existing: Existing) -> None:
    path = tmp_path / "dump"
    _dump(alone, path)
    before = alone.everything()
    stop = Cancel()

    def lock_and_stop() -> None:
        _lock(alone)
        stop.set()

    tier = _restoring(alone, path, stop, existing)
    outcomes = applied(tier, tier.plan(Silent()), HOW, Acting(MANY // 4, lock_and_stop))
    interrupted = outcomes[-1]
    assert interrupted.result is Result.NOT_TRIED
    assert interrupted.message.startswith("interrupted: ")
    assert 0 < sum(interrupted.counts.values()) < MANY
    if existing is Existing.DROP:
        assert "the old longrunningservices is as it was" in interrupted.message
        assert alone.everything()["longrunningservices"] == before["longrunningservices"]
    elif "may be done yet" in interrupted.message:  # else all that was on its way came before the lock
        assert "holds a part of the documents at most; the same command goes on" in interrupted.message
    _unlock(alone)
    tier = _restoring(alone, path, Cancel(), existing)
    assert {each.result for each in applied(tier, tier.plan(Silent()), HOW, Silent())} <= {
        Result.CREATED,
        Result.MERGED,
        Result.REPLACED,
        Result.UNCHANGED,
    }
    assert alone.db.longrunningservices.count_documents({}) == MANY + 3


@pytest.mark.parametrize("existing", WAYS)
def test_one_that_answers_no_write_for_long_is_given_up(
    alone: App, tmp_path: Path, existing: Existing, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "dump"
    _dump(alone, path)
    said: list[str] = []
    tier = _restoring(alone, path, Cancel(), existing)
    plan = tier.plan(Silent())
    _lock(alone)
    monkeypatch.setattr(answering, "PATIENCE", 1.0)
    monkeypatch.setattr(answering, "TOLD", 0.1)
    waiting.tell_by(said.append)
    try:
        with pytest.raises(UnansweredError, match=r"has not answered for .* may be done yet"):
            tier.apply(plan, HOW, Report(source="", target=""), Silent())
    finally:
        waiting.tell_by(None)
        _unlock(alone)
    assert any("it is waited for" in each for each in said)


def test_one_that_answers_late_is_waited_for(alone: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock ends when it was said that the server is waited for: nothing is lost, and nothing is there twice."""
    path = tmp_path / "dump"
    _dump(alone, path)
    tier = _restoring(alone, path, Cancel(), Existing.MERGE)
    plan = tier.plan(Silent())
    said: list[str] = []

    def told(what: str) -> None:
        if not said:
            _unlock(alone)
        said.append(what)

    monkeypatch.setattr(answering, "TOLD", 0.1)
    waiting.tell_by(told)
    _lock(alone)
    try:
        outcomes = {each.name: each for each in applied(tier, plan, HOW, Silent())}
    finally:
        waiting.tell_by(None)
    assert said
    assert outcomes["longrunningservices"].counts["new"] == MANY - 3
    assert alone.db.longrunningservices.count_documents({}) == MANY + 3


def _waits_for_the_lock(app: App) -> bool:
    found = app.client.admin.command({"currentOp": 1, "appName": {"$regex": "^kubectl-lrs"}, "waitingForLock": True})
    return bool(found["inprog"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("existing", WAYS)
def test_the_first_signal_ends_the_command(
    cli: Cli, crd: Crd, namespace: str, alone: App, number: signal.Signals, existing: Existing
) -> None:
    env = {"LRS_MONGO_URI": alone.servers.uri()}
    alone.fill(3)
    cli.ok("backup", "-n", namespace, "--mongo", "minimum", "--name", "saved", env=env)
    alone.db.longrunningservices.delete_many({})
    how = ("--mongo-existing", "drop", "--allow-running-app") if existing is Existing.DROP else ()
    _lock(alone)
    process = cli.start("restore", "saved", "--tier", "mongo", "--yes", *how, env=env)
    try:
        loader.wait_until(lambda: _waits_for_the_lock(alone) or process.poll() is not None, "a write to wait")
        process.send_signal(number)
        out, err = process.communicate(timeout=loader.PATIENCE)
    finally:
        process.kill()
        _unlock(alone)
    assert process.returncode == 130, out + err
    assert "may be done yet" in out + err
    done = cli.run("restore", "saved", "--tier", "mongo", "--yes", *how, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert alone.db.longrunningservices.count_documents({}) == 3
