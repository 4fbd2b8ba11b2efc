"""Which files are referred to and are not in the storage: what `check` asks. Nothing is read but the storage's list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubectl_lrs.backends.base import Stat
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.stores.files.match import ALL, FileMatcher, References, Where
from kubectl_lrs.stores.files.saved import Index, SavedFile
from kubectl_lrs.stores.files.selected import Listed
from kubectl_lrs.stores.files.storage import NOTHING, Storage


@dataclass(frozen=True, kw_only=True)
class Presence:
    """`matched`: how many objects belong to the documents; `others`: how many do not; `missing`: path and where it is named.

    `notes`: what of the storage could not be looked at.
    """

    url: str
    matched: int
    others: int
    missing: list[tuple[str, Where]]
    notes: list[str]


def listed_in(listed: Listed, storage: Storage) -> Listed:
    """The same, with all that there is now."""
    for stored in storage.listing():
        listed.add(stored)
    return listed


def presence(storage: Storage, listed: Iterable[Stat], references: References) -> Presence:
    """The documents held against the storage as it was listed."""
    matcher = FileMatcher(references)
    matched = others = 0
    for stored in listed:
        if matcher.found(stored.key):
            matched += 1
        else:
            others += 1
    notes = [str(error) for error in storage.unreadable.values()]
    if not (matched or others or storage.others or notes) and references.says_anything:
        notes.append(f"{storage.url}: {NOTHING}")
    missing = list(_missing(storage, matcher.missing(), notes))
    return Presence(url=storage.url, matched=matched, others=others, missing=missing, notes=notes)


def _missing(storage: Storage, absent: list[tuple[str, Where]], notes: list[str]) -> Iterator[tuple[str, Where]]:
    """Asked for by name: it may have come after the list was made. What cannot be told is said, and is not missing."""
    untaken: list[str] = []
    for path, where in absent:
        if why := storage.untaken(path):  # whoever follows links finds it, perhaps
            untaken.append(f"{shown(path)} ({why})")
            continue
        try:
            if not storage.has(path):
                yield path, where
        except LrsError as error:
            if storage.is_lost(error, storage.looking):
                raise
            notes.append(str(error))
    if untaken:
        notes.append(f"{len(untaken)} files that documents name were not looked at, such as {untaken[0]}")


def absent(storage: Storage, index: Index) -> list[SavedFile]:
    """The files that a backup lists because documents refer to them, and that the storage does not have now."""
    there = {stored.key for stored in storage.listing()}
    return [
        entry for entry in index.entries if entry.found != ALL and entry.path not in there and storage.hides(entry.path) is None
    ]
