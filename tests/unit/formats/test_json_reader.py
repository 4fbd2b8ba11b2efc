"""JSON objects one after the other, item by item; what is not JSON from its beginning on is left to others."""

from __future__ import annotations

import pytest

from kubectl_lrs.formats.documents import MAX_DEPTH, Document
from kubectl_lrs.formats.json_reader import JsonReader
from kubectl_lrs.model.errors import UsageError


def _read(text: str) -> tuple[list[Document], int]:
    reader = JsonReader(text, "f.json")
    return list(reader.documents()), reader.end


@pytest.mark.parametrize(
    ("text", "documents", "end"),
    [
        ("", [], 0),
        (" \n\t", [], 3),
        ("{}", [Document(1, {})], 2),
        ('{"a": 1}\n{"b": 2}\n', [Document(1, {"a": 1}), Document(2, {"b": 2})], 18),
        ('{"items": []}', [Document(1, {"items": []})], 13),
        ('{"items": [1, {}], "k": "L"}', [Document(1, 1, True), Document(1, {}, True), Document(1, {"items": [], "k": "L"})], 28),
        ("a: 1\n", [], 0),
        ("{a: 1}\n", [], 0),
        ('{"a": 1}\n---\nb: 2\n', [Document(1, {"a": 1})], 8),
    ],
)
def test_objects_and_where_they_end(text: str, documents: list[Document], end: int) -> None:
    assert _read(text) == (documents, end)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "a": 2}', "is there twice"),
        ('{"items": [{"a": 1}, {"a": 1,}]}', "line 1: not JSON"),
        ('{"a": 1e999}', "out of range"),
        ('{"a": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", "levels deep"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=r"f\.json: line 1: ") as caught:
        _read(text)
    assert said in str(caught.value)
