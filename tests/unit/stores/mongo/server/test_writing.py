"""Requests that write: which collections they name, and what is done where a server does not understand them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument

from kubectl_lrs.stores.mongo.server.errors import MongoError
from kubectl_lrs.stores.mongo.server.writing import Writing, create_command, indexes_command

UUID, OTHER = "a" * 32, "b" * 32


class Recorded(Writing):
    """Answers each command by its turn: an error, or nothing."""

    def __init__(self, *answers: MongoError | None) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.answers = list(answers)
        self.short = 0

    def describe(self) -> str:
        return "recorded"

    def _send(self, what: str, database: str, command: dict[str, Any], *, session: Any = None) -> Mapping[str, Any]:  # noqa: ARG002
        self.sent.append(command)
        if self.answers and (answer := self.answers.pop(0)):
            raise answer
        return {"ok": 1, "n": len(command.get("documents") or command.get("updates") or ()) - self.short}


@pytest.mark.parametrize("ordered", [False, True])
def test_a_server_that_counts_less_than_it_was_sent(ordered: bool) -> None:
    mongo = Recorded()
    documents = [bson.encode({"_id": number}) for number in range(3)]
    assert mongo.insert("d", "c", documents, ordered=ordered) == []
    mongo.short = 1
    for write in (mongo.insert, mongo.upsert):
        with pytest.raises(MongoError, match="counts 2 documents written of 3"):
            write("d", "c", documents, ordered=ordered)


def refusal(code: int) -> MongoError:
    return MongoError("refused", code=code)


def test_no_option_names_another_collection() -> None:
    """Even one that got so far."""
    command = create_command("mine", {"capped": True, "create": "victim"})
    assert command == {"create": "mine", "capped": True}
    assert next(iter(command)) == "create"
    assert next(iter(indexes_command("mine", []))) == "createIndexes"


def test_a_rename_names_both_collections() -> None:
    mongo = Recorded()
    mongo.rename("d", "new", "old", uuid=UUID, target_uuid=OTHER)
    (sent,) = mongo.sent
    assert bytes(sent["collectionUUID"]).hex() == UUID
    assert bytes(sent["dropTarget"]).hex() == OTHER


@pytest.mark.parametrize("code", [14, 40415])
def test_a_server_that_does_not_understand_that(code: int) -> None:
    mongo = Recorded(refusal(code))
    mongo.rename("d", "new", "old", uuid=UUID, target_uuid=OTHER)
    assert mongo.sent[1]["dropTarget"] is True
    assert "collectionUUID" not in mongo.sent[1]


@pytest.mark.parametrize("code", [361, 26, 96])
def test_a_rename_that_is_refused_is_not_made_in_another_way(code: int) -> None:
    mongo = Recorded(refusal(code))
    with pytest.raises(MongoError):
        mongo.rename("d", "new", "old", uuid=UUID, target_uuid=OTHER)
    assert len(mongo.sent) == 1


def test_where_there_are_no_uuids() -> None:
    mongo = Recorded()
    mongo.rename("d", "new", "old", uuid="", target_uuid=OTHER)
    assert mongo.sent[0]["dropTarget"] is True


@pytest.mark.parametrize(("code", "raises"), [(26, False), (361, False), (20, True)])
def test_dropping_what_is_gone_or_another_one(code: int, raises: bool) -> None:
    mongo = Recorded(refusal(code))
    if raises:
        with pytest.raises(MongoError):
            mongo.drop("d", "c", uuid=UUID)
    else:
        mongo.drop("d", "c", uuid=UUID)
    assert len(mongo.sent) == 1


def test_dropping_with_a_server_that_knows_no_uuids() -> None:
    mongo = Recorded(refusal(40415))
    mongo.drop("d", "c", uuid=UUID)
    assert "collectionUUID" not in mongo.sent[1]


def test_an_upsert_changes_nothing_that_is_there() -> None:
    """Its filter matches nothing: a document that has the `_id` is answered with a duplicate key."""
    mongo = Recorded()
    document = bson.encode({"_id": {"a": 1}, "x": 2})
    mongo.upsert("d", "c", [document])
    (update,) = mongo.sent[0]["updates"]
    assert update["q"]["$nor"] == [{"_id": {"$exists": True}}]
    assert update["upsert"] is True
    assert update["u"] == [{"$replaceWith": {"$literal": RawBSONDocument(document)}}]
