"""The journals of a restore, beside the backups: what was begun and must be put right if the run is killed.

A line is on the disk before the act that it speaks of. `recreate` notes each object that it deletes, with the
manifest, until it is there again; pausing the operator notes how many replicas it had.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.plan import Step
from kubectl_lrs.runtime.journal import read_journal, write_journal
from kubectl_lrs.stores.lrs.saved import StoredLrs

RECREATE_PREFIX = "lrs_recreate_"
OPERATOR_PREFIX = "lrs_operator_paused_"
SUFFIX = ".json"


class RecreateJournal:
    """Objects that are deleted and not yet created again. The file is there only while there is such an object."""

    def __init__(self, directory: Path, cluster: str) -> None:
        self.path = directory / f"{RECREATE_PREFIX}{_token(cluster)}{SUFFIX}"
        self._cluster = cluster
        self._lock = threading.Lock()
        self._open: dict[str, Any] = read_journal(self.path).get("objects", {})

    @property
    def pending(self) -> dict[str, Any]:
        """What an earlier run deleted and did not create: namespace/name → its manifest."""
        return dict(self._open)

    @contextmanager
    def entry(self, step: Step, stored: StoredLrs) -> Iterator[None]:
        """An object that is being recreated; it stays in the journal when the block ends with an exception."""
        with self._lock:
            self._open[step.key] = stored.manifest
            self._write()
        yield
        self.done(step.key)

    def done(self, key: str) -> None:
        """The object is there again."""
        with self._lock:
            if self._open.pop(key, None) is not None:
                self._write()

    def _write(self) -> None:
        if self._open:
            save(self.path, {"cluster": self._cluster, "objects": self._open})
        else:
            self.path.unlink(missing_ok=True)


def operator_journal(directory: Path, cluster: str) -> Path:
    """Where the pause of a cluster's operator is noted."""
    return directory / f"{OPERATOR_PREFIX}{_token(cluster)}{SUFFIX}"


def save(path: Path, document: dict[str, Any]) -> None:
    """Put a journal on the disk; LrsError where that fails, so that nothing is begun that could not be put right."""
    with writing(path):
        write_journal(path, document)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A failure of the disk in the block is one of the journal (LrsError)."""
    try:
        yield
    except OSError as error:
        raise LrsError(
            f"{path}: the journal cannot be written: {error.strerror}", hint="name a folder that can be with --backup-dir"
        ) from error


def _token(cluster: str) -> str:
    return "".join(char if char.isalnum() or char == "-" else "_" for char in cluster)[:80]
