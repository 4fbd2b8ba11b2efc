"""Which of several backups is meant: the newest that holds what is asked for. Pure: it decides over catalogs alone.

A backup that was narrower than usual never hides a fuller one that is hardly older: `hidden` says which and why.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from kubectl_lrs.model.catalog import Catalog, Cluster, stamp
from kubectl_lrs.model.stores import NONE, RESOURCES, STORES
from kubectl_lrs.model.units import printable

T = TypeVar("T")

RECENT = timedelta(days=2)
"""A fuller backup that is older than this no longer stands in for a narrower one: what it holds is too old."""

EXTRAS = frozenset(("deployments",))
"""Parts of a backup that nobody need ask for: without them it is not narrower."""

FEWER = 2
"""A backup with fewer LRS, documents, images or files than the one before it by this factor is said to hold less."""

MANY = 10
"""Where there were so many and none is left, hardly anybody has meant that."""

COUNTED = {
    RESOURCES: ("objects", "LRS"),
    "mongo": ("documents", "documents"),
    "images": ("images", "images"),
    "files": ("files", "files"),
    "deployments": ("deployments", "deployments"),
}
"""By tier: the fact that counts what it holds, and what that is."""


@dataclass(frozen=True, kw_only=True)
class Fewer:
    """What one backup holds so much less of than another that it is said. `what`: in words; `then`: in the other one."""

    tier: str
    what: str
    now: int
    then: int

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left of many."""
        return self.now == 0 and self.then >= MANY

    def __str__(self) -> str:
        return f"{self.now:,} {self.what}, there were {self.then:,}"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a backup must hold to be meant, as far as its catalog tells. `until`: not later than this."""

    cluster: Cluster | None = None
    tiers: frozenset[str] = frozenset()
    namespace: str = ""
    types: frozenset[str] = frozenset()
    until: datetime | None = None

    @property
    def is_all(self) -> bool:
        """Whether all that a backup holds is asked for, and no part of it."""
        return not (self.tiers or self.types)

    def lack(self, catalog: Catalog) -> str:
        """What of it a backup is not or does not hold, in words; empty where it is meant."""
        facts = catalog.tiers[RESOURCES]
        if self.cluster is not None and not catalog.cluster.is_same(self.cluster):
            return f"is of {catalog.cluster.title}"
        if catalog.is_empty:
            return "is empty"
        if self.until is not None and catalog.instant > self.until:
            return "is later"
        if missing := sorted(self.tiers - set(catalog.tiers)):
            return f"holds no {missing[0]}"
        if self.namespace and self.namespace not in facts.get("namespaces", {}):
            return f"holds nothing of namespace {self.namespace}"
        if missing := sorted(self.types - set(facts.get("types", {}))):
            return f"holds no LRS of type {missing[0]}"
        return ""

    def __str__(self) -> str:
        words = [f"of the cluster {self.cluster.title}"] if self.cluster else []
        words += [f"until {self.until.astimezone():%Y-%m-%d %H:%M:%S %Z}"] if self.until else []
        words += [f"with {', '.join(sorted(self.tiers))}"] if self.tiers else []
        words += [f"with namespace {self.namespace}"] if self.namespace else []
        words += [f"with type {', '.join(sorted(self.types))}"] if self.types else []
        return " ".join(words)


ANY = Asked()


def group_of(catalog: Catalog) -> Hashable:
    """What backups of one group have in common: cluster, and all that says what was asked for.

    One of a cluster that is not known is a group by itself, as nothing tells which others it could stand for.
    """
    cluster = catalog.cluster
    levels = {name: level for name, level in catalog.levels.items() if level != NONE}
    return (
        (cluster.uid or (cluster.server, cluster.ca_sha256)) if cluster.is_known else (catalog.name, stamp(catalog.instant)),
        json.dumps([catalog.selection, levels], sort_keys=True),
        catalog.profile,
    )


def less(mine: Catalog, than: Catalog) -> list[str]:
    """What the first was asked for less than the second, in words.

    Nothing where they are not alike: of two that each have what the other has not, neither holds less.
    """
    if list(_more(mine, than)):
        return []
    return list(_more(than, mine))


def _more(one: Catalog, other: Catalog) -> Iterator[str]:
    """What the first has that the second has not, said of the second."""
    mine, theirs = one.selection, other.selection
    if theirs.get("namespace") and mine.get("namespace") != theirs["namespace"]:
        yield f"namespace {theirs['namespace']} alone"
    types, others = set(mine.get("types") or ()), set(theirs.get("types") or ())
    if others and (not types or types - others):
        yield f"type {', '.join(sorted(others))} alone"
    if without := set(theirs.get("excludedTypes") or ()) - set(mine.get("excludedTypes") or ()):
        yield f"no {', '.join(sorted(without))}"
    if theirs.get("selector") and mine.get("selector") != theirs["selector"]:
        yield f"labels {theirs['selector']} alone"
    for name, store in STORES.items():
        there, here = one.levels.get(name, NONE), other.levels.get(name, NONE)
        if store.rank(there) > store.rank(here):
            yield f"no {name}" if here == NONE else f"{name} {here}, not {there}"
    for name in sorted(set(one.tiers) - set(other.tiers) - set(STORES) - EXTRAS):
        yield f"no {name}"


def hidden(catalogs: Sequence[Catalog]) -> dict[str, tuple[Catalog, list[str]]]:
    """Name of a backup that was narrower than usual → (the fuller one before it that counts in its place, what it lacks).

    `catalogs`: in any order. Usual is what there is as often at least; the fuller one must be of the same cluster, and RECENT.
    """
    counts = Counter(map(group_of, catalogs))
    ordered = sorted(catalogs, key=lambda each: each.instant)
    found: dict[str, tuple[Catalog, list[str]]] = {}
    for place, narrow in enumerate(ordered):
        for fuller in reversed(ordered[:place]):
            if narrow.instant - fuller.instant > RECENT:
                break
            is_usual = counts[group_of(fuller)] >= counts[group_of(narrow)]
            if is_usual and fuller.cluster.is_same(narrow.cluster) and (words := less(narrow, fuller)):
                found[narrow.name] = (fuller, words)
                break
    return found


def newest(
    backups: Sequence[T], catalog: Callable[[T], Catalog], asked: Asked, holds: Callable[[T], bool] = lambda _backup: True
) -> tuple[T | None, list[tuple[T, str]]]:
    """(the newest that holds what is asked for, newer ones that were passed over and why).

    `backups`: in the order in which they are preferred. `holds`: what only a look into a backup tells; it is asked last.
    """
    passed: list[tuple[T, str]] = []
    narrow = hidden([catalog(each) for each in backups if not asked.lack(catalog(each))]) if asked.is_all else {}
    behind: list[T] = []
    for each in backups:
        why = asked.lack(catalog(each))
        if not why and catalog(each).name in narrow:
            _, words = narrow[catalog(each).name]
            why = f"holds {', '.join(words)} ({catalog(each).objects:,} LRS)"
            behind.append(each)
        elif not why and holds(each):
            return each, passed
        passed.append((each, why or "does not hold it"))
    chosen = next((each for each in behind if holds(each)), None)
    return chosen, [(each, why) for each, why in passed if each is not chosen]


def less_than_before(mine: Catalog, earlier: Sequence[Catalog]) -> str:
    """What a backup holds less than the one before it, and how much; empty where nothing is to be said.

    Like is compared with like: where there is an earlier one of the same group, only with that, and by how much there is of each
    store. `earlier`: those of the same cluster before it, oldest first.
    """
    same = [each for each in earlier if group_of(each) == group_of(mine)]
    before = same[-1] if same else earlier[-1] if earlier else None
    if before is None:
        return ""
    words = [] if same else less(mine, before)
    counts = list(map(str, fewer(mine, before))) if same else []
    if not words and not counts:
        return ""
    said = f": {', '.join(words)}" if words else ""
    counts = counts or [str(Fewer(tier=RESOURCES, what="LRS", now=mine.objects, then=before.objects))]
    return f"it holds less than {before.name}, the one before it{said}; {'; '.join(counts)}"


def fewer(mine: Catalog, before: Catalog) -> Iterator[Fewer]:
    """Of what the first has so much less that it is said: by tier, and by collection where both have whole catalogs."""
    for tier, (_, what) in COUNTED.items():
        yield from _less_of(tier, what, held(mine, tier), held(before, tier))
    now, then = _collections(mine), _collections(before)
    for name in sorted(now.keys() & then.keys()):
        yield from _less_of("mongo", f"documents in {printable(name)}", now[name], then[name])


def held(catalog: Catalog, tier: str) -> int | None:
    """How much of a tier a backup holds; None where that is not told."""
    count = (catalog.tiers.get(tier) or {}).get(COUNTED[tier][0])
    return count if type(count) is int else None


def _less_of(tier: str, what: str, now: int | None, then: int | None) -> Iterator[Fewer]:
    if now is not None and then is not None and now * FEWER < then:
        yield Fewer(tier=tier, what=what, now=now, then=then)


def _collections(catalog: Catalog) -> dict[str, int]:
    """Documents by collection. A catalog is read without trust, and of a pool it may have their number alone."""
    listed = (catalog.tiers.get("mongo") or {}).get("collections")
    entries = (each for each in listed if isinstance(each, Mapping)) if isinstance(listed, list) else ()
    found = ((each.get("name"), each.get("documents")) for each in entries)
    return {name: count for name, count in found if isinstance(name, str) and type(count) is int}
