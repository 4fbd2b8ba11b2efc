"""What goes with an LRS that is recreated: every shape of ownership, and no more work than there are references."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any

import pytest

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action
from kubectl_lrs.stores.lrs import dependents
from kubectl_lrs.stores.lrs.decide import Key, LrsStep, Owned, Rules
from kubectl_lrs.stores.lrs.dependents import Dependents, recreated, with_dependents
from kubectl_lrs.stores.lrs.saved import StoredLrs

Graph = Mapping[str, Iterable[str]]
"""Object → its owners; one that is not itself an object is an owner of another kind."""


def _key(name: str) -> Key:
    return ("datarobot", name)


def _owned(graph: Graph, *, held: Iterable[str] = ()) -> dict[Key, Owned]:
    return {
        _key(name): Owned(
            uid=f"uid-{name}",
            resource_version="1",
            fingerprint=name.encode(),
            is_held=name in held,
            owners=tuple({"kind": "LRS", "name": owner, "uid": f"uid-{owner}"} for owner in owners),
        )
        for name, owners in graph.items()
        if owners
    }


def _steps(graph: Graph, changed: Iterable[str], actions: Mapping[str, Action] | None = None) -> list[LrsStep]:
    changed, actions = set(changed), actions or {}
    return [
        LrsStep(
            namespace="datarobot",
            name=name,
            action=actions.get(name, Action.RECREATE if name in changed else Action.UNCHANGED),
            uid=f"uid-{name}" if name in changed else "",
        )
        for name in graph
    ]


def _stored(name: str) -> StoredLrs:
    return StoredLrs({"apiVersion": "x/v1", "kind": "LRS", "metadata": {"namespace": "datarobot", "name": name}})


def _nobody(_key: Key, _owned: Owned, _going: frozenset[str]) -> bool | None:
    return False


def _decided(
    graph: Graph,
    changed: Iterable[str],
    *,
    actions: Mapping[str, Action] | None = None,
    keeps: dependents.Keeps | None = None,
    rules: Rules | None = None,
    missing: Iterable[str] = (),
    held: Iterable[str] = (),
) -> dict[str, LrsStep]:
    """What each of the objects is to become; owners that are objects and do not go keep what they own."""

    def kept(key: Key, owned: Owned, going: frozenset[str]) -> bool | None:
        return any(each["name"] in graph and each["uid"] not in going for each in owned.owners)

    steps = [step for step in _steps(graph, changed, actions) if step.name not in set(missing)]
    source = [_stored(step.name) for step in steps]
    rules = rules or Rules(existing=Existing.RECREATE)
    made = with_dependents(steps, source, _owned(graph, held=held), rules, keeps or kept)
    return {step.name: step for step in made}


def _actions(steps: Mapping[str, LrsStep]) -> str:
    return " ".join(f"{name}:{step.action.value}" for name, step in sorted(steps.items()))


def test_what_has_no_owner_left_is_recreated_after_its_owner() -> None:
    steps = _decided({"a": [], "b": ["a"], "c": ["b"], "d": []}, "a")
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
    assert _actions(_decided(graph, changed)) == expected


def test_what_would_be_lost_keeps_everything_above_it_from_being_recreated() -> None:
    """The one between is left as it is: nobody deletes its owner now."""
    graph = {"a": [], "b": ["a"], "c": ["b"], "other": []}
    steps = _decided(graph, ["a", "other"], missing="c")
    assert _actions(steps) == "a:conflict b:unchanged other:recreate"
    assert steps["a"].reason == "it owns c, which would be deleted with it and is not restored; not recreated"


def test_what_is_recreated_itself_does_not_hide_what_is_above_it() -> None:
    """`b` differs too: it is left alone for the sake of `c`, and so must `a` be, which would take `b` along."""
    steps = _decided({"a": [], "b": ["a"], "c": ["b"]}, "ab", missing="c")
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
    steps = _decided({"a": [], "c": ["a", "config-map"]}, "a", **arguments)
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
        owned = _owned(graph)

        def keeps(key: Key, each: Owned, gone: frozenset[str], graph: Graph = graph) -> bool | None:
            return any(owner["uid"] not in gone for owner in each.owners)

        found = Dependents(owned, recreated(_steps(graph, changed)), keeps)
        assert {name for _, name in found.takers} == taken, (graph, changed)


def _chain(count: int) -> dict[str, list[str]]:
    return {f"n{number:05}": [f"n{number - 1:05}"] if number else [] for number in range(count)}


def _reversed(count: int) -> dict[str, list[str]]:
    return dict(reversed(list(_chain(count).items())))


def _star(count: int) -> dict[str, list[str]]:
    return {f"n{number:05}": ["n00000"] if number else [] for number in range(count)}


def _ladder(count: int) -> dict[str, list[str]]:
    return {f"n{number:05}": [f"n{above:05}" for above in (number - 1, number - 2) if above >= 0] for number in range(count)}


def _lines(act: Callable[[], object]) -> int:
    """How many lines of the module are run: operations, not seconds."""
    count = 0

    def local(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return local

    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        return local if frame.f_code.co_filename == dependents.__file__ else None

    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(None)
    return count


@pytest.mark.parametrize("shape", [_chain, _reversed, _star, _ladder])
@pytest.mark.parametrize("lost", [(), ("n00001",), "last"], ids=["all come back", "one is lost", "the last is lost"])
@pytest.mark.parametrize("changed", ["first", "all"])
def test_four_times_the_objects_are_four_times_the_work(shape: Any, lost: Any, changed: str) -> None:
    counts = []
    for size in (50, 200):
        graph = shape(size)
        missing = (f"n{size - 1:05}",) if lost == "last" else lost
        start = ["n00000"] if changed == "first" else list(graph)
        counts.append(_lines(lambda graph=graph, start=start, missing=missing: _decided(graph, start, missing=missing)))
    assert counts[1] < 4.4 * counts[0]
