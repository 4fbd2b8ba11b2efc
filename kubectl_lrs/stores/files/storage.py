"""The application's files on a back end of bytes: their names in documents, what is left out of a list, what may be there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress

from kubectl_lrs.backends.base import Backend, KeyExistsError, KeyNotFoundError, Skipped, Stat
from kubectl_lrs.model.errors import CredentialsError, LrsError
from kubectl_lrs.model.notes import Note, Remark
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.runtime.standstill import Standstill

MAX_NOTED = 20
NOTHING = "it holds no file at all: is it mounted, and is --files-url right?"
YOUNG = 2.0
"""Seconds: a file whose last change is no longer ago may change again within one and the same time of change."""


class Storage:
    """What `backend` holds, as files. A list fills `notes`, `unreadable` and `others`; nothing else does."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.url = backend.url
        self.notes: list[Remark] = []
        self.unreadable: dict[str, LrsError] = {}
        """Directories that could not be listed: what is in them is not known."""
        self.others: dict[str, Skipped] = {}
        """Links, and what is no plain file: not taken, whatever they stand for."""
        self.looking, self.reading, self.writing = Standstill(), Standstill(), Standstill()
        """Whether the storage still does that: one that lists all of its files may give none of them."""

    def names(self, path: str) -> tuple[str, ...]:
        """Every way in which a document may write this path out in full."""
        return tuple(f"{root}/{path}" if root else path for root in self.backend.roots)

    def listing(self) -> Iterator[Stat]:
        """Every file; KeyNotFoundError where the storage itself is not there."""
        self.notes.clear()
        self.unreadable.clear()
        self.others.clear()
        unfinished: list[str] = []

        def skipped(key: str, what: Skipped, error: LrsError | None) -> None:
            if error is not None:
                self.unreadable[key] = error
            elif what is Skipped.UNFINISHED:
                unfinished.append(key)
            else:
                self.others[key] = what

        yield from self.backend.list(skipped=skipped)
        self._note(self.others, "are links or no plain files, and are not taken", Note.FILES_LINKS_LEFT_OUT)
        self._note(unfinished, "are what restores that were broken off have left, and are not taken")

    def _note(self, keys: Collection[str], what: str, note: Note | None = None) -> None:
        if keys:
            more = f" and {len(keys) - MAX_NOTED} more" if len(keys) > MAX_NOTED else ""
            said = ", ".join(map(shown, sorted(keys)[:MAX_NOTED]))
            self.notes.append(Remark(f"{len(keys)} below {self.url} {what}: {said}{more}", note))

    def hides(self, path: str) -> LrsError | None:
        """Why it is not known whether a file is there that the last list did not have; None where it is not there."""
        return next((error for key, error in self.unreadable.items() if path == key or path.startswith(f"{key}/")), None)

    def untaken(self, path: str) -> str:
        """Why nothing is taken there: by the last list it is a link or no plain file, or lies behind one; else empty."""
        at = path
        while at:
            if what := self.others.get(at):
                is_itself = at == path
                return f"it is {what.value}, which is not taken" if is_itself else f"it lies behind {shown(at)}, {what.value}"
            at = at.rpartition("/")[0]
        return ""

    def find(self, path: str) -> Stat | None:
        """One file as it is now, None where there is none. KeyExistsError where something else is there."""
        if self.problem(path):
            return None
        found = None
        with suppress(KeyNotFoundError):
            found = self.backend.stat(path)
        self.looking.judge(None)
        return found

    def has(self, path: str) -> bool:
        """Whether there is anything of this name."""
        try:
            return self.find(path) is not None
        except KeyExistsError:  # a directory
            return True

    def problem(self, path: str) -> str:
        """Why no file of this path can be there; empty where it can."""
        return self.backend.refuses(path)

    def is_lost(self, error: LrsError, at: Standstill | None = None, *, began: float | None = None) -> bool:
        """Whether this failure is one of the storage and not of one file: nothing else will succeed then.

        `at`: what it failed at, which began then; where nothing of that is done any more the storage is lost too.
        """
        if at:
            at.judge(error, began=began)
        return bool(at and at.failure()) or isinstance(error, CredentialsError) or not self.backend.is_alive()


def is_young(stat: Stat, now: float) -> bool:
    """Whether its times do not tell if it stood still: the clock that they are counted by may be coarse."""
    return stat.mtime is not None and stat.mtime > now - YOUNG
