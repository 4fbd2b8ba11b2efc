"""The content of files → a backup, several at once: each one state of the file, or said not to be had."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import BinaryIO

from kubectl_lrs.backends.base import KeyNotFoundError, Reading, Stat
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository import EarlierBackup, Writer
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.files import saved as index
from kubectl_lrs.stores.files.match import Found
from kubectl_lrs.stores.files.saved import Entry
from kubectl_lrs.stores.files.storage import Storage, is_young

ATTEMPTS = 3
"""How often a file is read that changes meanwhile."""

PROGRESS_FILE = f"{index.FOLDER}/~finished.jsonl"
"""What was finished, while it is not sealed: the next run takes it over. Not part of the backup."""

PATIENCE = 15.0
"""Seconds in which what is in work when a run is broken off must have ended."""

GONE = "gone before it was read"
CHANGED = f"it changed each of the {ATTEMPTS} times that it was read"
DAMAGED = f"what comes is not what the storage's own sum says, each of the {ATTEMPTS} times that it was read"


@dataclass(frozen=True, slots=True)
class SelectedFile:
    """A file that belongs, how that was found, and where its content goes."""

    stat: Stat
    found: Found
    file: str

    def entry(self, seen: Stat, *, sha256: str = "") -> Entry:
        """As the backup lists it; without a sum only known of."""
        return Entry(
            path=seen.key,
            size=seen.size,
            etag=seen.etag,
            found=self.found,
            file=self.file if sha256 else "",
            sha256=sha256,
            attributes=seen.attributes or {},
        )


@dataclass(frozen=True, slots=True)
class Lost:
    """One that belongs and could not be copied. `error`: what kept it, None where the storage no longer has it as it was."""

    selected: SelectedFile
    why: str
    error: LrsError | None = None


class _StoppedError(Exception):
    """The run is broken off."""


class _UnsteadyError(Exception):
    """What was read is not one state of the file."""


class Copier:
    """Copies into a backup. A file that cannot be had is lost; a storage or a disk that cannot be used ends all of it."""

    def __init__(self, storage: Storage, writer: Writer, workers: int) -> None:
        self._storage = storage
        self._backend = storage.backend
        self._writer = writer
        self._workers = workers
        self._stop = Cancel()
        self._failures: list[Exception] = []
        self._busy = 0
        self._idle = threading.Condition()
        self._noted: BinaryIO | None = None
        self._noting = threading.Lock()

    def copy(self, selected: list[SelectedFile], progress: Progress) -> tuple[list[Entry], list[Lost]]:
        """What was copied, and what could not be. LrsError where the storage is lost, or not one file could be read."""
        before = unchanged(self._writer.earlier(), self._storage.url, {each.stat.key: each.stat for each in selected})
        before |= finished(self._writer)
        progress.begin("files", len(selected))
        entries: list[Entry] = []
        lost: list[Lost] = []
        with self._writer.scratch(PROGRESS_FILE) as self._noted:
            try:
                work = ((each, before.pop(each.stat.key, None)) for each in selected)
                for result in map_unordered(work, self._one, workers=self._workers, stop=self._stop):
                    progress.advance()
                    if isinstance(result, Entry):
                        entries.append(result)
                    elif result is not None:
                        lost.append(result)
            finally:
                self._end()
            self._failures += [each.error for each in lost if each.error and not entries]
            if self._failures:
                raise self._failures[0]
        return entries, lost

    def _end(self) -> None:
        """Nobody writes into the folder any more when this returns, so that it can be removed."""
        with self._idle:
            self._stop.set()
            self._idle.wait_for(lambda: self._busy == 0, PATIENCE)

    def _one(self, work: tuple[SelectedFile, Entry | None]) -> Entry | Lost | None:
        selected, before = work
        with self._idle:
            if self._stop.is_set():
                return None
            self._busy += 1
        try:
            return self._taken_over(selected, before) or self._copied(selected)
        except _StoppedError:
            return None
        except KeyNotFoundError:
            return Lost(selected, GONE)
        except (LrsError, OSError) as error:
            return self._failed(selected, error)
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def _failed(self, selected: SelectedFile, error: LrsError | OSError) -> Lost | None:
        if isinstance(error, LrsError) and not self._storage.is_lost(error):
            return Lost(selected, str(error), error)
        self._failures.append(error)
        self._stop.set()
        return None

    def _taken_over(self, selected: SelectedFile, before: Entry | None) -> Entry | None:
        """The copy of an earlier or an interrupted run, where the file is still that one and the copy is still whole."""
        if before is None or before.file != selected.file or not _is_still(before, selected.stat):
            return None
        now = selected.stat
        if now.attributes is None:  # what stands beside the content may be another by now
            now = self._backend.stat(now.key)
        if not _is_still(before, now) or not self._writer.adopt(selected.file, before.sha256):
            return None
        return self._note(replace(before, found=selected.found, attributes=now.attributes or {}))

    def _copied(self, selected: SelectedFile) -> Entry | Lost:
        sums: list[str] = []
        damaged = 0
        for _ in range(ATTEMPTS):
            with suppress(_UnsteadyError), self._writer.stream(selected.file) as sink:
                began = time.time()
                reading = self._backend.read(selected.stat, self._unless_stopped(sink.write))
                damaged += reading.is_damaged
                digest = sink.digest if sink.size == reading.stat.size and not reading.is_damaged else ""
                if not self._is_one_state(selected, reading, digest, sums, began):
                    sums.append(digest)
                    raise _UnsteadyError
                return self._note(selected.entry(reading.stat, sha256=digest))
        return Lost(selected, DAMAGED if damaged == ATTEMPTS else CHANGED)

    def _is_one_state(self, selected: SelectedFile, reading: Reading, digest: str, sums: list[str], began: float) -> bool:
        """It stood still while it was read, and did so long enough for its times to tell; or it was read alike before."""
        if not digest or digest in sums:
            return bool(digest)
        return reading.is_steady and (not is_young(reading.stat, began) or self._digest(selected) == digest)

    def _digest(self, selected: SelectedFile) -> str:
        """Its sum at another reading; empty where it did not stand still."""
        digest = hashlib.sha256()
        reading = self._backend.read(selected.stat, self._unless_stopped(digest.update))
        return digest.hexdigest() if reading.is_steady else ""

    def _unless_stopped(self, write: Callable[[bytes], object]) -> Callable[[bytes], None]:
        def sink(data: bytes) -> None:
            if self._stop.is_set():
                raise _StoppedError
            write(data)

        return sink

    def _note(self, entry: Entry) -> Entry:
        """For the next run, should this one be killed."""
        line = json.dumps(index.to_dict(entry), separators=(",", ":")).encode() + b"\n"
        with self._noting:
            assert self._noted is not None
            self._noted.write(line)
            self._noted.flush()
        return entry


def _is_still(entry: Entry, now: Stat) -> bool:
    """Whether a file is what an earlier list says of it."""
    return bool(now.etag) and (entry.size, entry.etag) == (now.size, now.etag)


def unchanged(earlier: Iterable[EarlierBackup], url: str, now: Mapping[str, Stat]) -> dict[str, Entry]:
    """What the newest backup of this storage has of files that are still as they were, by path.

    A file that was young when that backup began may have changed again within the same time of change.
    """
    for backup in earlier:
        if (backup.catalog.tiers.get(index.TIER) or {}).get("url") == url and (file := backup.reading(index.FILE)):
            began = backup.catalog.instant.timestamp()
            with file:
                found = {
                    each.path: each
                    for each in _noted(file)
                    if each.path in now and _is_still(each, now[each.path]) and not is_young(now[each.path], began)
                }
            if found:
                return found
    return {}


def finished(writer: Writer) -> dict[str, Entry]:
    """What interrupted runs have noted, by path; a line that is cut off or is not ours is none."""
    return {each.path: each for name in (PROGRESS_FILE, index.FILE) for file in writer.left_behind(name) for each in _noted(file)}


def _noted(file: BinaryIO) -> Iterator[Entry]:
    """Those with content."""
    while line := file.readline(index.MAX_LINE):
        with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
            entry = index.parsed(line)
            if entry.file:
                yield entry
