"""Diff of what two backups hold beside the LRS: documents, images, files, deployments, each by its name and its sum.

Memory is bounded whatever there is: of so many things that they would not fit, a share after the other is held.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from kubectl_lrs.model.diff import Kind
from kubectl_lrs.model.stores import STORES
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.base import Compare, Item, compare_module

DEPLOYMENTS = "deployments"
PARTS = (*STORES, DEPLOYMENTS)

HELD = 500_000
"""Things that are held at once, some 100 MB; more of them are read that many times oftener."""

KEPT = 10_000
"""Differences of a store that are listed; of more only the number is told."""


@dataclass(kw_only=True)
class StoreComparison:
    """What came out for one store. `differences`: (how, name), the first ones; `untold`: things of which no side tells."""

    store: str
    counts: Counter[Kind] = field(default_factory=Counter)
    equal: int = 0
    untold: int = 0
    differences: list[tuple[Kind, str]] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether anything does."""
        return bool(self.counts)


@dataclass(frozen=True)
class NotCompared:
    """A part of which nothing was held against anything, and why."""

    part: str
    why: str


def held(folder: Backup) -> list[str]:
    """The parts that a backup holds beside the LRS."""
    return [name for name in PARTS if name in folder.catalog.tiers]


LIVE = "diff holds LRS alone against the cluster, but for --app; restore --dry-run=client and check look at the others"
CHOSEN = "LRS were chosen, and nothing tells which of it belongs to them"


def none_compared(folders: Iterable[Backup], why: str) -> list[NotCompared]:
    """What is beside the LRS in any of these backups, where nothing of it is held against anything."""
    there = {name for folder in folders for name in held(folder)}
    return [NotCompared(name, why) for name in PARTS if name in there]


def compare_stores(
    before: Backup, after: Backup, progress: Progress, only: Mapping[str, Collection[str]] | None = None
) -> tuple[list[StoreComparison], list[NotCompared]]:
    """Every part that both hold; what only one of them does. `only`: part → the names that are meant; no other part is."""
    found, not_compared = [], []
    for name in PARTS if only is None else only:
        lacking = [side.name for side in (before, after) if name not in side.catalog.tiers]
        if not lacking:
            comparison = _Comparer(name, before, after, progress, None if only is None else only[name])
            found.append(comparison.run())
            not_compared += comparison.not_compared
        elif len(lacking) == 1:
            not_compared.append(NotCompared(name, f"{lacking[0]} does not hold it"))
    return found, not_compared


class _Comparer:
    """One store of two backups."""

    def __init__(self, name: str, before: Backup, after: Backup, progress: Progress, only: Collection[str] | None = None) -> None:
        self._only = only
        self._module: Compare = compare_module(name)
        self._before, self._after, self._progress = before, after, progress
        self._found = StoreComparison(store=name)
        old, new = self._module.groups(before), self._module.groups(after)
        self._groups = frozenset(old.keys() & new.keys())
        self._count = max(sum(side[group] for group in self._groups) for side in (old, new))
        self.not_compared = [
            NotCompared(f"{name}: {group}", f"{folder.name} does not hold it")
            for group in sorted(old.keys() ^ new.keys())
            if only is None or any(group == f"collection {each.partition('/')[0]}" for each in only)
            for folder in (before if group in new else after,)
        ]

    def run(self) -> StoreComparison:
        """Compare, share by share."""
        shares = 1 + self._count // HELD
        self._progress.begin(f"comparing {self._found.store}", 2 * shares * self._count)
        try:
            for number in range(shares):
                self._compare(number, shares)
        finally:
            self._progress.end()
        self._found.differences.sort(key=lambda each: each[1])
        return self._found

    def _compare(self, number: int, shares: int) -> None:
        before, after = (self._share(side, number, shares) for side in (self._before, self._after))
        hold(self._found, self._module.shown, before, after)

    def _share(self, folder: Backup, number: int, shares: int) -> Iterator[Item]:
        given = () if self._only is None else (self._only,)
        for item in self._module.items(folder, self._groups, *given):
            self._progress.advance()
            if shares == 1 or zlib.crc32(item.key) % shares == number:
                yield item


def hold(found: StoreComparison, shown: Callable[[bytes], str], before: Iterable[Item], after: Iterable[Item]) -> None:
    """Hold the things of one side against those of the other; the first side's are held at once."""
    old = {each.key: each for each in before}
    for item in after:
        was = old.pop(item.key, None)
        if was is None:
            _add(found, Kind.ADDED, shown(item.key))
        elif (verdict := _same(was, item)) is None:
            found.untold += 1
        elif verdict:
            found.equal += 1
        else:
            _add(found, Kind.CHANGED, shown(item.key))
    for key in old:
        _add(found, Kind.REMOVED, shown(key))


def _add(found: StoreComparison, kind: Kind, name: str) -> None:
    found.counts[kind] += 1
    if len(found.differences) < KEPT:
        found.differences.append((kind, name))


def _same(before: Item, after: Item) -> bool | None:
    """Whether the contents are equal; None where that cannot be told."""
    if before.sum and after.sum:
        return before.sum == after.sum
    if -1 not in (before.size, after.size) and before.size != after.size:
        return False
    return None
