"""Which indexes are sent, and which documents they let a server remove."""

from __future__ import annotations

import math
from typing import Any

import bson
import pytest

from kubectl_lrs.stores.mongo import indexes


@pytest.mark.parametrize(
    ("index", "is_bad"),
    [
        ({"key": {"a": 1}, "name": "a"}, False),
        ({"key": {"a": 1}}, True),
        ({"key": {"a": 1}, "name": ""}, True),
        ({"key": {}, "name": "a"}, True),
        ({"key": {"a": 1}, "name": "a", "expireAfterSeconds": 0}, False),
        ({"key": {"a": 1}, "name": "a", "expireAfterSeconds": (1 << 31) - 1}, False),
        ({"key": {"a": 1}, "name": "a", "expireAfterSeconds": 1 << 31}, True),
        ({"key": {"a": 1}, "name": "a", "expireAfterSeconds": math.nan}, True),
        ({"key": {"a": 1}, "name": "a", "expireAfterSeconds": math.inf}, True),
        ({"key": {"a": 1}, "name": "a", "expireAfterSeconds": "1"}, True),
        ({"key": {"a": 1}, "name": "a", "expireAfterSeconds": True}, True),
    ],
)
def test_indexes_that_are_not_sent(index: dict[str, Any], is_bad: bool) -> None:
    assert bool(indexes.flaw(index)) is is_bad


def test_which_indexes_are_sent() -> None:
    saved = [
        {"v": 2, "key": {"_id": 1}, "name": "_id_", "ns": "d.c"},
        {"v": 2, "key": {"_id": 1}, "name": "_id_", "clustered": True},
        {"v": 1, "key": {"a": 1}, "name": "a_1", "ns": "d.c", "sparse": True},
    ]
    assert indexes.restorable(saved) == [{"key": {"a": 1}, "name": "a_1", "sparse": True}]


def test_the_query_for_what_is_past_its_time() -> None:
    ageing = [
        {"key": {"at": 1}, "name": "at", "expireAfterSeconds": 10, "partialFilterExpression": {"x": 1}},
        {"key": {"never": 1}, "name": "n"},
    ]
    end = bson.DatetimeMS(990_000)
    assert indexes.expired(ageing, 1000.0) == {"$or": [{"$and": [{"at": {"$lt": end}}, {"x": 1}]}]}
    assert indexes.expired(ageing[1:], 1000.0) is None
    assert indexes.expired([{"key": {}, "name": "a", "expireAfterSeconds": 1}], 1000.0) is None, "of no field"
