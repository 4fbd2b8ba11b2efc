"""Which objects are meant: the selector that the server gets and the decision without a server are the same."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.selection import Selection, near_labels, near_types, parse_selector
from kubectl_lrs.model.workloads import SPARK, TYPE_LABEL


def _object(namespace: str = "n", **labels: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": "a", "labels": labels}}


def _typed(kind: str, namespace: str = "n") -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "labels": {TYPE_LABEL: kind}}}


@pytest.mark.parametrize(
    ("selector", "taken", "left"),
    [
        ("", [{}, {"a": "1"}], []),
        ("  ", [{}], []),
        ("a=1", [{"a": "1"}], [{}, {"a": "2"}]),
        ("a==1", [{"a": "1"}], [{"a": ""}]),
        ("a=", [{"a": ""}], [{}, {"a": "1"}]),
        ("a!=1", [{}, {"a": "2"}], [{"a": "1"}]),
        ("a", [{"a": ""}, {"a": "1"}], [{}, {"b": "1"}]),
        ("!a", [{}, {"b": "1"}], [{"a": ""}]),
        ("! a", [{}], [{"a": ""}]),
        ("a in (1,2)", [{"a": "1"}, {"a": "2"}], [{}, {"a": "3"}]),
        ("a  in ( 1 , 2 )", [{"a": "2"}], [{"a": " 2"}]),
        ("a in (1,)", [{"a": ""}, {"a": "1"}], [{}, {"a": "2"}]),
        ("a notin (1,2)", [{}, {"a": "3"}], [{"a": "1"}]),
        ("a=1,b in (x,y),!c", [{"a": "1", "b": "y"}], [{"a": "1"}, {"a": "1", "b": "x", "c": ""}]),
        ("example.com/a_b.c=v-1", [{"example.com/a_b.c": "v-1"}], [{}]),
    ],
)
def test_label_selectors_in_kubectls_syntax(selector: str, taken: list[dict[str, str]], left: list[dict[str, str]]) -> None:
    matches = Selection(selector=selector).matcher()
    assert [labels for labels in taken if not matches(_object(**labels))] == []
    assert [labels for labels in left if matches(_object(**labels))] == []


@pytest.mark.parametrize(
    "selector", ["a b", "=1", "a in 1", "a in (1", "a,,b", "a=1,", "a>1", "a=b=c", "é=1", "a=ü", "in (a)", "(a)"]
)
def test_a_selector_that_cannot_be_read_is_refused_and_never_takes_everything(selector: str) -> None:
    with pytest.raises(UsageError, match="selector"):
        Selection(selector=selector)
    with pytest.raises(UsageError):
        parse_selector(selector)


def test_all_but_what_is_left_out_by_default() -> None:
    selection = Selection()
    assert selection.left_out == (SPARK,)
    assert selection.label_selector() == f"{TYPE_LABEL} notin ({SPARK})"
    assert selection.label_selector(with_left_out=True) == ""
    assert selection.matcher()(_object())
    assert not selection.matcher()(_typed(SPARK))
    assert selection.matcher(with_left_out=True)(_typed(SPARK))


def test_types_that_are_asked_for_and_excluded() -> None:
    asked = Selection(types=(SPARK, "deployment"))
    assert asked.left_out == ()
    assert asked.label_selector() == f"{TYPE_LABEL} in ({SPARK},deployment)"
    assert [asked.matcher()(_typed(kind)) for kind in (SPARK, "deployment", "other")] == [True, True, False]
    assert not asked.matcher()(_object()), "without a label it is of no type"
    without = Selection(excluded_types=("deployment",))
    assert without.label_selector() == f"{TYPE_LABEL} notin ({SPARK},deployment)"
    assert Selection(excluded_types=(SPARK,)).left_out == (), "the user said so"


def test_a_namespace_and_a_selector_besides() -> None:
    matches = Selection(namespace="n", types=("deployment",), selector="a=1").matcher()
    wanted = {"metadata": {"namespace": "n", "labels": {TYPE_LABEL: "deployment", "a": "1"}}}
    assert matches(wanted)
    assert not matches({"metadata": {**wanted["metadata"], "namespace": "other"}})
    assert not matches({"metadata": {"labels": wanted["metadata"]["labels"]}})
    assert not matches({"metadata": {"namespace": "n", "labels": None}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"namespace": ""},
        {"namespace": "Upper"},
        {"namespace": "../x"},
        {"types": ("",)},
        {"types": ("a b",)},
        {"types": ("a),b in (c",)},
        {"excluded_types": ("-",)},
        {"types": ("a",), "excluded_types": ("a",)},
    ],
)
def test_what_makes_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Selection(**wrong)


def test_what_the_catalog_is_told() -> None:
    assert Selection(namespace="n", selector="a=1").as_dict() == {
        "namespace": "n",
        "types": [],
        "excludedTypes": [],
        "leftOutByDefault": [SPARK],
        "selector": "a=1",
    }


def test_near_types_and_labels() -> None:
    assert near_types(["deploymnt", "spark_app", "zzz"], ["training_run"]) == ["--type deployment", "--type spark_app"]
    assert near_types(["training_run"], ["training_run"]) == []
    assert near_types(["trainingrun"], ["training_run"]) == ["--type training_run"]
    assert near_labels("app=wbe", ["app=web", "tier=cache"]) == ["-l app=web"]
    assert near_labels("app=web", ["app=web"]) == near_labels("", ["app=web"]) == near_labels("x=y", ["app=web"]) == []
