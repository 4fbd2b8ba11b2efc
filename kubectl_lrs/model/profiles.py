"""How much of the stores beside the cluster a backup takes: the vendor's recovery levels, as tables. Pure.

Source: the vendor's backup page, "Backup strategy": minimum viable recovery, complete recovery.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubectl_lrs.model.errors import UsageError

NONE = "none"

LEVELS: Mapping[str, tuple[str, ...]] = {
    "mongo": (NONE, "minimum", "complete"),
    "images": (NONE, "inventory", "copy"),
    "files": (NONE, "inventory", "copy"),
}
"""Store → its levels, each holding more than the one before. Backups and restores take the stores in this order."""

PROFILES: Mapping[str, Mapping[str, str]] = {
    "lrs": {"mongo": NONE, "images": NONE, "files": NONE},
    "minimum": {"mongo": "minimum", "images": "copy", "files": NONE},
    "complete": {"mongo": "complete", "images": "copy", "files": "copy"},
}
"""Profile → the level of each store."""

LEAVE_OUT: Mapping[str, str] = {**{name: f"--{name} {NONE}" for name in LEVELS}, "deployments": "--no-deployments"}
"""Tier → the flag of `backup` that leaves it out."""


def levels(profile: str, given: Mapping[str, str | None]) -> dict[str, str]:
    """The level of each store: what its own flag says, else what the profile says."""
    if profile not in PROFILES:
        raise UsageError(f"unknown profile {profile!r}", hint=f"it is one of: {', '.join(PROFILES)}")
    return {name: given.get(name) or level for name, level in PROFILES[profile].items()}


def lacking(profile: str, taken: Mapping[str, str]) -> list[str]:
    """The stores of which a backup holds less than its profile means: what a recovery still needs from elsewhere."""
    wanted = PROFILES.get(profile, {})
    return [name for name, level in wanted.items() if _rank(name, taken.get(name, NONE)) < _rank(name, level)]


def is_less(mine: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    """Whether the first levels hold less of some store than the second."""
    return any(_rank(name, mine.get(name, NONE)) < _rank(name, theirs.get(name, NONE)) for name in LEVELS)


def _rank(name: str, level: str) -> int:
    """Where a level stands; one that a newer program may have written counts as the most."""
    known = LEVELS[name]
    return known.index(level) if level in known else len(known)
