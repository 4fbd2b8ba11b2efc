"""A collection's metadata file: what goes in comes out, of every type; what Extended JSON cannot carry is refused."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timezone
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.errors import DamageError, LrsError
from kubectl_lrs.stores.mongo import metadata
from kubectl_lrs.stores.mongo.metadata import MAX_DEPTH, read, written

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


ODD = [
    {"$binary": {}},
    {"$binary": {"base64": "AA=="}},
    {"$binary": {"base64": "A!A=", "subType": "00"}},
    {"$binary": "no base64", "$type": "00"},
    {"$binary": 1, "$type": 0},
    {"$binary": {"base64": "AA==", "subType": "zz"}},
    {"$regularExpression": {"pattern": "a"}},
    {"$regularExpression": {"pattern": 1, "options": ""}},
    {"$regularExpression": []},
    {"$numberDecimal": "x"},
    {"$numberLong": "9" * 30},
    {"$numberInt": 1},
    {"$date": "yesterday"},
    {"$date": {"$numberLong": "9" * 30}},
    {"$timestamp": {"t": -1, "i": 1}},
    {"$timestamp": {"t": 1 << 40, "i": 1}},
    {"$ref": "a", "$id": 1, "database": "twice"},
    {"$dbPointer": {"$ref": "a", "$id": 1}},
    {"$code": 1},
    {"$code": "a", "$scope": "no document"},
    {"$uuid": "x"},
    {"$minKey": True},
    {"a": "\ud800"},
    10**30,
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: json.dumps(value)[:40])
@pytest.mark.parametrize("place", ["options", "an index"])
def test_what_is_no_extended_json_is_damage(value: Any, place: str) -> None:
    parts = {"options": {"options": {"a": value}}, "an index": {"indexes": [{"key": {"a": 1}, "name": "a", "b": [value]}]}}
    with pytest.raises(DamageError, match=r"f: not a metadata file: .+"):
        read(json.dumps(parts[place]).encode(), "f")


@pytest.mark.parametrize(("opened", "closed"), [('{"a":', "}"), ("[", "]"), ('{"$code":"","$scope":', "}")])
def test_what_is_nested_too_deeply_is_damage(opened: str, closed: str) -> None:
    def nested(depth: int) -> bytes:
        return b'{"options":' + (opened * depth + "{}" + closed * depth).encode() + b"}"

    if opened[0] == "{" and "$" not in opened:
        assert read(nested(MAX_DEPTH - 2), "f").options
    for depth in (MAX_DEPTH + 1, 950, 100_000):
        with pytest.raises(DamageError, match="f: not a metadata file"):
            read(nested(depth), "f")


WRAPPERS = st.sampled_from(
    [*(key for value in ODD if isinstance(value, dict) for key in value), "$oid", "$symbol", "base64", "subType"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WRAPPERS, inner, max_size=3),
    max_leaves=5,
)


@given(VALUES)
def test_any_json_is_metadata_or_damage(value: Any) -> None:
    for document in ({"options": {"a": value}}, {"options": value, "indexes": value}, value):
        with contextlib.suppress(DamageError):
            bson.encode(read(json.dumps(document).encode(), "f").options)


def test_what_a_reader_would_refuse_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    deep: dict[str, Any] = {}
    for _ in range(MAX_DEPTH):
        deep = {"a": deep}
    with pytest.raises(LrsError, match="collection c: its options"):
        _written(deep)
    size = len(_written({"validator": {"a": "x" * 100}}))
    monkeypatch.setattr(metadata, "MAX_FILE", size)
    assert read(_written({"validator": {"a": "x" * 100}}), "f").options
    with pytest.raises(LrsError, match="collection c: its options"):
        _written({"validator": {"a": "x" * 101}})
