"""Whose what restores have left is: known, or left alone."""

from __future__ import annotations

import os
from typing import Any

import pytest
from bson.timestamp import Timestamp

from kubectl_lrs.runtime import process
from kubectl_lrs.stores.mongo import temporary
from kubectl_lrs.stores.mongo.server.info import CollectionInfo, Server
from kubectl_lrs.stores.mongo.temporary import Owner

SERVER = Server(version="7.0.1", set_name="rs0", is_mongos=False, is_primary=True, operation_time=(1000, 1), clock=1002.0)


class Signs:
    """A server on which runs have left signs of life, this many seconds ago."""

    def __init__(self, ages: dict[str, dict[str, Any]]) -> None:
        self.ages = ages

    def newest(self, _database: str, collection: str) -> dict[str, Any] | None:
        return self.ages.get(collection)


def sign(age: float, **more: Any) -> dict[str, Any]:
    return {"at": Timestamp(int(1000 - age), 1), "who": "w", **more}


@pytest.mark.parametrize(
    ("last", "owner"),
    [
        (sign(1), Owner.ALIVE),
        (sign(-100), Owner.ALIVE),  # a clock that goes ahead
        (sign(59), Owner.ALIVE),
        (sign(61), Owner.DEAD),
        (None, Owner.UNKNOWN),
        ({"who": "w"}, Owner.UNKNOWN),
        ({"at": Timestamp(0, 0)}, Owner.UNKNOWN),
        ({"at": "long ago"}, Owner.UNKNOWN),
        (sign(1, process=os.getpid(), place=process.place()), Owner.ALIVE),
        (sign(1, process=-1, place=process.place()), Owner.ALIVE),
        (sign(1, process=1 << 22, place="elsewhere"), Owner.ALIVE),
    ],
)
def test_whose_a_left_over_is(last: dict[str, Any] | None, owner: Owner) -> None:
    name = f"lrs_restore.{'0' * 16}"
    present = [CollectionInfo(name=each, kind="collection", options=b"", uuid="") for each in (name, f"{name}.c", "c")]
    mongo: Any = Signs({name: last} if last else {})
    (found,) = temporary.found(mongo, SERVER, "d", present)
    assert found.owner is owner
    assert [each.name for each in found.collections] == [f"{name}.c", name]  # the signs of life go last


def test_names_that_are_nobodys() -> None:
    mongo: Any = Signs({})
    names = ["lrs_restore.c", "lrs_restore.0123", "lrs_restores", "c", f"system.buckets.lrs_restore.{'0' * 16}.c"]
    present = [CollectionInfo(name=each, kind="collection", options=b"", uuid="") for each in names]
    found = temporary.found(mongo, SERVER, "d", present)
    assert [(each.listed, each.owner) for each in found] == [
        ("lrs_restore.0123", Owner.UNKNOWN),
        ("lrs_restore.c", Owner.UNKNOWN),
    ]
