"""Steps of a plan → files in a storage, and what the storage says that it holds afterwards, held against what it was sent.

A file gets its name when all of its bytes are with the storage, where there is a disk: on it. Many files share one sync.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kubectl_lrs.backends.base import CHUNK, KeyExistsError, NoSpaceError, Upload, Written
from kubectl_lrs.model.errors import DamageError, LrsError, UnreachableError
from kubectl_lrs.model.plan import WRITES, Action
from kubectl_lrs.model.report import Outcome, Result
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.stores.files.attributes import altered, settable
from kubectl_lrs.stores.files.match import folders_of
from kubectl_lrs.stores.files.plan import FileStep, sum_of
from kubectl_lrs.stores.files.saved import Entry
from kubectl_lrs.stores.files.storage import Storage

T = TypeVar("T")

BATCH_BYTES = 256 << 20
"""Bytes of uploads that wait for one and the same sync."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A step whose bytes are with the storage. `sent`: what is to stand beside them. `is_ended`: it was made, or given up."""

    step: FileStep
    upload: Upload
    size: int
    sent: Mapping[str, Any]
    unset: tuple[str, ...]
    is_ended: threading.Event = field(default_factory=threading.Event)


class Writing:
    """One run of writing; it ends at the first sign that the storage is lost or full.

    `remarks`: folders that are not as they were saved, and why.
    """

    def __init__(
        self,
        folder: Backup,
        storage: Storage,
        folders: Mapping[str, Mapping[str, Any]],
        *,
        workers: int,
        stop: Cancel,
    ) -> None:
        self._folder = folder
        self._storage = storage
        self._backend = storage.backend
        self._folders = folders
        self._workers = workers
        self._stop = stop
        self._broken: list[LrsError] = []
        self.remarks: list[str] = []

    def outcomes(self, steps: Sequence[FileStep]) -> Iterator[Outcome]:
        """One for each step that was begun, as it is known. The first error of the storage itself is raised in the end."""
        for step in steps:
            if step.action not in WRITES:
                yield Outcome.of(step)
        writes = [step for step in steps if step.action in WRITES]
        if not self._stop.is_set():
            self._make_folders(writes)
        for batch in _batches(writes, self._backend.batch):
            if not self._broken and not self._stop.is_set():
                yield from self._batch(batch)
        if self._broken:
            raise self._broken[0]
        if writes:
            self._backend.sync()

    def _make_folders(self, steps: Sequence[FileStep]) -> None:
        """Those that the backup knows something of, outermost first; the others are made with the files."""
        for folder in sorted(folders_of(step.entry.path for step in steps)):
            given = settable(self._backend.keeps, self._folders.get(folder) or {})[0]
            if given and not self._storage.problem(folder):
                try:
                    unset = self._backend.make_directory(folder, given)
                except LrsError as error:
                    if self._storage.is_lost(error):
                        raise
                    self.remarks.append(f"folder {folder}: {error}")
                else:
                    self.remarks += [f"folder {folder}: could not be set: {', '.join(unset)}"] if unset else []

    def _batch(self, steps: Sequence[FileStep]) -> Iterator[Outcome]:
        if self._backend.batch == 1:
            yield from self._map(steps, self._whole)
            return
        begun: list[_Begun] = []
        try:
            for result in map_unordered(steps, self._begin_unless_broken, workers=self._workers, stop=self._stop):
                if isinstance(result, _Begun):
                    begun.append(result)
                elif result is not None:
                    yield result
            if begun and not self._is_lost and not self._stop.is_set():
                self._backend.sync()
                yield from self._map(begun, self._commit)
        finally:
            for each in begun:
                if not each.is_ended.is_set():
                    each.upload.abort()

    @property
    def _is_lost(self) -> bool:
        """Whether nothing can be done there any more; in one that is full, what it has got already can have its name."""
        return any(not isinstance(error, NoSpaceError) for error in self._broken)

    def _map(self, items: Iterable[T], work: Callable[[T], Outcome | None]) -> Iterator[Outcome]:
        for outcome in map_unordered(items, work, workers=self._workers, stop=self._stop):
            if outcome is not None:
                yield outcome

    def _whole(self, step: FileStep) -> Outcome | None:
        begun = self._begin_unless_broken(step)
        return self._commit(begun) if isinstance(begun, _Begun) else begun

    def _begin_unless_broken(self, step: FileStep) -> _Begun | Outcome | None:
        return None if self._broken else self._begin(step)

    def _begin(self, step: FileStep) -> _Begun | Outcome:
        entry, replaces = step.entry, step.action is Action.REPLACE
        sent, refused = settable(self._backend.keeps, entry.attributes)
        source = _Source(self._folder, entry)
        try:
            upload = self._backend.upload(entry.path, entry.size, source.chunks(), sent, replace=replaces)
        except LrsError as error:
            return self._failed(step, error)
        return _Begun(step, upload, source.size, sent, (*refused, *upload.unset))

    def _commit(self, begun: _Begun) -> Outcome | None:
        if self._is_lost:
            return None
        step = begun.step
        begun.is_ended.set()
        try:
            if step.action is Action.REPLACE and not self._is_as_planned(step):
                begun.upload.abort()
                return Outcome.of(step, Result.CONFLICT, "it has changed since the plan was made")
            written = begun.upload.commit()
            wrong = "; ".join(self._alterations(begun, written))
        except LrsError as error:
            return self._failed(step, error)
        if wrong:
            return Outcome.of(step, Result.ALTERED, f"altered by the storage: {wrong}")
        return Outcome.of(step, message=f"could not be set: {', '.join(begun.unset)}" if begun.unset else "")

    def _failed(self, step: FileStep, error: LrsError) -> Outcome:
        if isinstance(error, KeyExistsError):
            return Outcome.of(step, Result.CONFLICT, str(error))
        if isinstance(error, NoSpaceError) or (isinstance(error, UnreachableError) and self._storage.is_lost(error)):
            self._broken.append(error)
        return Outcome.failed(step, error)

    def _is_as_planned(self, step: FileStep) -> bool:
        now = self._storage.find(step.entry.path)
        there = step.there
        return now is None or (there is not None and (now.size, now.etag) == (there.size, there.etag))

    def _alterations(self, begun: _Begun, written: Written) -> Iterator[str]:
        """How what is there differs from what was sent; content by the storage's own sum, else by reading it."""
        entry, there = begun.step.entry, written.stat
        if there.size != begun.size:
            yield f"{there.size} bytes, {begun.size} were sent"
        elif not written.is_proven and sum_of(self._storage, there) != entry.sha256:
            yield "its content is not what was sent"
        yield from altered(self._backend.keeps, begun.sent, there.attributes or {}, begun.unset)


def _batches(steps: Sequence[FileStep], count: int) -> Iterator[Sequence[FileStep]]:
    """As many as are put on the disk at once; all of them where there is no disk."""
    if count == 1:
        yield steps
        return
    batch: list[FileStep] = []
    held = 0
    for step in steps:
        if batch and (len(batch) >= count or held + step.bytes > BATCH_BYTES):
            yield batch
            batch, held = [], 0
        batch.append(step)
        held += step.bytes
    yield batch


class _Source:
    """The content of one file in the backup; its last piece is given only when the sum of all of it is right."""

    def __init__(self, folder: Backup, entry: Entry) -> None:
        self._folder = folder
        self._entry = entry
        self.size = 0

    def chunks(self) -> Iterator[bytes]:
        """Piece by piece; DamageError where it is not what was sealed."""
        digest = hashlib.sha256()
        with self._folder.reading(self._entry.file) as file:
            held = file.read(CHUNK >> 1)
            while True:
                digest.update(held)
                self.size += len(held)
                following = file.read(CHUNK >> 1) if held else b""
                if not following:
                    break
                yield held
                held = following
        where = self._folder.describe(self._entry.file)
        if digest.hexdigest() != self._entry.sha256:
            raise DamageError(f"{where}: altered: its sum does not match")
        if self.size != self._entry.size:
            raise DamageError(f"{where}: of another size than the list says: {self.size} bytes, not {self._entry.size}")
        if held:
            yield held
