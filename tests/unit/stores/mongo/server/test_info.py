"""What a server tells of itself and of its collections."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.connection import Connection
from kubectl_lrs.stores.mongo.server.facts import Facts
from kubectl_lrs.stores.mongo.server.info import Server, Writes, refused
from kubectl_lrs.stores.mongo.server.reading import Reading


def server(version: str, *, set_name: str = "", is_mongos: bool = False) -> Server:
    return Server(version=version, set_name=set_name, is_mongos=is_mongos, is_primary=True, operation_time=None)


@pytest.mark.parametrize(
    ("found", "has"),
    [
        (server("6.0.5", set_name="rs0"), True),
        (server("8.0.0-rc1", is_mongos=True), True),
        (server("4.4.29", set_name="rs0"), False),
        (server("10.0", set_name="rs0"), True),
        (server("6.0.5"), False),
    ],
)
def test_who_can_be_read_at_one_instant(found: Server, has: bool) -> None:
    assert found.has_snapshots is has


@pytest.mark.parametrize(
    ("before", "after", "between"),
    [
        ((("a", 1),), (("a", 4),), 3),
        ((("a", 1), ("b", 2)), (("a", 1), ("b", 2)), 0),
        ((("a", 5), ("b", 2)), (("a", 4), ("b", 9)), None),  # one was started anew
        ((("a", 1),), (("b", 1),), None),
        ((("a", 1),), (("a", 1), ("b", 1)), None),
    ],
)
def test_writes_between(before: Any, after: Any, between: int | None) -> None:
    assert Writes(before).until(Writes(after)) == between


def test_a_document_that_was_not_taken() -> None:
    found = refused({"index": 3, "code": 11000, "errmsg": "E", "keyPattern": {"a": 1, "b": 1}})
    assert (found.place, found.code, found.message, found.index) == (3, 11000, "E", "a,b")


def test_one_client_asks_reads_and_writes() -> None:
    assert issubclass(Mongo, Facts)
    assert issubclass(Mongo, Reading)
    assert issubclass(Mongo, Connection)
