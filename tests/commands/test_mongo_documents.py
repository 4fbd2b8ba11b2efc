"""Some documents of a dump into collections that are there: made where they lack, replaced one by one, evidence for each."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.timestamp import Timestamp

from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action, StorePlan
from kubectl_lrs.model.report import Outcome, Report
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.mongo.documents import DocumentsRestorer
from kubectl_lrs.stores.mongo.flags import RestoreOptions
from kubectl_lrs.stores.mongo.plain_dump import dumped
from kubectl_lrs.stores.mongo.presence import Presence
from kubectl_lrs.stores.mongo.replaced import ReplacedJournal
from kubectl_lrs.stores.mongo.restore import MongoRestorer
from kubectl_lrs.stores.mongo.saved import narrowed
from kubectl_lrs.stores.mongo.server.access import UriAccess
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.errors import MongoUnreachableError
from tests.builders.mongo_fixtures import App
from tests.builders.mongo_restores import APPLY, write_dump

NAME = "workspace_items"


class Some:
    """A restore of documents 0 to 4 of a dump of ten, with what is done by it and to it."""

    def __init__(self, app: App, directory: Path, saved: Mapping[int, Mapping[str, Any]], **options: Any) -> None:
        self.journals = directory / "journals"
        self.journals.mkdir(exist_ok=True)
        documents = [{"_id": number, **saved.get(number, {"n": number})} for number in range(10)]
        dump = write_dump(directory / "dump", app.name, NAME, documents)
        self.mongo = Mongo(UriAccess(app.servers.uri()))
        chosen = narrowed(dumped(dump, only=(NAME,)), frozenset(f"{NAME}/{number}" for number in range(5)))
        given = RestoreOptions(**{"allow_running_app": True, "database": app.name, "existing": Existing.REPLACE, **options})
        stop = Cancel()
        whole = MongoRestorer(self.mongo, chosen, given, presence=Presence(self.mongo, None, "nowhere"), keys=None, stop=stop)
        shared = {f"{NAME}/4": "shared with churn"}
        journal = ReplacedJournal(self.journals)
        self.restorer = DocumentsRestorer(self.mongo, chosen, given, whole=whole, shared=shared, journal=journal, stop=stop)

    def plan(self) -> StorePlan:
        return self.restorer.plan(Silent())

    def apply(self, plan: StorePlan) -> dict[str, Outcome]:
        report = Report(source="", target="")
        try:
            self.restorer.apply(plan, APPLY, report, Silent())
        finally:
            self.mongo.close()
        return {each.name.rpartition("/")[2]: each for each in report.outcomes}

    def noted(self) -> list[dict[str, Any]]:
        return [each for path in self.journals.iterdir() for each in json.loads(path.read_text())["documents"]]


def actions(plan: StorePlan) -> dict[str, Action]:
    return {each.name.rpartition("/")[2]: each.action for each in plan.steps}


@pytest.fixture
def collection(app_alone: App) -> Any:
    """Documents 1 to 4 and 7 are there; 2, 4 and 7 differ."""
    app_alone.fill(0, ())
    there = app_alone.db[NAME]
    there.insert_many(
        [{"_id": 1, "n": 1}, {"_id": 2, "n": 2, "live": "x"}, {"_id": 3, "n": 3}, {"_id": 4, "n": -4}, {"_id": 7, "n": 0}]
    )
    return there


@pytest.fixture
def some(app_alone: App, tmp_path: Path) -> Callable[..., Some]:
    return lambda saved={}, **options: Some(app_alone, tmp_path, saved, **options)


def test_each_document_is_a_step(collection: Any, some: Callable[..., Some]) -> None:
    made = some()
    plan = made.plan()
    assert actions(plan) == {
        "0": Action.CREATE, "1": Action.UNCHANGED, "2": Action.REPLACE, "3": Action.UNCHANGED, "4": Action.CONFLICT
    }  # fmt: skip
    step = next(each for each in plan.steps if each.action is Action.REPLACE)
    assert [(each.field, each.before) for each in step.diff] == [("live", "x")]
    assert plan.effects == (f"replace 1 document of {collection.database.name}: {NAME}/2",)
    outcomes = made.apply(plan)
    assert {name: each.result.value for name, each in outcomes.items()} == {
        "0": "created", "1": "unchanged", "2": "replaced", "3": "unchanged", "4": "conflict"
    }  # fmt: skip
    found = {each["_id"]: each for each in collection.find()}
    assert found == {
        0: {"_id": 0, "n": 0}, 1: {"_id": 1, "n": 1}, 2: {"_id": 2, "n": 2}, 3: {"_id": 3, "n": 3},
        4: {"_id": 4, "n": -4}, 7: {"_id": 7, "n": 0},
    }  # fmt: skip
    assert "shared with churn" in outcomes["4"].message
    assert [(each["collection"], each["document"]["live"]) for each in made.noted()] == [(NAME, "x")]
    assert [base64.b64decode(each["bson"]) for each in made.noted()] == [bson.encode({"_id": 2, "n": 2, "live": "x"})]
    assert [path.stat().st_mode & 0o777 for path in made.journals.iterdir()] == [0o600]


def test_without_replace_what_differs_is_left_and_shown(collection: Any, some: Callable[..., Some]) -> None:
    made = some(existing=Existing.MERGE)
    plan = made.plan()
    assert actions(plan)["2"] is Action.CONFLICT
    outcomes = made.apply(plan)
    assert outcomes["2"].result.value == "conflict"
    assert collection.find_one({"_id": 2})["live"] == "x"
    assert made.noted() == []


CHANGES: dict[str, Callable[[Any], object]] = {
    "a field": lambda there: there.update_one({"_id": 2}, {"$set": {"live": "y"}}),
    "a new field": lambda there: there.update_one({"_id": 2}, {"$set": {"more": None}}),
    "the order": lambda there: there.replace_one({"_id": 2}, {"_id": 2, "live": "x", "n": 2}),
    "an array": lambda there: there.update_one({"_id": 2}, {"$set": {"n": [2]}}),
    "a type": lambda there: there.update_one({"_id": 2}, {"$set": {"n": 2.0}}),
    "gone": lambda there: there.delete_one({"_id": 2}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_that_changes_after_the_plan_is_a_conflict(collection: Any, some: Callable[..., Some], change: str) -> None:
    made = some()
    plan = made.plan()
    CHANGES[change](collection)
    was = list(collection.find())
    outcomes = made.apply(plan)
    assert outcomes["2"].result.value == "conflict"
    assert [each for each in collection.find() if each["_id"] != 0] == was


@pytest.mark.parametrize("change", [name for name in CHANGES if name not in ("a type", "gone")])
def test_the_server_itself_holds_it_against_the_filter(
    collection: Any, some: Callable[..., Some], change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes between our look and the write: the filter is the whole document."""
    made = some()
    plan = made.plan()
    send = made.mongo.replace

    def late(*arguments: Any, **options: Any) -> bool:
        CHANGES[change](collection)
        return send(*arguments, **options)

    monkeypatch.setattr(made.mongo, "replace", late)
    assert made.apply(plan)["2"].result.value == "conflict"
    assert collection.find_one({"_id": 2}) != {"_id": 2, "n": 2}


def test_an_answer_that_is_lost(collection: Any, some: Callable[..., Some], monkeypatch: pytest.MonkeyPatch) -> None:
    made = some()
    plan = made.plan()
    send, calls = made.mongo.replace, []

    def lost(*arguments: Any, **options: Any) -> bool:
        calls.append(send(*arguments, **options))
        raise MongoUnreachableError("the connection broke")

    monkeypatch.setattr(made.mongo, "replace", lost)
    assert made.apply(plan)["2"].result.value == "replaced"
    assert calls == [True], "what is there tells that it was done"


def test_what_the_server_makes_of_it_is_said(collection: Any, some: Callable[..., Some], monkeypatch: pytest.MonkeyPatch) -> None:
    made = some()
    plan = made.plan()
    send = made.mongo.replace

    def altered(*arguments: Any, **options: Any) -> bool:
        done = send(*arguments, **options)
        collection.update_one({"_id": 2}, {"$set": {"by": "a trigger"}})
        return done

    monkeypatch.setattr(made.mongo, "replace", altered)
    assert made.apply(plan)["2"].result.value == "altered"


def test_without_a_journal_nothing_is_replaced(collection: Any, some: Callable[..., Some]) -> None:
    made = some()
    plan = made.plan()
    made.journals.rmdir()
    with pytest.raises(LrsError, match="journal cannot be written"):
        made.apply(plan)
    assert collection.find_one({"_id": 2})["live"] == "x"


def test_one_that_comes_under_the_id_of_a_new_one_stays(collection: Any, some: Callable[..., Some]) -> None:
    made = some()
    plan = made.plan()
    collection.insert_one({"_id": 0, "n": "theirs"})
    assert made.apply(plan)["0"].result.value == "conflict"
    assert collection.find_one({"_id": 0})["n"] == "theirs"


def test_types_validators_and_empty_timestamps_come_back_as_they_were(
    collection: Any, some: Callable[..., Some], app_alone: App
) -> None:
    odd = {"stamp": Timestamp(0, 0), "big": bson.Int64(1), "$dollar": {"a.b": 1}, "at": bson.ObjectId()}
    app_alone.db.command("collMod", NAME, validator={"n": {"$gte": 0}}, validationLevel="strict")
    made = some({0: odd, 2: {"n": -2, **odd}})
    outcomes = made.apply(made.plan())
    assert {name: outcomes[name].result.value for name in ("0", "2")} == {"0": "created", "2": "replaced"}
    content = app_alone.content(NAME)
    assert bson.encode({"_id": 2, "n": -2, **odd}) in content
    assert bson.encode({"_id": 0, **odd}) in content


def test_a_difference_of_type_alone_is_shown(collection: Any, some: Callable[..., Some]) -> None:
    step = next(each for each in some({1: {"n": bson.Int64(1)}}).plan().steps if each.name.endswith("/1"))
    assert step.action is Action.REPLACE
    assert [each.field for each in step.diff] == ["n.$numberInt", "n.$numberLong"]


def test_a_collection_that_is_not_there_is_made_with_these_alone(some: Callable[..., Some], app_alone: App) -> None:
    made = some()
    app_alone.db.create_collection("custom_applications")
    outcomes = made.apply(made.plan())
    assert [each.result.value for each in outcomes.values()] == ["created"]
    assert sorted(each["_id"] for each in app_alone.db[NAME].find()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("lost", [f"{NAME}/11", NAME], ids=["no such", "no id"])
@pytest.mark.parametrize("is_there", [True, False], ids=["there", "gone"])
def test_one_that_the_backup_does_not_hold_is_said(some: Callable[..., Some], app_alone: App, lost: str, is_there: bool) -> None:
    app_alone.db.create_collection("custom_applications")
    if is_there:
        app_alone.db.create_collection(NAME)
    made = some(ids=(f"{NAME}/1", lost))
    with pytest.raises(UsageError, match=f"holds no document '{lost}'"):
        made.plan()
    made.mongo.close()


def test_a_capped_collection_is_left_alone(some: Callable[..., Some], app_alone: App) -> None:
    app_alone.db.create_collection(NAME, capped=True, size=4096, max=2)
    app_alone.db[NAME].insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": "theirs"}])
    made = some()
    outcomes = made.apply(made.plan())
    assert {each.result.value for name, each in outcomes.items() if name != "1"} == {"conflict"}
    assert app_alone.db[NAME].count_documents({}) == 2


def test_documents_past_the_time_of_an_index_are_said(collection: Any, some: Callable[..., Some], app_alone: App) -> None:
    """What comes, and what is put in another's place, is removed by the server within a minute."""
    old, young = datetime(2020, 1, 1, tzinfo=timezone.utc), datetime(2100, 1, 1, tzinfo=timezone.utc)
    admin = app_alone.client.admin
    admin.command({"setParameter": 1, "ttlMonitorEnabled": False})
    try:
        collection.create_index("at", expireAfterSeconds=60)
        made = some({0: {"at": old}, 2: {"at": old}, 3: {"at": young}})
        outcomes = made.apply(made.plan())
    finally:
        admin.command({"setParameter": 1, "ttlMonitorEnabled": True})
    assert {name: outcomes[name].result.value for name in "0123"} == {
        "0": "altered", "1": "unchanged", "2": "altered", "3": "replaced"
    }  # fmt: skip
    assert "the server removes it" in outcomes["0"].message
