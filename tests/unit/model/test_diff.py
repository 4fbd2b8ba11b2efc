"""What makes two JSON values differ: every field, named as kubectl explain would; types count, the order of keys does not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.diff import ABSENT, Change, changes, same

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=1), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {}, [("a", 1, ABSENT)]),
        ({}, {"a": None}, [("a", ABSENT, None)]),
        ({"a": None}, {}, [("a", None, ABSENT)]),
        ({"a": 1}, {"a": "1"}, [("a", 1, "1")]),
        ({"a": 1}, {"a": True}, [("a", 1, True)]),
        ({"a": 1}, {"a": 1.0}, [("a", 1, 1.0)]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [("a[1]", 2, 3)]),
        ({"a": [1, 2]}, {"a": [1]}, [("a", [1, 2], [1])]),
        ({"a": []}, {"a": {}}, [("a", [], {})]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, [("a.b.c", 1, 2)]),
        ({"a": {"x.y/z": 1}}, {"a": {"x.y/z": 2}}, [("a['x.y/z']", 1, 2)]),
        ({"": 1}, {"": 2}, [("['']", 1, 2)]),
        ([{"a": 1}], [{"a": 2}], [("[0].a", 1, 2)]),
        (1, 2, [("", 1, 2)]),
    ],
)
def test_each_field_by_name(before: Any, after: Any, wanted: list[tuple[str, Any, Any]]) -> None:
    found = [(each.field, each.before, each.after) for each in changes(before, after)]
    assert [(f, repr(b), repr(a)) for f, b, a in found] == [(f, repr(b), repr(a)) for f, b, a in wanted]


def test_added_fields_come_last() -> None:
    found = list(changes({"z": 1, "m": 2}, {"new": 0, "m": 3, "z": 4}))
    assert [each.field for each in found] == ["z", "m", "new"]


@given(JSON, JSON)
def test_nothing_differs_just_where_they_are_the_same(one: Any, other: Any) -> None:
    assert list(changes(one, copy.deepcopy(one))) == []
    assert (list(changes(one, other)) == []) is same(one, other)
    assert same(one, other) is same(other, one)


@given(JSON, JSON)
def test_the_changes_make_one_into_the_other(before: Any, after: Any) -> None:
    made = {"top": copy.deepcopy(before)}
    for change in changes({"top": before}, {"top": after}):
        _put(made, change)
    assert same(made, {"top": after})


def _put(value: Any, change: Change) -> None:
    *way, last = change.path
    for part in way:
        value = value[part]
    if change.after is ABSENT:
        del value[last]
    else:
        value[last] = change.after
