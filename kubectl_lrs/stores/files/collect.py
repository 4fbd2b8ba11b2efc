"""The files that belong to what is saved → a backup: listed, or copied with their sums."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from kubectl_lrs.backends.base import GoneError, Storage, Stored, TakenError
from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository import FolderWriter, Leftover
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.stores.files import saved as index
from kubectl_lrs.stores.files.match import ALL, Belonging, Found, References, Where, folders_of
from kubectl_lrs.stores.files.saved import Entry, Index

INVENTORY, COPY = "inventory", "copy"
ATTEMPTS = 3
"""How often a file is read that changes meanwhile."""

PROGRESS_FILE = f"{index.FOLDER}/~finished.jsonl"
"""What was finished, while it is not sealed: the next run takes it over. Not part of the backup."""

PATIENCE = 15.0
"""Seconds in which what is in work when a run is broken off must have ended."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """An object that belongs, how that was found, and where its content goes."""

    stored: Stored
    found: Found
    file: str


@dataclass(frozen=True, slots=True)
class _Lost:
    """One that belongs and could not be copied, because the storage itself no longer has it as it was."""

    chosen: _Chosen
    why: str


class _StoppedError(Exception):
    """The run is broken off."""


class FilesTier:
    """The files of one storage. `references`: what the documents saved so far say."""

    def __init__(
        self,
        storage: Storage,
        references: Callable[[FolderWriter, Progress], References],
        *,
        level: str = COPY,
        take_all: bool = False,
        workers: int = 8,
    ) -> None:
        self._storage = storage
        self._references = references
        self._level = level
        self._take_all = take_all
        self._workers = workers

    def collect(self, writer: FolderWriter, progress: Progress) -> dict[str, Any]:
        """Write the list, and the content where it is to be copied; the facts for the catalog."""
        progress.begin("what the documents say of files")
        references = self._references(writer, progress)
        belonging = Belonging(references, self._storage.names, take_all=self._take_all)
        progress.begin("listing the file storage")
        chosen, others = self._choose(belonging, progress)
        chosen, missing = self._look_for(belonging.missing(), chosen)
        if self._level == COPY:
            entries, lost = _Copier(self._storage, writer, self._workers).copy(chosen, progress)
        else:
            entries, lost = [_entry(each, each.stored) for each in chosen], []
        entries.sort(key=lambda entry: entry.path)
        folders = self._folders(entries)
        index.write(writer, Index(url=self._storage.url, level=self._level, entries=entries, folders=folders))
        return self._facts(entries, others, missing, lost, references)

    # ---- which

    def _choose(self, belonging: Belonging, progress: Progress) -> tuple[list[_Chosen], int]:
        """Those that belong, and how many do not."""
        picked: list[tuple[Stored, Found]] = []
        others = 0
        for stored in self._storage.listing():
            progress.advance()
            if found := belonging.found(stored.path):
                picked.append((stored, found))
            else:
                others += 1
        return _placed(picked), others

    def _look_for(self, missing: list[tuple[str, Where]], chosen: list[_Chosen]) -> tuple[list[_Chosen], list[tuple[str, Where]]]:
        """What is referred to and was not in the list is asked for by name before it is called missing."""
        late: list[tuple[Stored, Found]] = []
        absent: list[tuple[str, Where]] = []
        for path, where in missing:
            try:
                stored = None if self._storage.problem(path) else self._storage.look(path)
            except TakenError:  # a folder
                continue
            if stored is None:
                absent.append((path, where))
            else:
                late.append((stored, Found("path", where)))
        if late:
            chosen = _placed([*((each.stored, each.found) for each in chosen), *late])
        return chosen, absent

    def _folders(self, entries: list[Entry]) -> dict[str, dict[str, Any]]:
        folders: dict[str, dict[str, Any]] = {}
        for folder in sorted(folders_of(entry.path for entry in entries)):
            with suppress(GoneError, TakenError):
                if attributes := self._storage.folder(folder):
                    folders[folder] = dict(attributes)
        return folders

    # ---- what is said of them

    def _facts(
        self, entries: list[Entry], others: int, missing: list[tuple[str, Where]], lost: list[_Lost], references: References
    ) -> dict[str, Any]:
        notes = list(self._storage.notes)
        gone = [_missing(path, f"not in {self._storage.url}", where) for path, where in missing]
        for each in lost:
            if each.chosen.found == ALL and each.why == GONE:
                notes.append(f"file {shown(each.chosen.stored.path)}: {each.why}")
            else:
                gone.append(_missing(each.chosen.stored.path, each.why, each.chosen.found.where))
        if not any(entry.found != ALL for entry in entries) and (references.ids or references.tokens) and not self._take_all:
            notes.append(f"no file in {self._storage.url} belongs to the saved documents; is --files-url right?")
        return {
            "url": self._storage.url,
            "level": self._level,
            "files": len(entries),
            "bytes": sum(entry.size for entry in entries),
            "foundBy": dict(sorted(Counter(entry.found.by for entry in entries).items())),
            "others": others,
            "missing": sorted(gone),
            "notes": notes,
        }


def _missing(path: str, reason: str, where: Where | None) -> Missing:
    return Missing(store=index.TIER, kind="file", name=path, reason=reason, where=str(where or ""))


GONE = "gone before it was read"
CHANGED = f"it changed each of the {ATTEMPTS} times that it was read"


def _placed(picked: list[tuple[Stored, Found]]) -> list[_Chosen]:
    """With the place of each in the backup, which depends on whether a path is also a folder."""
    folders = folders_of(stored.path for stored, _ in picked)
    return [
        _Chosen(stored, found, index.backup_path(stored.path, is_folder_too=stored.path in folders)) for stored, found in picked
    ]


def _entry(chosen: _Chosen, seen: Stored, *, file: str = "", sha256: str = "") -> Entry:
    return Entry(
        path=chosen.stored.path,
        size=seen.size,
        marker=seen.marker,
        found=chosen.found,
        file=file,
        sha256=sha256,
        attributes=seen.attributes,
    )


class _Copier:
    """Copies several at once into the folder. The first failure ends all of it."""

    def __init__(self, storage: Storage, writer: FolderWriter, workers: int) -> None:
        self._storage = storage
        self._writer = writer
        self._workers = workers
        self._stop = Cancel()
        self._failures: list[Exception] = []
        self._busy = 0
        self._idle = threading.Condition()
        self._noted: BinaryIO | None = None
        self._noting = threading.Lock()

    def copy(self, chosen: list[_Chosen], progress: Progress) -> tuple[list[Entry], list[_Lost]]:
        """What was copied, and what could not be, because it is not there any more or never stands still."""
        before = finished(self._writer.leftovers)
        progress.begin("files", len(chosen))
        entries: list[Entry] = []
        lost: list[_Lost] = []
        with self._writer.scratch(PROGRESS_FILE) as self._noted:
            try:
                work = ((each, before.get(each.stored.path)) for each in chosen)
                for result in map_unordered(work, self._one, workers=self._workers, stop=self._stop):
                    progress.advance()
                    if isinstance(result, Entry):
                        entries.append(result)
                    elif result is not None:
                        lost.append(result)
            finally:
                self._end()
            if self._failures:
                raise self._failures[0]
        return entries, lost

    def _end(self) -> None:
        """Nobody writes into the folder any more when this returns, so that it can be removed."""
        with self._idle:
            self._stop.set()
            self._idle.wait_for(lambda: self._busy == 0, PATIENCE)

    def _one(self, work: tuple[_Chosen, Entry | None]) -> Entry | _Lost | None:
        chosen, before = work
        with self._idle:
            if self._stop.is_set():
                return None
            self._busy += 1
        try:
            return self._taken_over(chosen, before) or self._copied(chosen)
        except _StoppedError:
            return None
        except (LrsError, OSError) as error:
            self._failures.append(error)
            self._stop.set()
            return None
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def _taken_over(self, chosen: _Chosen, before: Entry | None) -> Entry | None:
        """The copy of an interrupted run, where the object is still that one and the copy is still whole."""
        stored = chosen.stored
        if before is None or not stored.marker or (before.size, before.marker) != (stored.size, stored.marker):
            return None
        if before.file != chosen.file or not self._writer.adopt(chosen.file, before.sha256):
            return None
        return self._note(replace(before, found=chosen.found))

    def _copied(self, chosen: _Chosen) -> Entry | _Lost:
        sums: list[str] = []
        try:
            for _ in range(ATTEMPTS):
                if seen := self._attempt(chosen, sums):
                    return self._note(_entry(chosen, seen, file=chosen.file, sha256=sums[-1]))
        except GoneError:
            return _Lost(chosen, GONE)
        return _Lost(chosen, CHANGED)

    def _attempt(self, chosen: _Chosen, sums: list[str]) -> Stored | None:
        """One reading, which is kept where the object stood still, or has the same content as at an earlier one."""
        with suppress(_UnsteadyError), self._writer.stream(chosen.file) as sink:
            seen, is_steady = self._storage.read(chosen.stored, self._unless_stopped(sink.write))
            is_whole = sink.size == seen.size
            is_known = is_whole and sink.digest in sums
            sums.append(sink.digest if is_whole else "")
            if is_whole and (is_steady or is_known):
                return seen
            _drop()
        return None

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


class _UnsteadyError(Exception):
    """What was read is not one state of the object."""


def _drop() -> None:
    """Leave the block of a file that is not to stay."""
    raise _UnsteadyError


def finished(leftovers: Sequence[Leftover]) -> dict[str, Entry]:
    """What interrupted runs have noted, by path; a line that is cut off or is not ours is none."""
    found: dict[str, Entry] = {}
    for leftover in leftovers:
        for name in (PROGRESS_FILE, index.FILE):
            if file := leftover.reading(name):
                with file:
                    found |= _noted(file)
    return found


def _noted(file: BinaryIO) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    while line := file.readline(index.MAX_LINE):
        with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
            entry = index.parsed(line)
            if entry.file:
                found[entry.path] = entry
    return found
