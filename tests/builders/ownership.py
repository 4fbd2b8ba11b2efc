"""Graphs of LRS that own each other, and what is decided of each when some are recreated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action
from kubectl_lrs.stores.lrs.decide import Key, LrsStep, Owned, Rules
from kubectl_lrs.stores.lrs.dependents import Keeps, with_dependents
from kubectl_lrs.stores.lrs.saved import StoredLrs

Graph = Mapping[str, Iterable[str]]
"""Object → its owners; one that is not itself an object is an owner of another kind."""


def key(name: str) -> Key:
    return ("datarobot", name)


def owned_in(graph: Graph, *, held: Iterable[str] = ()) -> dict[Key, Owned]:
    return {
        key(name): Owned(
            uid=f"uid-{name}",
            resource_version="1",
            fingerprint=name.encode(),
            is_held=name in held,
            owners=tuple({"kind": "LRS", "name": owner, "uid": f"uid-{owner}"} for owner in owners),
        )
        for name, owners in graph.items()
        if owners
    }


def steps_for(graph: Graph, changed: Iterable[str], actions: Mapping[str, Action] | None = None) -> list[LrsStep]:
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


def decided(
    graph: Graph,
    changed: Iterable[str],
    *,
    actions: Mapping[str, Action] | None = None,
    keeps: Keeps | None = None,
    rules: Rules | None = None,
    missing: Iterable[str] = (),
    held: Iterable[str] = (),
) -> dict[str, LrsStep]:
    """What each of the objects is to become; owners that are objects and do not go keep what they own."""

    def kept(key: Key, owned: Owned, going: frozenset[str]) -> bool | None:
        return any(each["name"] in graph and each["uid"] not in going for each in owned.owners)

    steps = [step for step in steps_for(graph, changed, actions) if step.name not in set(missing)]
    source = [_stored(step.name) for step in steps]
    rules = rules or Rules(existing=Existing.RECREATE)
    made = with_dependents(steps, source, owned_in(graph, held=held), rules, keeps or kept)
    return {step.name: step for step in made}


# ---- shapes


def chain(count: int) -> dict[str, list[str]]:
    """Each is owned by the one before it."""
    return {f"n{number:05}": [f"n{number - 1:05}"] if number else [] for number in range(count)}


def backwards(count: int) -> dict[str, list[str]]:
    """The same chain, the last one first."""
    return dict(reversed(list(chain(count).items())))


def star(count: int) -> dict[str, list[str]]:
    """All are owned by the first."""
    return {f"n{number:05}": ["n00000"] if number else [] for number in range(count)}


def ladder(count: int) -> dict[str, list[str]]:
    """Each is owned by the two before it."""
    return {f"n{number:05}": [f"n{above:05}" for above in (number - 1, number - 2) if above >= 0] for number in range(count)}
