"""Chains of owners: each LRS is owned by the one before it, so that a restore can make only one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.measure import Row, Run
from benchmarks.place import API_VERSION, KIND, Place
from tests.bed import loader, samples

LENGTH = 500
GROWTH = 1.2
"""A chain of twice the length may take so much more than twice of what one takes."""


def measure(length: int = LENGTH) -> Iterator[Row]:
    """A chain, and one of twice its length."""
    with Place.fresh() as place:
        once, twice = _restored(place, length), _restored(place, 2 * length)
    what, against = f"restore of a chain of {2 * length:,} owners", f"twice that of {length:,}"
    yield Row(what=f"{what}: processor time", ours=twice.cpu, against=against, theirs=2 * once.cpu, budget=GROWTH)
    yield Row(what=what, ours=twice.wall, against=against, theirs=2 * once.wall, budget=None)


def _restored(place: Place, length: int) -> Run:
    """Out of a backup, into a namespace that has none of them."""
    namespace, copy, name = f"chain-{length}", f"copy-{length}", f"saved-{length}"
    for each in (namespace, copy):
        loader.create_namespace(place.plane, each)
    owner: dict[str, Any] | None = None
    for number in range(length):
        owner = _owned(place, namespace, number, owner)
    place.lrs("backup", "-n", namespace, "--name", name, "-q")
    mapped = ("--map-namespace", f"{namespace}={copy}", "--accept-unmapped")
    return place.lrs("restore", name, *mapped, "--yes", "-q", "-o", "name")


def _owned(place: Place, namespace: str, number: int, owner: dict[str, Any] | None) -> dict[str, Any]:
    made = samples.filler(number, API_VERSION, KIND, namespace)
    if owner is not None:
        named = {"apiVersion": API_VERSION, "kind": KIND, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        made["metadata"]["ownerReferences"] = [named]
    status, answer = place.plane.api("POST", loader.objects_path(API_VERSION, namespace), made)
    if status != 201:
        raise RuntimeError(f"{status}: {answer}")
    return answer
