"""A batch as one thing, as the driver takes it from what the server answers."""

from __future__ import annotations

from typing import Any

import bson
import pytest

from kubectl_lrs.formats.bson_batches import members
from kubectl_lrs.stores.mongo.server.answers import WHOLE_BATCHES

CLOCK = {"clusterTime": bson.Timestamp(7, 1), "cursor": {"firstBatch": [{"x": 1}]}}


def _answer(cursor: Any, **others: Any) -> Any:
    return bson.decode(bson.encode({"cursor": cursor, "ok": 1.0, **others}), WHOLE_BATCHES)


@pytest.mark.parametrize("name", ["firstBatch", "nextBatch"])
@pytest.mark.parametrize("number", [0, 1, 300])
def test_a_batch_is_a_list_of_one(name: str, number: int) -> None:
    documents = [{"_id": each, "firstBatch": "x"} for each in range(number)]
    at = {"atClusterTime": bson.Timestamp(1, 2), "id": 2**40}
    for cursor in (
        {name: documents, **at, "ns": "a.b"},
        {**at, name: documents, "ns": "a.b"},
        {**at, "ns": "a.b", name: documents},
    ):
        found = _answer(cursor, operationTime=bson.Timestamp(1, 3))["cursor"]
        assert [each for batch in found[name] for each in members(batch)] == list(map(bson.encode, documents))
        assert len(found[name]) == bool(number), "the driver counts what a list has"
        assert {each: found[each] for each in (*at, "ns")} == {**at, "ns": "a.b"}


def test_all_else_is_as_it_was() -> None:
    answer = _answer({"id": 0}, operationTime=bson.Timestamp(1, 3), **{"$clusterTime": CLOCK})
    assert (answer["ok"], answer.get("operationTime"), "errmsg" in answer) == (1.0, bson.Timestamp(1, 3), False)
    assert answer.get("$clusterTime")["clusterTime"] == CLOCK["clusterTime"]
    assert bson.encode({"x": answer["$clusterTime"]}) == bson.encode({"x": CLOCK}), "it is sent back as it came"


def test_a_refusal_has_no_cursor() -> None:
    refused = bson.decode(bson.encode({"ok": 0.0, "errmsg": "no", "code": 13}), WHOLE_BATCHES)
    assert (refused.get("cursor"), refused["code"]) == (None, 13)
    assert _answer("no document")["cursor"] == "no document"
