"""How long work tells how far it is. Pure: what is shown is the renderer's business."""

from __future__ import annotations

from typing import Protocol

BYTES = "bytes"


class Progress(Protocol):
    """One piece of work after the other, each counted in its own unit."""

    def begin(self, what: str, total: int | None = None, *, unit: str = "") -> None:
        """A new piece of work; `total` where it is known; `unit` is BYTES where bytes are counted."""

    def advance(self, count: int = 1) -> None:
        """So many more are done."""

    def note(self, message: str) -> None:
        """A line for the user that stays, such as a warning."""

    def end(self) -> None:
        """The work is over; the display goes away."""


class Silent:
    """Shows nothing."""

    def begin(self, what: str, total: int | None = None, *, unit: str = "") -> None:
        """Nothing."""

    def advance(self, count: int = 1) -> None:
        """Nothing."""

    def note(self, message: str) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""
