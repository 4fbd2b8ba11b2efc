"""BSON as bytes, held against the library that knows it: where documents end, which `_id` one has, and what is no BSON."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.formats.bson_batches import (
    MAX_DOCUMENT,
    NotBsonError,
    by_ids,
    count,
    count_empty_timestamps,
    document,
    documents,
    has_empty_timestamp,
    have_ids_first,
    id_of,
    ids_of,
    lengths,
    members,
    split,
    with_id,
    with_id_first,
)

IDS: list[Any] = [
    bson.ObjectId("65f0c0ffee0123456789abcd"),
    "text",
    "",
    1,
    2**40,
    1.5,
    True,
    None,
    {"a": 1, "_id": 2},
    bson.Binary(b"\x00\x01", 4),
    datetime(2026, 1, 1, tzinfo=timezone.utc),
    bson.Decimal128("1.50"),
    bson.Timestamp(1, 2),
    bson.Regex("a\\d", "i"),
    bson.MinKey(),
    bson.MaxKey(),
    bson.Code("f()"),
    bson.Code("f()", {"x": 1}),
    bson.DBRef("c", 1),
]
KEEP: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


def _documents(count_: int = 3) -> list[bytes]:
    return [bson.encode({"_id": number, "text": "x" * number}) for number in range(count_)]


def _laid(*pairs: tuple[str, Any]) -> bytes:
    """A document with its fields in this order: the library puts `_id` first."""
    return document(b"".join(bson.encode({key: value})[4:-1] for key, value in pairs))


@pytest.mark.parametrize("value", IDS, ids=repr)
def test_the_id_of_a_document_of_any_type_wherever_it_stands(value: Any) -> None:
    many = [(f"f{n}", each) for n, each in enumerate(IDS)]
    for pairs in ([("_id", value)], [("_id", value), ("z", [1])], [*many, ("_id", value)]):
        found = id_of(_laid(*pairs))
        assert found is not None
        assert bson.decode(with_id(found), KEEP) == bson.decode(bson.encode({"_id": value}), KEEP)


FIELDS: list[tuple[str, Any]] = [("_id", 1), ("_id", "x"), ("a", 1), ("_ids", 2), ("b", {"_id": 3})]


@given(st.lists(st.sampled_from(FIELDS), unique_by=lambda each: each[0]))
def test_the_id_comes_first(pairs: list[tuple[str, Any]]) -> None:
    made = _laid(*pairs)
    found = with_id_first(made)
    assert found == _laid(*sorted(pairs, key=lambda each: each[0] != "_id"))
    assert id_of(found) == id_of(made)
    assert have_ids_first([found]) is ("_id" in dict(pairs))
    assert have_ids_first([made, found]) is (bool(pairs) and pairs[0][0] == "_id")


def test_an_id_within_another_field_is_none() -> None:
    assert id_of(bson.encode({"a": {"_id": 1}, "_ids": 2, "_i": 3})) is None
    assert id_of(bson.encode({})) is None


@given(st.lists(st.sampled_from([*range(len(IDS)), 0, 0, 0]), max_size=5), st.sampled_from(["first", "last", "none"]))
def test_the_ids_of_a_row_are_those_of_each(chosen: list[int], where: str) -> None:
    made = {
        "first": lambda value: _laid(("_id", value), ("z", 1)),
        "last": lambda value: _laid(("z", 1), ("_id", value)),
        "none": lambda _: _laid(("z", 1)),
    }
    row = [made[where](IDS[place]) for place in chosen]
    assert ids_of(row) == list(map(id_of, row))


def test_the_ids_of_documents_that_are_cut_short() -> None:
    whole = bson.encode({"_id": 1})
    for end in range(4, len(whole)):
        row = [whole, whole[:end]]
        assert _said(lambda: ids_of(row)) == _said(lambda: list(map(id_of, row)))  # noqa: B023


def _said(read: Callable[[], Any]) -> object:
    try:
        return read()
    except NotBsonError as error:
        return str(error)


def test_the_query_by_ids() -> None:
    found = [id_of(bson.encode({"_id": value})) for value in IDS]
    query = bson.decode(by_ids([each for each in found if each]), KEEP)
    assert query == bson.decode(bson.encode({"_id": {"$in": IDS}}), KEEP)
    assert bson.decode(by_ids([])) == {"_id": {"$in": []}}
    many = [id_of(bson.encode({"_id": number})) or b"" for number in range(1200)]
    assert bson.decode(by_ids(many))["_id"]["$in"] == list(range(1200))


def test_rows_of_whole_documents() -> None:
    for number in (0, 1, 7):
        made = _documents(number)
        row = b"".join(made)
        assert split(row) == made
        assert count(row) == number
        assert list(lengths(row)) == list(map(len, made))


WHOLE = b"".join(_documents())
BROKEN = {
    "cut in a length": WHOLE + b"\x05\x00",
    "cut in a document": WHOLE[:-3],
    "a length of nothing": WHOLE + b"\x00\x00\x00\x00\x00",
    "a negative length": WHOLE + b"\xff\xff\xff\xff\x00",
    "a huge length": WHOLE + b"\xff\xff\xff\x7f\x00",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_row_that_is_not_whole_is_never_counted(data: bytes) -> None:
    for read in (split, count, lambda row: list(lengths(row))):
        with pytest.raises(NotBsonError):
            read(data)


def test_a_document_that_does_not_end_in_zero() -> None:
    with pytest.raises(NotBsonError):
        split(WHOLE[:-1] + b"x")


@given(st.binary(max_size=60))
def test_any_bytes_are_documents_or_an_error(data: bytes) -> None:
    for read in (split, count, lambda row: list(documents(io.BytesIO(row).read, limit=8)), id_of):
        try:
            read(data)
        except (NotBsonError, IndexError):
            continue


@given(st.lists(st.dictionaries(st.text("ab", max_size=2), st.text(max_size=40), max_size=3), max_size=8), st.integers(1, 200))
def test_a_stream_in_pieces_of_any_size_gives_the_same_documents(made: list[dict[str, str]], limit: int) -> None:
    encoded = [bson.encode(each) for each in made]
    stream = io.BytesIO(b"".join(encoded))
    rows = list(documents(stream.read, limit=limit))
    assert [each for row in rows for each in split(row)] == encoded
    assert all(len(row) < 2 * limit + max(map(len, encoded)) for row in rows)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (WHOLE[:-1], "in the middle of the document at byte"),
        (WHOLE + b"\x01", "in the middle of the document at byte"),
        (
            WHOLE + (MAX_DOCUMENT + 1).to_bytes(4, "little") + b"\x00" * 8,
            f"a document of {MAX_DOCUMENT + 1} bytes at byte {len(WHOLE)}",
        ),
        (WHOLE + b"\x04\x00\x00\x00", f"a document of 4 bytes at byte {len(WHOLE)}"),
        (WHOLE[:-1] + b"x", "does not end where it says"),
    ],
)
@pytest.mark.parametrize("limit", [1, 16, 4096])
def test_a_stream_that_is_damaged_says_where(data: bytes, said: str, limit: int) -> None:
    with pytest.raises(NotBsonError, match=said):
        list(documents(io.BytesIO(data).read, limit=limit))


# ---- empty timestamps

EMPTY = bson.Timestamp(0, 0)
VALUES: Any = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.floats(allow_nan=False),
        st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        st.binary(max_size=20),
        st.sampled_from([EMPTY, bson.Timestamp(0, 1), bson.Timestamp(1, 0), bson.Int64(0), bytes(20), "\x11" * 12]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "\x11", "b\x11c", "_id"]), inner, max_size=3)
    ),
    max_leaves=8,
)
DOCUMENTS: Any = st.dictionaries(st.sampled_from(["_id", "a", "", "\x11", "b\x11", "longer name"]), VALUES, max_size=5)


@given(st.lists(DOCUMENTS, max_size=5))
def test_which_documents_hold_an_empty_timestamp(documents: list[dict[str, Any]]) -> None:
    encoded = [bson.encode(each) for each in documents]
    row = b"".join(encoded)
    assert split(row) == encoded
    assert count(row) == len(encoded)
    odd = [any(value == EMPTY for name, value in each.items() if name != "_id") for each in documents]
    assert [has_empty_timestamp(each) for each in encoded] == odd
    assert count_empty_timestamps(row) == sum(odd)


def test_a_value_that_ends_behind_its_document() -> None:
    inner = b"\x02x\0" + (1 << 20).to_bytes(4, "little") + b"\0" + b"\x11at\0" + bytes(8)
    document = (len(inner) + 5).to_bytes(4, "little") + inner + b"\0"
    with pytest.raises(NotBsonError):
        count_empty_timestamps(document)


def test_bytes_that_look_like_the_beginning_of_a_timestamp() -> None:
    """With a search that began anew at each of them this test would not end."""
    assert count_empty_timestamps(bson.encode({"a": "\x11" * (1 << 20)})) == 0


def _array(*documents: dict[str, Any]) -> bytes:
    """As the server sends it: the array alone."""
    whole = bson.encode({"a": list(documents)})
    return whole[4 + 3 : -1]


@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 99, 100, 101, 1001])
def test_the_documents_of_an_array(number: int) -> None:
    made = [{"_id": each, "text": "\0x" * (each % 5), "in": [{"0": {}}]} for each in range(number)]
    assert members(_array(*made)) == list(map(bson.encode, made))


NO_ARRAYS = {
    "a number among documents": bson.encode({"a": [{}, 7]})[7:-1],
    "a text among documents": bson.encode({"a": [{}, "text"]})[7:-1],
    "names that do not count": bson.encode({"0": {}, "10": {}}),
    "a name of nothing": bson.encode({"": {"x": 1}}),
    "a length that is too small": _array({}, {}).replace(b"\x031\0\x05", b"\x031\0\x04"),
    "a negative length": _array({}, {}).replace(b"\x031\0\x05\0\0\0", b"\x031\0\x05\0\0\x80"),
    "a length that is too large": _array({}, {}).replace(b"\x031\0\x05", b"\x031\0\x06"),
    "cut in a document": _array({}, {"x": 1})[:-4],
    "cut in a name": _array({}, {})[:-8],
}


@pytest.mark.parametrize("what", NO_ARRAYS)
def test_what_is_no_array_of_documents(what: str) -> None:
    with pytest.raises(NotBsonError):
        members(NO_ARRAYS[what])
