"""The flags of the stores beside the cluster, by the one table. Light: it is imported for help too, as they are."""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from kubectl_lrs.model.flags import Options
from kubectl_lrs.model.stores import STORES


class Flags(Protocol):
    """A store's module `flags`: the options of its parts of the commands."""

    BACKUP: type[Options]
    RESTORE: type[Options]
    CHECK: type[Options]
    REHEARSE: type[Options]


def flags_module(name: str) -> Flags:
    """The flags of the store of this name."""
    return cast("Flags", importlib.import_module(f"{STORES[name].package}.flags"))
