"""Holds of plain backups: files beside them, so that no sealed folder is changed.

One is believed only if it is ours; one that is ours and cannot be read holds.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.repository.holds import Hold, Holds, document, key_of, parsed
from kubectl_lrs.runtime.safe_files import Directory, write_atomically
from kubectl_lrs.runtime.trust import OWN, RefusedError, Trust

_PREFIX, _SUFFIX = ".lrs_hold_", ".json"
_MAX = 64 << 10


def _file(catalog: Catalog) -> str:
    return f"{_PREFIX}{key_of(catalog.sha256)}{_SUFFIX}"


def read_holds(place: Path, trust: Trust = OWN) -> Holds:
    """All that are in the folder `place`. OSError where it cannot be listed."""
    found: dict[str, Hold] = {}
    refused: list[RefusedError] = []
    with Directory.named(place, trust) as folder:
        for name in sorted(folder.names()):
            if name.startswith(_PREFIX) and name.endswith(_SUFFIX):
                try:
                    found[name.removeprefix(_PREFIX).removesuffix(_SUFFIX)] = _read(folder, name)
                except RefusedError as error:
                    refused.append(error)
    return Holds(found, tuple(refused))


def _read(folder: Directory, name: str) -> Hold:
    """RefusedError where it is not to be believed. What is ours and not to be understood holds all the same."""
    there = folder.look(name)
    if there is not None and folder.trust and (why := folder.trust.doubt(there, os.fstat(folder.descriptor))):
        raise RefusedError(folder.path / name, why)
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError), folder.reading(name) as file:
        return parsed(json.loads(file.read(_MAX)))
    return Hold(f"{name} cannot be read")


def hold(place: Path, catalog: Catalog, reason: str) -> None:
    """Hold the backup with this catalog; a hold that it has gets the new reason. OSError, RefusedError."""
    made = document(catalog, reason, f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}")
    write_atomically(place / _file(catalog), json.dumps(made, indent=2, ensure_ascii=False) + "\n")


def unhold(place: Path, catalog: Catalog) -> None:
    """Take its hold away, which is there. OSError, RefusedError where it is not ours."""
    with Directory.named(place, OWN) as folder:
        os.close(folder.opened(_file(catalog)))
        folder.remove(_file(catalog))
        folder.sync()
