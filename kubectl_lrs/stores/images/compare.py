"""The images of two backups, to be held against each other: by name, and the digest that each stood for."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kubectl_lrs.repository import Backup
from kubectl_lrs.stores.base import Item
from kubectl_lrs.stores.images.saved import SavedImage, State, saved


def groups(folder: Backup) -> dict[str, int]:
    """All of them."""
    return {"": len(_entries(folder))}


def items(folder: Backup, _groups: frozenset[str], only: Collection[str] | None = None) -> Iterator[Item]:
    """Each image; of one that could not be looked up nothing is known, one that was missing is no digest's."""
    meant = (each for each in _entries(folder) if only is None or str(each.reference) in only)
    return (Item(str(each.reference).encode(), _sum(each)) for each in meant)


def shown(key: bytes) -> str:
    """Its name."""
    return key.decode()


def _sum(entry: SavedImage) -> bytes:
    return {State.UNRESOLVED: b"", State.MISSING: b"missing"}.get(entry.state, entry.digest.encode())


def _entries(folder: Backup) -> tuple[SavedImage, ...]:
    inventory = saved(folder)
    return inventory.entries if inventory else ()
