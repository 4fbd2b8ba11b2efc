"""What is to happen to each file of a backup: what is missing is written, what is equal left, what differs a conflict."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from kubectl_lrs.backends.base import CHUNK, KeyNotFoundError, NoSpaceError, Stat
from kubectl_lrs.model.errors import CredentialsError, DeniedError, ExitCode, LrsError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.notes import Note
from kubectl_lrs.model.plan import WRITES, Action, Finding, Severity, Step, StorePlan
from kubectl_lrs.model.units import size
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.stores.files.attributes import differences, settable
from kubectl_lrs.stores.files.saved import TIER, Entry, Index
from kubectl_lrs.stores.files.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStep(Step):
    """One file of the backup, what is there in its place, and what is to happen."""

    store: ClassVar[str] = TIER

    entry: Entry
    there: Stat | None = None


class Planner:
    """Looks at the storage and decides; nothing stays written."""

    def __init__(self, index: Index, storage: Storage, *, existing: Existing, workers: int, stop: Cancel) -> None:
        self._index = index
        self._storage = storage
        self._existing = existing
        self._workers = workers
        self._stop = stop

    def plan(self, progress: Progress) -> StorePlan:
        """A step for each file of the backup."""
        entries = [entry for entry in self._index.entries if entry.file]
        progress.begin("listing the file storage")
        there = self._there({entry.path for entry in entries}, progress)
        progress.begin("comparing files", len(entries))
        steps: list[FileStep] = []
        pairs = ((entry, there.get(entry.path)) for entry in entries)
        for step in map_unordered(pairs, self._decide, workers=self._workers, stop=self._stop):
            steps.append(step)
            progress.advance()
        steps.sort(key=lambda step: step.name)
        return StorePlan(
            store=TIER,
            target=self._storage.url,
            steps=steps,
            findings=tuple(self._findings(steps)),
            effects=self._effects(steps),
        )

    def _there(self, wanted: set[str], progress: Progress) -> dict[str, Stat]:
        """Those of the wanted paths that are there."""
        found: dict[str, Stat] = {}
        for stat in self._storage.listing() if wanted else ():
            progress.advance()
            if stat.key in wanted:
                found[stat.key] = stat
        return found

    def _decide(self, pair: tuple[Entry, Stat | None]) -> FileStep:
        entry, there = pair
        if problem := self._storage.problem(entry.path):
            return _step(entry, there, Action.CONFLICT, f"it cannot be there: {problem}")
        if there is None:
            return self._of_absent(entry)
        try:
            difference = self._difference(entry, there)
        except KeyNotFoundError:
            return _step(entry, None, Action.CREATE)
        except LrsError as error:
            if self._storage.is_lost(error):
                raise
            return _step(entry, there, Action.CONFLICT, f"a file is there that cannot be read: {error}")
        if not difference:
            return _step(entry, there, Action.UNCHANGED)
        action = Action.REPLACE if self._existing is Existing.REPLACE else Action.CONFLICT
        return _step(entry, there, action, f"it differs: {difference}")

    def _of_absent(self, entry: Entry) -> FileStep:
        if error := self._storage.hides(entry.path):
            return _step(entry, None, Action.CONFLICT, f"it cannot be told whether it is there: {error}")
        return _step(entry, None, Action.CREATE)

    def _difference(self, entry: Entry, there: Stat) -> str:
        """How it differs, empty where it is the same: by size, then by sum, then by what stands beside it."""
        backend = self._storage.backend
        if there.size != entry.size:
            return f"{there.size} bytes, {entry.size} in the backup"
        is_known = there.etag == entry.etag and backend.tells_content(there.etag)
        if not is_known and sum_of(self._storage, there) != entry.sha256:
            return "of equal size, with other content"
        beside = there.attributes if there.attributes is not None else backend.stat(entry.path).attributes or {}
        if all(entry.attributes.get(name) == beside.get(name) for name in backend.keeps):
            return ""
        return "; ".join(differences(backend.keeps, settable(backend.keeps, entry.attributes)[0], beside))

    def _findings(self, steps: list[FileStep]) -> Iterator[Finding]:
        if self._index.url != self._storage.url and steps:
            message = f"the files were in {shown(self._index.url)} and go to {self._storage.url}"
            hint = "documents that name the old place in full are not rewritten"
            if scheme_of(self._index.url) != scheme_of(self._storage.url):
                hint = f"{hint}; what only the other kind of storage keeps beside the content does not come along"
            yield Finding(Severity.NOTE, message, hint, note=Note.FILES_ELSEWHERE)
        writes = [step for step in steps if step.action in WRITES]
        if writes:
            yield from self._room(sum(step.bytes for step in writes))
            yield from self._rights(large=any(step.bytes > CHUNK for step in writes))

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

    def _effects(self, steps: list[FileStep]) -> tuple[str, ...]:
        count = sum(step.action is Action.REPLACE for step in steps)
        return (f"replace {count} file{'' if count == 1 else 's'} in {self._storage.url}",) if count else ()


def _step(entry: Entry, there: Stat | None, action: Action, reason: str = "") -> FileStep:
    return FileStep(name=entry.path, action=action, reason=reason, bytes=entry.size, entry=entry, there=there)


def sum_of(storage: Storage, stat: Stat) -> str:
    """The SHA-256 of what is in the storage; empty where it does not stand still."""
    digest = hashlib.sha256()
    reading = storage.backend.read(stat, digest.update)
    return digest.hexdigest() if reading.is_steady else ""


def scheme_of(url: str) -> str:
    """What a URL begins with."""
    return url.partition("://")[0]
