"""What is to happen to each file of a backup: what is missing is written, what is equal left, what differs a conflict."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from kubectl_lrs.backends.base import CHUNK, KeyNotFoundError, NoSpaceError, Stat
from kubectl_lrs.model.errors import CredentialsError, DeniedError, ExitCode, LrsError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.notes import Note
from kubectl_lrs.model.plan import WRITES, Action, Finding, Severity, Step, StorePlan
from kubectl_lrs.model.units import size
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_by_pace
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.runtime.sorting import Sorted, Waiting
from kubectl_lrs.stores.files.attributes import differences, settable
from kubectl_lrs.stores.files.match import ALL
from kubectl_lrs.stores.files.saved import TIER, Index, Row, SavedFile, entry_of, row_of
from kubectl_lrs.stores.files.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStep(Step):
    """One file of the backup, what is there in its place, and what is to happen."""

    store: ClassVar[str] = TIER

    entry: SavedFile
    there: Stat | None = None


_Row: TypeAlias = "tuple[str, int, str, float | None, Mapping[str, Any] | None]"
"""A Stat, as it waits on the disk."""

_StepRow: TypeAlias = "tuple[str, str, str, int, Row | None, _Row | None]"
"""A step: name, action, reason, bytes; of one that writes also the entry and what is there."""


class FileSteps(Waiting[FileStep]):
    """Those of a plan, in the order of their names; they wait on the disk. Of one that writes nothing the entry is bare.

    `to_write`: bytes of those that are written; `largest`: of the largest of them.
    """

    def __init__(self, steps: Iterable[FileStep] = ()) -> None:
        self._steps: Sorted[_StepRow] = Sorted()
        super().__init__(self._steps, _step_of)
        self._counts: Counter[Action] = Counter()
        self.to_write = self.largest = 0
        for step in steps:
            self.add(step)

    def add(self, step: FileStep) -> None:
        """One more."""
        self._counts[step.action] += 1
        entry = there = None
        if step.action in WRITES:
            self.to_write += step.bytes
            self.largest = max(self.largest, step.bytes)
            entry, there = row_of(step.entry), _row_of(step.there) if step.there else None
        self._steps.add((step.name, step.action.value, step.reason, step.bytes, entry, there))

    def counts(self) -> Counter[Action]:
        """How many of each action."""
        return self._counts

    def names(self, actions: Collection[Action]) -> Iterator[str]:
        """Of those with one of these actions."""
        return (row[0] for row in self._rows_with(actions))

    def having(self, actions: Collection[Action]) -> Iterator[FileStep]:
        """Those with one of these actions."""
        return map(_step_of, self._rows_with(actions))

    def _rows_with(self, actions: Collection[Action]) -> Iterator[_StepRow]:
        words = {action.value for action in actions}
        return (row for row in self._steps if row[1] in words)


def steps_of(plan: StorePlan) -> FileSteps:
    """The steps of a plan of files, from which some may have been taken."""
    return plan.steps if isinstance(plan.steps, FileSteps) else FileSteps(plan.of(FileStep))


def _row_of(stat: Stat) -> _Row:
    return stat.key, stat.size, stat.etag, stat.mtime, stat.attributes


def _step_of(row: _StepRow) -> FileStep:
    name, action, reason, count, entry, there = row
    return FileStep(
        name=name,
        action=Action(action),
        reason=reason,
        bytes=count,
        entry=entry_of(entry) if entry else SavedFile(path=name, size=count, etag="", found=ALL),
        there=Stat(*there) if there else None,
    )


class Planner:
    """Looks at the storage and decides; nothing stays written. `shared`: files that are not replaced, by path, and whose."""

    def __init__(
        self,
        index: Index,
        storage: Storage,
        *,
        existing: Existing,
        workers: int,
        shared: Mapping[str, str] = MappingProxyType({}),
        stop: Cancel,
    ) -> None:
        self._shared = shared
        self._index = index
        self._storage = storage
        self._existing = existing
        self._workers = workers
        self._stop = stop

    def plan(self, progress: Progress) -> StorePlan:
        """A step for each file of the backup."""
        entries: Iterable[SavedFile] = self._index.entries
        if not isinstance(entries, Waiting):
            entries = sorted(entries, key=lambda entry: entry.path)
        entries = (entry for entry in entries if entry.file)
        steps = FileSteps()
        with Sorted[_Row]() as there:
            progress.begin("listing the file storage")
            for stat in self._storage.listing() if self._index.entries else ():
                progress.advance()
                there.add(_row_of(stat))
            progress.begin("comparing files", len(self._index.entries))
            pairs = _paired(entries, there)
            for step in map_by_pace(pairs, self._decide, weight=_read, workers=self._workers, stop=self._stop):
                steps.add(step)
                progress.advance()
        return StorePlan(
            store=TIER,
            target=self._storage.url,
            steps=steps,
            findings=tuple(self._findings(steps)),
            effects=self._effects(steps),
        )

    def _decide(self, pair: tuple[SavedFile, Stat | None]) -> FileStep:
        entry, there = pair
        if problem := self._storage.problem(entry.path):
            return _step(entry, there, Action.CONFLICT, f"it cannot be there: {problem}")
        if there is None:
            return self._of_absent(entry)
        began = time.monotonic()
        try:
            difference = self._difference(entry, there)
        except KeyNotFoundError:
            return _step(entry, None, Action.CREATE)
        except LrsError as error:
            if self._storage.is_lost(error, self._storage.reading, began=began):
                raise
            return _step(entry, there, Action.CONFLICT, f"a file is there that cannot be read: {error}")
        if not difference:
            return _step(entry, None, Action.UNCHANGED)  # nobody needs what is there, and there may be very many
        if shared := self._shared.get(entry.path):
            return _step(entry, there, Action.CONFLICT, f"it differs: {difference}; it is {shared}, and is left alone")
        action = Action.REPLACE if self._existing is Existing.REPLACE else Action.CONFLICT
        return _step(entry, there, action, f"it differs: {difference}")

    def _of_absent(self, entry: SavedFile) -> FileStep:
        if error := self._storage.hides(entry.path):
            return _step(entry, None, Action.CONFLICT, f"it cannot be told whether it is there: {error}")
        if why := self._storage.untaken(entry.path):
            return _step(entry, None, Action.CONFLICT, f"something else is there: {why}")
        return _step(entry, None, Action.CREATE)

    def _difference(self, entry: SavedFile, there: Stat) -> str:
        """How it differs, empty where it is the same: by size, then by sum, then by what stands beside it."""
        backend = self._storage.backend
        if there.size != entry.size:
            return f"{there.size} bytes, {entry.size} in the backup"
        is_known = there.etag == entry.etag and backend.tells_content(there.etag)
        if not is_known:
            other = sum_of(self._storage, there)
            self._storage.reading.judge(None)
            if other != entry.sha256:
                return "of equal size, with other content"
        beside = there.attributes if there.attributes is not None else backend.stat(entry.path).attributes or {}
        if all(entry.attributes.get(name) == beside.get(name) for name in backend.keeps):
            return ""
        return "; ".join(differences(backend.keeps, settable(backend.keeps, entry.attributes)[0], beside))

    def _findings(self, steps: FileSteps) -> Iterator[Finding]:
        if self._index.url != self._storage.url and steps:
            message = f"the files were in {shown(self._index.url)} and go to {self._storage.url}"
            hint = "documents that name the old place in full are not rewritten"
            if scheme_of(self._index.url) != scheme_of(self._storage.url):
                hint = f"{hint}; what only the other kind of storage keeps beside the content does not come along"
            yield Finding(Severity.NOTE, message, hint, note=Note.FILES_ELSEWHERE)
        if not WRITES.isdisjoint(steps.counts()):
            yield from self._room(steps.to_write)
            yield from self._rights(large=steps.largest > CHUNK)

    def _room(self, needed: int) -> Iterator[Finding]:
        free = self._storage.backend.free()
        if free is not None and free < needed:
            message = f"{self._storage.url}: {size(needed)} are to be written, and there is room for {size(free)}"
            yield Finding(Severity.ERROR, message, "make room there")

    def _rights(self, *, large: bool) -> Iterator[Finding]:
        try:
            self._storage.backend.probe(large=large)
        except CredentialsError:
            raise
        except DeniedError as error:
            yield Finding(Severity.ERROR, f"may not write: {error}", error.hint, ExitCode.UNREACHABLE)
        except NoSpaceError as error:
            yield Finding(Severity.ERROR, str(error), error.hint)

    def _effects(self, steps: FileSteps) -> tuple[str, ...]:
        count = steps.counts()[Action.REPLACE]
        return (f"replace {count} file{'' if count == 1 else 's'} in {self._storage.url}",) if count else ()


def _paired(entries: Iterable[SavedFile], there: Iterable[_Row]) -> Iterator[tuple[SavedFile, Stat | None]]:
    """Each with what is there in its place; both are in the order of the paths."""
    listed = iter(there)
    row = next(listed, None)
    for entry in entries:
        while row is not None and row[0] < entry.path:
            row = next(listed, None)
        yield entry, Stat(*row) if row is not None and row[0] == entry.path else None


def _read(pair: tuple[SavedFile, Stat | None]) -> int:
    """How much may have to be read to compare the two."""
    entry, there = pair
    return there.size if there is not None and there.size == entry.size else 0


def _step(entry: SavedFile, there: Stat | None, action: Action, reason: str = "") -> FileStep:
    return FileStep(name=entry.path, action=action, reason=reason, bytes=entry.size, entry=entry, there=there)


def sum_of(storage: Storage, stat: Stat) -> str:
    """The SHA-256 of what is in the storage; empty where it does not stand still."""
    digest = hashlib.sha256()
    reading = storage.backend.read(stat, digest.update)
    return digest.hexdigest() if reading.is_steady else ""


def scheme_of(url: str) -> str:
    """What a URL begins with."""
    return url.partition("://")[0]
