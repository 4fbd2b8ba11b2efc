"""Whose documents are lost where collections are replaced, without a server: a dump in a folder, and what is said to be there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import bson
import pytest

from kubectl_lrs.model.plan import Action
from kubectl_lrs.stores.mongo import losses
from kubectl_lrs.stores.mongo.evidence import Standing
from kubectl_lrs.stores.mongo.findings import of_losses
from kubectl_lrs.stores.mongo.plain_dump import dumped
from kubectl_lrs.stores.mongo.plan import MongoStep
from kubectl_lrs.stores.mongo.saved import StoredDump
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.info import CollectionInfo
from tests.builders.mongo_restores import write_dump

SALES, STAFF = bson.ObjectId("65f0c0ffee00000000000001"), bson.ObjectId("65f0c0ffee00000000000002")
IMAGE = bson.ObjectId("65f0c0ffee00000000000009")
APPLICATION = {"_id": SALES, "name": "sales", "imageId": IMAGE}
Documents = dict[str, list[dict[str, Any]]]


class _There:
    """A database."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def present(self, _database: str, name: str) -> Iterator[list[bytes]]:
        for each in self._documents[name]:
            yield [bson.encode(each)]


def _lost(tmp_path: Path, saved: Documents, there: Documents) -> losses.Losses:
    for name, documents in saved.items():
        write_dump(tmp_path, "app", name, documents)
    dump = dumped(tmp_path, only=tuple(saved))
    steps = [_step(dump, name, len(there[name])) for name in saved if name in there]
    return losses.look(cast("Mongo", _There(there)), dump, steps, there)


def _step(dump: StoredDump, name: str, before: int, action: Action = Action.REPLACE, documents: int = 1) -> MongoStep:
    stored = next(each for each in dump.collections if each.name == name)
    info = CollectionInfo(name=name, kind="collection", uuid="", options=bson.encode({}))
    there = Standing(info=info, documents=before)
    return MongoStep(name=name, action=action, database="app", stored=stored, documents=documents, there=there)


def _said(found: losses.Losses) -> Sequence[str]:
    return [str(each) for each in found.sorted]


def test_what_is_the_same_is_not_lost(tmp_path: Path) -> None:
    same = {"custom_applications": [APPLICATION], "items": [{"_id": 1}, {"_id": 2}]}
    found = _lost(tmp_path, same, {**same, "items": [{"_id": 2}]})
    assert (found.gone, found.changed, _said(found), list(of_losses(found))) == (0, 0, [], [])


def test_by_application(tmp_path: Path) -> None:
    """By an id in the document, as ObjectId or text; else by what the application's own documents name."""
    saved: Documents = {"custom_applications": [APPLICATION], "items": [{"_id": 1, "app": SALES, "n": 1}, {"_id": 2}]}
    there: Documents = {
        "custom_applications": [APPLICATION, {"_id": STAFF, "name": "staff"}],
        "items": [
            {"_id": 1, "app": SALES, "n": 2},
            {"_id": 2},
            {"_id": 3, "path": f"apps/{SALES}/data"},
            {"_id": IMAGE},
            {"_id": 4, "note": "nobody's"},
        ],
    }
    found = _lost(tmp_path, saved, there)
    assert (found.gone, found.changed) == (4, 1)
    assert _said(found) == [
        f"application sales ({SALES}): 2 that the backup does not hold, 1 that changed since (items)",
        f"application staff ({STAFF}): 1 that the backup does not hold (custom_applications); "
        "the backup does not hold the application itself",
        "of no application that is known: 1 that the backup does not hold (items)",
    ]
    (finding,) = of_losses(found)
    assert finding.message == "documents would be lost: 4 that the backup does not hold, 1 that changed since"
    assert finding.details == tuple(_said(found))


def test_one_of_two_applications_counts_once(tmp_path: Path) -> None:
    applications = [APPLICATION, {"_id": STAFF, "name": "staff"}]
    saved: Documents = {"custom_applications": applications, "items": []}
    there: Documents = {"custom_applications": applications, "items": [{"_id": 1, "of": [SALES, str(STAFF)]}]}
    found = _lost(tmp_path, saved, there)
    assert (found.gone, len(found.of_each)) == (1, 2)


@pytest.mark.parametrize("odd", [{"_id": "x" * 200}, {"_id": {"a": 1}}, {}, {"_id": 5, "when": bson.Int64(1) << 62}])
def test_odd_documents_are_compared(tmp_path: Path, odd: dict[str, Any]) -> None:
    saved: Documents = {"items": [odd]}
    assert _lost(tmp_path, saved, {"items": [odd]}).of_each == {}
    assert _lost(tmp_path, saved, {"items": [{**odd, "more": 1}]}).of_each.keys() == {""}


def test_what_is_not_compared(tmp_path: Path) -> None:
    write_dump(tmp_path, "app", "items", [{"_id": 1}])
    dump = dumped(tmp_path, only=("items",))
    assert losses.is_compared(_step(dump, "items", 1))
    assert not losses.is_compared(_step(dump, "items", 1, Action.MERGE))
    assert not losses.is_compared(_step(dump, "items", losses.MOST + 1))
    assert not losses.is_compared(_step(dump, "items", 1, documents=losses.MOST + 1))
    there = cast("Mongo", _There({}))
    assert losses.look(there, dump, [_step(dump, "items", 1, Action.MERGE)], ["items"]) == losses.Losses()
