"""The files that were listed, and those of them that belong to a backup, in the order of their paths; they wait on the disk."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from kubectl_lrs.backends.base import Stat
from kubectl_lrs.runtime.sorting import Sorted
from kubectl_lrs.stores.files.match import ALL, Found, Where
from kubectl_lrs.stores.files.named import Named, Names, new_folders
from kubectl_lrs.stores.files.saved import SavedFile, around, backup_path


@dataclass(frozen=True, slots=True)
class SelectedFile:
    """A file that belongs, how that was found, and where its content goes."""

    stat: Stat
    found: Found
    file: str

    def entry(self, seen: Stat, *, sha256: str = "") -> SavedFile:
        """As the backup lists it; without a sum only known of."""
        return SavedFile(
            path=seen.key,
            size=seen.size,
            etag=seen.etag,
            found=self.found,
            file=self.file if sha256 else "",
            sha256=sha256,
            attributes=seen.attributes or {},
            modified=self.stat.mtime if self.stat.is_settled else None,
        )

    def around(self) -> tuple[bytes, bytes]:
        """Its line up to the sum of the content and from there on, as far as the list of the storage tells."""
        stat, modified = self.stat, self.stat.mtime if self.stat.is_settled else None
        return around(stat.key, stat.size, stat.etag, self.found, self.file, stat.attributes or {}, modified)


_Stat = tuple[str, int, str, float | None, Mapping[str, Any] | None, bool]
_Row = tuple[str, _Stat, str, tuple[str, str, str] | None]


def _packed(stat: Stat) -> _Stat:
    return stat.key, stat.size, stat.etag, stat.mtime, stat.attributes, stat.is_settled


class Listed:
    """Everything that one list of a storage had."""

    def __init__(self) -> None:
        self._rows: Sorted[_Stat] = Sorted()

    def __enter__(self) -> Listed:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._rows.__exit__(kind, error, trace)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Stat]:
        return (Stat(*row) for row in self._rows)

    def add(self, stat: Stat) -> None:
        """One more."""
        self._rows.add(_packed(stat))

    def named(self, names: Names, others: Collection[str] = ()) -> Named:
        """What texts may mean of it. `names`: the full names of a path; `others`: paths of what is there and is no plain file."""
        return Named(chain((row[0] for row in self._rows), others), len(self) + len(others), names)


class Files(Protocol):
    """Files in the order of their paths, any number of times."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[SelectedFile]: ...


class Selection:
    """All of them. What is held in memory are the folders that they lie in."""

    def __init__(self) -> None:
        self._rows: Sorted[_Row] = Sorted()
        self._folders: set[str] = set()

    def __enter__(self) -> Selection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._rows.__exit__(kind, error, trace)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, stat: Stat, found: Found) -> None:
        """One more."""
        where = found.where
        said = None if where is None else (where.source, where.document, where.field)
        self._folders.update(new_folders(stat.key, self._folders))
        self._rows.add((stat.key, _packed(stat), found.by, said))

    def __iter__(self) -> Iterator[SelectedFile]:
        """Each with its place in the backup, which depends on whether its path is also a folder: all must have been added."""
        for key, stat, by, said in self._rows:
            found = Found(by, Where(*said)) if said else ALL if by == ALL.by else Found(by)
            file = backup_path(key, is_folder_too=key in self._folders)
            yield SelectedFile(Stat(*stat), found, file)


class HasPath(Protocol):
    """What is said of a file."""

    @property
    def path(self) -> str: ...


T = TypeVar("T", bound=HasPath)


class Beside(Generic[T]):
    """What is said of files, in the order of their paths, looked up in that order; of several with one path, the last."""

    def __init__(self, entries: Iterable[T]) -> None:
        self._entries = iter(entries)
        self._next = next(self._entries, None)

    def at(self, path: str) -> T | None:
        """The one of a path that comes after those that were asked for before."""
        found = None
        while self._next is not None and self._next.path <= path:
            found = self._next if self._next.path == path else None
            self._next = next(self._entries, None)
        return found
