"""A pooled repository and its backups. Whoever uses it reads a seal for each, at most once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kubectl_lrs.backends.base import Backend, KeyNotFoundError, Stat
from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.errors import DamageError, LrsError, UnreachableError, UsageError
from kubectl_lrs.model.names import backup_name
from kubectl_lrs.repository.base import Backup, EarlierBackup, Repository, oldest_first
from kubectl_lrs.repository.holds import Holds
from kubectl_lrs.repository.pool import holds as held
from kubectl_lrs.repository.pool import readers, reuse, sight
from kubectl_lrs.repository.pool.backup import PooledBackup
from kubectl_lrs.repository.pool.contents import Pool
from kubectl_lrs.repository.pool.known import Ledger
from kubectl_lrs.repository.pool.layout import (
    BACKUPS,
    SEAL,
    BackupId,
    backup_of,
    new_session,
)
from kubectl_lrs.repository.pool.mark import Mark, read_mark
from kubectl_lrs.repository.pool.notes import PoolNotes
from kubectl_lrs.repository.pool.seal import Seal
from kubectl_lrs.repository.pool.segment import Segment
from kubectl_lrs.repository.pool.segments import Marks, require_name
from kubectl_lrs.repository.pool.writer import PoolWriter
from kubectl_lrs.repository.unsealed import Unsealed
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.standstill import Standstill

if TYPE_CHECKING:
    from kubectl_lrs.runtime.progress import Progress
    from kubectl_lrs.runtime.trust import Trust

AT_ONCE = 8


class PooledRepository(Repository):
    """`state`: the folder on this machine for what is not kept in it. `plain_at`: the plain backup at a path, if it is one."""

    def __init__(self, backend: Backend, *, state: Path, plain_at: Callable[[str], Backup | None] = lambda _name: None) -> None:
        self.backend = backend
        self.pool = Pool(backend)
        self._state = state
        self._plain_at = plain_at
        self._mark: Mark | None = None
        self._seals: dict[BackupId, Seal] = {}

    @property
    def mark(self) -> Mark:
        """What it says of itself."""
        self._mark = self._mark or read_mark(self.backend)
        return self._mark

    @property
    def place(self) -> sight.PoolHandle:
        """Where its objects are, and what it says of itself."""
        return sight.PoolHandle(self.backend, self.mark.id, self.mark.grace)

    @property
    def location(self) -> str:
        """Its URL."""
        return self.backend.url

    @property
    def resolved(self) -> str:
        """Its URL."""
        return self.backend.url

    @property
    def journals(self) -> Path:
        """A folder of this machine."""
        return self._state

    # ---- finding

    def scan(self) -> tuple[list[Backup], list[Unsealed]]:
        """The sealed backups, oldest first, and those whose seal is damaged, or came too late for what it needs."""
        found = self._found(BACKUPS)
        shown = self._shown(found)
        sealed: list[Backup] = []
        unsealed: list[Unsealed] = []
        look = partial(self._try, standstill=Standstill())
        for backup, result in map_unordered(found.items(), look, workers=AT_ONCE, stop=Cancel()):
            if isinstance(result, LrsError):
                unsealed.append(self._unsealed(backup, shown[backup], found[backup], result))
            elif result is not None:
                sealed.append(PooledBackup(self.pool, result, grace=self.mark.grace, name=shown[backup]))
        return oldest_first(sealed), sorted(unsealed, key=lambda each: each.name)

    def _found(self, prefix: str) -> dict[BackupId, Stat]:
        """The seals that are there."""
        assert self.mark
        keys = ((backup_of(stat.key), stat) for stat in self.backend.list(prefix))
        return {known[0]: stat for known, stat in keys if known and known[1] == SEAL}

    @staticmethod
    def _shown(found: dict[BackupId, Stat]) -> dict[BackupId, str]:
        """Their names; where two have the same, with the session."""
        counts = Counter(each.name for each in found)
        return {each: str(each) if counts[each.name] > 1 else each.name for each in found}

    def _unsealed(self, backup: BackupId, shown: str, stat: Stat, error: LrsError) -> Unsealed:
        """What cannot be read as a seal. What it would be of is no later than it was stored."""
        return Unsealed(
            shown,
            f"{self.backend.url}/{BACKUPS}{backup}",
            str(error),
            until=None if stat.mtime is None else datetime.fromtimestamp(stat.mtime, timezone.utc),
            is_untold=isinstance(error, UnreachableError),
        )

    def _try(self, item: tuple[BackupId, Stat], *, standstill: Standstill) -> tuple[BackupId, Seal | LrsError | None]:
        """The seal; why it is none; None where it is gone by now. A storage that lists and gives none is soon left alone."""
        if lost := standstill.failure():
            return item[0], lost
        began, found, failed = time.monotonic(), None, None
        try:
            found = self._seal(*item)
        except KeyNotFoundError:
            pass
        except LrsError as error:
            failed = error
        standstill.judge(failed, began=began)
        return item[0], failed or found

    def _seal(self, backup: BackupId, stat: Stat) -> Seal:
        """One seal that counts. Nothing at a key ever changes."""
        if backup not in self._seals:
            found = sight.read_seal(self.place, backup, stat)
            if found.is_late and not sight.is_whole(self.backend, found.seal):
                raise DamageError(f"{self.backend.url}/{stat.key}: sealed too late: what it needs was removed, or may be")
            self._seals[backup] = found.seal
        return self._seals[backup]

    def late(self) -> list[str]:
        """Of the backups that a scan has found, those that count only as long as all is seen that they need."""
        stats = self._found(BACKUPS)
        return [
            str(each) for each, seal in self._seals.items() if each in stats and seal.is_late(stats[each].mtime, self.mark.grace)
        ]

    def _named(self, name: str) -> dict[BackupId, Stat]:
        """Those that a name means: it may have the session, and be a location."""
        name = name.removeprefix(f"{self.backend.url}/{BACKUPS}")
        found = self._found(f"{BACKUPS}{name}")
        return {each: stat for each, stat in found.items() if name in (each.name, str(each))}

    def opened(self, name: str) -> Backup | None:
        """By its name, with or without the session, or by its location; else at a path."""
        found = self._named(name)
        if len(found) > 1:
            hint = f"there is {', '.join(map(str, found))}"
            raise UsageError(f"{self.backend.url}: more than one backup is called {name!r}", hint=hint)
        for backup, stat in found.items():
            with suppress(KeyNotFoundError):
                shown = self._shown(self._found(f"{BACKUPS}{backup.name}."))
                seal, shown_as = self._seal(backup, stat), shown.get(backup, str(backup))
                return PooledBackup(self.pool, seal, grace=self.mark.grace, name=shown_as)
        return self._plain_at(name)

    def has(self, name: str) -> bool:
        """Whether there is one of this name, sealed or damaged."""
        return bool(self._named(name)) or self._plain_at(name) is not None

    # ---- holding

    def holds(self) -> Holds:
        """By the sums of catalogs."""
        return held.read(self.backend, now=self.backend.now(), grace=self.mark.grace).holds

    def hold(self, backup: Backup, reason: str) -> None:
        """An object of its own. DamageError where the backup was forgotten before it was there."""
        held.hold(self.backend, backup.catalog, reason)
        if isinstance(backup, PooledBackup):
            readers.require_there(self.backend, backup.seal)

    def unhold(self, backup: Backup) -> None:
        """It goes."""
        if not held.unhold(self.backend, backup.catalog):
            raise UsageError(f"{backup.name} is not held")

    # ---- making

    @property
    def notes(self) -> PoolNotes:
        """An object beside each backup."""
        return PoolNotes(self.backend)

    def prepare(self, *, trust: Trust, trust_previous: bool, progress: Progress) -> _Prepared:  # noqa: ARG002
        """A new backup may use what is in the pool."""
        return _Prepared(self)

    @contextmanager
    def segment(self, name: str) -> Iterator[Segment]:
        """Copy a part of another run's backup into the pool."""
        require_name(name)
        self.mark  # noqa: B018  UsageError where there is no repository
        prepared = _Prepared(self)
        try:
            yield prepared.segment(name)
        finally:
            prepared.close()

    def explained(self, error: OSError, so: str = "no backup was made") -> LrsError:
        """What this machine's disk refuses, where contents wait to be uploaded."""
        return LrsError(
            f"{error.filename or 'a temporary file'}: {error.strerror or error}; {so}", hint="TMPDIR names another folder"
        )


class _Prepared:
    """What a new backup begins with: all that is in the pool is learned."""

    def __init__(self, repository: PooledRepository) -> None:
        self._repository = repository
        self._newest_first = [each for each in reversed(repository.scan()[0]) if isinstance(each, PooledBackup)]
        self._ledger = Ledger()
        self._marks = reuse.learn(repository.backend, self._ledger, [each.seal for each in self._newest_first])

    def begin(self, name: str) -> PoolWriter:
        """A session of its own."""
        instant = datetime.now(timezone.utc)
        if name and self._repository.has(name):
            raise UsageError(f"{self._repository.location}: there is a backup {name!r} already", hint="choose another --name")
        earlier = [_Earlier(each) for each in self._newest_first[: reuse.BACKUPS]]
        return self._writer(name or backup_name(instant), instant, earlier, Marks(self._repository.backend, self._marks))

    def segment(self, name: str) -> Segment:
        """A part of another run's backup. What it has of earlier ones that run knows itself."""
        return Segment(self._repository.backend, self._writer("segment", datetime.now(timezone.utc)), name)

    def _writer(
        self, name: str, instant: datetime, earlier: Sequence[EarlierBackup] = (), marks: Marks | None = None
    ) -> PoolWriter:
        backup = BackupId(name, new_session())
        return PoolWriter(self._repository.place, backup, self._ledger, instant=instant, earlier=earlier, marks=marks)

    def close(self) -> None:
        """No more is begun."""
        self._ledger.close()


class _Earlier:
    """One whose contents may be shared."""

    def __init__(self, backup: PooledBackup) -> None:
        self._backup = backup

    @property
    def catalog(self) -> Catalog:
        """As far as the seal says it."""
        return self._backup.catalog

    def reading(self, relative: str) -> BinaryIO | None:
        """One of its files; what is read is held against its sums. None where it has no such file."""
        with suppress(DamageError):
            return self._backup.opened(relative)
        return None
