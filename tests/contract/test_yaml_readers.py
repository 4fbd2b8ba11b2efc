"""What our YAML emitter writes, readers of other families take for the same value, by the rules of YAML 1.1 and of 1.2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given

from tests.builders.yaml_cases import JSON, LIBYAML, NUMBERS, OTHERS, PLACES, STRUCTURES, Reader, misread, misread_strings

each_reader = pytest.mark.parametrize("read", OTHERS.values(), ids=OTHERS.keys())


@pytest.mark.parametrize("read", [*OTHERS.values(), LIBYAML], ids=[*OTHERS, "libyaml"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_string(read: Reader, place: Callable[[str], Any]) -> None:
    assert misread_strings(read, place) == {}


@each_reader
def test_number(read: Reader) -> None:
    assert {number: misread(read, {"a": number, "b": [number]}) for number in NUMBERS} == {number: [] for number in NUMBERS}


@each_reader
@pytest.mark.parametrize("value", STRUCTURES.values(), ids=STRUCTURES.keys())
def test_structure(read: Reader, value: Any) -> None:
    for document in (value, {"a": value, "b": 1}, [value, 1]):
        assert misread(read, document) == []


@each_reader
@given(document=JSON)
@example(document={"y": ["1e3", {"0o14": "08"}]})
def test_any_document(read: Reader, document: Any) -> None:
    assert misread(read, document) == []
