"""Notes beside sealed backups: what a run leaves for the next one, by whoever may make objects and no more.

A note is no part of the backup: its seal does not know it, a copy of the backup has none, and it goes when the backup goes. Each
is made once, under a key that no other run has, so nobody waits for anybody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from kubectl_lrs.backends.base import Backend, KeyNotFoundError, get, put
from kubectl_lrs.model import own_sum
from kubectl_lrs.model.errors import DamageError, LrsError
from kubectl_lrs.repository.base import Backup
from kubectl_lrs.repository.pool.backup import PooledBackup
from kubectl_lrs.repository.pool.layout import CHECK

KIND, FORMAT_VERSION = "lrs-check", 1
MAX_SIZE = 16 << 20


class PoolNotes:
    """Those of one repository."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def write(self, backup: Backup, body: Mapping[str, Any]) -> None:
        """Leave it. LrsError where it cannot be, or there is one."""
        data = own_sum.serialise({"kind": KIND, "formatVersion": FORMAT_VERSION, **body})
        if len(data) > MAX_SIZE:
            raise LrsError(f"{backup.name}: {len(data) >> 20} MiB are more than is kept for the next run")
        put(self._backend, _key(backup), data)

    def read(self, backup: Backup) -> Mapping[str, Any] | None:
        """What was left; None where nothing was. DamageError where it is not as it was, LrsError."""
        key = _key(backup)
        with suppress(KeyNotFoundError):
            is_small = self._backend.stat(key).size <= MAX_SIZE
            return _document(get(self._backend, key) if is_small else b"", f"{self._backend.url}/{key}")
        return None


def _key(backup: Backup) -> str:
    assert isinstance(backup, PooledBackup)
    return backup.seal.backup.key(CHECK)


def _document(data: bytes, where: str) -> Mapping[str, Any]:
    with suppress(ValueError, RecursionError):
        document = json.loads(data)
        if isinstance(document, dict) and own_sum.is_right(data) and document.get("kind") == KIND:
            return document
    raise DamageError(f"{where}: damaged: not what a run leaves for the next one")
