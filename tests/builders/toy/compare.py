"""The texts of two backups, to be held against each other by name."""

from __future__ import annotations

import json
from collections.abc import Iterator

from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.stores.base import Item
from tests.builders.toy.connect import FILE


def groups(folder: SealedFolder) -> dict[str, int]:
    """All of them."""
    return {"": len(_texts(folder))}


def items(folder: SealedFolder, _groups: frozenset[str]) -> Iterator[Item]:
    """Each text."""
    return (Item(name.encode(), text.encode()) for name, text in _texts(folder).items())


def shown(key: bytes) -> str:
    """Its name."""
    return key.decode()


def _texts(folder: SealedFolder) -> dict[str, str]:
    with folder.reading(FILE) as file:
        return dict(json.loads(file.read()))
