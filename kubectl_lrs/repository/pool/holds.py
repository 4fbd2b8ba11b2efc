"""Holds: what keeps a backup, as its user says, and who reads one that takes long. They steer removal, so none is guessed at.

A hold is about one catalog, so it goes with a backup that is forgotten and comes back. Each is made under a name of its own: a
deletion that comes late takes no later hold away. One that cannot be read is an error: nothing is removed until it can.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kubectl_lrs.backends.base import Backend, KeyNotFoundError, Stat, get, put
from kubectl_lrs.model import own_sum
from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.repository.pool.layout import HOLDS, hold_key, hold_of, new_session, reader_key, reader_of, stamped

KIND, READER = "lrs-hold", "lrs-reader"
FORMAT_VERSION = 1
MAX_SIZE = 64 << 10


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Why a backup stays, and since when."""

    reason: str
    since: str


@dataclass(frozen=True, kw_only=True)
class Holds:
    """Those that count. `by_catalog`: by the sum of the catalog. `readers`: sums of catalogs of what is being read.

    `expired`: keys of readers' holds that count no more.
    """

    by_catalog: Mapping[str, Hold] = field(default_factory=dict)
    readers: frozenset[str] = frozenset()
    expired: tuple[str, ...] = ()

    def of(self, catalog: str) -> Hold | None:
        """The hold of the backup whose catalog has this sum."""
        return self.by_catalog.get(catalog)

    def keeps(self, catalog: str) -> bool:
        """Whether what the backup with this catalog refers to must stay, forgotten or not."""
        return catalog in self.by_catalog or catalog in self.readers


def read(backend: Backend, *, now: float, grace: float) -> Holds:
    """All that are there. DamageError for one that cannot be read."""
    by_catalog: dict[str, Hold] = {}
    readers: set[str] = set()
    expired: list[str] = []
    for stat in backend.list(HOLDS):
        if reader_of(stat.key):
            if _is_over(stat, now, grace):
                expired.append(stat.key)
            elif document := _document(backend, stat.key, READER):
                readers.add(document["catalog"])
        elif not hold_of(stat.key):
            raise DamageError(f"{backend.url}/{stat.key}: not a hold", hint="nothing is removed while it is there; look at it")
        elif document := _document(backend, stat.key, KIND):
            if hold_of(stat.key) != document["catalog"][:32]:
                raise DamageError(f"{backend.url}/{stat.key}: the hold of another backup")
            by_catalog[document["catalog"]] = Hold(reason=document["reason"], since=document["since"])
    return Holds(by_catalog=by_catalog, readers=frozenset(readers), expired=tuple(expired))


def _is_over(stat: Stat, now: float, grace: float) -> bool:
    """Whether a reader's hold counts no more; one of which nobody knows the age counts."""
    return stat.mtime is not None and now - stat.mtime > grace / 2


def _document(backend: Backend, key: str, kind: str) -> Mapping[str, str] | None:
    """What a hold says; None where it is gone by now. Its values are text."""
    try:
        data = get(backend, key)
    except KeyNotFoundError:
        return None
    where = f"{backend.url}/{key}"
    try:
        document: Any = json.loads(data[:MAX_SIZE])
        version = document["formatVersion"]
        if document["kind"] == kind and type(version) is int and version > FORMAT_VERSION:
            raise UsageError(f"{where}: format {version} is newer than this program reads ({FORMAT_VERSION})")
        texts = [document[name] for name in ("catalog", "reason", "since")]
        if document["kind"] == kind and all(isinstance(each, str) for each in texts) and own_sum.is_right(data):
            return {name: document[name] for name in ("catalog", "reason", "since")}
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise DamageError(f"{where}: damaged: not a hold", hint="nothing is removed while it is there; look at it")


def _text(kind: str, *, backup: str, catalog: str, reason: str, now: float) -> bytes:
    return own_sum.serialise(
        {
            "kind": kind,
            "formatVersion": FORMAT_VERSION,
            "backup": backup,
            "catalog": catalog,
            "reason": reason,
            "since": stamped(now),
        }
    )


def hold(backend: Backend, catalog: Catalog, reason: str) -> None:
    """Hold the backup with this catalog; what held it before is taken away when the new reason is there."""
    before = _keys(backend, catalog.sha256)
    text = _text(KIND, backup=catalog.name, catalog=catalog.sha256, reason=reason, now=backend.now())
    put(backend, hold_key(catalog.sha256, new_session()), text)
    _delete(backend, before)


def unhold(backend: Backend, catalog: Catalog) -> bool:
    """Take its holds away; whether there was one."""
    before = _keys(backend, catalog.sha256)
    _delete(backend, before)
    return bool(before)


def _keys(backend: Backend, catalog: str) -> list[str]:
    return [stat.key for stat in backend.list(f"{HOLDS}{catalog[:32]}.")]


def _delete(backend: Backend, keys: Iterable[str]) -> None:
    for key in keys:
        backend.delete(key)


class Reading:
    """One that reads a backup for long, and says so: what it needs stays, forgotten or not, while it renews that.

    It counts for half of the grace time; renew it when a quarter has passed.
    """

    def __init__(self, backend: Backend, *, backup: str, catalog: str) -> None:
        self._backend, self._backup, self._catalog = backend, backup, catalog
        self._key = ""
        self.renew()

    def renew(self) -> None:
        """Count anew. DeniedError where nothing may be written."""
        before, key = self._key, reader_key(new_session())
        text = _text(READER, backup=self._backup, catalog=self._catalog, reason="it is read", now=self._backend.now())
        put(self._backend, key, text)
        self._key = key
        self._taken_away(before)

    def end(self) -> None:
        """It reads no more. Where the hold cannot be taken away, it expires."""
        self._taken_away(self._key)

    def _taken_away(self, key: str) -> None:
        with suppress(Exception):
            if key:
                self._backend.delete(key)
