"""A LIST of metadata in Protobuf: what is taken in of it, and what is no answer. `tests/contract` has the API server's own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.clients.kubernetes.answers import Page, page_of
from kubectl_lrs.clients.kubernetes.metadata import MAGIC
from kubectl_lrs.model.errors import UnreachableError

TEXTS = {"name": 1, "generateName": 2, "namespace": 3, "uid": 5, "resourceVersion": 6}
INSTANTS = {"creationTimestamp": 8, "deletionTimestamp": 9}
MAPPINGS = {"labels": 11, "annotations": 12}


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _object(metadata: dict[str, Any], beside: bytes = b"") -> bytes:
    """One item. `beside`: other parts of its metadata."""
    parts = [_bytes(number, metadata[name]) for name, number in TEXTS.items() if name in metadata]
    parts += [_number(7, metadata.get("generation", 0))]
    parts += [_bytes(number, _number(1, metadata[name])) for name, number in INSTANTS.items() if name in metadata]
    for name, number in MAPPINGS.items():
        parts += [_bytes(number, _bytes(1, key) + _bytes(2, value)) for key, value in metadata.get(name, {}).items()]
    parts += [_bytes(14, each) for each in metadata.get("finalizers", ())]
    return _bytes(2, _bytes(1, b"".join(parts) + beside))


def _list(*items: bytes, version: str = "7", token: str = "", kind: str = "PartialObjectMetadataList") -> bytes:
    return _wrapped(_bytes(1, _bytes(1, "") + _bytes(2, version) + _bytes(3, token)) + b"".join(items), kind)


def _wrapped(raw: bytes, kind: str = "PartialObjectMetadataList", encoding: str = "") -> bytes:
    of_kind = _bytes(1, "meta.k8s.io/v1") + _bytes(2, kind)
    return MAGIC + _bytes(1, of_kind) + _bytes(2, raw) + _bytes(3, encoding) + _bytes(4, "")


def _metadata(page: Page) -> list[Any]:
    return [manifest["metadata"] for _, manifest in page.items]


ONE = {
    "name": "a",
    "namespace": "n",
    "uid": "u",
    "resourceVersion": "5",
    "generation": 3,
    "labels": {"k": "v"},
    "annotations": {"x": ""},
    "finalizers": ["f", "g"],
}


def test_what_is_taken_in() -> None:
    page = page_of(_list(_object(ONE), _object({"name": "b"}), token="t"))
    assert (page.resource_version, page.next, page.size) == (
        "7",
        "t",
        len(_list(_object(ONE), _object({"name": "b"}), token="t")),
    )
    assert _metadata(page) == [ONE, {"name": "b"}]
    assert [text for text, _ in page.items] == ["", ""]


def test_nothing_is_an_empty_list() -> None:
    page = page_of(_list())
    assert (page.items, page.resource_version, page.next) == ([], "7", "")


@pytest.mark.parametrize(
    ("seconds", "wanted"), [(1795863600, "2026-11-28T11:00:00Z"), (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z")]
)
def test_instants(seconds: int, wanted: str) -> None:
    (metadata,) = _metadata(page_of(_list(_object({"name": "a", "creationTimestamp": seconds, "deletionTimestamp": seconds}))))
    assert (metadata["creationTimestamp"], metadata["deletionTimestamp"]) == (wanted, wanted)


def test_an_instant_without_seconds_is_null() -> None:
    (metadata,) = _metadata(page_of(_list(_object({"name": "a"}, _bytes(8, b"")))))
    assert metadata == {"name": "a", "creationTimestamp": None}


def test_what_is_not_known_is_passed_over() -> None:
    others = _bytes(13, _object(ONE)) + _number(99, -1) + _varint(20 << 3 | 1) + b"8 bytes " + _varint(21 << 3 | 5) + b"four"
    assert _metadata(page_of(_list(_object(ONE, others)))) == [ONE]


@pytest.mark.parametrize("size", [0, 1, 58, 59, 60, 61, 62, 63, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 16_383, 16_384])
def test_members_of_a_mapping_of_any_length(size: int) -> None:
    wanted = {"k" * size: "v" * size, "k": "v" * size, "kk" * size: "v"}
    assert _metadata(page_of(_list(_object({"name": "a", "labels": wanted})))) == [{"name": "a", "labels": wanted}]


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        (b"", {"": ""}),
        (_bytes(1, "k"), {"k": ""}),
        (_bytes(2, "v"), {"": "v"}),
        (_bytes(2, "v") + _bytes(1, "k"), {"k": "v"}),
        (_bytes(1, "k") + _bytes(2, "v") + _number(3, 1), {"k": "v"}),
        (_bytes(1, "k") + _bytes(1, "other") + _bytes(2, "v"), {"other": "v"}),
    ],
)
def test_members_written_otherwise(entry: bytes, wanted: dict[str, str]) -> None:
    whole = _object({"name": "a"}, _bytes(11, entry))
    assert _metadata(page_of(_list(whole))) == [{"name": "a", "labels": wanted}]


def test_what_is_no_utf8_is_as_in_json() -> None:
    assert _metadata(page_of(_list(_object({"name": b"a\xff"})))) == [{"name": "a\ufffd"}]


NO_LISTS = {
    "nothing": MAGIC,
    "another kind": _list(kind="Status"),
    "another list": _list(kind="PodList"),
    "no metadata of the list": _wrapped(_object(ONE)),
    "no list": _wrapped(b""),
    "packed": _wrapped(_bytes(1, _bytes(2, "7")), encoding="gzip"),
    "no name": _list(_object({"uid": "u"})),
    "an object without metadata": _list(_bytes(2, b"")),
    "a group": _list(_object(ONE, _varint(30 << 3 | 3))),
    "longer than all": _list(_object(ONE, _varint(1 << 3 | 2) + _varint(1 << 40))),
    "longer than its message": _list(_object(ONE, _varint(1 << 3 | 2) + _varint(4) + b"abc")),
    "a number without an end": _list(_object(ONE, _varint(7 << 3) + b"\xff" * 11)),
    "an instant beyond all": _list(_object({"name": "a", "creationTimestamp": 1 << 60})),
}


@pytest.mark.parametrize("name", NO_LISTS)
def test_what_is_no_answer(name: str) -> None:
    with pytest.raises(UnreachableError):
        page_of(NO_LISTS[name])


def test_what_is_cut_off_is_no_answer() -> None:
    """Of what comes after the list, which nobody reads, the end may be missing."""
    data = _list(_object(ONE), _object(ONE))
    whole = _metadata(page_of(data))
    for end in range(len(data)):
        try:
            page = page_of(data[:end])
        except UnreachableError:
            continue
        assert _metadata(page) == whole


_text = st.text(st.characters(exclude_categories=["Cs"]))
_some = st.dictionaries(_text, _text, min_size=1, max_size=3)
_objects = st.fixed_dictionaries(
    {"name": _text.filter(bool)},
    optional={
        "namespace": _text.filter(bool),
        "uid": _text.filter(bool),
        "generation": st.integers(-(1 << 63), (1 << 63) - 1).filter(bool),
        "labels": _some,
        "annotations": _some,
        "finalizers": st.lists(_text, min_size=1, max_size=3),
    },
)


@given(st.lists(_objects, max_size=4), st.binary(max_size=40), _text)
def test_whatever_is_written_is_read(objects: list[dict[str, Any]], fields: bytes, token: str) -> None:
    """`fields`: what a manager has set, whose bytes may look like anything."""
    managed = _bytes(17, _bytes(1, "one") + _bytes(2, "Update") + _bytes(7, fields)) + _bytes(17, _bytes(7, fields))
    page = page_of(_list(*(_object(each, managed) for each in objects), token=token))
    assert _metadata(page) == [each | {"managedFields": [{"manager": "one"}, {}]} for each in objects]
    assert page.next == token


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_no_answer(data: bytes) -> None:
    for given_ in (MAGIC + data, _wrapped(data)):
        try:
            page_of(given_)
        except UnreachableError:
            continue
