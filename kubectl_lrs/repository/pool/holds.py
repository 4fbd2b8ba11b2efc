"""Holds: what keeps a backup, as its user says, and who reads one that takes long. They steer removal, so none is guessed at.

A hold is about one catalog, so it goes with a backup that is forgotten and comes back. Each is made under a name of its own: a
deletion that comes late takes no later hold away. One that cannot be read is an error: nothing is removed until it can.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kubectl_lrs.backends.base import Backend, KeyNotFoundError, Stat, delete_surely, get, put
from kubectl_lrs.model import own_sum
from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.errors import DamageError, UnreachableError, UsageError
from kubectl_lrs.repository.holds import FORMAT_VERSION, KIND, NO_HOLDS, Hold, Holds, document, key_of, parsed
from kubectl_lrs.repository.pool.layout import HOLDS, hold_key, hold_of, new_session, reader_key, reader_of, stamped

READER = "lrs-reader"
MAX_SIZE = 64 << 10
LOOKS = 10
"""How often the list is read anew before it is given up."""


@dataclass(frozen=True, kw_only=True)
class PoolHolds:
    """Those that count. `readers`: what is being read. `expired`: keys of readers' holds that count no more.

    Backups are known by how the sum of their catalog begins.
    """

    holds: Holds = NO_HOLDS
    readers: frozenset[str] = frozenset()
    expired: tuple[str, ...] = ()

    def of(self, catalog: str) -> Hold | None:
        """The hold of the backup whose catalog has this sum."""
        return self.holds.by_key.get(key_of(catalog))

    def is_read(self, catalog: str) -> bool:
        """Whether somebody reads it."""
        return key_of(catalog) in self.readers

    def keeps(self, catalog: str) -> bool:
        """Whether what the backup with this catalog refers to must stay, forgotten or not."""
        return self.of(catalog) is not None or self.is_read(catalog)


def read(backend: Backend, *, now: float, grace: float) -> PoolHolds:
    """All that are there. DamageError for one that cannot be read.

    One that is gone when it is read may have made room for the next one of its kind, which the list does not have yet.
    """
    for _ in range(LOOKS):
        with suppress(_GoneError):
            return _listed(backend, now, grace)
    raise UnreachableError(
        f"{backend.url}/{HOLDS}: what is listed is not there, again and again: whether a backup is held cannot be told",
        hint="try again later",
    )


def _listed(backend: Backend, now: float, grace: float) -> PoolHolds:
    held: dict[str, Hold] = {}
    readers: set[str] = set()
    expired: list[str] = []
    for stat in backend.list(HOLDS):
        if reader_of(stat.key) and _is_over(stat, now, grace):
            expired.append(stat.key)
        elif reader_of(stat.key):
            readers.add(_read(backend, stat.key, READER)[0])
        elif wanted := hold_of(stat.key):
            held.update((_read(backend, stat.key, KIND, wanted),))
        else:
            raise DamageError(f"{backend.url}/{stat.key}: not a hold", hint="nothing is removed while it is there; look at it")
    return PoolHolds(holds=Holds(held), readers=frozenset(readers), expired=tuple(expired))


def _is_over(stat: Stat, now: float, grace: float) -> bool:
    """Whether a reader's hold counts no more; one of which nobody knows the age counts."""
    return stat.mtime is not None and now - stat.mtime > grace / 2


class _GoneError(Exception):
    """A hold that was listed is not there."""


def _read(backend: Backend, key: str, kind: str, wanted: str = "") -> tuple[str, Hold]:
    """(what it is about, what it says). `wanted`: what its key says that it is about."""
    try:
        data = get(backend, key)
    except KeyNotFoundError as error:
        raise _GoneError from error
    where = f"{backend.url}/{key}"
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        text: Any = json.loads(data[:MAX_SIZE])
        version = text["formatVersion"]
        if text["kind"] == kind and type(version) is int and version > FORMAT_VERSION:
            raise UsageError(f"{where}: format {version} is newer than this program reads ({FORMAT_VERSION})")
        about = key_of(str(text["catalog"]))
        if text["kind"] == kind and own_sum.is_right(data) and about == (wanted or about):
            return about, parsed({**text, "kind": KIND})
    raise DamageError(f"{where}: damaged: not a hold", hint="nothing is removed while it is there; look at it")


def hold(backend: Backend, catalog: Catalog, reason: str) -> None:
    """Hold the backup with this catalog; what held it before is taken away when the new reason is there."""
    before = _keys(backend, catalog.sha256)
    text = own_sum.serialise(document(catalog, reason, stamped(backend.now())))
    put(backend, hold_key(key_of(catalog.sha256), new_session()), text)
    _delete(backend, before)


def unhold(backend: Backend, catalog: Catalog) -> bool:
    """Take its holds away; whether there was one."""
    before = _keys(backend, catalog.sha256)
    for key in before:
        delete_surely(backend, key)
    return bool(before)


def _keys(backend: Backend, catalog: str) -> list[str]:
    return [stat.key for stat in backend.list(f"{HOLDS}{key_of(catalog)}.")]


def _delete(backend: Backend, keys: Iterable[str]) -> None:
    for key in keys:
        backend.delete(key)


class Reading:
    """One that reads a backup for long, and says so: what it needs stays, forgotten or not, while it renews that.

    It counts for half of the grace time; renew it when a quarter has passed.
    """

    def __init__(self, backend: Backend, catalog: Catalog) -> None:
        self._backend, self._catalog = backend, catalog
        self._key = ""
        self.renew()

    def renew(self) -> None:
        """Count anew. DeniedError where nothing may be written."""
        before, key = self._key, reader_key(new_session())
        said = document(self._catalog, "it is read", stamped(self._backend.now()))
        put(self._backend, key, own_sum.serialise({**said, "kind": READER}))
        self._key = key
        self._taken_away(before)

    def end(self) -> None:
        """It reads no more. Where the hold cannot be taken away, it expires."""
        self._taken_away(self._key)

    def _taken_away(self, key: str) -> None:
        with suppress(Exception):
            if key:
                self._backend.delete(key)
