"""The journal of a deactivation: which deployments were active, and what we did to each. No journal, no change.

It is on the disk before the first request, and again before and after each one, so that a run that is killed at any
moment is known exactly. It lies beside the backups and in the state of this user, with one id; the newest revision counts.
It holds no token.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from kubectl_lrs import __version__
from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.runtime.copies import Mark, mirror, new_id
from kubectl_lrs.runtime.journal import read_journal, write_text
from kubectl_lrs.runtime.paths import exists, is_file
from kubectl_lrs.runtime.trust import NAMED, OWN, RefusedError, Trust
from kubectl_lrs.stores.deployments.statuses import OURS, UNFINISHED, State

KIND = "lrs-deactivation"
FORMAT_VERSION = 1
PREFIX = "lrs_deactivated_"
SUFFIX = ".json"

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalledDeployment:
    """One deployment. `before`: its status when it was planned; `status`: the one last seen; `task`: the API's id of it."""

    id: str
    label: str
    organisation: str
    model: str
    before: str
    state: State
    task: str = ""
    status: str = ""
    message: str = ""
    updated: str = ""


@dataclass(kw_only=True)
class Journal:
    """A journal as data. `users`: by organisation, the user whose token it was made with. `endpoint`: the API's URL then.

    `trust`: whose it may be, by how it was come by. `mark` tells copies of one journal apart; `copies`: the others of it.
    """

    path: Path
    endpoint: str
    created: str
    users: dict[str, str] = field(default_factory=dict)
    entries: dict[str, JournalledDeployment] = field(default_factory=dict)
    trust: Trust = OWN
    mark: Mark = field(default_factory=Mark)
    copies: tuple[Path, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that holds it, the one beside the backups first."""
        return (self.path, *self.copies)

    def advance(self) -> None:
        """It is a newer revision from now on, whose place is known."""
        self.mark = Mark(
            id=self.mark.id or new_id(), revision=self.mark.revision + 1, place=self.mark.place or str(self.path.resolve())
        )

    def put_into(self, state: Path | None) -> None:
        """It lies there too, from the next write on."""
        self.mark = replace(self.mark, id=self.mark.id or new_id())
        if state is not None and all(path.parent != state for path in self.paths):
            self.copies = (*self.copies, mirror(state, PREFIX, self.mark.id))

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do, down or up."""
        return not any(entry.state in OURS | UNFINISHED for entry in self.entries.values())

    @property
    def is_unfinished(self) -> bool:
        """Whether its `deactivate` has something left to do."""
        return any(entry.state in UNFINISHED for entry in self.entries.values())

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return {**self._head(), "deployments": [_entry_data(entry) for entry in self.entries.values()]}

    def serialise(self) -> str:
        """The text of the file: one line per deployment, for people who look for one."""
        lines = ",\n  ".join(json.dumps(_entry_data(entry)) for entry in self.entries.values())
        return f'{json.dumps(self._head(), indent=1)[:-2]},\n "deployments": [\n  {lines}\n ]\n}}\n'

    def _head(self) -> dict[str, Any]:
        return {
            "kind": KIND,
            "formatVersion": FORMAT_VERSION,
            **self.mark.to_dict(),
            "tool": f"kubectl-lrs {__version__}",
            "endpoint": self.endpoint,
            "created": self.created,
            "updated": now(),
            "state": "done" if self.is_done else "open",
            "organisations": [{"id": name, "user": user} for name, user in self.users.items()],
        }


def is_id(text: str) -> bool:
    """Whether it may be the id of a deployment: what is not must not get into a URL."""
    return _ID.fullmatch(text) is not None


def now() -> str:
    """The instant, as journals write it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _entry_data(entry: JournalledDeployment) -> dict[str, Any]:
    return {
        "id": entry.id,
        "label": entry.label,
        "organisation": entry.organisation,
        "model": entry.model,
        "before": entry.before,
        "state": entry.state.value,
        "task": entry.task,
        "status": entry.status,
        "message": entry.message,
        "updated": entry.updated,
    }


def default_path(directory: Path) -> Path:
    """A name that is not taken, after the instant."""
    instant = datetime.now(timezone.utc)
    stem = f"{PREFIX}{instant:%Y_%m_%d_%H_%M_%S}"
    path, number = directory / f"{stem}{SUFFIX}", 1
    while os.path.lexists(path):
        number += 1
        path = directory / f"{stem}_{number}{SUFFIX}"
    return path


def is_journal(path: Path) -> bool:
    """Whether the name is that of a file that a journal may be in."""
    return path.suffix == SUFFIX and is_file(path)


def load(path: Path, trust: Trust) -> Journal:
    """Read a journal without trust in what it says; UsageError where it is none.

    `trust`: NAMED for one that the user has named, and so takes whosever it is.
    """
    if not exists(path):
        raise UsageError(f"{path}: no such journal")
    document = read_journal(path, trust)
    version = document.get("formatVersion")
    if document.get("kind") != KIND or not isinstance(version, int):
        raise UsageError(f"{path}: not a journal of deactivate")
    if version > FORMAT_VERSION:
        raise UsageError(
            f"{path}: format {version} is newer than this program reads ({FORMAT_VERSION})",
            hint="use the version of kubectl lrs that made it, or a newer one",
        )
    try:
        entries = [_entry(each) for each in document["deployments"]]
        return Journal(
            path=path,
            endpoint=str(document["endpoint"]),
            created=str(document["created"]),
            users={str(each["id"]): str(each["user"]) for each in document["organisations"]},
            entries={entry.id: entry for entry in entries},
            trust=trust,
            mark=Mark.of(document),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path}: not a valid journal: {error}", hint="restore the file, or look at it and put it right"
        ) from error


def _entry(data: Mapping[str, Any]) -> JournalledDeployment:
    texts = {
        name: str(data[name]) for name in ("label", "organisation", "model", "before", "task", "status", "message", "updated")
    }
    identifier = str(data["id"])
    if not is_id(identifier):
        raise ValueError(f"{identifier!r} is not an id")
    return JournalledDeployment(id=identifier, state=State(data["state"]), **texts)


def open_journals(directory: Path, trust: Trust = OWN, named: Iterable[Path] = (), states: Sequence[Path] = ()) -> list[Journal]:
    """The journals in the folder, and in these of the state, that are not done, oldest first.

    One that cannot be read or is another's is an error, never passed over: nobody can tell whether it counts. `named`:
    those that the user has named too, whosever they are.
    """
    taken = {path.resolve() for path in named}
    found = [load(path, NAMED if path.resolve() in taken else trust) for path in _found(directory)]
    return [journal for journal in merge_copies(found, states) if not journal.is_done]


def merge_copies(found: Sequence[Journal], states: Sequence[Path]) -> list[Journal]:
    """These and those of the state, oldest first: each once, in its newest revision, with every file that holds it."""
    copies = [load(path, OWN) for state in states for path in _found(state)]
    known = {path.resolve() for journal in found for path in journal.paths}
    originals = [*found, *(there for copy in copies if (there := _original(copy, known)))]
    of_each = _Copies(copies)
    pairs = [(each, of_each.of(each)) for each in originals]
    taken = {id(copy) for _, theirs in pairs for copy in theirs}
    merged_ = [_newest(each, theirs) for each, theirs in pairs]
    merged_ += [copy for copy in copies if id(copy) not in taken]
    return sorted(merged_, key=lambda journal: (journal.created, journal.path.name))


def with_copies(journal: Journal, states: Sequence[Path]) -> Journal:
    """The same, in its newest revision."""
    copies = [load(path, OWN) for state in states for path in _found(state)]
    return _newest(journal, _Copies(copies).of(journal))


class _Copies:
    """Those of the state, found by what they are of: journals stay there, and each would be held against each."""

    def __init__(self, copies: Iterable[Journal]) -> None:
        self._by_id: dict[str, list[Journal]] = {}
        self._by_place: dict[str, list[Journal]] = {}
        for copy in copies:
            self._by_id.setdefault(copy.mark.id, []).append(copy)
            self._by_place.setdefault(copy.mark.place, []).append(copy)

    def of(self, original: Journal) -> list[Journal]:
        """Those of one journal, by its id; version 0.1.0 has written over one without, which is known by its place."""
        known, key = (self._by_id, original.mark.id) if original.mark.id else (self._by_place, str(original.path.resolve()))
        path = original.path.resolve()
        return [copy for copy in known.get(key, ()) if copy.mark.id and copy.path.resolve() != path]


def refreshed(journal: Journal) -> Journal:
    """The same, read again from every file that holds it."""
    there = [load(path, journal.trust if path == journal.path else OWN) for path in journal.paths if exists(path)]
    if not there:
        return journal
    first, *rest = there
    return replace(_newest(first, rest), path=journal.path, copies=journal.copies)


def _original(copy: Journal, known: set[Path]) -> Journal | None:
    """What lies where a copy in the state says, unless that is known already or may have been put there by others."""
    place = Path(copy.mark.place)
    if not copy.mark.place or place in known or place == copy.path or not exists(place):
        return None
    known.add(place)
    try:
        return load(place, OWN)
    except RefusedError:
        return None


def _newest(original: Journal, copies: Sequence[Journal]) -> Journal:
    """What the newest of them says, where the first lies. One without an id was written by version 0.1.0, after its copies."""
    if not copies:
        return original
    newest = max((original, *copies), key=lambda journal: journal.mark.revision)
    says = newest if original.mark.id else original
    mark = replace(newest.mark, id=copies[0].mark.id)
    return replace(says, path=original.path, trust=original.trust, mark=mark, copies=tuple(copy.path for copy in copies))


def has_journal(directory: Path) -> bool:
    """Whether there is any, done or not."""
    return bool(_found(directory))


def _found(directory: Path) -> list[Path]:
    """Whatever is named like a journal, oldest first. Not `glob`, which takes a folder that cannot be read for an empty one."""
    try:
        return sorted(path for path in directory.iterdir() if path.name.startswith(PREFIX) and path.name.endswith(SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UsageError(f"{directory}: cannot be read: {error.strerror}") from error


class JournalWriter(Protocol):
    """Where each step is noted, on the disk, before it goes on."""

    def note(self, identifier: str, state: State, *, status: str = "", task: str | None = None, message: str = "") -> None:
        """The deployment's state from now on; `task` None leaves the one that is noted."""


class FileJournalWriter:
    """Keeps one journal on the disk. Safe to use from several threads, whose notes share a write where they meet."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._noted = 0
        self._written = 0

    def write(self) -> None:
        """Put the journal on the disk; LrsError where that fails."""
        with self._lock:
            self._noted += 1
            mine = self._noted
        self._put(mine)

    def note(self, identifier: str, state: State, *, status: str = "", task: str | None = None, message: str = "") -> None:
        """Change one entry; it is on the disk when this returns. A deployment that is not in it is none of its business."""
        with self._lock:
            entry = self.journal.entries.get(identifier)
            if entry is None:
                return
            self.journal.entries[identifier] = replace(
                entry,
                state=state,
                status=status or entry.status,
                task=entry.task if task is None else task,
                message=message,
                updated=now(),
            )
            self._noted += 1
            mine = self._noted
        self._put(mine)

    def _put(self, mine: int) -> None:
        with self._writing:
            if self._written >= mine:
                return
            with self._lock:
                noted = self._noted
                self.journal.advance()
                text = self.journal.serialise()
            try:
                for path in self.journal.paths:
                    write_text(path, text)
            except LrsError as error:
                raise JournalError(str(error), hint=error.hint) from error
            except OSError as error:
                raise JournalError(
                    f"{path}: the journal cannot be written: {error.strerror}",
                    hint="free space, or name another file with --journal",
                ) from error
            self._written = noted


class JournalError(LrsError):
    """The journal cannot be written: nothing more may be changed."""


class JournalWriters:
    """Several journals at once: each notes what it says we changed."""

    def __init__(self, writers: Iterable[FileJournalWriter]) -> None:
        self._writers: dict[str, list[FileJournalWriter]] = {}
        for writer in writers:
            for entry in writer.journal.entries.values():
                if entry.state in OURS | UNFINISHED:
                    self._writers.setdefault(entry.id, []).append(writer)

    def note(self, identifier: str, state: State, *, status: str = "", task: str | None = None, message: str = "") -> None:
        """Note it in each."""
        for writer in self._writers.get(identifier, ()):
            writer.note(identifier, state, status=status, task=task, message=message)


def merged(journals: Iterable[Journal]) -> list[JournalledDeployment]:
    """One entry per deployment; where several journals have it, one that says we changed it, the newest of these."""
    entries: dict[str, JournalledDeployment] = {}
    for journal in journals:
        for entry in journal.entries.values():
            if entry.id not in entries or entry.state in OURS:
                entries[entry.id] = entry
    return list(entries.values())
