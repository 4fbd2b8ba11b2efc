"""From contents in the pool to a backup: a last look at all that it needs, its own objects, and at the very end its seal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime

from kubectl_lrs.backends.base import KeyNotFoundError, Written, put
from kubectl_lrs.model.catalog import MAX_SIZE, Catalog, parse
from kubectl_lrs.model.errors import DamageError, LrsError, UnreachableError
from kubectl_lrs.repository.base import Original
from kubectl_lrs.repository.pool import index, refs
from kubectl_lrs.repository.pool.check import Checked, check
from kubectl_lrs.repository.pool.entries import IndexEntry
from kubectl_lrs.repository.pool.known import Ledger
from kubectl_lrs.repository.pool.layout import BLOB, CATALOG, REFS, SUMS, BackupId, blob_key, new_session, pack_key, pool_key
from kubectl_lrs.repository.pool.ranges import held, is_same, pieces
from kubectl_lrs.repository.pool.seal import Seal, Stored, head_of
from kubectl_lrs.repository.pool.sight import PoolHandle
from kubectl_lrs.repository.pool.spool import Spool, gzipped
from kubectl_lrs.repository.pool.uploads import store
from kubectl_lrs.repository.sums import sum_of
from kubectl_lrs.runtime.bounds import require_readable
from kubectl_lrs.runtime.retry import Policy, insist, is_any

LOOKS = 3
"""How often what is condemned meanwhile is copied, before the run gives up."""


TIMES = Policy(attempts=3, first=1.0)
"""How often it is sealed anew where the storage could not do it just then."""


class _AlteredError(LrsError):
    """What was stored as the seal is none."""


class _UnsealedError(UnreachableError):
    """The storage did not take the seal, and does not have it."""


class Sealing:
    """Of one backup whose contents are all in the pool. `backup`: as it is called in the end."""

    def __init__(self, place: PoolHandle, backup: BackupId, ledger: Ledger, *, began: datetime) -> None:
        """`began`: when this run did, by its own clock; a backup that was made then is no copy."""
        self._place = place
        self._backend = place.backend
        self.backup = backup
        self._ledger = ledger
        self._began = began
        self._moved: dict[str, str] = {}
        self._objects: dict[str, Stored] = {}
        self._is_sent = False

    def seal(self, catalog: Catalog, original: Original | None = None, *, objects: int, size: int) -> Catalog:
        """The catalog as it was sealed. `original`: of a copy. `objects`, `size`: what this run has put into the pool.

        A seal is sent a single time. Where it did not come, another one is, under a name of its own: the first may come late,
        and then is of a backup that has all its objects, or of none.
        """
        return insist(
            lambda _attempt: self._sealed(catalog, original, objects, size),
            policy=TIMES,
            may_pass=is_any(_UnsealedError),
            before_again=lambda _error: self._begin_anew(),
        )

    def is_there(self) -> bool:
        """Whether it is sealed although `seal` was broken off, as far as the storage tells."""
        with suppress(LrsError):
            return self._is_sent and self._backend.stat(self.backup.seal).size > 0
        return False

    def _begin_anew(self) -> None:
        self.backup = BackupId(self.backup.name, new_session())
        self._objects = {}

    def _sealed(self, catalog: Catalog, original: Original | None, objects: int, size: int) -> Catalog:
        checked_at = self._checked()
        totals = self._ledger.totals()
        identity = sum_of(self._ledger.sums())
        stored = {**totals, "newObjects": objects, "storedBytes": size}
        data = original.catalog if original else replace(catalog, sums_sha256=identity, stored=stored).serialise()
        named = f"{len(catalog.missing)} things that are missing" if catalog.missing else "what it names"
        self._put(CATALOG, require_readable(data, MAX_SIZE, self._where(CATALOG), hint=f"it lists {named}: choose less"))
        sealed = replace(parse(data, where=self._where(CATALOG)), stored=stored)
        index.write(self._entries(), self._put)
        self._put_large(REFS, lambda spool: refs.write(self._ledger.refs(), spool))
        if original:
            self._put_large(SUMS, lambda spool: gzipped(original.sums(), spool))
        self._finish(
            Seal(
                backup=self.backup,
                repository=self._place.repository,
                checked_at=checked_at,
                head=head_of(sealed, identity),
                objects=self._objects,
                stored={"newObjects": objects, "newBytes": size, "reusedBytes": totals["linkedBytes"]},
                is_copy=catalog.instant != self._began,
            )
        )
        return sealed

    def _where(self, file: str) -> str:
        return f"{self._backend.url}/{self.backup.key(file)}"

    def _entries(self) -> Iterator[IndexEntry]:
        """All files, with what was copied in its new place."""
        for each in self._ledger.entries():
            if self._moved:
                each = each._replace(parts=tuple(p._replace(key=self._moved.get(p.key, p.key)) for p in each.parts))
            yield each

    # ---- the last look

    def _checked(self) -> float:
        """When the look began that found everything there and nothing condemned; what was condemned is copied before."""
        for _ in range(LOOKS):
            self._ledger.refer(self._entries())
            found = check(self._backend, self._ledger.refs)
            self._require_all(found)
            if not found.condemned:
                return found.at
            for key in found.condemned:
                self._copy(key)
        raise LrsError(
            f"{self._where('')}: what it needs is condemned again and again; no backup was made",
            hint="is a prune at work? run it again",
        )

    def _require_all(self, found: Checked) -> None:
        """LrsError for what is not even there when it is asked for by its name: a list may lag. So may that answer, of what
        is condemned."""
        for ref in found.gone:
            key = self._ledger.key(ref.token)
            with suppress(KeyNotFoundError):
                if ref not in found.doomed and self._backend.stat(key).size == ref.size:
                    continue
            path = next((each.path for each in self._entries() if any(part.key == key for part in each.parts)), "")
            raise LrsError(
                f"{self._backend.url}/{key}: gone, and {path} needs it; no backup was made",
                hint="run it again: what is gone is put there anew",
            )

    def _copy(self, key: str) -> None:
        """The same bytes under a new name, which no list names."""
        found = pool_key(key)
        assert found is not None
        with closing(Spool()) as spool:
            for data in pieces(self._backend, key, 0, self._backend.stat(key).size):
                spool.write(data)
            if spool.digest != found.digest:
                raise DamageError(f"{self._backend.url}/{key}: altered: its sum is not the one in its name; no backup was made")
            session = new_session()
            packed = key.endswith(".gz")
            new = blob_key(found.digest, session, packed=packed) if found.kind == BLOB else pack_key(found.digest, session)
            store(self._backend, new, spool.size, spool.chunks())
            self._ledger.note_listed([(token.token, spool.size)] if (token := pool_key(new)) else [])
        self._moved.update({old: new for old, now in self._moved.items() if now == key})
        self._moved[key] = new

    # ---- its own objects

    def _put(self, file: str, data: bytes) -> None:
        self._objects[file] = stored = Stored.of(data)
        self._require_held(file, stored, store(self._backend, self.backup.key(file), len(data), iter([data])))

    def _put_large(self, file: str, fill: Callable[[Spool], object]) -> None:
        with closing(Spool()) as spool:
            fill(spool)
            self._objects[file] = stored = Stored(spool.size, spool.digest)
            self._require_held(file, stored, store(self._backend, self.backup.key(file), spool.size, spool.chunks()))

    def _require_held(self, file: str, stored: Stored, written: Written) -> None:
        """It steers what is read and what is removed: where the storage proves nothing of it by its own sum, it is read back."""
        if not written.is_proven:
            for _ in held(self._backend, self.backup.key(file), stored):
                pass

    def _finish(self, seal: Seal) -> None:
        """Put the seal, and see that it came in time."""
        key, data = self.backup.seal, seal.serialise()
        self._backend.sync()
        self._is_sent = True
        try:
            if not put(self._backend, key, data, once=True).is_proven:
                self._require_same(key, data)
        except _AlteredError:
            raise
        except LrsError as error:
            self._require_there(key, data, error)
        try:
            stored = self._backend.stat(key).mtime
        except KeyNotFoundError as error:
            raise LrsError(
                f"{self._backend.url}/{key}: it was sealed, and is gone already",
                hint="has a prune forgotten it? unforget brings it back",
            ) from error
        if seal.is_late(stored, self._place.grace):
            hours = self._place.grace / 2 / 3600
            raise LrsError(
                f"{self._backend.url}/{key}: it was sealed more than {hours:g} hours after the last look at what it needs, and"
                " does not count as a backup unless all of that is still there",
                hint="verify it, or make another one",
            )

    def _require_same(self, key: str, data: bytes) -> None:
        """What the storage has there is what it was sent: another one is no seal, and goes. LrsError."""
        if is_same(self._backend, key, data):
            return
        with suppress(Exception):  # nobody else has made it, and while it lies there prune removes nothing
            self._backend.delete(key)
        raise _AlteredError(
            f"{self._backend.url}/{key}: the storage has something else than the seal that it was sent; no backup"
        )

    def _require_there(self, key: str, data: bytes, error: LrsError) -> None:
        """Nobody said that the seal came: it is looked for. The error where it is not there, or where nobody can tell."""
        try:
            if is_same(self._backend, key, data):
                return
        except KeyNotFoundError:
            if isinstance(error, UnreachableError):
                raise _UnsealedError(f"{error}; no backup was made", hint=error.hint) from error
            raise error from None
        except LrsError:
            raise LrsError(
                f"{self._backend.url}/{key}: nobody can tell whether the backup was sealed: {error}",
                hint="list shows it, if it was",
                exit_code=error.exit_code,
            ) from error
        raise error
