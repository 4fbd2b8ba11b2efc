"""Holds: which backups must not be removed, and why. They lie beside the backups, so that no sealed folder is changed.

A hold is about one catalog, so it stays with a backup that is renamed, and is of no other one that gets its name. It is
believed only if it is ours; one that is ours and cannot be read holds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.runtime.safe_files import Directory, write_atomically
from kubectl_lrs.runtime.trust import OWN, RefusedError, Trust

KIND = "lrs-hold"
FORMAT_VERSION = 1
MAX_REASON = 1000

_PREFIX, _SUFFIX = ".lrs_hold_", ".json"
_DIGITS = 32
_MAX = 64 << 10


@dataclass(frozen=True)
class Hold:
    """Why a backup is kept, and since when (as it was written; empty where it cannot be read)."""

    reason: str
    since: str = ""


@dataclass(frozen=True)
class Holds:
    """The holds in a folder, and those that are not believed."""

    by_file: Mapping[str, Hold]
    refused: tuple[RefusedError, ...] = ()

    def of(self, catalog: Catalog) -> Hold | None:
        """The hold of the backup with this catalog."""
        return self.by_file.get(_file(catalog))


NO_HOLDS = Holds({})


def _file(catalog: Catalog) -> str:
    return f"{_PREFIX}{catalog.sha256[:_DIGITS]}{_SUFFIX}"


def read_holds(place: Path, trust: Trust = OWN) -> Holds:
    """All that are in the folder `place`. OSError where it cannot be listed."""
    found: dict[str, Hold] = {}
    refused: list[RefusedError] = []
    with Directory.named(place, trust) as folder:
        for name in sorted(folder.names()):
            if name.startswith(_PREFIX) and name.endswith(_SUFFIX):
                try:
                    found[name] = _read(folder, name)
                except RefusedError as error:
                    refused.append(error)
    return Holds(found, tuple(refused))


def _read(folder: Directory, name: str) -> Hold:
    """RefusedError where it is not to be believed. What is ours and not to be understood holds all the same."""
    there = folder.look(name)
    if there is not None and folder.trust and (why := folder.trust.doubt(there, os.fstat(folder.descriptor))):
        raise RefusedError(folder.path / name, why)
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError), folder.reading(name) as file:
        document = json.loads(file.read(_MAX))
        if document["kind"] == KIND and isinstance(document["reason"], str) and isinstance(document["since"], str):
            return Hold(document["reason"], document["since"])
    return Hold(f"{name} cannot be read")


def hold(place: Path, catalog: Catalog, reason: str) -> None:
    """Hold the backup with this catalog; a hold that it has gets the new reason. OSError, RefusedError."""
    document = {
        "kind": KIND,
        "formatVersion": FORMAT_VERSION,
        "backup": catalog.name,
        "catalog": catalog.sha256,
        "reason": reason,
        "since": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
    }
    write_atomically(place / _file(catalog), json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def unhold(place: Path, catalog: Catalog) -> None:
    """Take its hold away, which is there. OSError, RefusedError where it is not ours."""
    with Directory.named(place, OWN) as folder:
        os.close(folder.opened(_file(catalog)))
        folder.remove(_file(catalog))
        folder.sync()
