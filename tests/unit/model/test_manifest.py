"""From an object as the server gave it to one that can be created anew, and a LIST that is read piece by piece."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.manifest import (
    LAST_APPLIED,
    SERVER_FIELDS,
    comparable,
    fingerprint,
    loads,
    metadata_of,
    sanitise,
    split_list,
)

LIVE: dict[str, Any] = {
    "apiVersion": "x/v1",
    "kind": "LRS",
    "metadata": {
        "name": "a",
        "namespace": "n",
        **dict.fromkeys(SERVER_FIELDS, "set by the server"),
        "ownerReferences": [{"uid": "1"}],
        "labels": {"l": "1"},
        "annotations": {LAST_APPLIED: "{}", "mine": "1"},
        "finalizers": ["f"],
    },
    "spec": {"uid": "mine", "status": 1, "metadata": {"uid": "mine"}},
    "status": {"phase": "Running"},
}


def test_what_the_server_sets_goes_and_all_else_stays_in_its_order() -> None:
    before = copy.deepcopy(LIVE)
    clean = sanitise(LIVE)
    assert before == LIVE, "the object that was given is not touched"
    assert clean == {
        "apiVersion": "x/v1",
        "kind": "LRS",
        "metadata": {"name": "a", "namespace": "n", "labels": {"l": "1"}, "annotations": {"mine": "1"}, "finalizers": ["f"]},
        "spec": LIVE["spec"],
    }
    assert list(clean) == ["apiVersion", "kind", "metadata", "spec"]
    assert sanitise(clean) == clean


def test_annotations_that_were_kubectls_alone_go_with_it() -> None:
    alone = {"metadata": {"name": "a", "annotations": {LAST_APPLIED: "{}"}}}
    assert sanitise(alone) == {"metadata": {"name": "a"}}


@pytest.mark.parametrize("nothing", [{}, [], None])
def test_empty_is_the_same_as_absent_to_the_server(nothing: Any) -> None:
    metadata = {"name": "a", "labels": nothing, "annotations": nothing, "finalizers": nothing}
    assert comparable({"metadata": metadata}) == {"metadata": {"name": "a"}}
    assert comparable({"metadata": {"name": "a"}, "spec": nothing}) == {"metadata": {"name": "a"}, "spec": nothing}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": None}, {}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": "é"}, {"a": "e\u0301"}),
        ({"a": {"b": 1}}, {"a": {}, "b": 1}),
    ],
)
def test_fingerprints_tell_apart_what_differs(one: Any, other: Any) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_fingerprints_do_not_see_the_order_of_keys_and_take_any_text() -> None:
    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint({"b": {"d": 3, "c": 2}, "a": 1})
    assert fingerprint({"a": "\ud800"}) != fingerprint({"a": "\ud801"})
    assert len(fingerprint({})) == 16


def test_numbers_keep_their_size_and_kind() -> None:
    found = loads("[9223372036854775808, 1.0, -0.0, 1e3]")
    assert [type(each) for each in found] == [int, float, float, float]
    assert found[0] == 2**63


ITEM = st.dictionaries(
    st.text('items]}{[,:"\\ é', max_size=4), st.text(']}{[,:"\\ items', max_size=6) | st.integers(), max_size=3
)


@given(st.lists(ITEM, max_size=5), st.dictionaries(st.sampled_from(["kind", "metadata", "z"]), ITEM, max_size=3), st.booleans())
def test_a_list_is_read_as_json_would_read_it(items: list[Any], others: dict[str, Any], spaced: bool) -> None:
    document = {**others, "items": items, "last": [1, {"items": [2]}]}
    text = json.dumps(document, indent=2 if spaced else None, ensure_ascii=False)
    found = list(split_list(text))
    elements = [value for key, value in found if key == "items"]
    assert [value for _, value in elements] == items
    assert all(json.loads(raw) == value for raw, value in elements), "each with its own text"
    assert {key: value for key, value in found if key != "items"} == {**others, "last": document["last"]}


@pytest.mark.parametrize("text", ['{"items": []}', ' {"items" : [ ] } ', '{"items":[]}'])
def test_an_empty_list(text: str) -> None:
    assert list(split_list(text)) == []


def test_items_that_are_no_list_are_handed_on_as_they_are() -> None:
    assert list(split_list('{"items": null, "kind": "L"}')) == [("items", None), ("kind", "L")]


@pytest.mark.parametrize("text", ["", "[]", '{"items": [', '{"items": [{}', '{"items": [{}]', '{"a"', '{"a": }'])
def test_what_is_cut_is_an_error_and_no_shorter_list(text: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        list(split_list(text))


@pytest.mark.parametrize("depth", [300, 20_000])
def test_an_element_that_is_nested_without_measure_does_not_hide_the_others(depth: int) -> None:
    """Its text is found to its end, brackets in its strings or not."""
    deep = f'{{"metadata": {{"name": "d]}}"}}, "x": {"[" * depth}"\\"]"{"]" * depth}}}'
    found = list(split_list(f'{{"items": [{{"a": 1}}, {deep}, {{"b": 2}}], "kind": "L"}}'))
    assert [value for _, value in (found[0][1], found[2][1])] == [{"a": 1}, {"b": 2}]
    assert found[1][1][0] == deep
    assert (found[1][1][1] is None) == (depth > 1000)
    assert metadata_of(deep.replace('"metadata": ', '"metadata":')) == {"name": "d]}"}
    assert found[3] == ("kind", "L")
    with pytest.raises((ValueError, IndexError)):
        list(split_list(f'{{"items": [{"[" * depth}'))
