"""The files of two backups, to be held against each other: by path below the URL, and the sum of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from kubectl_lrs.repository import Backup
from kubectl_lrs.stores.base import Item
from kubectl_lrs.stores.files.saved import SavedFile, read


def groups(folder: Backup) -> dict[str, int]:
    """All of them."""
    return {"": len(_entries(folder))}


def items(folder: Backup, _groups: frozenset[str], only: Collection[str] | None = None) -> Iterator[Item]:
    """Each file; one that was only listed has a size and no sum."""
    for each in _entries(folder):
        if only is None or each.path in only:
            yield Item(key_of(each.path), bytes.fromhex(each.sha256), each.size)


def key_of(path: str) -> bytes:
    """By what it is told from others."""
    return path.encode("utf-8", "surrogateescape")


def shown(key: bytes) -> str:
    """Its path."""
    return key.decode("utf-8", "surrogateescape")


def _entries(folder: Backup) -> Sequence[SavedFile]:
    index = read(folder)
    return index.entries if index else ()
