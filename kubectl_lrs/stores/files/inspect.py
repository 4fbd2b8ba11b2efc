"""Which files are referred to and are not in the storage: what `check` asks. Nothing is read but the storage's list."""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_lrs.backends.base import Storage, TakenError
from kubectl_lrs.stores.files.match import ALL, Belonging, References, Where
from kubectl_lrs.stores.files.saved import Entry, Index


@dataclass(frozen=True, kw_only=True)
class Presence:
    """`belong`: how many objects belong to the documents; `others`: how many do not; `missing`: path and where it is named."""

    url: str
    belong: int
    others: int
    missing: list[tuple[str, Where]]


def presence(storage: Storage, references: References) -> Presence:
    """The documents held against the storage as it is now."""
    belonging = Belonging(references, storage.names)
    belong = others = 0
    for stored in storage.listing():
        if belonging.found(stored.path):
            belong += 1
        else:
            others += 1
    missing = [(path, where) for path, where in belonging.missing() if not _is_there(storage, path)]
    return Presence(url=storage.url, belong=belong, others=others, missing=missing)


def _is_there(storage: Storage, path: str) -> bool:
    """Asked for by name: it may have come after the list was made."""
    if storage.problem(path):
        return False
    try:
        return storage.look(path) is not None
    except TakenError:  # a folder
        return True


def absent(storage: Storage, index: Index) -> list[Entry]:
    """The files that a backup lists because documents refer to them, and that the storage does not have now."""
    there = {stored.path for stored in storage.listing()}
    return [entry for entry in index.entries if entry.found != ALL and entry.path not in there]
