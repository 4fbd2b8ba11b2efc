"""Chains of owners: each LRS is owned by the one before it, so that a restore can make only one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.measure import Row, Run
from benchmarks.place import API_VERSION, KIND, NAMESPACE, Place
from benchmarks.resources import ALL
from tests.bed import loader, samples

LENGTH = 500
GROWTH = 1.2
"""A chain of twice the length may take so much more than twice of what one takes."""


def measure(length: int = LENGTH) -> Iterator[Row]:
    """A chain, and one of twice its length."""
    once, twice = _restored(length), _restored(2 * length)
    what = f"restore of a chain of {2 * length:,} owners"
    yield Row(
        what=f"{what}: processor time", ours=twice.cpu, against=f"twice that of {length:,}", theirs=2 * once.cpu, budget=GROWTH
    )
    yield Row(what=what, ours=twice.wall, against=f"twice that of {length:,}", theirs=2 * once.wall, budget=None)


def _restored(length: int) -> Run:
    """Out of a backup, into a cluster that has none of them."""
    with Place.fresh() as place:
        loader.create_namespace(place.plane, NAMESPACE)
        owner: dict[str, Any] | None = None
        for number in range(length):
            owner = _owned(place, number, owner)
        place.lrs("backup", "-n", NAMESPACE, "--name", "saved", "-q")
        place.plane.api("DELETE", f"{ALL}?propagationPolicy=Orphan")
        loader.wait_until(lambda: not place.plane.api("GET", f"{ALL}?limit=1")[1]["items"], "all to be gone")
        return place.lrs("restore", "saved", "--yes", "-q", "-o", "name")


def _owned(place: Place, number: int, owner: dict[str, Any] | None) -> dict[str, Any]:
    made = samples.filler(number, API_VERSION, KIND, NAMESPACE)
    if owner is not None:
        named = {"apiVersion": API_VERSION, "kind": KIND, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        made["metadata"]["ownerReferences"] = [named]
    status, answer = place.plane.api("POST", ALL, made)
    if status != 201:
        raise RuntimeError(f"{status}: {answer}")
    return answer
