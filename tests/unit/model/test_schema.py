"""A structural schema held against a manifest: defaults as the server fills them in, and what strict validation refuses."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.schema import PRESERVE, defaults_of, problems, with_defaults

SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["image", "mode"],
    "properties": {
        "image": {"type": "string"},
        "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
        "replicas": {"type": "integer", "default": 1},
        "ratio": {"type": "number"},
        "on": {"type": "boolean"},
        "port": {"type": "integer", "x-kubernetes-int-or-string": True},
        "none": {"type": "string", "nullable": True, "default": "x"},
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
        "any": {"type": "object", PRESERVE: True},
        "embedded": {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"kind": {"type": "string"}}},
        "containers": {
            "type": "array",
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "n": {"default": 2}}},
        },
        "deep": {"type": "object", "default": {}, "properties": {"down": {"type": "integer", "default": 3}}},
    },
}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"spec": SPEC}, "required": ["spec"]}


def _manifest(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "x/v1", "kind": "L", "metadata": {"any": 1}, "spec": {"image": "i", "mode": "a", **spec}, "status": 1}


def _said(**spec: Any) -> list[str]:
    return [str(each) for each in problems(_manifest(**spec), SCHEMA)]


def test_defaults_are_filled_in_where_nothing_is() -> None:
    before = {"spec": {"image": "i", "containers": [{"name": "a"}, {"name": "b", "n": 5}]}}
    kept = copy.deepcopy(before)
    made = with_defaults(before, SCHEMA)
    assert before == kept
    assert made["spec"] == {
        "image": "i",
        "containers": [{"name": "a", "n": 2}, {"name": "b", "n": 5}],
        "mode": "a",
        "replicas": 1,
        "none": "x",
        "deep": {"down": 3},
    }
    assert with_defaults(made, SCHEMA) is made, "nothing more to fill in"


KEYS = st.sampled_from("abc")
VALUES = st.recursive(
    st.none() | st.booleans() | st.text("xy", max_size=1),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
SCHEMAS = st.recursive(
    st.fixed_dictionaries({}, optional={"type": st.just("string"), "default": VALUES, "nullable": st.booleans()}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(KEYS, inner, max_size=3),
            "additionalProperties": inner | st.booleans(),
            "items": inner,
            "default": VALUES,
            "nullable": st.booleans(),
        },
    ),
    max_leaves=8,
)


@given(VALUES, SCHEMAS)
def test_what_is_kept_of_a_schema_fills_in_the_same(value: Any, schema: dict[str, Any]) -> None:
    assert with_defaults(value, defaults_of(schema)) == with_defaults(value, schema)


def test_nothing_is_kept_of_a_schema_without_defaults() -> None:
    assert defaults_of({"type": "object", "properties": {"a": {"type": "array", "items": {"nullable": True}}}}) == {}
    assert defaults_of(SPEC)["properties"].keys() == {"mode", "replicas", "none", "containers", "deep"}


def test_a_null_gets_the_default_only_where_null_is_not_allowed() -> None:
    made = with_defaults({"spec": {"replicas": None, "none": None, "image": None}}, SCHEMA)["spec"]
    assert (made["replicas"], made["none"], made["image"]) == (1, None, None)


def test_nothing_is_made_up_where_the_parent_is_missing() -> None:
    assert with_defaults({}, SCHEMA) == {}
    assert with_defaults({"spec": None}, SCHEMA) == {"spec": None}
    assert with_defaults([1], {}) == [1]


def test_what_is_right_is_not_spoken_of() -> None:
    right = {
        "replicas": 2.0,
        "ratio": 1,
        "on": False,
        "port": "http",
        "none": None,
        "env": {"A": "1"},
        "any": {"x": {"y": [1]}},
        "embedded": {"kind": "K", "spec": {}},
        "containers": [],
        "deep": {},
    }
    assert _said(**right) == []
    assert list(problems({"spec": {"image": "i"}}, SCHEMA)) == [], "what has a default is not missing"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"foo": 1}, "spec.foo: unknown field"),
        ({"mode": "c"}, "spec.mode: 'c' is not one of 'a', 'b'"),
        ({"replicas": "2"}, "spec.replicas: string, but the schema wants integer"),
        ({"replicas": 1.5}, "spec.replicas: number, but the schema wants integer"),
        ({"replicas": True}, "spec.replicas: boolean, but the schema wants integer"),
        ({"ratio": True}, "spec.ratio: boolean, but the schema wants number"),
        ({"on": 1}, "spec.on: integer, but the schema wants boolean"),
        ({"image": None}, "spec.image: null, but not nullable"),
        ({"image": {}}, "spec.image: object, but the schema wants string"),
        ({"env": []}, "spec.env: array, but the schema wants object"),
        ({"env": {"A": 1}}, "spec.env.A: integer, but the schema wants string"),
        ({"containers": [{"name": "a"}, {}]}, "spec.containers[1].name: missing, but required"),
        ({"containers": [{"name": "a", "x": 1}]}, "spec.containers[0].x: unknown field"),
        ({"deep": {"up": 1}}, "spec.deep.up: unknown field"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(spec: dict[str, Any], said: str) -> None:
    assert _said(**spec) == [said]


def test_an_unknown_field_is_what_strict_validation_alone_refuses() -> None:
    (unknown,) = problems(_manifest(foo=1), SCHEMA)
    (wrong,) = problems(_manifest(on=1), SCHEMA)
    assert unknown.is_unknown_field
    assert not wrong.is_unknown_field


def test_the_top() -> None:
    assert [str(each) for each in problems({"metadata": {}, "extra": 1}, SCHEMA)] == [
        "extra: unknown field",
        "spec: missing, but required",
    ]
    assert list(problems({"anything": 1}, {})) == [], "a schema that says nothing refuses nothing"
    assert list(problems({"anything": 1}, {**SCHEMA, "required": [], PRESERVE: True})) == []
