"""The content of files by several machines: cut into segments, copied by whoever takes one, taken in when all are marked.

A segment is a list of versions of files. Exactly these are copied: what is another one by then, or gone, is lost. What marks say
is held against the lists, and nothing is taken in that the lists do not name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from kubectl_lrs.backends.base import Stat
from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.model.units import printable
from kubectl_lrs.repository import Segment, Segmented, Segments, Writer
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.runtime.sorting import Sorted
from kubectl_lrs.stores.base import Carriers
from kubectl_lrs.stores.files import saved as index
from kubectl_lrs.stores.files.copy import Copier, Lost, about
from kubectl_lrs.stores.files.saved import SavedFile
from kubectl_lrs.stores.files.selected import Files, SelectedFile
from kubectl_lrs.stores.files.storage import Storage

BYTES = 10 << 30
FILES = 50_000
TEXT = 32 << 20
"""Of a segment: bytes of content, but for a single file that is larger; files; bytes of its list."""

MAX_REASON = 1000
OTHER = "it changed before it was read"


# ---- the run that seals


class SegmentedCopier:
    """As a `Copier`, with the work of others."""

    def __init__(self, storage: Storage, writer: Writer, workers: int, carriers: Carriers) -> None:
        if not isinstance(writer, Segmented):
            raise UsageError(
                "--shards: only into a repository on a storage that all machines reach", hint="make one with: repository init"
            )
        self._storage, self._writer, self._workers, self._carriers = storage, writer, workers, carriers
        self._segments: Segments = writer.segments(about(storage.url))

    def copy(self, selected: Files, take: Callable[[SavedFile, bytes], None], progress: Progress) -> list[Lost]:
        """Each that was copied is given to `take`; what could not be. LrsError where a segment is not done."""
        with Sorted[tuple[str, int, bytes]]() as rest:

            def leave(each: SelectedFile) -> None:
                listed = replace(each.entry(each.stat), file=each.file)
                rest.add((listed.path, listed.size, index.line_of(listed)))

            lost = Copier(self._storage, self._writer, self._workers, leave=leave).copy(selected, take, progress)
            for lines in _cut(rest, self._carriers.shards):
                self._segments.put(lines)
        names = self._segments.names
        if names:
            progress.begin("segments", len(names))
            self._carriers.carry(names, self._segments.marked, progress)
            self._segments.look()
            if missing := sorted({*range(len(names))} - self._segments.marked()):
                raise LrsError(f"{len(missing)} of {len(names)} segments are not marked as done: {names[missing[0]]}")
        for number in range(len(names)):
            lost += self._taken_in(number, take)
        return lost

    def _taken_in(self, number: int, take: Callable[[SavedFile, bytes], None]) -> Iterator[Lost]:
        for line, said in self._segments.taken_in(number):
            listed = index.parsed(line)
            found = _judged(listed, said)
            if isinstance(found, Lost):
                yield found
            elif self._segments.size_of(found.sha256) == listed.size and self._writer.adopt(found.file, found.sha256):
                take(found, index.line_of(found))
            else:
                raise LrsError(
                    f"{self._segments.names[number]}: what it says to have copied of {shown(listed.path)} is not there",
                    hint="run it again: what is gone is copied anew",
                )


def _cut(rest: Sorted[tuple[str, int, bytes]], shards: int | None) -> Iterator[list[bytes]]:
    """The lines of each segment."""
    limit = min(BYTES, -(-sum(size for _, size, _ in rest) // shards)) if shards else BYTES
    lines: list[bytes] = []
    held = text = 0
    for _, size, line in rest:
        if lines and (held + size > limit or len(lines) == FILES or text + len(line) > TEXT):
            yield lines
            lines, held, text = [], 0, 0
        lines.append(line)
        held, text = held + size, text + len(line)
    if lines:
        yield lines


def _judged(listed: SavedFile, line: bytes) -> SavedFile | Lost:
    """What a mark says of a file, which is this very version of it or none. DamageError."""
    try:
        data = json.loads(line)
        if data["path"] != listed.path:
            raise ValueError("another path")  # noqa: TRY301
        if "lost" in data:
            return Lost(_selected(listed), printable(str(data["lost"]))[:MAX_REASON])
        said = index.parsed(line)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamageError(f"the mark of a segment: {shown(listed.path)}: damaged: {error}") from error
    if replace(said, sha256="", attributes={}) != replace(listed, attributes={}) or not index.is_sum(said.sha256):
        raise DamageError(f"the mark of a segment: {shown(listed.path)}: it is about another version of the file")
    return said


def _selected(listed: SavedFile) -> SelectedFile:
    """As it was listed; what stands beside the content is told with it."""
    stat = Stat(listed.path, listed.size, listed.etag, listed.modified, None, is_settled=listed.modified is not None)
    return SelectedFile(stat, listed.found, listed.file)


# ---- whoever copies one


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of a segment. `lost`: of its files, what was not copied; all of it was done before where `is_old`."""

    files: int
    size: int = 0
    lost: int = 0
    is_old: bool = False


def copy_segment(storage: Storage, segment: Segment, workers: int, progress: Progress) -> Done:
    """Copy exactly the versions that it names, and mark it as done."""
    if segment.about != about(storage.url):
        other = printable(segment.about.removeprefix(about("")))[:MAX_REASON]
        raise UsageError(
            f"{storage.url}: the segment is of another storage: {other}",
            hint="name the storage as the run that seals does",
        )
    listed = _Listed(segment.lines)
    if segment.is_marked:
        return Done(files=len(listed), is_old=True)
    size = lost = 0
    with Sorted[tuple[str, bytes]]() as said:

        def lose(path: str, why: str) -> None:
            nonlocal lost
            lost += 1
            said.add((path, json.dumps({"path": path, "lost": why[:MAX_REASON]}).encode()))

        def take(entry: SavedFile, line: bytes) -> None:
            nonlocal size
            wanted = listed.entries[entry.path]
            if (entry.size, entry.etag) != (wanted.size, wanted.etag):
                lose(entry.path, OTHER)
            else:
                size += entry.size
                said.add((entry.path, line))

        for each in Copier(storage, segment.writer, workers).copy(listed, take, progress):
            lose(each.selected.stat.key, each.why)
        segment.mark(line for _, line in said)
    return Done(files=len(listed), size=size, lost=lost)


class _Listed:
    """The files of a list. DamageError where it is none: each path once, in their order."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.entries: dict[str, SavedFile] = {}
        try:
            for each in map(index.parsed, lines):
                self.entries[each.path] = each
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamageError(f"the list of a segment: damaged: {error}") from error
        if [*self.entries] != sorted(self.entries) or len(self.entries) != len(lines):
            raise DamageError("the list of a segment: damaged: a path is there twice, or not in its place")

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[SelectedFile]:
        return map(_selected, self.entries.values())
