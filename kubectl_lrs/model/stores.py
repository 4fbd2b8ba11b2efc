"""The stores beside the cluster, as the one table: what each holds, how much of it can be taken, and by which profile. Pure.

A store is a package of one shape and its row here; everything else follows from the two. Source of the profiles: the
vendor's backup page, "Backup strategy": minimum viable recovery, complete recovery.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubectl_lrs.model.errors import UsageError

NONE = "none"

PROFILES = ("lrs", "minimum", "complete")
"""How much a backup takes: the LRS alone, or the vendor's minimum or complete recovery of custom applications."""


@dataclass(frozen=True, kw_only=True)
class Store:
    """`package`: where its code is. `holds`: what it holds, in words. `levels`: how much of it can be taken, each more
    than the one before; `profiles`: the level that each profile means, NONE where it says nothing."""

    package: str
    holds: str
    levels: tuple[str, ...]
    profiles: Mapping[str, str]

    def rank(self, level: str) -> int:
        """Where a level stands; one that a newer program may have written counts as the most."""
        return self.levels.index(level) if level in self.levels else len(self.levels)


STORES: dict[str, Store] = {
    "mongo": Store(
        package="kubectl_lrs.stores.mongo",
        holds="application's Mongo collections",
        levels=(NONE, "minimum", "complete"),
        profiles={"minimum": "minimum", "complete": "complete"},
    ),
    "images": Store(
        package="kubectl_lrs.stores.images",
        holds="images that LRS and Mongo documents name",
        levels=(NONE, "inventory", "copy"),
        profiles={"minimum": "copy", "complete": "copy"},
    ),
    "files": Store(
        package="kubectl_lrs.stores.files",
        holds="files that Mongo documents refer to",
        levels=(NONE, "inventory", "copy"),
        profiles={"complete": "copy"},
    ),
}
"""By its name in the catalog and in `--tier`, in the order in which the stores are backed up and restored."""

RESOURCES = "resources"
"""The name of the LRS themselves there."""

TIERS = (*STORES, RESOURCES)


def levels(profile: str, given: Mapping[str, str | None]) -> dict[str, str]:
    """The level of each store: what its own flag says, else what the profile says."""
    if profile not in PROFILES:
        raise UsageError(f"unknown profile {profile!r}", hint=f"it is one of: {', '.join(PROFILES)}")
    return {name: given.get(name) or store.profiles.get(profile, NONE) for name, store in STORES.items()}


def lacking(profile: str, taken: Mapping[str, str]) -> list[str]:
    """The stores of which a backup holds less than its profile means: what a recovery still needs from elsewhere."""
    wanted = levels(profile, {}) if profile in PROFILES else {}
    return [name for name, level in wanted.items() if _rank(name, taken) < STORES[name].rank(level)]


def _rank(name: str, taken: Mapping[str, str]) -> int:
    return STORES[name].rank(taken.get(name, NONE))


def leave_out(name: str) -> str:
    """The flag of `backup` that leaves a store out; empty where there is none."""
    return f"--{name} {NONE}" if name in STORES else {"deployments": "--no-deployments"}.get(name, "")
