"""One journal in several places: beside the backups, where others see it, and in this user's state, where every call does.

Beside the backups is written first. A run that is killed between the two leaves one that is a revision older, and the
newest counts. A journal of version 0.1.0 has neither id nor revision: it is read where it lies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubectl_lrs.runtime.journal import read_journal, write_journal
from kubectl_lrs.runtime.safe_files import unguessable
from kubectl_lrs.runtime.trust import OWN, RefusedError, Trust

SUFFIX = ".json"
_ID = re.compile("[0-9a-f]{8,64}")


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What tells copies apart. `place`: where it lies beside the backups. Without an id, it was written by version 0.1.0."""

    id: str = ""
    revision: int = 0
    place: str = ""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Mark:
        """That of a document, read without trust in it."""
        number, name = document.get("revision"), str(document.get("id", ""))
        return cls(
            id=name if _ID.fullmatch(name) else "",
            revision=number if isinstance(number, int) else 0,
            place=str(document.get("place", "")),
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields of the document."""
        return {"id": self.id, "revision": self.revision, "place": self.place}


def new_id() -> str:
    """One that no other journal has."""
    return unguessable()


def mirror(state: Path, prefix: str, identifier: str) -> Path:
    """The copy in the state."""
    return state / f"{prefix}{identifier}{SUFFIX}"


def belongs(mark: Mark, path: Path, id_there: str) -> bool:
    """Whether what lies at a path is the journal of a copy in the state: by its id. One without was written since, by 0.1.0."""
    return id_there == mark.id if id_there else mark.place == str(path.resolve())


@dataclass(kw_only=True)
class Copies:
    """One journal: its newest document, and the files that hold it, beside the backups first."""

    id: str
    paths: list[Path]
    revision: int = 0
    document: dict[str, Any] = field(default_factory=dict)

    def write(self, document: Mapping[str, Any]) -> None:
        """Put it on the disk at each place. OSError, LrsError: at one it could not be."""
        self.revision += 1
        self.document = dict(document)
        mark = Mark(id=self.id, revision=self.revision, place=str(self.paths[0].resolve()))
        for path in self.paths:
            write_journal(path, {**document, **mark.to_dict()})

    def take(self, revision: int, document: dict[str, Any]) -> None:
        """What another copy says, if that is newer."""
        if revision > self.revision:
            self.revision, self.document = revision, document

    def remove(self) -> None:
        """Nothing is open any more. Beside the backups first: a copy in the state whose original is gone is closed."""
        for path in self.paths:
            path.unlink(missing_ok=True)


def gather(path: Path, state: Path | None, prefix: str, trust: Trust = OWN) -> list[Copies]:
    """The journals that are open: the one at `path`, and those of the state with what lies where they say.

    A journal of this kind is there only while something is open. RefusedError: the one at `path`, or one of the state, may
    have been put there by others.
    """
    copies = {copy: read_journal(copy, trust) for copy in _of_state(state, prefix)}
    found = _beside(path, copies, trust)
    for copy, document in copies.items():
        if all(copy not in each.paths for each in found):
            found += _of_copy(copy, document, trust)
    return found


def add_mirror(copies: Copies, state: Path | None, prefix: str) -> None:
    """From now on it is in the state too."""
    if state is not None and all(path.parent != state for path in copies.paths):
        copies.paths.append(mirror(state, prefix, copies.id))


def _of_state(state: Path | None, prefix: str) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        names = sorted(state.iterdir()) if state else ()
        return [each for each in names if each.name.startswith(prefix) and each.name.endswith(SUFFIX)]
    return []


def _beside(path: Path, copies: Mapping[Path, dict[str, Any]], trust: Trust) -> list[Copies]:
    document = read_journal(path, trust)
    if not document:
        return []
    mark = Mark.of(document)
    found = Copies(id=mark.id or new_id(), paths=[path], revision=mark.revision, document=document)
    for copy, other in copies.items():
        if belongs(theirs := Mark.of(other), path, mark.id):
            found.id = theirs.id
            found.paths.append(copy)
            found.take(theirs.revision, other if mark.id else document)
    return [found]


def _of_copy(copy: Path, document: dict[str, Any], trust: Trust) -> list[Copies]:
    """The journal of a copy in the state; none where the original is closed: its folder is there, and it is not."""
    mark = Mark.of(document)
    place = Path(mark.place)
    alone = [Copies(id=mark.id, paths=[copy], revision=mark.revision, document=document)]
    if not mark.place or not place.parent.is_dir():
        return alone
    try:
        found = _beside(place, {copy: document}, trust)
    except RefusedError:  # what others may have put there says nothing, and is not written
        return alone
    return [each for each in found if copy in each.paths]
