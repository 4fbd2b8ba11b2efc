"""Which documents a server may remove by itself."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from bson.int64 import Int64

from kubectl_lrs.stores.mongo import expiry

NOW = 10_000.0
INDEX = {"key": {"at": 1}, "name": "at_1", "expireAfterSeconds": 10}
SERIES = {"timeField": "t", "bucketMaxSpanSeconds": 600}


def _first(seconds: int) -> bson.ObjectId:
    return bson.ObjectId(seconds.to_bytes(4, "big") + bytes(8))


@pytest.mark.parametrize(
    ("indexes", "options", "wanted"),
    [
        ([], {}, None),
        ([{"key": {"_id": 1}, "name": "_id_"}], {"capped": True}, None),
        ([INDEX], {}, [{"$or": [{"at": {"$lt": bson.DatetimeMS(9_990_000)}}]}]),
        ([], {"clusteredIndex": {"key": {"_id": 1}}, "expireAfterSeconds": 0}, [{"_id": {"$lt": bson.DatetimeMS(10_000_000)}}]),
        ([], {"timeseries": SERIES, "expireAfterSeconds": Int64(400)}, [{"_id": {"$lt": _first(9_000)}}]),
        ([], {"timeseries": {"timeField": "t"}, "expireAfterSeconds": 400.0}, [{"_id": {"$lt": _first(6_000)}}]),
        ([], {"timeseries": SERIES, "expireAfterSeconds": 1 << 31}, [{"_id": {"$lt": _first(0)}}]),
        ([], {"timeseries": SERIES}, None),
        ([], {"clusteredIndex": {"key": {"_id": 1}}}, None),
        ([], {"clusteredIndex": True, "expireAfterSeconds": True}, None),
        ([], {"expireAfterSeconds": 5}, None),
        ([], {"clusteredIndex": True, "expireAfterSeconds": "off"}, None),
    ],
)
def test_the_query(indexes: list[dict[str, Any]], options: dict[str, Any], wanted: list[dict[str, Any]] | None) -> None:
    assert expiry.query(indexes, options, NOW) == ({"$or": wanted} if wanted else None)


def test_both_at_once() -> None:
    found = expiry.query([INDEX], {"clusteredIndex": True, "expireAfterSeconds": 1}, NOW)
    assert found is not None
    assert len(found["$or"]) == 2
