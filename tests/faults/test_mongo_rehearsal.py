"""Rehearsals of collections that do not come back as they were: what a server makes of them is found, and nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.plan import errors_of
from kubectl_lrs.model.rehearsal import Verdict, verdict
from kubectl_lrs.model.report import Outcome, Report
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress, Silent
from kubectl_lrs.stores.mongo.keys import KeySource
from kubectl_lrs.stores.mongo.plain_dump import dumped
from kubectl_lrs.stores.mongo.presence import Presence
from kubectl_lrs.stores.mongo.rehearse import MongoRehearsal
from kubectl_lrs.stores.mongo.server.access import UriAccess
from kubectl_lrs.stores.mongo.server.client import Mongo
from tests.builders.fake_kube import FakeKube
from tests.builders.mongo_fixtures import App
from tests.builders.mongo_restores import APPLY, At, write_dump

NAME = "custom_applications"
OLD = datetime(2020, 1, 1, tzinfo=timezone.utc)


def documents(count: int = 5) -> list[dict[str, Any]]:
    return [{"_id": n, "n": n // 2, "at": OLD} for n in range(count)]


def rehearsal(app: App, dump: Path, *only: str) -> MongoRehearsal:
    mongo, kube = Mongo(UriAccess(app.servers.uri())), FakeKube()
    keys = KeySource(kube, "nowhere")  # type: ignore[arg-type]
    return MongoRehearsal(mongo, dumped(dump, only=only), presence=Presence(mongo, None, "nowhere"), keys=keys, stop=Cancel())


def prove(made: MongoRehearsal, progress: Progress | None = None) -> tuple[Outcome, Report]:
    report = Report(source="", target="")
    made.apply(made.plan(Silent()), APPLY, report, progress or Silent())
    (outcome,) = report.outcomes
    return outcome, report


def left(app: App) -> list[str]:
    return [name for name in app.client.list_database_names() if name.startswith("lrs_rehearsal_")]


def index(key: str, **more: Any) -> Mapping[str, Any]:
    return {"v": 2, "key": {key: 1}, "name": key, **more}


CASES: dict[str, tuple[Mapping[str, Any], Sequence[Mapping[str, Any]], Verdict, str]] = {
    "as it was": ({}, [index("n")], Verdict.PROVED, ""),
    "with a validator that old documents do not fit": ({"validator": {"n": {"$gt": 100}}}, [], Verdict.PROVED, ""),
    "documents that are past their time": ({}, [index("at", expireAfterSeconds=0)], Verdict.PROVED, ""),
    "more than its limit": ({"capped": True, "size": 4096, "max": 2}, [], Verdict.DIFFERS, "2 documents are there of 5"),
    "a unique index that does not fit": ({}, [index("n", unique=True)], Verdict.DIFFERS, "index n was not built"),
    "an option that no server takes": ({"collation": {"locale": "nowhere"}}, [], Verdict.REFUSED, "refused: Field 'locale'"),
}


@pytest.mark.parametrize(("options", "indexes", "expected", "said"), CASES.values(), ids=CASES)
def test_what_the_server_makes_of_it(
    app_alone: App,
    tmp_path: Path,
    options: Mapping[str, Any],
    indexes: Sequence[Mapping[str, Any]],
    expected: Verdict,
    said: str,
) -> None:
    dump = write_dump(tmp_path, app_alone.name, NAME, documents(), options=options, indexes=indexes)
    outcome, report = prove(rehearsal(app_alone, dump))
    assert verdict(outcome) is expected, outcome
    assert said in outcome.message
    assert (report.incomplete, left(app_alone)) == ([], [])
    assert app_alone.name not in app_alone.client.list_database_names()


def _changes(app: App) -> None:
    (name,) = left(app)
    app.client[name][NAME].update_one({"_id": 3}, {"$set": {"n": 77}})


def _adds(app: App) -> None:
    (name,) = left(app)
    app.client[name][NAME].insert_one({"_id": "another"})


MEANWHILE: dict[str, tuple[Callable[[App], None], str]] = {
    "one is changed": (_changes, "the contents of its 5 documents are not those of the backup"),
    "one is added": (_adds, "6 documents are there of 5"),
}


@pytest.mark.parametrize(("act", "said"), MEANWHILE.values(), ids=MEANWHILE)
def test_every_document_is_compared(app_alone: App, tmp_path: Path, act: Callable[[App], None], said: str) -> None:
    dump = write_dump(tmp_path, app_alone.name, NAME, documents())
    outcome, _ = prove(rehearsal(app_alone, dump), At("comparing", lambda: act(app_alone)))
    assert verdict(outcome) is Verdict.DIFFERS
    assert said in outcome.message
    assert left(app_alone) == []


def test_time_series_and_views(app_alone: App, tmp_path: Path) -> None:
    app_alone.db.create_collection("weather", timeseries={"timeField": "at", "metaField": "place"})
    app_alone.db.weather.insert_many([{"at": OLD, "place": "a", "n": n} for n in range(3)])
    app_alone.db.create_collection("warm", viewOn="weather", pipeline=[{"$match": {"n": {"$gt": 0}}}])
    app_alone.servers.run_tool("mongodump", "--db", app_alone.name, "--out", tmp_path)
    before = app_alone.db.weather.count_documents({})
    made = rehearsal(app_alone, tmp_path, "weather", "warm")
    report = Report(source="", target="")
    made.apply(made.plan(Silent()), APPLY, report, Silent())
    assert {each.name: verdict(each) for each in report.outcomes} == {"weather": Verdict.PROVED, "warm": Verdict.PROVED}
    assert (left(app_alone), app_alone.db.weather.count_documents({})) == ([], before)


@pytest.mark.parametrize(("free", "said"), [(100, "100 B are free"), (None, "is not told")], ids=["too little", "unknown"])
def test_nothing_is_made_where_there_may_be_no_room(
    app_alone: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int | None, said: str
) -> None:
    dump = write_dump(tmp_path, app_alone.name, NAME, documents())
    made = rehearsal(app_alone, dump)
    monkeypatch.setattr(Mongo, "room", lambda _self: free)
    (error,) = errors_of(made.plan(Silent()).findings)
    assert said in error.message
    assert left(app_alone) == []


def test_the_server_tells_how_much_room_there_is(app_alone: App) -> None:
    free = Mongo(UriAccess(app_alone.servers.uri())).room()
    assert free
    assert free > 1 << 20


def test_a_server_that_lets_nothing_be_removed(app_alone: App, tmp_path: Path) -> None:
    """It is said, and the next one, which can, removes it."""
    dump = write_dump(tmp_path, app_alone.name, NAME, documents())
    app_alone.servers.fail({"failCommands": ["drop"], "errorCode": 13})
    try:
        _, report = prove(rehearsal(app_alone, dump))
    finally:
        app_alone.servers.fail({}, "off")
    assert "could not be removed" in report.incomplete[0]
    (database,) = left(app_alone)
    signs = next(name for name in app_alone.client[database].list_collection_names() if name.startswith("lrs_restore."))
    for sign in list(app_alone.client[database][signs].find()):
        app_alone.client[database][signs].update_one({"_id": sign["_id"]}, {"$set": {"process": 1 << 22}})
    (said,) = rehearsal(app_alone, dump).sweep(Silent())
    assert said == f"removed database {database}, which a killed rehearsal has left"
    assert left(app_alone) == []


def test_killed_before_its_first_sign_of_life(app_alone: App, tmp_path: Path) -> None:
    dump = write_dump(tmp_path, app_alone.name, NAME, documents())
    token = "a" * 16
    app_alone.client[f"lrs_rehearsal_{token}"].create_collection(f"lrs_restore.{token}")
    assert list(rehearsal(app_alone, dump).sweep(Silent())) == [
        f"removed database lrs_rehearsal_{token}, which a killed rehearsal has left"
    ]
    app_alone.client[f"lrs_rehearsal_{token}"].create_collection("something")
    (said,) = rehearsal(app_alone, dump).sweep(Silent())
    assert "no mark of one: left alone" in said
    app_alone.client.drop_database(f"lrs_rehearsal_{token}")


def test_an_error_in_the_middle(app_alone: App, tmp_path: Path) -> None:
    def broken() -> None:
        raise LrsError("broken")

    dump = write_dump(tmp_path, app_alone.name, NAME, documents())
    made = rehearsal(app_alone, dump)
    report = Report(source="", target="")
    made.apply(made.plan(Silent()), APPLY, report, At("comparing", broken))
    assert [verdict(each) for each in report.outcomes] == [Verdict.REFUSED]
    assert left(app_alone) == []
