"""Steps of a plan → files in a storage, and what the storage says that it holds afterwards, held against what it was sent.

A file gets its name when all of its bytes are with the storage, where there is a disk: on it. Many files share one sync.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from kubectl_lrs.backends.base import CHUNK, KeyExistsError, NoSpaceError, Upload, Written
from kubectl_lrs.model.errors import DamageError, LrsError, UnreachableError
from kubectl_lrs.model.plan import WRITES, Action
from kubectl_lrs.model.report import Outcome, Result
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_by_pace
from kubectl_lrs.stores.files.attributes import altered, settable
from kubectl_lrs.stores.files.match import folders_of
from kubectl_lrs.stores.files.plan import FileStep, FileSteps, sum_of
from kubectl_lrs.stores.files.saved import SavedFile
from kubectl_lrs.stores.files.storage import Storage

T = TypeVar("T")
R = TypeVar("R")

BATCH_BYTES = 256 << 20
"""Bytes of uploads that wait for one and the same sync."""

SMALL = 16 << 10

LEFT = frozenset(Action) - WRITES
"""What is not begun."""


@dataclass(slots=True)
class _Begun:
    """A step whose bytes are with the storage. `sent`: what is to stand beside them. `is_ended`: it was made, or given up."""

    step: FileStep
    upload: Upload
    size: int
    sent: Mapping[str, Any]
    unset: tuple[str, ...]
    is_ended: bool = False


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

    def outcomes(self, steps: FileSteps) -> Iterator[Outcome]:
        """One for each step that was begun, as it is known. The first error of the storage itself is raised in the end."""
        yield from map(Outcome.of, steps.having(LEFT))
        if not self._stop.is_set():
            self._make_folders(steps.names(WRITES))
        for batch in _batches(steps.having(WRITES), self._backend.batch):
            if not self._broken and not self._stop.is_set():
                yield from self._batch(batch)
        if self._broken:
            raise self._broken[0]
        if not WRITES.isdisjoint(steps.counts()):
            self._backend.sync()

    def _make_folders(self, paths: Iterable[str]) -> None:
        """Those that the backup knows something of, outermost first; the others are made with the files."""
        for folder in sorted(folders_of(paths)):
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

    def _batch(self, steps: Iterable[FileStep]) -> Iterator[Outcome]:
        if self._backend.batch == 1:
            yield from self._map(steps, self._whole, lambda step: step.bytes)
            return
        begun: list[_Begun] = []
        try:
            for result in self._paced(steps, self._begin_unless_broken, lambda step: step.bytes):
                if isinstance(result, _Begun):
                    begun.append(result)
                elif result is not None:
                    yield result
            if begun and not self._is_lost and not self._stop.is_set():
                self._backend.sync()
                yield from self._map(begun, self._commit, lambda each: each.size)
        finally:
            for each in begun:
                if not each.is_ended:
                    each.upload.abort()

    @property
    def _is_lost(self) -> bool:
        """Whether nothing can be done there any more; in one that is full, what it has got already can have its name."""
        return any(not isinstance(error, NoSpaceError) for error in self._broken)

    def _map(self, items: Iterable[T], work: Callable[[T], Outcome | None], weight: Callable[[T], int]) -> Iterator[Outcome]:
        for outcome in self._paced(items, work, weight):
            if outcome is not None:
                yield outcome

    def _paced(self, items: Iterable[T], work: Callable[[T], R], weight: Callable[[T], int]) -> Iterator[R]:
        return map_by_pace(items, work, weight=weight, workers=self._workers, stop=self._stop)

    def _whole(self, step: FileStep) -> Outcome | None:
        begun = self._begin_unless_broken(step)
        return self._commit(begun) if isinstance(begun, _Begun) else begun

    def _begin_unless_broken(self, step: FileStep) -> _Begun | Outcome | None:
        return None if self._broken else self._begin(step)

    def _begin(self, step: FileStep) -> _Begun | Outcome:
        entry, replaces = step.entry, step.action is Action.REPLACE
        sent, refused = settable(self._backend.keeps, entry.attributes)
        source = _Source(self._folder, entry)
        began = time.monotonic()
        try:
            upload = self._backend.upload(entry.path, entry.size, source.chunks(), sent, replace=replaces)
        except LrsError as error:
            return self._failed(step, error, began)
        return _Begun(step, upload, source.size, sent, (*refused, *upload.unset))

    def _commit(self, begun: _Begun) -> Outcome | None:
        if self._is_lost:
            return None
        step = begun.step
        begun.is_ended = True
        began = time.monotonic()
        try:
            if step.action is Action.REPLACE and not self._is_as_planned(step):
                begun.upload.abort()
                return Outcome.of(step, Result.CONFLICT, "it has changed since the plan was made")
            written = begun.upload.commit()
            wrong = "; ".join(self._alterations(begun, written))
        except LrsError as error:
            return self._failed(step, error, began)
        self._storage.writing.judge(None)
        if wrong:
            return Outcome.of(step, Result.ALTERED, f"altered by the storage: {wrong}")
        return Outcome.of(step, message=f"could not be set: {', '.join(begun.unset)}" if begun.unset else "")

    def _failed(self, step: FileStep, error: LrsError, began: float) -> Outcome:
        if isinstance(error, KeyExistsError):
            return Outcome.of(step, Result.CONFLICT, str(error))
        is_servers = isinstance(error, UnreachableError)
        if isinstance(error, NoSpaceError) or (is_servers and self._storage.is_lost(error, self._storage.writing, began=began)):
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


def _batches(steps: Iterable[FileStep], count: int) -> Iterator[Iterable[FileStep]]:
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

    def __init__(self, folder: Backup, entry: SavedFile) -> None:
        self._folder = folder
        self._entry = entry
        self.size = 0

    def chunks(self) -> Iterator[bytes]:
        """Piece by piece; DamageError where it is not what was sealed."""
        digest, most = hashlib.sha256(), min(CHUNK, self._entry.size + SMALL)
        with self._folder.reading(self._entry.file) as file:
            held = file.read(most)
            while True:
                digest.update(held)
                self.size += len(held)
                following = file.read(most) if held else b""
                if not following:
                    break
                yield held
                held = following
        if digest.hexdigest() != self._entry.sha256:
            raise self._damage("altered: its sum does not match")
        if self.size != self._entry.size:
            raise self._damage(f"of another size than the list says: {self.size} bytes, not {self._entry.size}")
        if held:
            yield held

    def _damage(self, what: str) -> DamageError:
        return DamageError(f"{self._folder.describe(self._entry.file)}: {what}")
