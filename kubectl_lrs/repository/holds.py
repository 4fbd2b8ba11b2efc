"""Holds: which backups must not be removed, and why. Pure.

A hold is about one catalog, so it stays with a backup that is renamed, and is of no other one that gets its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubectl_lrs.model.catalog import Catalog
    from kubectl_lrs.runtime.trust import RefusedError

KIND = "lrs-hold"
FORMAT_VERSION = 1
MAX_REASON = 1000

_DIGITS = 32


@dataclass(frozen=True)
class Hold:
    """Why a backup is kept, and since when (as it was written; empty where it cannot be read)."""

    reason: str
    since: str = ""


@dataclass(frozen=True)
class Holds:
    """The holds in a repository by the `key` of what they are about, and those that are not believed."""

    by_key: Mapping[str, Hold]
    refused: tuple[RefusedError, ...] = ()

    def of(self, catalog: Catalog) -> Hold | None:
        """The hold of the backup with this catalog."""
        return self.by_key.get(key_of(catalog.sha256))


NO_HOLDS = Holds({})


def key_of(catalog_sum: str) -> str:
    """What the hold of the backup is known by whose catalog has this sum."""
    return catalog_sum[:_DIGITS]


def document(catalog: Catalog, reason: str, since: str) -> dict[str, object]:
    """A hold as it is written."""
    return {
        "kind": KIND,
        "formatVersion": FORMAT_VERSION,
        "backup": catalog.name,
        "catalog": catalog.sha256,
        "reason": reason,
        "since": since,
    }


def parsed(document: Mapping[str, object]) -> Hold:
    """KeyError, TypeError, ValueError where it is none."""
    reason, since = document["reason"], document["since"]
    if document["kind"] != KIND or not isinstance(reason, str) or not isinstance(since, str):
        raise ValueError("not a hold")
    return Hold(reason, since)
