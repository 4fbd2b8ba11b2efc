"""Before an old collection goes, all that the user agreed to is looked at again; nothing is asked of a real server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import bson
import pytest

from kubectl_lrs.model.plan import Action, Finding, Severity
from kubectl_lrs.stores.mongo import fill, restore
from kubectl_lrs.stores.mongo.apply import RefusedError, Trial
from kubectl_lrs.stores.mongo.evidence import Standing
from kubectl_lrs.stores.mongo.metadata import Metadata
from kubectl_lrs.stores.mongo.plan import MongoStep
from kubectl_lrs.stores.mongo.replace import Replace, ReplaceInPlace
from kubectl_lrs.stores.mongo.saved import StoredCollection
from kubectl_lrs.stores.mongo.server.errors import MongoError
from kubectl_lrs.stores.mongo.server.info import CollectionInfo, Writes

OLD = CollectionInfo(name="c", kind="collection", options=bson.encode({}), uuid="a" * 32)


def step(action: Action = Action.REPLACE, *, writes: int = 1, documents: int = 5, **options: Any) -> MongoStep:
    stored = StoredCollection(name="c", metadata=Metadata(options=options), data="c.bson")
    there = Standing(info=OLD, documents=documents, writes=Writes((("h", writes),)))
    return MongoStep(name="c", action=action, database="d", stored=stored, documents=3, there=there)


def tools(now: CollectionInfo | None = OLD, *, documents: int = 5, writes: int = 1, allow: bool = False, others: str = "") -> Any:
    mongo = SimpleNamespace(collection=lambda *_: now, writes=lambda *_: Writes((("h", writes),)), count=lambda *_: documents)
    found = [Finding(Severity.ERROR, others)] if others else [Finding(Severity.WARNING, "not known")]
    presence = SimpleNamespace(findings=lambda **_: found)
    return SimpleNamespace(
        mongo=mongo, persist=lambda act: act(0), presence=presence, allow_running_app=allow, dry_run=False, workplace=None
    )


def test_all_is_as_agreed() -> None:
    assert Replace(tools(), step()).require_as_agreed().documents == 5


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (tools(None), "it is gone"),
        (tools(CollectionInfo(name="c", kind="collection", options=bson.encode({}), uuid="b" * 32)), "another has come"),
        (tools(CollectionInfo(name="c", kind="view", options=bson.encode({}), uuid="a" * 32)), "another has come"),
        (tools(CollectionInfo(name="c", kind="collection", options=bson.encode({"capped": True}), uuid="a" * 32)), "options"),
        (tools(documents=6), "holds 6 documents, and held 5"),
        (tools(writes=2), "1 writes of other clients"),
        (tools(others="mmapp from 10.0.0.7"), "mmapp from 10.0.0.7"),
    ],
)
def test_something_is_not(now: Any, said: str) -> None:
    for work in (Replace(now, step()), ReplaceInPlace(now, step())):
        with pytest.raises(RefusedError, match=said):
            work.require_as_agreed()


def test_what_the_user_allows_is_writing_and_nothing_else() -> None:
    assert Replace(tools(documents=9, writes=4, others="mmapp", allow=True), step()).require_as_agreed().documents == 9
    with pytest.raises(RefusedError):
        Replace(tools(None, allow=True), step()).require_as_agreed()


@pytest.mark.parametrize(
    ("given", "dry_run", "kind"),
    [
        (step(Action.CREATE), False, fill.Create),
        (step(Action.MERGE), False, fill.Merge),
        (step(Action.REPLACE), False, Replace),
        (step(Action.REPLACE, viewOn="x"), False, ReplaceInPlace),
        (step(Action.REPLACE, timeseries={}), False, ReplaceInPlace),
        (step(Action.REPLACE), True, Trial),
    ],
)
def test_who_does_a_step(given: MongoStep, dry_run: bool, kind: type) -> None:
    made = tools()
    made.dry_run = dry_run
    assert type(restore.work_of(given, made)) is kind


@pytest.mark.parametrize("act", ["load", "build"])
def test_whatever_is_refused_once_the_new_one_is_gone_says_that_it_is_gone(act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of the server's fails in its own words on a collection that somebody has dropped."""
    made = CollectionInfo(name="beside", kind="collection", options=bson.encode({}), uuid="b" * 32)
    used = tools()
    used.workplace = SimpleNamespace(beside=lambda name: f"beside.{name}")
    used.mongo.drop = lambda *_: None
    used.stop = SimpleNamespace(is_set=lambda: False)
    work = Replace(used, step())
    monkeypatch.setattr(work, "create", lambda _name: made)
    monkeypatch.setattr(work, "load", lambda *_, **__: SimpleNamespace(total=3, new=3))

    def refuse(*_: Any, **__: Any) -> Any:
        raise MongoError("ns does not exist", code=26)

    monkeypatch.setattr(work, act, refuse)
    with pytest.raises(RefusedError, match="removed by somebody else"):
        work.do()
    used.mongo.collection = lambda _database, name: OLD if name == "c" else made
    with pytest.raises(MongoError, match="ns does not exist"):  # it is there: the server has another reason
        work.do()
