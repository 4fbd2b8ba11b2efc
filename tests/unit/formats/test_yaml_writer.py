"""The YAML emitter: what it writes, libyaml takes for the same value; contract/test_yaml_readers.py has other readers."""

from __future__ import annotations

import itertools
import json
from collections import OrderedDict
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
import yaml
from hypothesis import example, given

from kubectl_lrs.formats import yaml_writer
from kubectl_lrs.formats.yaml_writer import dump
from tests.builders.yaml_cases import (
    AMBIGUOUS,
    JSON,
    LIBYAML,
    NUMBERS,
    PLAIN,
    STRUCTURES,
    TABLE,
    misread,
)


@pytest.mark.parametrize("text", AMBIGUOUS, ids=ascii)
def test_ambiguous_string_is_quoted_whatever_the_reader(text: str) -> None:
    quoted = json.dumps(text)
    assert dump(text) == f"{quoted}\n"
    assert dump([text]) == f"- {quoted}\n"
    assert dump({text: text}) == f"{quoted}: {quoted}\n"


@pytest.mark.parametrize("text", PLAIN)
def test_usual_string_is_plain(text: str) -> None:
    assert dump({text: [text]}) == f"{text}:\n- {text}\n"


def test_string_takes_one_line_of_what_every_reader_allows() -> None:
    refused = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u2028\u2029\ufeff\ufffe\uffff"}
    written = {text: dump(text) for text in TABLE}
    assert [text for text, line in written.items() if line[-1] != "\n" or refused & set(line[:-1])] == []


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_number(number: float) -> None:
    document = {"a": number, "b": [number, [number]], "c": repr(number)}
    assert misread(LIBYAML, document) == []
    assert misread(LIBYAML, number) == []


@pytest.mark.parametrize("value", STRUCTURES.values(), ids=STRUCTURES.keys())
def test_structure(value: Any) -> None:
    for document in (value, {"a": value, "b": 1}, [value, 1]):
        assert misread(LIBYAML, document) == []


def test_order_of_keys_is_kept() -> None:
    keys = ["b", "a", "y", "1", "", "C", "c" * 600, "0"]
    for order in itertools.permutations(keys, 2):
        assert list(yaml.safe_load(dump(dict.fromkeys(order, 1)))) == list(order)


def test_keys_beyond_those_that_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {f"k{n}": {"y": n, "c" * 600: n, "k0": "k0", f"{n}": ["k1"]} for n in range(5)}
    before = dump(document)
    monkeypatch.setattr(yaml_writer, "MOST_KEYS", 2)
    assert dump(document) == before
    assert yaml.safe_load(before) == document


def test_the_style_of_the_file() -> None:
    document = {
        "kind": "LRS",
        "spec": {"args": ["-v", "1e3"], "env": {"y": ""}, "ports": [{"port": 80, "name": "http"}], "none": []},
    }
    assert dump(document) == (
        'kind: LRS\nspec:\n  args:\n  - "-v"\n  - "1e3"\n  env:\n    "y": ""\n'
        "  ports:\n  - port: 80\n    name: http\n  none: []\n"
    )  # fmt: skip


class _Word(str, Enum):
    A = "a"


NOT_JSON = [
    (1,),
    {1},
    b"a",
    bytearray(b"a"),
    1j,
    date(2001, 12, 14),
    Decimal("1.5"),
    object(),
    ...,
    range(3),
    _Word.A,
    OrderedDict(a=1),
]


@pytest.mark.parametrize("value", NOT_JSON, ids=lambda value: type(value).__name__)
def test_what_is_not_json_raises(value: Any) -> None:
    for document in (value, [value], {"a": value}, {"a": [{"b": value}]}):
        with pytest.raises(TypeError, match="not JSON data"):
            dump(document)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")], ids=repr)
def test_number_that_json_has_not_raises(value: float) -> None:
    for document in (value, [value], {"a": value}):
        with pytest.raises(ValueError, match="not a JSON number"):
            dump(document)


@pytest.mark.parametrize("key", [1, 1.5, None, True, (1,), b"a"], ids=repr)
def test_key_that_is_no_string_raises(key: Any) -> None:
    with pytest.raises(TypeError):
        dump({key: 1})


@given(document=JSON)
@example(document={"y": ["1e3", {"0o14": "08"}]})
def test_any_document(document: Any) -> None:
    assert misread(LIBYAML, document) == []
