"""How long work tells how far it is. Pure: what is shown is the renderer's business."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kubectl_lrs.model.notes import Note

BYTES = "bytes"


class Progress(Protocol):
    """One piece of work after the other, each counted in its own unit."""

    def begin(self, what: str, total: int | None = None, *, unit: str = "") -> None:
        """A new piece of work; `total` where it is known; `unit` is BYTES where bytes are counted."""

    def advance(self, count: int = 1) -> None:
        """So many more are done."""

    def note(self, message: str, known: Note | None = None) -> None:
        """A line for the user that stays, such as a warning. `known`: as what it can be acknowledged, and is then not shown."""

    def end(self) -> None:
        """The work is over; the display goes away."""


class Silent:
    """Shows nothing."""

    def begin(self, what: str, total: int | None = None, *, unit: str = "") -> None:
        """Nothing."""

    def advance(self, count: int = 1) -> None:
        """Nothing."""

    def note(self, message: str, known: Note | None = None) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


class BestEffort:
    """Another progress, whose failures are dropped: work is not given up because nobody can be told how far it is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def begin(self, what: str, total: int | None = None, *, unit: str = "") -> None:
        """As the other, where that can."""
        with suppress(OSError, ValueError):
            self._progress.begin(what, total, unit=unit)

    def advance(self, count: int = 1) -> None:
        """As the other, where that can."""
        try:  # noqa: SIM105  for each of very many: a `suppress` costs more than all else of it
            self._progress.advance(count)
        except (OSError, ValueError):
            pass

    def note(self, message: str, known: Note | None = None) -> None:
        """As the other, where that can."""
        with suppress(OSError, ValueError):
            self._progress.note(message, known)

    def end(self) -> None:
        """As the other, where that can."""
        with suppress(OSError, ValueError):
            self._progress.end()
