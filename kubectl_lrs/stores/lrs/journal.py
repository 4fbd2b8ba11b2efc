"""The journal of `recreate`, beside the backups: each object that is deleted, with its manifest, until it is there again.

A line is on the disk before the act that it speaks of.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubectl_lrs.model.plan import Step
from kubectl_lrs.runtime.journal import read_journal
from kubectl_lrs.runtime.trust import OWN, Trust
from kubectl_lrs.stores.common.journals import SUFFIX, save, token, writing
from kubectl_lrs.stores.lrs.saved import StoredLrs

RECREATE_PREFIX = "lrs_recreate_"


class RecreateJournal:
    """Objects that are deleted and not yet created again. The file is there only while there is such an object.

    RefusedError: the file that is there may have been put there by somebody whom `trust` does not hold.
    """

    def __init__(self, directory: Path, cluster: str, trust: Trust = OWN) -> None:
        self.path = directory / f"{RECREATE_PREFIX}{token(cluster)}{SUFFIX}"
        self._cluster = cluster
        self._lock = threading.Lock()
        self._open: dict[str, Any] = read_journal(self.path, trust).get("objects", {})

    @property
    def pending(self) -> dict[str, Any]:
        """What an earlier run deleted and did not create: namespace/name → its manifest."""
        return dict(self._open)

    @contextmanager
    def entry(self, step: Step, stored: StoredLrs) -> Iterator[Entry]:
        """An object that is being recreated; it stays in the journal when the block ends with an exception, or `keep`s it."""
        with self._lock:
            self._open[step.key] = stored.manifest
            self._write()
        entry = Entry()
        yield entry
        if not entry.is_kept:
            self.done(step.key)

    def done(self, key: str) -> None:
        """The object is there again."""
        with self._lock:
            if self._open.pop(key, None) is not None:
                self._write()

    def _write(self) -> None:
        if self._open:
            save(self.path, {"cluster": self._cluster, "objects": self._open})
            return
        with writing(self.path):
            self.path.unlink(missing_ok=True)


class Entry:
    """One object in the journal. `is_kept`: it is not there again."""

    def __init__(self) -> None:
        self.is_kept = False

    def keep(self) -> None:
        """It stays in the journal, for the next run."""
        self.is_kept = True
