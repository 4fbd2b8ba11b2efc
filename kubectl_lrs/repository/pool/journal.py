"""What a run has put into the pool, written there now and then, so that the next one can use it when this one is killed."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from kubectl_lrs.backends.base import Backend, put
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository.pool import reuse
from kubectl_lrs.repository.pool.known import Ledger
from kubectl_lrs.repository.pool.layout import session_log

BYTES = 64 << 20
SECONDS = 30.0
"""A log is written after so many bytes, or so long after the one before."""


class Journal:
    """The logs of one session. `count`: the contents in them. Several threads may use it."""

    def __init__(self, backend: Backend, session: str, ledger: Ledger) -> None:
        self.count = 0
        self._backend = backend
        self._session = session
        self._ledger = ledger
        self._guard = threading.Lock()
        self._written: list[str] = []
        self._blobs: list[tuple[str, int]] = []
        self._bytes = 0
        self._after = 0
        self._since = time.monotonic()

    def note(self, size: int, blob: str = "") -> None:
        """So many bytes are in the pool; `blob`: the key of what is part of a large content."""
        with self._guard:
            self._bytes += size
            if blob:
                self._blobs.append((blob, size))
            if self._bytes >= BYTES or time.monotonic() - self._since >= SECONDS:
                self._write()

    def write(self) -> None:
        """What is in the pool and in no log. LrsError where it cannot be written."""
        with self._guard:
            self._write()

    def _write(self) -> None:
        after, contents = self._ledger.uploaded(self._after)
        if contents or self._blobs:
            self._backend.sync()  # what a log names is there after a crash
            key = session_log(self._session, len(self._written))
            put(self._backend, key, reuse.log(contents, self._blobs))
            self._written.append(key)
        self._after, self._blobs, self._bytes, self._since = after, [], 0, time.monotonic()
        self.count += len(contents)

    def remove(self) -> None:
        """They are needed no more. Where they may not be removed, prune does it."""
        with self._guard:
            for key in self._written:
                with suppress(LrsError):
                    self._backend.delete(key)
