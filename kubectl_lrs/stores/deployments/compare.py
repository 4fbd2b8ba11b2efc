"""The deployments of two backups, to be held against each other: by id; label, model and status of each."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

from kubectl_lrs.repository import Backup
from kubectl_lrs.stores.base import Item
from kubectl_lrs.stores.deployments.collect import saved


def groups(folder: Backup) -> dict[str, int]:
    """All of them."""
    found = saved(folder)
    return {"": len(found.deployments) if found else 0}


def items(folder: Backup, _groups: frozenset[str], only: Collection[str] | None = None) -> Iterator[Item]:
    """Each deployment."""
    found = saved(folder)
    for each in found.deployments if found else ():
        if only is not None and each.id not in only:
            continue
        told = [each.label, each.organisation, each.status, each.model, each.is_custom]
        yield Item(each.id.encode(), json.dumps(told).encode("utf-8", "surrogatepass"))


def shown(key: bytes) -> str:
    """Its id."""
    return key.decode()
