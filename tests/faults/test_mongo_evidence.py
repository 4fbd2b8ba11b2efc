"""What the server holds decides: others who restore, write or connect meanwhile, and what a server makes of what it is sent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action, errors_of
from kubectl_lrs.model.report import Result
from kubectl_lrs.runtime.progress import Silent
from tests.bed import loader
from tests.bed.mongo import MongoServers
from tests.builders.mongo_fixtures import App, age, app_on, beside, loaded_beside, wait_until_alone
from tests.builders.mongo_restores import DRY, At, Restoring, data, messages, write_dump

NAME = "custom_applications"
OTHER = "longrunningservices"
MANY = 12_000
DROP = {"existing": Existing.DROP}


def documents(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"_id": n, "n": n, **more} for n in range(count)]


@pytest.fixture
def dump(app: App, tmp_path: Path) -> Path:
    """Many documents, so that the work on them can be met in the middle."""
    return write_dump(tmp_path / "dump", app.name, NAME, documents(MANY, padding="x" * 1000))


def in_the_middle(act: Callable[[], object]) -> Silent:
    """Acts once, when some of the documents have been loaded."""

    class Middle(Silent):
        done = False

        def advance(self, count: int = 1) -> None:  # noqa: ARG002
            if not self.done:
                self.done = True
                act()

    return Middle()


# ---- others who restore


def test_two_restores_at_once(app: App, dump: Path) -> None:
    """The second one comes while the first one loads: neither touches the other's, and only one of them is the last."""
    app.db[NAME].insert_many(documents(5))
    first, second = Restoring(app, dump, **DROP), Restoring(app, dump, **DROP)
    found: dict[str, Any] = {}
    outcome = first.apply(progress=in_the_middle(lambda: found.update(second.apply())))[NAME]
    assert found[NAME].result is Result.REPLACED, data(found[NAME])
    assert outcome.result is Result.CONFLICT, data(outcome)
    assert "another has come in its place" in outcome.message
    assert app.db[NAME].count_documents({}) == MANY
    assert beside(app) == []


def test_two_restores_by_hand_at_the_same_time(app: App, dump: Path) -> None:
    """However they fall: whoever says that it replaced has replaced, and everything is there."""
    app.db[NAME].insert_many(documents(5))
    outcomes: list[Any] = []

    def restore() -> None:
        outcomes.append(Restoring(app, dump, **DROP).apply()[NAME])

    threads = [threading.Thread(target=restore) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.result for each in outcomes} <= {Result.REPLACED, Result.CONFLICT, Result.ALTERED}
    assert Result.REPLACED in {each.result for each in outcomes}
    assert app.db[NAME].count_documents({}) == MANY
    assert beside(app) == []


def test_what_a_living_restore_has_stays(app: App, dump: Path, tmp_path: Path) -> None:
    app.db[NAME].insert_one({"_id": "old"})
    app.db[OTHER].insert_one({"_id": "old"})
    small = write_dump(tmp_path / "small", app.name, OTHER, documents(3))
    first, second = Restoring(app, dump, **DROP), Restoring(app, small, only=[OTHER], **DROP)
    seen: list[Any] = []

    def meanwhile() -> None:
        plan = second.plan()
        seen.append(messages(plan))
        seen.append(second.apply(plan)[OTHER].result)
        seen.append(loaded_beside(app, NAME))

    assert first.apply(progress=in_the_middle(meanwhile))[NAME].result is Result.REPLACED
    assert "warning: another restore (process " in seen[0]
    assert seen[1] is Result.REPLACED
    assert seen[2] > 0
    assert beside(app) == []


def test_what_a_dead_restore_has_left_goes(app: App, tmp_path: Path) -> None:
    """One that was over long ago; one that may live, one of an earlier version and somebody else's stay, and are named."""
    small = write_dump(tmp_path, app.name, NAME, documents(3))
    app.db[NAME].insert_one({"_id": "old"})
    dead, alive = f"lrs_restore.{'d' * 16}", f"lrs_restore.{'a' * 16}"
    from bson.timestamp import Timestamp

    for run in (dead, alive):
        app.db.create_collection(run, capped=True, size=4096)
        app.db[run].insert_one({"at": Timestamp(0, 0), "who": "process 1 on elsewhere"})
        app.db[f"{run}.{OTHER}"].insert_one({"_id": 1})
        if run == dead:
            age(app)
    strange = ["lrs_restore.workspace_items", f"lrs_restore.{'0' * 16}.workspace_items"]
    for name in strange:
        app.db[name].insert_one({"_id": "whose?"})
    restoring = Restoring(app, small, **DROP)
    plan = restoring.plan()
    assert f"note: an interrupted restore has left {dead}.{OTHER}, {dead}: it is removed" in messages(plan)
    assert "warning: another restore (process 1 on elsewhere" in messages(plan)
    for name in strange:
        assert f"warning: {name} may belong to another restore" in messages(plan)
    assert restoring.apply(plan)[NAME].result is Result.REPLACED
    assert beside(app) == sorted([alive, f"{alive}.{OTHER}", *strange])


def test_what_was_loaded_beside_is_dropped_by_somebody(app: App, dump: Path) -> None:
    """It is made anew by the next documents, without the first ones: it must not take the place of the old one."""
    app.db[NAME].insert_one({"_id": "old"})

    def meanwhile() -> None:
        for name in beside(app):
            app.db.drop_collection(name)

    outcome = Restoring(app, dump, **DROP).apply(progress=in_the_middle(meanwhile))[NAME]
    assert outcome.result in (Result.CONFLICT, Result.FAILED), data(outcome)
    assert "removed by somebody else" in outcome.message
    assert app.db[NAME].find_one() == {"_id": "old"}
    assert beside(app) == []


# ---- others who write or connect


CHANGES: dict[str, Callable[[App], object]] = {
    "a document more": lambda app: app.db[NAME].insert_one({"_id": "new"}),
    "a document less": lambda app: app.db[NAME].delete_one({"_id": 0}),
    "another value": lambda app: app.db[NAME].update_one({"_id": 0}, {"$set": {"n": 100}}),
    "in a transaction": lambda app: app.client.start_session().with_transaction(
        lambda session: app.db[NAME].update_one({"_id": 0}, {"$set": {"n": 100}}, session=session)
    ),
    "replaced": lambda app: (app.db[NAME].drop(), app.db[NAME].insert_many(documents(5))),
    "renamed": lambda app: app.db[NAME].rename("elsewhere"),
    "dropped": lambda app: app.db[NAME].drop(),
    "options": lambda app: app.db.command({"collMod": NAME, "validator": {"n": {"$exists": True}}}),
}


class Nobody:
    """Nobody else is there, as far as can be seen."""

    def findings(self, *, drops: bool, allow: bool) -> list[Any]:  # noqa: ARG002
        return []


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("when", ["before", "while it loads"])
def test_the_old_one_changes_after_the_plan(app: App, tmp_path: Path, change: Callable[[App], object], when: str) -> None:
    """What the user agreed to lose is no longer what is there: it is left alone."""
    small = write_dump(tmp_path, app.name, NAME, documents(3))
    app.db[NAME].insert_many(documents(5))
    restoring = Restoring(app, small, allow_running_app=False, **DROP)
    restoring.restorer._presence = Nobody()  # type: ignore[assignment]
    plan = restoring.plan()
    if when == "before":
        change(app)
        outcome = restoring.apply(plan)[NAME]
    else:
        outcome = restoring.apply(plan, At(f"{app.name}.{NAME}", lambda: change(app)))[NAME]
    assert outcome.result is Result.CONFLICT, data(outcome)
    assert f"the old {NAME} is as it was" in outcome.message
    names = set(app.db.list_collection_names())
    assert beside(app) == []
    if NAME in names:
        assert app.db[NAME].count_documents({}) != 3


def test_writes_that_the_user_allowed_to_be_lost(app: App, tmp_path: Path) -> None:
    """The report says what was there in the end, not what the plan saw."""
    small = write_dump(tmp_path, app.name, NAME, documents(3))
    app.db[NAME].insert_many(documents(5))
    restoring = Restoring(app, small, **DROP)
    plan = restoring.plan()
    app.db[NAME].insert_one({"_id": "late"})
    outcome = restoring.apply(plan)[NAME]
    assert outcome.result is Result.REPLACED
    assert outcome.message == "6 documents were replaced by 3"


def test_documents_that_the_server_removes_by_itself_stand_in_no_way(app: App, tmp_path: Path) -> None:
    """A capped collection, or one with a time limit, shrinks without anybody's writing."""
    small = write_dump(tmp_path, app.name, NAME, documents(3))
    app.db[NAME].insert_many(documents(5))
    restoring = Restoring(app, small, allow_running_app=False, **DROP)
    restoring.restorer._presence = Nobody()  # type: ignore[assignment]
    plan = restoring.plan()
    step = plan.steps[0]
    assert step.there  # type: ignore[attr-defined]
    from dataclasses import replace

    larger = replace(step, there=replace(step.there, documents=7))  # type: ignore[attr-defined, call-arg]
    assert restoring.apply(replace(plan, steps=[larger]))[NAME].result is Result.REPLACED


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServers]:
    """A replica set that no other test has connected to."""
    with MongoServers.start(tmp_path_factory.mktemp("lonely"), members=1, replica_set="alone") as servers:
        yield servers


@pytest.fixture
def quiet(lonely: MongoServers) -> Iterator[App]:
    for app in app_on(lonely):
        app.db[NAME].insert_many(documents(5))
        app.client.close()
        wait_until_alone(lonely)
        yield app


@pytest.mark.parametrize("when", ["before", "while it loads"])
def test_a_client_connects_after_the_plan(quiet: App, tmp_path: Path, when: str) -> None:
    """As when the user took an hour to say yes: refused before the first write, or right before the act."""
    small = write_dump(tmp_path, quiet.name, NAME, documents(3))
    restoring = Restoring(quiet, small, allow_running_app=False, **DROP)
    loader.wait_until(lambda: not errors_of(restoring.plan().findings), "the client that looked to be gone")
    plan = restoring.plan()

    def connect() -> None:
        quiet.servers.client(appname="web-frontend").admin.command("ping")

    if when == "before":
        connect()
        with pytest.raises(LrsError, match="other clients are connected to MongoDB: web-frontend") as caught:
            restoring.apply(plan)
        assert "nothing was written" in str(caught.value)
    else:
        outcome = restoring.apply(plan, At(f"{quiet.name}.", connect))[NAME]
        assert outcome.result is Result.CONFLICT, data(outcome)
        assert "web-frontend" in outcome.message
    found = quiet.servers.client(appname="web-frontend")[quiet.name]
    assert found[NAME].count_documents({}) == 5
    assert found.list_collection_names() == [NAME]
    for client in quiet.servers._clients:
        client.close()


@pytest.mark.parametrize("becomes", ["gone", "nothing"])
def test_a_connection_that_says_nothing_yet(quiet: App, tmp_path: Path, becomes: str) -> None:
    """It may be one of our own, as each says whose it is only after it is open; one that never does is somebody else."""
    small = write_dump(tmp_path, quiet.name, NAME, documents(3))
    restoring = Restoring(quiet, small, allow_running_app=False, **DROP)
    loader.wait_until(lambda: not errors_of(restoring.plan().findings), "the client that looked to be gone")
    looked = restoring.mongo.operations

    def unnamed() -> bool:
        return any(each.get("client") and not each.get("clientMetadata") for each in looked())

    with socket.create_connection(("127.0.0.1", quiet.servers.members[0].port)) as silent:
        loader.wait_until(unnamed, "the connection to be seen")

        def once() -> list[Any]:
            seen = looked()
            silent.close()
            loader.wait_until(lambda: not unnamed(), "the connection to be gone")
            return seen

        restoring.mongo.operations = once if becomes == "gone" else looked  # type: ignore[method-assign]
        found = [each.message for each in errors_of(restoring.plan().findings)]
    assert found == ([] if becomes == "gone" else ["other clients are connected to MongoDB: a client from 127.0.0.1"])


def test_one_came_to_be_there_after_the_plan(app: App, tmp_path: Path) -> None:
    small = write_dump(tmp_path, app.name, NAME, documents(3))
    restoring = Restoring(app, small)
    plan = restoring.plan()
    app.db[NAME].insert_one({"_id": "theirs"})
    outcome = restoring.apply(plan)[NAME]
    assert outcome.result is Result.CONFLICT
    assert "came to be there after the plan was made" in outcome.message
    assert list(app.db[NAME].find()) == [{"_id": "theirs"}]


@pytest.mark.parametrize("change", ["replaced", "renamed", "options"])
def test_what_is_merged_into_is_another_one_by_now(app: App, tmp_path: Path, change: str) -> None:
    small = write_dump(tmp_path, app.name, NAME, documents(9))
    app.db[NAME].insert_many(documents(5))
    restoring = Restoring(app, small)
    plan = restoring.plan()
    CHANGES[change](app)
    outcome = restoring.apply(plan)[NAME]
    assert outcome.result is Result.CONFLICT, data(outcome)
    assert app.db[NAME].count_documents({}) in (0, 5)


# ---- what the server makes of it


@pytest.mark.parametrize("limit", [{"size": 1 << 16, "max": 10}, {"size": 4096}], ids=["documents", "bytes"])
def test_merge_pushes_nothing_out_of_a_capped_collection(app: App, tmp_path: Path, limit: dict[str, int]) -> None:
    padding = "x" * (10 if "max" in limit else 500)
    app.db.create_collection(NAME, capped=True, **limit)
    live = [{"_id": f"live {n}", "padding": padding} for n in range(10 if "max" in limit else 7)]
    app.db[NAME].insert_many(live)
    before = list(app.db[NAME].find())
    small = write_dump(tmp_path / "new", app.name, NAME, documents(3, padding=padding))
    for options in (DRY, None):
        restoring = Restoring(app, small)
        outcome = (restoring.apply(options=options) if options else restoring.apply())[NAME]
        assert outcome.result is Result.CONFLICT, data(outcome)
        assert "would push out some that are there" in outcome.message
        assert list(app.db[NAME].find()) == before
    same = write_dump(tmp_path / "same", app.name, NAME, before)
    assert Restoring(app, same).apply()[NAME].result is Result.UNCHANGED


def test_merge_into_a_capped_collection_with_room(app: App, tmp_path: Path) -> None:
    app.db.create_collection(NAME, capped=True, size=1 << 16, max=10)
    app.db[NAME].insert_many(documents(5))
    small = write_dump(tmp_path, app.name, NAME, documents(10))
    outcome = Restoring(app, small).apply()[NAME]
    assert outcome.result is Result.MERGED, data(outcome)
    assert dict(outcome.counts) == {"new": 5, "equal": 5}
    assert [each["_id"] for each in app.db[NAME].find()] == list(range(10))


def test_a_dump_of_more_than_its_limit(app: App, tmp_path: Path) -> None:
    small = write_dump(tmp_path, app.name, NAME, documents(5), options={"capped": True, "size": 4096, "max": 1})
    restoring = Restoring(app, small)
    plan = restoring.plan()
    assert f"warning: {NAME}: it is capped: of 5 documents the server keeps 1" in messages(plan)
    outcome = restoring.apply(plan)[NAME]
    assert outcome.result is Result.ALTERED
    assert outcome.counts["gone"] == 4
    assert "holds 1 documents, and should hold 5" in outcome.message
    app.db[NAME].drop()
    app.db.create_collection(NAME, capped=True, size=4096, max=1)
    app.db[NAME].insert_one({"_id": "old"})
    outcome = Restoring(app, small, **DROP).apply()[NAME]
    assert outcome.result is Result.FAILED
    assert "1 documents arrived of 5: the old" in outcome.message
    assert app.db[NAME].find_one() == {"_id": "old"}


STEERING: dict[str, Any] = {
    "create": "victim",
    "drop": "victim",
    "$db": "admin",
    "lsid": {"id": 1},
    "writeConcern": {"w": 0},
    "comment": "x",
    "viewon": "victim",
    "uuid": "0" * 32,
}


@pytest.mark.parametrize("existing", [Existing.MERGE, Existing.DROP])
@pytest.mark.parametrize("key", STEERING)
def test_options_that_steer_the_command(app: App, tmp_path: Path, key: str, existing: Existing) -> None:
    app.db.victim.insert_one({"_id": 1})
    before = app.everything()
    small = write_dump(tmp_path, app.name, NAME, documents(3), options={key: STEERING[key]})
    write_dump(small, app.name, OTHER, documents(3))
    restoring = Restoring(app, small, existing=existing)
    plan = restoring.plan()
    assert {step.name: step.action for step in plan.steps} == {NAME: Action.CONFLICT, OTHER: Action.CREATE}
    outcomes = restoring.apply(plan)
    assert repr(key) in outcomes[NAME].message
    assert outcomes[NAME].result is Result.CONFLICT
    after = app.everything()
    assert after.pop(OTHER)
    assert after == before


REFUSED_OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "where": ({"validator": {"$where": "1"}}, "$where"),
    "function": ({"validator": {"$expr": {"$function": {"body": "1", "args": [], "lang": "js"}}}}, "$function"),
    "no such engine": ({"storageEngine": {"invented": {}}}, "invented"),
    "no such locale": ({"collation": {"locale": "xx-invented"}}, "locale"),
    "a limit without capped": ({"max": 5}, "capped"),
}


@pytest.mark.parametrize(("options", "word"), REFUSED_OPTIONS.values(), ids=REFUSED_OPTIONS)
def test_options_that_the_server_refuses_are_in_the_plan(app: App, tmp_path: Path, options: dict[str, Any], word: str) -> None:
    """Asked in a transaction that is never committed: nothing of it is to be seen, then or later."""
    small = write_dump(tmp_path, app.name, NAME, documents(3), options=options)
    restoring = Restoring(app, small)
    plan = restoring.plan()
    assert plan.steps[0].action is Action.CONFLICT
    assert word in plan.steps[0].reason
    assert restoring.apply(plan)[NAME].result is Result.CONFLICT
    assert app.db.list_collection_names() == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"viewOn": OTHER, "pipeline": [{"$match": {}}, {"$out": "victim"}]}, "writes: $out"),
        ({"viewOn": OTHER, "pipeline": [{"$merge": {"into": "victim"}}]}, "writes: $merge"),
        ({"viewOn": ""}, "not of which collection"),
        ({"pipeline": []}, "not of which collection"),
        ({"viewOn": OTHER, "pipeline": {"$out": "victim"}}, "pipeline of the view is none"),
        ({"viewOn": OTHER, "capped": True}, "'capped'"),
    ],
)
def test_views_that_are_none(app: App, tmp_path: Path, options: dict[str, Any], why: str) -> None:
    small = write_dump(tmp_path, app.name, NAME, None, options=options, kind="view")
    outcome = Restoring(app, small).apply()[NAME]
    assert outcome.result is Result.CONFLICT
    assert why in outcome.message
    assert app.db.list_collection_names() == []


def test_a_view_without_its_source_does_not_stop_the_others(app: App, tmp_path: Path) -> None:
    small = write_dump(tmp_path, app.name, NAME, documents(3))
    write_dump(small, app.name, OTHER, None, options={"viewOn": "gone", "pipeline": []}, kind="view")
    restoring = Restoring(app, small)
    plan = restoring.plan()
    assert f"warning: {OTHER}: what it is a view on, gone, is not there" in messages(plan)
    assert {each.result for each in restoring.apply(plan).values()} == {Result.CREATED}


def test_a_view_that_the_server_refuses_leaves_the_old_one(app: App, tmp_path: Path) -> None:
    """It is tried beside the old one, which only then goes."""
    app.db[NAME].insert_one({"_id": 1})
    app.db.create_collection(OTHER, viewOn=NAME, pipeline=[])
    options = {"viewOn": NAME, "pipeline": [{"$invented": {}}]}
    small = write_dump(tmp_path, app.name, OTHER, None, options=options, kind="view")
    before = app.everything()
    outcome = Restoring(app, small, only=[OTHER], **DROP).apply()[OTHER]
    assert outcome.result is Result.FAILED, data(outcome)
    assert "$invented" in outcome.message
    assert f"the old {OTHER} is as it was" in outcome.message
    assert app.everything() == before


def test_a_time_series_that_the_server_refuses_leaves_the_old_one(app: App, tmp_path: Path) -> None:
    series = {"timeField": "t", "granularity": "seconds", "bucketMaxSpanSeconds": 3600}
    app.db.create_collection(NAME, timeseries={"timeField": "t"})
    from datetime import datetime, timezone

    app.db[NAME].insert_one({"t": datetime(2026, 1, 1, tzinfo=timezone.utc), "n": 1})
    small = write_dump(
        tmp_path,
        app.name,
        NAME,
        None,
        options={"timeseries": {**series, "granularity": "invented"}},
        kind="timeseries",
    )
    buckets = app.client[app.name]["system.buckets." + NAME].find_one()
    write_dump(small, app.name, f"system.buckets.{NAME}", [buckets or {}], metadata=False)
    outcome = Restoring(app, small, **DROP).apply()[NAME]
    assert outcome.result in (Result.FAILED, Result.CONFLICT), data(outcome)
    assert app.db[NAME].count_documents({}) == 1


def test_options_that_the_server_changes_are_named(app: App, tmp_path: Path) -> None:
    small = write_dump(tmp_path, app.name, NAME, documents(3), options={"capped": True, "size": 5000, "max": 7})
    outcome = Restoring(app, small).apply()[NAME]
    assert outcome.result is Result.ALTERED, data(outcome)
    assert "keeps other options than it was sent: size" in outcome.message
    assert app.db[NAME].count_documents({}) == 3


def test_options_without_effect_are_left_out_and_said(app: App, tmp_path: Path) -> None:
    small = write_dump(tmp_path, app.name, NAME, documents(3), options={"autoIndexId": True, "flags": 1, "temp": True})
    restoring = Restoring(app, small)
    plan = restoring.plan()
    assert f"note: {NAME}: made without autoIndexId, flags, temp" in messages(plan)
    assert restoring.apply(plan)[NAME].result is Result.CREATED


def test_where_no_sign_of_life_is_taken_nothing_is_left(app: App, dump: Path) -> None:
    """Of an empty collection nobody could tell whose it is: it would be left for ever."""
    app.db[NAME].insert_many(documents(5))
    restoring = Restoring(app, dump, **DROP)
    app.servers.fail({"failCommands": ["insert"], "errorCode": 59})
    try:
        outcome = restoring.apply()[NAME]
    finally:
        app.servers.fail({}, "off")
    assert outcome.result is Result.FAILED
    assert "is as it was" in outcome.message
    assert beside(app) == []
    assert app.db[NAME].count_documents({}) == 5
