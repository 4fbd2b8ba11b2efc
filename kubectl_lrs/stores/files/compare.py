"""The files of two backups, to be held against each other: by path below the URL, and the sum of each."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_lrs.repository import Backup
from kubectl_lrs.stores.base import Item
from kubectl_lrs.stores.files.saved import Entry, read


def groups(folder: Backup) -> dict[str, int]:
    """All of them."""
    return {"": len(_entries(folder))}


def items(folder: Backup, _groups: frozenset[str]) -> Iterator[Item]:
    """Each file; one that was only listed has a size and no sum."""
    for each in _entries(folder):
        yield Item(each.path.encode("utf-8", "surrogateescape"), bytes.fromhex(each.sha256), each.size)


def shown(key: bytes) -> str:
    """Its path."""
    return key.decode("utf-8", "surrogateescape")


def _entries(folder: Backup) -> list[Entry]:
    index = read(folder)
    return index.entries if index else []
