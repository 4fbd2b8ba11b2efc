"""The journal of documents that are replaced: each as it was, on the disk before the first of them is. It stays.

It lies beside the backups and in the state of the user, 0600: of each document its bytes (`bson`, base64), and beside them
what they say, as MongoDB Extended JSON with every type, where they can be read.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from kubectl_lrs import __version__
from kubectl_lrs.formats.bson_batches import NotBsonError
from kubectl_lrs.formats.bson_documents import as_json
from kubectl_lrs.runtime.copies import Copies, mirror, new_id
from kubectl_lrs.stores.common.journals import SUFFIX, save

PREFIX = "lrs_replaced_"
KIND = "lrs-replaced-documents"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class ReplacedJournal:
    """Where it is written. `state`: the other place, None where there is none."""

    directory: Path
    state: Path | None = None

    def write(self, target: str, database: str, documents: Iterable[tuple[str, bytes]]) -> Path:
        """Note what is to be replaced, (collection, document) each. LrsError where it cannot be: then nothing is replaced."""
        identifier = new_id()
        path = self.directory / f"{PREFIX}{datetime.now(timezone.utc):%Y_%m_%d_%H_%M_%S}_{identifier[:8]}{SUFFIX}"
        paths = [path, *([mirror(self.state, PREFIX, identifier)] if self.state else [])]
        noted: dict[str, Any] = {
            "kind": KIND,
            "formatVersion": FORMAT_VERSION,
            "tool": f"kubectl-lrs {__version__}",
            "written": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            "target": target,
            "database": database,
            "documents": [_noted(name, each) for name, each in documents],
        }
        save(Copies(id=identifier, paths=paths), noted)
        return path


def _noted(collection: str, document: bytes) -> dict[str, Any]:
    try:
        shown = as_json(document, exactly=True)
    except NotBsonError:
        shown = None
    return {"collection": collection, "document": shown, "bson": base64.b64encode(document).decode()}
