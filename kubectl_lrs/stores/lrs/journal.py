"""The journal of `recreate`: each object that is deleted, with its manifest, until it is there again.

It lies beside the backups and in the state of the user. A line is on the disk before the act that it speaks of.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubectl_lrs.model.plan import Step
from kubectl_lrs.runtime.copies import Copies, gather
from kubectl_lrs.runtime.state import token
from kubectl_lrs.runtime.trust import OWN, Trust
from kubectl_lrs.stores.common.journals import RECREATE_PREFIX, SUFFIX, own, save, writing
from kubectl_lrs.stores.lrs.saved import StoredLrs


class RecreateJournal:
    """Objects that are deleted and not yet created again. The file is there only while there is such an object.

    `state`: where it is noted too, and where those of other folders of backups are found. RefusedError: a file that is there
    may have been put there by somebody whom `trust` does not hold.
    """

    def __init__(self, directory: Path, cluster: str, trust: Trust = OWN, state: Path | None = None) -> None:
        self.path = directory / f"{RECREATE_PREFIX}{token(cluster)}{SUFFIX}"
        self._cluster = cluster
        self._lock = threading.Lock()
        found = gather(self.path, state, RECREATE_PREFIX, trust)
        self._own = own(found, self.path, state, RECREATE_PREFIX)
        others = (each for each in found if each is not self._own)
        self._open = [(each, dict(each.document.get("objects") or {})) for each in (self._own, *others)]

    @property
    def pending(self) -> dict[str, Any]:
        """What an earlier run deleted and did not create: namespace/name → its manifest."""
        return {key: manifest for _, objects in reversed(self._open) for key, manifest in objects.items()}

    @contextmanager
    def entry(self, step: Step, stored: StoredLrs) -> Iterator[JournalledObject]:
        """An object that is being recreated; it stays in the journal when the block ends with an exception, or `keep`s it."""
        with self._lock:
            self._open[0][1][step.key] = stored.manifest
            self._write(*self._open[0])
        entry = JournalledObject()
        yield entry
        if not entry.is_kept:
            self.done(step.key)

    def done(self, key: str) -> None:
        """The object is there again."""
        with self._lock:
            for journal, objects in self._open:
                if objects.pop(key, None) is not None:
                    self._write(journal, objects)

    def _write(self, journal: Copies, objects: Mapping[str, Any]) -> None:
        if objects:
            save(journal, {"cluster": self._cluster, "objects": objects})
            return
        with writing(journal.paths[0]):
            journal.remove()


class JournalledObject:
    """One object in the journal. `is_kept`: it is not there again."""

    def __init__(self) -> None:
        self.is_kept = False

    def keep(self) -> None:
        """It stays in the journal, for the next run."""
        self.is_kept = True
