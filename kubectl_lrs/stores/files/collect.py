"""The files that belong to what is saved → a backup: listed, or copied with their sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from kubectl_lrs.backends.base import KeyExistsError, KeyNotFoundError
from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.notes import Remark
from kubectl_lrs.repository import Writer
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.runtime.sorting import Sorted
from kubectl_lrs.stores.base import Carriers
from kubectl_lrs.stores.files import saved as index
from kubectl_lrs.stores.files.copy import GONE, Copier, Lost
from kubectl_lrs.stores.files.match import ALL, FileMatcher, Found, References, Where
from kubectl_lrs.stores.files.named import new_folders
from kubectl_lrs.stores.files.saved import Index, SavedFile
from kubectl_lrs.stores.files.segments import SegmentedCopier
from kubectl_lrs.stores.files.selected import Listed, Selection
from kubectl_lrs.stores.files.storage import NOTHING, Storage

INVENTORY, COPY = "inventory", "copy"


class FilesCollector:
    """The files of one storage. `read`: has references take in what the documents saved so far say.

    The storage is listed before: what documents say is kept as far as it can mean something of the list.
    """

    def __init__(
        self,
        storage: Storage,
        read: Callable[[References, Writer, Progress], object],
        *,
        level: str = COPY,
        take_all: bool = False,
        workers: int = 8,
        carriers: Carriers | None = None,
    ) -> None:
        """`carriers`: who copies, where it is not this process alone."""
        self._storage = storage
        self._read = read
        self._level = level
        self._take_all = take_all
        self._workers = workers
        self._carriers = carriers

    def collect(self, writer: Writer, progress: Progress) -> dict[str, Any]:
        """Write the list, and the content where it is to be copied; the facts for the catalog."""
        with Selection() as selected, _Taken() as taken:
            with Listed() as listed:
                self._list(listed, progress)
                references = self._said(listed, writer, progress)
                matcher = FileMatcher(references, take_all=self._take_all)
                others = self._select(matcher, listed, selected)
                is_empty = not listed and not self._storage.others
            missing = [_missing("directory", path, str(error)) for path, error in self._storage.unreadable.items()]
            if is_empty and (references.says_anything or self._take_all):
                missing.append(_missing("storage", self._storage.url, NOTHING))
            missing += self._not_taken(matcher)
            missing += self._look_for(matcher.missing(), selected)
            if self._level == COPY:
                lost = self._copier(writer).copy(selected, taken.add, progress)
            else:
                lost = []
                for entry in (each.entry(each.stat) for each in selected):
                    taken.add(entry, index.line_of(entry))
            folders = self._folders(taken.folders)
            index.write(writer, Index(url=self._storage.url, level=self._level, folders=folders), taken.lines())
            return self._facts(taken, others, missing, lost, says_anything=references.says_anything)

    def _copier(self, writer: Writer) -> Copier | SegmentedCopier:
        if self._carriers is None:
            return Copier(self._storage, writer, self._workers)
        return SegmentedCopier(self._storage, writer, self._workers, self._carriers)

    # ---- which

    def _list(self, listed: Listed, progress: Progress) -> None:
        """All that there is; LrsError where that cannot be told of anything."""
        progress.begin("listing the file storage")
        for stat in self._storage.listing():
            progress.advance()
            listed.add(stat)
        if self._storage.unreadable and not listed:
            raise next(iter(self._storage.unreadable.values()))

    def _said(self, listed: Listed, writer: Writer, progress: Progress) -> References:
        """What the documents say of it."""
        progress.begin("what the documents say of files")
        references = References(listed.named(self._storage.names, self._storage.others))
        self._read(references, writer, progress)
        return references

    def _select(self, matcher: FileMatcher, listed: Listed, selected: Selection) -> int:
        """Those that belong; how many do not."""
        others = 0
        for stat in listed:
            if found := matcher.found(stat.key):
                selected.add(stat, found)
            else:
                others += 1
        return others

    def _not_taken(self, matcher: FileMatcher) -> Iterator[Missing]:
        """Links, and what is no plain file, as far as they belong: what they stand for is not in the backup."""
        for path in self._storage.others:
            found = matcher.found(path)
            if found is not None and found != ALL:
                yield _missing("file", path, self._storage.untaken(path), found.where)

    def _look_for(self, absent: list[tuple[str, Where]], selected: Selection) -> list[Missing]:
        """What is referred to and was not in the list is asked for by name before it is called missing."""
        missing: list[Missing] = []
        for path, where in absent:
            if why := self._storage.untaken(path):
                missing.append(_missing("file", path, why, where))
                continue
            try:
                stat, why, is_absent = self._storage.find(path), f"not in {self._storage.url}", True
            except KeyExistsError:  # a directory
                continue
            except LrsError as error:
                if self._storage.is_lost(error, self._storage.looking):
                    raise
                stat, why, is_absent = None, f"it cannot be told whether it is there: {error}", False
            if stat is None:
                missing.append(_missing("file", path, why, where, is_absent=is_absent))
            else:
                selected.add(stat, Found("path", where))
        return missing

    def _folders(self, of: Iterable[str]) -> dict[str, dict[str, Any]]:
        folders: dict[str, dict[str, Any]] = {}
        for folder in sorted(of):
            with suppress(KeyNotFoundError, KeyExistsError):
                if attributes := self._storage.backend.directory(folder):
                    folders[folder] = dict(attributes)
        return folders

    # ---- what is said of them

    def _facts(
        self, taken: _Taken, others: int, missing: list[Missing], lost: list[Lost], *, says_anything: bool
    ) -> dict[str, Any]:
        notes = list(self._storage.notes)
        for each in lost:
            path, found = each.selected.stat.key, each.selected.found
            if found == ALL and each.why == GONE:
                notes.append(Remark(f"file {shown(path)}: {each.why}"))
            else:
                missing.append(_missing("file", path, each.why, found.where, is_absent=each.why == GONE))
        if not taken.belong and others and says_anything and not self._take_all:
            notes.append(Remark(f"no file in {self._storage.url} belongs to the saved documents; is --files-url right?"))
        return {
            "url": self._storage.url,
            "level": self._level,
            "files": taken.found_by.total(),
            "bytes": taken.bytes,
            "foundBy": dict(sorted(taken.found_by.items())),
            "others": others,
            "missing": sorted(missing),
            "notes": [each.to_dict() for each in notes],
        }


class _Taken:
    """What the backup has: lines of its list on the disk, and what is counted. `belong`: not merely all were asked for."""

    def __init__(self) -> None:
        self.bytes = 0
        self.belong = 0
        self.found_by: Counter[str] = Counter()
        self.folders: set[str] = set()
        self._lines: Sorted[tuple[str, bytes]] = Sorted()

    def __enter__(self) -> _Taken:
        self._lines.__enter__()
        return self

    def __exit__(self, *about: Any) -> None:
        self._lines.__exit__(*about)

    def add(self, entry: SavedFile, line: bytes) -> None:
        """One more, and its line in the list."""
        self.bytes += entry.size
        self.belong += entry.found != ALL
        self.found_by[entry.found.by] += 1
        self.folders.update(new_folders(entry.path, self.folders))
        self._lines.add((entry.path, line))

    def lines(self) -> Iterator[bytes]:
        """In the order of the paths."""
        return (line for _, line in self._lines)


def _missing(kind: str, path: str, reason: str, where: Where | None = None, *, is_absent: bool = False) -> Missing:
    return Missing(store=index.TIER, kind=kind, name=path, reason=reason, where=str(where or ""), is_absent=is_absent)
