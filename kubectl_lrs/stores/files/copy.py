"""The content of files → a backup, several at once: each one state of the file, or said not to be had."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple

from kubectl_lrs.backends.base import KeyNotFoundError, Reading, Stat
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository import EarlierBackup, Segmented, Writer
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_by_pace
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.sorting import Sorted
from kubectl_lrs.stores.files import saved as index
from kubectl_lrs.stores.files.saved import SavedFile
from kubectl_lrs.stores.files.selected import Beside, Files, SelectedFile
from kubectl_lrs.stores.files.storage import Storage, is_young

ATTEMPTS = 3
"""How often a file is read that changes meanwhile."""

PROGRESS_FILE = f"{index.FOLDER}/~finished.jsonl"
"""What was finished, while it is not sealed: the next run takes it over. Not part of the backup."""

PATIENCE = 15.0
"""Seconds in which what is in work when a run is broken off must have ended."""

SMALL = 1 << 20
"""Bytes of a file that is held as a whole."""

NOTED = 0.2
"""Seconds after which what was finished is noted for the next run at the latest, should this one be killed."""

GONE = "gone before it was read"
CHANGED = f"it changed each of the {ATTEMPTS} times that it was read"
DAMAGED = f"what comes is not what the storage's own sum says, each of the {ATTEMPTS} times that it was read"


@dataclass(frozen=True, slots=True)
class Lost:
    """One that belongs and could not be copied. `error`: what kept it, None where the storage no longer has it as it was."""

    selected: SelectedFile
    why: str
    error: LrsError | None = None


class _Copied(NamedTuple):
    """One that the backup has, and its line in the list."""

    entry: SavedFile
    line: bytes


class _Before(NamedTuple):
    """What an earlier or an interrupted run says of a file. `line`: where it is what the list would say of it now."""

    entry: SavedFile
    line: bytes = b""


class _Left(NamedTuple):
    """One that is to be copied by others."""

    selected: SelectedFile


class _StoppedError(Exception):
    """The run is broken off."""


class _UnsteadyError(Exception):
    """What was read is not one state of the file. `digest`: its SHA-256, where it is as much as the file had."""

    def __init__(self, digest: str, *, is_damaged: bool) -> None:
        super().__init__(digest)
        self.digest = digest
        self.is_damaged = is_damaged


class _TooLargeError(Exception):
    """The file has grown."""


class _Read(NamedTuple):
    """A reading, how many bytes came, and when it began."""

    reading: Reading
    size: int
    began: float


class Copier:
    """Copies into a backup. A file that cannot be had is lost; a storage or a disk that cannot be used ends all of it.

    `leave`: is given each that no earlier or interrupted run has, and of which a version is known, in place of copying it.
    """

    def __init__(
        self, storage: Storage, writer: Writer, workers: int, *, leave: Callable[[SelectedFile], object] | None = None
    ) -> None:
        self._storage = storage
        self._backend = storage.backend
        self._writer = writer
        self._workers = workers
        self._leave = leave
        self._stop = Cancel()
        self._failures: list[Exception] = []
        self._busy = 0
        self._counting = threading.Lock()
        self._idle = threading.Condition(self._counting)
        self._noted: BinaryIO | None = None
        self._noting = threading.Lock()
        self._flushed = 0.0

    def copy(self, selected: Files, take: Callable[[SavedFile, bytes], None], progress: Progress) -> list[Lost]:
        """Each that was copied is given to `take`; what could not be.

        LrsError where the storage is lost, or not one file could be read.
        """
        lost: list[Lost] = []
        copied = 0
        with ExitStack() as stack:
            left_behind = stack.enter_context(Sorted[tuple[str, bytes]]())
            self._noted = stack.enter_context(self._writer.scratch(PROGRESS_FILE))
            for path, line in finished(self._writer, self._storage.url):
                left_behind.add((path, line))
            left = Beside(index.parsed(line) for _, line in left_behind)
            earlier = stack.enter_context(unchanged(self._writer.earlier(), self._storage.url, selected))
            progress.begin("files", len(selected))
            try:
                work = ((each, _finished(left, each) or earlier.at(each)) for each in selected)
                for result in map_by_pace(work, self._one, weight=_weight, workers=self._workers, stop=self._stop):
                    progress.advance()
                    if isinstance(result, _Copied):
                        copied += 1
                        take(*result)
                    elif isinstance(result, _Left) and self._leave:
                        copied += 1  # it will be, or its segment is not done
                        self._leave(result.selected)
                    elif isinstance(result, Lost):
                        lost.append(result)
            finally:
                self._end()
            self._failures += [each.error for each in lost if each.error and not copied]
            if self._failures:
                raise self._failures[0]
        return lost

    def _end(self) -> None:
        """Nobody writes into the folder any more when this returns, so that it can be removed."""
        with self._idle:
            self._stop.set()
            self._idle.wait_for(lambda: self._busy == 0, PATIENCE)

    def _one(self, work: tuple[SelectedFile, _Before | None]) -> _Copied | _Left | Lost | None:
        selected, before = work
        began = time.monotonic()
        with self._counting:
            if self._stop.is_set():
                return None
            self._busy += 1
        try:
            if taken := self._taken_over(selected, before):
                return taken
            if self._leave and selected.stat.etag:
                return _Left(selected)
            return self._read(selected)
        except _StoppedError:
            return None
        except KeyNotFoundError:
            return Lost(selected, GONE)
        except (LrsError, OSError) as error:
            return self._failed(selected, error, began)
        finally:
            with self._counting:
                self._busy -= 1
                if self._stop.is_set():
                    self._idle.notify_all()

    def _read(self, selected: SelectedFile) -> _Copied | Lost:
        """A copy of it, unless the storage, which lists it, gives nothing any more."""
        if error := self._storage.reading.failure():
            return Lost(selected, str(error), error)
        copied = self._copied(selected)
        self._storage.reading.judge(None)
        return copied

    def _failed(self, selected: SelectedFile, error: LrsError | OSError, began: float) -> Lost | None:
        if isinstance(error, LrsError) and not self._storage.is_lost(error):
            self._storage.reading.judge(error, began=began)
            return Lost(selected, str(error), error)
        self._failures.append(error)
        self._stop.set()
        return None

    def _taken_over(self, selected: SelectedFile, said: _Before | None) -> _Copied | None:
        """The copy of an earlier or an interrupted run, where the file is still that one and the copy is still whole."""
        if said is None:
            return None
        before, now = said.entry, selected.stat
        if said.line:
            return self._note(before, said.line) if self._writer.adopt(selected.file, before.sha256) else None
        if before.file != selected.file or not _is_still(before, now):
            return None
        if now.attributes is None:
            now = self._with_attributes(before, now)
        if not _is_still(before, now) or not self._writer.adopt(selected.file, before.sha256):
            return None
        return self._note(selected.entry(now, sha256=before.sha256))

    def _with_attributes(self, before: SavedFile, now: Stat) -> Stat:
        """What stands beside the content may be another by now, unless its time of change tells that it is not."""
        if now.is_settled and now.mtime == before.modified:
            return replace(now, attributes=before.attributes)
        return self._backend.stat(now.key)

    def _copied(self, selected: SelectedFile) -> _Copied | Lost:
        sums: list[str] = []
        damaged = 0
        for _ in range(ATTEMPTS):
            try:
                return self._note(self._attempt(selected, sums))
            except _UnsteadyError as error:
                sums.append(error.digest)
                damaged += error.is_damaged
        return Lost(selected, DAMAGED if damaged == ATTEMPTS else CHANGED)

    def _attempt(self, selected: SelectedFile, sums: Sequence[str]) -> SavedFile:
        """One reading of it; a small one is held until it is known to be one state, so that nothing has to be taken back."""
        if selected.stat.size <= SMALL:
            with suppress(_TooLargeError):
                return self._at_once(selected, sums)
        with self._noting:
            self._flush()  # what was finished before would wait for this one, which may take long
        with self._writer.stream(selected.file) as sink:
            began = time.time()
            reading = self._backend.read(selected.stat, self._unless_stopped(sink.write))
            digest = sink.digest
            self._require_one_state(selected, _Read(reading, sink.size, began), lambda: digest, sums)
        return selected.entry(reading.stat, sha256=digest)

    def _at_once(self, selected: SelectedFile, sums: Sequence[str]) -> SavedFile:
        held = bytearray()

        def take(data: bytes) -> None:
            if len(held) + len(data) > 2 * SMALL:
                raise _TooLargeError
            held.extend(data)

        began = time.time()
        reading = self._backend.read(selected.stat, self._unless_stopped(take))
        data = bytes(held)
        self._require_one_state(selected, _Read(reading, len(data), began), lambda: _sha256(data), sums)
        return selected.entry(reading.stat, sha256=self._writer.write(selected.file, data))

    def _require_one_state(self, selected: SelectedFile, read: _Read, digest: Callable[[], str], sums: Sequence[str]) -> None:
        """It stood still while it was read, and did so long enough for its times to tell; or it was read alike before."""
        stat, is_damaged = read.reading.stat, read.reading.is_damaged
        if read.size != stat.size or is_damaged:
            raise _UnsteadyError("", is_damaged=is_damaged)
        if sums and digest() in sums:
            return
        if not read.reading.is_steady or (is_young(stat, read.began) and self._digest(selected) != digest()):
            raise _UnsteadyError(digest(), is_damaged=False)

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

    def _note(self, entry: SavedFile, line: bytes = b"") -> _Copied:
        """For the next run, should this one be killed. `line`: where it is known."""
        line = line or index.line_of(entry)
        with self._noting:
            assert self._noted is not None
            self._noted.write(line + b"\n")
            if entry.size > SMALL or time.monotonic() > self._flushed + NOTED:
                self._flush()
        return _Copied(entry, line)

    def _flush(self) -> None:
        assert self._noted is not None
        self._noted.flush()
        self._flushed = time.monotonic()


def _weight(work: tuple[SelectedFile, _Before | None]) -> int:
    return work[0].stat.size


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_still(entry: SavedFile, now: Stat) -> bool:
    """Whether a file is what an earlier list says of it."""
    return bool(now.etag) and (entry.size, entry.etag) == (now.size, now.etag)


class _Unchanged:
    """What an earlier backup has of files that are still as they were, looked up in the order of their paths.

    A file that was young when that backup began may have changed again within the same time of change.
    """

    def __init__(self, file: BinaryIO, began: float) -> None:
        self._lines = _lines(file)
        self._next = next(self._lines, None)
        self._began = began

    def at(self, selected: SelectedFile) -> _Before | None:
        now = selected.stat
        if self._next is None or is_young(now, self._began):
            return None
        before, after = selected.around()
        line = self._line(now.key, before)
        if line is None or not now.etag:
            return None
        is_known = now.attributes is not None
        has_to_tell = now.is_settled and not is_known  # what stands beside the content is to be had from it
        if not has_to_tell and (sha256 := index.sum_in(line, before, after if is_known else None)):
            return _Before(selected.entry(now, sha256=sha256), line if is_known else b"")
        entry = _parsed(line)
        return _Before(entry) if entry is not None and _is_still(entry, now) else None

    def _line(self, path: str, before: bytes) -> bytes | None:
        """That of a path that comes after those that were asked for before. One that begins so is of it; others are looked at."""
        while (line := self._next) is not None:
            found = path if line.startswith(before) else _path(line)
            if found > path:
                return None
            self._next = next(self._lines, None)
            if found == path:
                return line
        return None


def _finished(left: Beside[SavedFile], selected: SelectedFile) -> _Before | None:
    entry = left.at(selected.stat.key)
    return _Before(entry) if entry is not None else None


@contextmanager
def unchanged(earlier: Iterable[EarlierBackup], url: str, selected: Iterable[SelectedFile]) -> Iterator[_Unchanged]:
    """The newest backup of this storage that has anything of these files; of none, nothing."""
    for backup in earlier:
        if (backup.catalog.tiers.get(index.TIER) or {}).get("url") == url and (file := backup.reading(index.FILE)):
            with file:
                began = backup.catalog.instant.timestamp()
                looked = _Unchanged(file, began)
                if any(looked.at(each) for each in selected):
                    file.seek(0)
                    yield _Unchanged(file, began)
                    return
    yield _Unchanged(io.BytesIO(), 0.0)


def about(url: str) -> str:
    """What marks of segments are about: the files of this storage, and of no other."""
    return f"{PROGRESS_FILE} of {url}"


def finished(writer: Writer, url: str) -> Iterator[tuple[str, bytes]]:
    """(path, line) of what interrupted runs have noted; a line that is cut off or is not ours is none."""
    for name in (about(url),) if isinstance(writer, Segmented) else (PROGRESS_FILE, index.FILE):
        for file in writer.left_behind(name):
            for entry in _noted(file):
                yield entry.path, index.line_of(entry)


def _noted(file: BinaryIO) -> Iterator[SavedFile]:
    """Those with content."""
    while line := file.readline(index.MAX_LINE):
        if (entry := _parsed(line)) is not None:
            yield entry


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(index.MAX_LINE):
        yield line.rstrip(b",\n")


def _path(line: bytes) -> str:
    """Whose it is; that of one which is of no file comes before all others."""
    try:
        return index.path_of(line)
    except ValueError:
        return ""


def _parsed(line: bytes) -> SavedFile | None:
    """What a line says of a file with content; None where it says something else, or nothing."""
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        entry = index.parsed(line)
        if entry.file and index.is_sum(entry.sha256):
            return entry
    return None
