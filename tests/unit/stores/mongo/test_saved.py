"""What a saved dump says of itself."""

from __future__ import annotations

from typing import Any

from kubectl_lrs.stores.mongo.saved import StoredDump


class Nowhere:
    """A folder of which only the name counts."""

    name = "dump"


def dump(**more: Any) -> StoredDump:
    folder: Any = Nowhere()
    return StoredDump(folder=folder, database="d", collections=(), **more)


def test_the_instant_of_a_dump() -> None:
    """As this version notes it, and as 0.1.0 did."""
    moment = {"t": 1, "i": 1, "time": "2026-01-01T00:00:00Z"}
    assert dump(facts={"instant": {"from": moment, "until": moment}}).instant == moment["time"]
    assert dump(facts={"atClusterTime": moment, "operationTime": None}).instant == moment["time"]
    assert dump(facts={"atClusterTime": None, "operationTime": moment}).instant == moment["time"]
    assert dump(facts={"instant": 1}).instant == dump().instant == ""
