"""Diff of what two backups hold beside the LRS: documents, images, files, deployments, each by its name and its sum.

Memory is bounded whatever there is: of so many things that they would not fit, a share after the other is held.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
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


LIVE = "diff holds LRS alone against the cluster; restore --dry-run=client and check look at the others"
CHOSEN = "LRS were chosen, and nothing tells which of it belongs to them"


def none_compared(folders: Iterable[Backup], why: str) -> list[NotCompared]:
    """What is beside the LRS in any of these backups, where nothing of it is held against anything."""
    there = {name for folder in folders for name in held(folder)}
    return [NotCompared(name, why) for name in PARTS if name in there]


def compare_stores(before: Backup, after: Backup, progress: Progress) -> tuple[list[StoreComparison], list[NotCompared]]:
    """Every part that both hold; what only one of them does."""
    found, not_compared = [], []
    for name in PARTS:
        lacking = [side.name for side in (before, after) if name not in side.catalog.tiers]
        if not lacking:
            comparison = _Comparer(name, before, after, progress)
            found.append(comparison.run())
            not_compared += comparison.not_compared
        elif len(lacking) == 1:
            not_compared.append(NotCompared(name, f"{lacking[0]} does not hold it"))
    return found, not_compared


class _Comparer:
    """One store of two backups."""

    def __init__(self, name: str, before: Backup, after: Backup, progress: Progress) -> None:
        self._module: Compare = compare_module(name)
        self._before, self._after, self._progress = before, after, progress
        self._found = StoreComparison(store=name)
        old, new = self._module.groups(before), self._module.groups(after)
        self._groups = frozenset(old.keys() & new.keys())
        self._count = max(sum(side[group] for group in self._groups) for side in (old, new))
        self.not_compared = [
            NotCompared(f"{name}: {group}", f"{folder.name} does not hold it")
            for group in sorted(old.keys() ^ new.keys())
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
        old = {each.key: each for each in self._share(self._before, number, shares)}
        for item in self._share(self._after, number, shares):
            before = old.pop(item.key, None)
            if before is None:
                self._add(Kind.ADDED, item.key)
            elif (verdict := _same(before, item)) is None:
                self._found.untold += 1
            elif verdict:
                self._found.equal += 1
            else:
                self._add(Kind.CHANGED, item.key)
        for key in old:
            self._add(Kind.REMOVED, key)

    def _share(self, folder: Backup, number: int, shares: int) -> Iterator[Item]:
        for item in self._module.items(folder, self._groups):
            self._progress.advance()
            if shares == 1 or zlib.crc32(item.key) % shares == number:
                yield item

    def _add(self, kind: Kind, key: bytes) -> None:
        self._found.counts[kind] += 1
        if len(self._found.differences) < KEPT:
            self._found.differences.append((kind, self._module.shown(key)))


def _same(before: Item, after: Item) -> bool | None:
    """Whether the contents are equal; None where that cannot be told."""
    if before.sum and after.sum:
        return before.sum == after.sum
    if -1 not in (before.size, after.size) and before.size != after.size:
        return False
    return None
