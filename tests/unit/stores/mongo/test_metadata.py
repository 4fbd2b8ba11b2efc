"""A collection's metadata file: what goes in comes out, of every type; what Extended JSON cannot carry is refused."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.errors import DamageError, LrsError
from kubectl_lrs.stores.mongo.metadata import read, written

INDEX = {"v": 2, "key": {"_id": 1}, "name": "_id_"}


def _written(options: dict[str, Any], *indexes: dict[str, Any], **other: str) -> bytes:
    facts = {"name": "c", "kind": "collection", "uuid": "ab" * 16, **other}
    return written(**facts, options=bson.encode(options), indexes=[bson.encode(each) for each in indexes])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"capped": True, "size": 4096, "max": bson.Int64(2**40)},
        {"validator": {"a": {"$gt": 1.5, "$lt": bson.Decimal128("2.50")}}},
        {"x": bson.Int64(1), "y": 1, "z": 1.0, "nan": float("inf")},
        {"d": datetime(2026, 1, 1, tzinfo=timezone.utc), "b": bson.Binary(b"\x00", 4), "r": bson.Regex("a", "i")},
        {"k": [bson.MinKey(), bson.MaxKey(), None, True, bson.ObjectId(b"0" * 12)]},
    ],
)
def test_options_come_back_with_their_types(options: dict[str, Any]) -> None:
    data = _written(options, INDEX, {"v": 2, "key": {"a": -1, "b": "text"}, "name": "a", "unique": True})
    found = read(data, "f")
    assert bson.encode(found.options) == bson.encode(options)
    assert [list(each["key"].items()) for each in found.indexes] == [[("_id", 1)], [("a", -1), ("b", "text")]]
    assert (found.name, found.kind) == ("c", "collection")
    assert json.loads(data)["uuid"] == "ab" * 16


@pytest.mark.parametrize("value", [{"$oid": "65f0c0ffee0123456789abcd"}, {"$numberLong": "1"}, {"$undefined": True}])
def test_what_would_come_back_as_something_else_is_refused(value: dict[str, Any]) -> None:
    for options in ({"validator": value}, {"validator": {"deep": [value]}}):
        with pytest.raises(LrsError, match="Extended JSON"):
            _written(options)


@given(st.text(max_size=30))
def test_any_name(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    assert read(_written({}, name=name), "f").name == name


def test_files_of_old_tools_and_empty_ones() -> None:
    assert read(b"", "f") == read(b" \n", "f")
    old = read(b'{"options":{},"indexes":[{"v":1,"key":{"_id":1},"name":"_id_","ns":"a.b"}]}', "f")
    assert (old.name, old.kind, len(old.indexes)) == ("", "", 1)


@pytest.mark.parametrize(
    ("options", "kind", "view", "timeseries"),
    [
        ({}, "collection", False, False),
        ({"viewOn": "a"}, "", True, False),
        ({}, "view", True, False),
        ({"timeseries": {}}, "", False, True),
    ],
)
def test_what_it_is_of(options: dict[str, Any], kind: str, view: bool, timeseries: bool) -> None:
    found = read(_written(options, kind=kind), "f")
    assert (found.is_view, found.is_timeseries) == (view, timeseries)


@pytest.mark.parametrize(
    "data",
    [
        b"{", b"[]", b"1", b"null", b"\xff", b'{"options": []}', b'{"indexes": {}}', b'{"indexes": [1]}', b'{"indexes": [{}]}',
        b'{"indexes": [{"key": 1}]}', b'{"collectionName": 1}', b'{"type": null}', b'{"options": {"a": {"$oid": "x"}}}',
        b'{"options": {"a": {"$numberLong": "x"}}}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_metadata_is_damage(data: bytes) -> None:
    with pytest.raises(DamageError, match="f: not a metadata file"):
        read(data, "f")
