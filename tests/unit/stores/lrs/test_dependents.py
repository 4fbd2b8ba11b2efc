"""What goes with an LRS that is recreated: every shape of ownership; contract/test_growth.py counts the work."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action
from kubectl_lrs.stores.lrs.decide import Key, LrsStep, Owned, Rules
from kubectl_lrs.stores.lrs.dependents import Dependents, recreated
from tests.builders.ownership import Graph, decided, owned_in, steps_for


def _nobody(_key: Key, _owned: Owned, _going: frozenset[str]) -> bool | None:
    return False


def _actions(steps: Mapping[str, LrsStep]) -> str:
    return " ".join(f"{name}:{step.action.value}" for name, step in sorted(steps.items()))


def test_what_has_no_owner_left_is_recreated_after_its_owner() -> None:
    steps = decided({"a": [], "b": ["a"], "c": ["b"], "d": []}, "a")
    assert _actions(steps) == "a:recreate b:recreate c:recreate d:unchanged"
    assert steps["c"].reason == "b, which owns it, is recreated"
    assert (steps["c"].uid, steps["c"].live, steps["c"].goes_with_owner) == ("uid-c", b"c", True)
    assert not steps["a"].goes_with_owner


@pytest.mark.parametrize(
    ("graph", "changed", "expected"),
    [
        ({"a": [], "b": [], "c": ["a", "b"]}, "a", "a:recreate b:unchanged c:unchanged"),
        ({"a": [], "b": [], "c": ["a", "b"]}, "ab", "a:recreate b:recreate c:recreate"),
        ({"a": ["b"], "b": ["a"], "c": ["b"]}, "a", "a:recreate b:recreate c:recreate"),
        ({"a": ["a"], "b": ["a"]}, "a", "a:recreate b:recreate"),
        ({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}, "a", "a:recreate b:recreate c:recreate d:recreate"),
        ({"a": [], "b": ["a", "a"]}, "a", "a:recreate b:recreate"),
        ({"a": [], "b": ["a", "gone"]}, "a", "a:recreate b:recreate"),
    ],
    ids=["another owner stays", "both go", "cycle", "its own owner", "diamond", "named twice", "the other is gone already"],
)
def test_shapes(graph: Graph, changed: str, expected: str) -> None:
    assert _actions(decided(graph, changed)) == expected


def test_what_would_be_lost_keeps_everything_above_it_from_being_recreated() -> None:
    """The one between is left as it is: nobody deletes its owner now."""
    graph = {"a": [], "b": ["a"], "c": ["b"], "other": []}
    steps = decided(graph, ["a", "other"], missing="c")
    assert _actions(steps) == "a:conflict b:unchanged other:recreate"
    assert steps["a"].reason == "it owns c, which would be deleted with it and is not restored; not recreated"


def test_what_is_recreated_itself_does_not_hide_what_is_above_it() -> None:
    """`b` differs too: it is left alone for the sake of `c`, and so must `a` be, which would take `b` along."""
    steps = decided({"a": [], "b": ["a"], "c": ["b"]}, "ab", missing="c")
    assert _actions(steps) == "a:conflict b:conflict"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"actions": {"c": Action.SKIP}}, "is not restored"),
        ({"actions": {"c": Action.CONFLICT}}, "cannot be recreated ()"),
        ({"rules": Rules(existing=Existing.RECREATE, problems=lambda _: "spec.x: unknown field")}, "cannot be recreated (spec.x"),
        ({"rules": Rules(existing=Existing.RECREATE, recreate_refused="asleep"), "held": "c"}, "has finalizers that nobody"),
        ({"keeps": lambda *_: None}, "has another owner that could not be looked up"),
    ],
)
def test_why_something_would_be_lost(arguments: dict[str, Any], why: str) -> None:
    steps = decided({"a": [], "c": ["a", "config-map"]}, "a", **arguments)
    assert steps["a"].action is Action.CONFLICT
    assert why in steps["a"].reason


def test_against_the_plain_definition() -> None:
    """What goes is the least set that holds what is deleted and all whose owners are all in it."""
    chance = random.Random(1)
    for _ in range(150):
        names = [f"n{number}" for number in range(chance.randrange(1, 9))]
        graph = {name: chance.sample(names, chance.randrange(min(4, len(names) + 1))) for name in names}
        changed = chance.sample(names, chance.randrange(len(names) + 1))
        going = set(changed)
        while more := {name for name in names if name not in going and graph[name] and set(graph[name]) <= going}:
            going |= more
        taken = {name for name in names if graph[name] and set(graph[name]) <= going}
        owned = owned_in(graph)

        def keeps(key: Key, each: Owned, gone: frozenset[str], graph: Graph = graph) -> bool | None:
            return any(owner["uid"] not in gone for owner in each.owners)

        found = Dependents(owned, recreated(steps_for(graph, changed)), keeps)
        assert {name for _, name in found.takers} == taken, (graph, changed)
