"""The files that belong to what is saved → a backup: listed, or copied with their sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from kubectl_lrs.backends.base import KeyExistsError, KeyNotFoundError, Stat
from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.notes import Remark
from kubectl_lrs.repository import Writer
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.stores.files import saved as index
from kubectl_lrs.stores.files.copy import GONE, Copier, Lost, SelectedFile
from kubectl_lrs.stores.files.match import ALL, FileMatcher, Found, References, Where, folders_of
from kubectl_lrs.stores.files.saved import Entry, Index
from kubectl_lrs.stores.files.storage import Storage

INVENTORY, COPY = "inventory", "copy"


class FilesCollector:
    """The files of one storage. `references`: what the documents saved so far say."""

    def __init__(
        self,
        storage: Storage,
        references: Callable[[Writer, Progress], References],
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

    def collect(self, writer: Writer, progress: Progress) -> dict[str, Any]:
        """Write the list, and the content where it is to be copied; the facts for the catalog."""
        progress.begin("what the documents say of files")
        references = self._references(writer, progress)
        matcher = FileMatcher(references, self._storage.names, take_all=self._take_all)
        progress.begin("listing the file storage")
        selected, others = self._select(matcher, progress)
        if self._storage.unreadable and not selected and not others:
            raise next(iter(self._storage.unreadable.values()))
        missing = [_missing("directory", path, str(error)) for path, error in self._storage.unreadable.items()]
        selected, absent = self._look_for(matcher.missing(), selected)
        if self._level == COPY:
            entries, lost = Copier(self._storage, writer, self._workers).copy(selected, progress)
        else:
            entries, lost = [each.entry(each.stat) for each in selected], []
        entries.sort(key=lambda entry: entry.path)
        folders = self._folders(entries)
        index.write(writer, Index(url=self._storage.url, level=self._level, entries=entries, folders=folders))
        return self._facts(entries, others, [*missing, *absent], lost, references)

    # ---- which

    def _select(self, matcher: FileMatcher, progress: Progress) -> tuple[list[SelectedFile], int]:
        """Those that belong, and how many do not."""
        picked: list[tuple[Stat, Found]] = []
        others = 0
        for stat in self._storage.listing():
            progress.advance()
            if found := matcher.found(stat.key):
                picked.append((stat, found))
            else:
                others += 1
        return _placed(picked), others

    def _look_for(
        self, absent: list[tuple[str, Where]], selected: list[SelectedFile]
    ) -> tuple[list[SelectedFile], list[Missing]]:
        """What is referred to and was not in the list is asked for by name before it is called missing."""
        late: list[tuple[Stat, Found]] = []
        missing: list[Missing] = []
        for path, where in absent:
            try:
                stat, why, is_absent = self._storage.find(path), f"not in {self._storage.url}", True
            except KeyExistsError:  # a directory
                continue
            except LrsError as error:
                if self._storage.is_lost(error):
                    raise
                stat, why, is_absent = None, f"it cannot be told whether it is there: {error}", False
            if stat is None:
                missing.append(_missing("file", path, why, where, is_absent=is_absent))
            else:
                late.append((stat, Found("path", where)))
        if late:
            selected = _placed([*((each.stat, each.found) for each in selected), *late])
        return selected, missing

    def _folders(self, entries: list[Entry]) -> dict[str, dict[str, Any]]:
        folders: dict[str, dict[str, Any]] = {}
        for folder in sorted(folders_of(entry.path for entry in entries)):
            with suppress(KeyNotFoundError, KeyExistsError):
                if attributes := self._storage.backend.directory(folder):
                    folders[folder] = dict(attributes)
        return folders

    # ---- what is said of them

    def _facts(
        self, entries: list[Entry], others: int, missing: list[Missing], lost: list[Lost], references: References
    ) -> dict[str, Any]:
        notes = list(self._storage.notes)
        for each in lost:
            path, found = each.selected.stat.key, each.selected.found
            if found == ALL and each.why == GONE:
                notes.append(Remark(f"file {shown(path)}: {each.why}"))
            else:
                missing.append(_missing("file", path, each.why, found.where, is_absent=each.why == GONE))
        if not any(entry.found != ALL for entry in entries) and (references.ids or references.tokens) and not self._take_all:
            notes.append(Remark(f"no file in {self._storage.url} belongs to the saved documents; is --files-url right?"))
        return {
            "url": self._storage.url,
            "level": self._level,
            "files": len(entries),
            "bytes": sum(entry.size for entry in entries),
            "foundBy": dict(sorted(Counter(entry.found.by for entry in entries).items())),
            "others": others,
            "missing": sorted(missing),
            "notes": [each.to_dict() for each in notes],
        }


def _missing(kind: str, path: str, reason: str, where: Where | None = None, *, is_absent: bool = False) -> Missing:
    return Missing(store=index.TIER, kind=kind, name=path, reason=reason, where=str(where or ""), is_absent=is_absent)


def _placed(picked: list[tuple[Stat, Found]]) -> list[SelectedFile]:
    """With the place of each in the backup, which depends on whether a path is also a folder."""
    folders = folders_of(stat.key for stat, _ in picked)
    return [SelectedFile(stat, found, index.backup_path(stat.key, is_folder_too=stat.key in folders)) for stat, found in picked]
