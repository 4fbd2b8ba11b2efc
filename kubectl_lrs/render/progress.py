"""How far long work is, on stderr."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from kubectl_lrs.model.units import age, size
from kubectl_lrs.render import colour
from kubectl_lrs.render.output import is_acknowledged, say
from kubectl_lrs.runtime.progress import BYTES

if TYPE_CHECKING:
    import rich.progress

    from kubectl_lrs.model.notes import Note


DUMB = ("dumb", "unknown")
"""Terminals on which nothing that was written can be taken back."""


def _done(done: int, total: int | None, unit: str) -> str:
    """How much is done, and of how much where that is known."""
    shown = [size(count) if unit == BYTES else f"{count:,}" for count in (done, *((total,) if total else ()))]
    return " of ".join(shown)


def _rate(rate: float, unit: str) -> str:
    """How fast it goes."""
    return f"{size(int(rate))}/s" if unit == BYTES else f"{rate:,.0f}/s"


class LiveProgress:
    """A live display on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._progress: rich.progress.Progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[done]}"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True, no_color=not colour.is_on(sys.stderr)),
            transient=True,
        )
        self._task: rich.progress.TaskID | None = None
        self._began = 0.0
        self._unit = ""

    def begin(self, what: str, total: int | None = None, *, unit: str = "") -> None:
        """A new piece of work."""
        self._unit = unit
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._progress.start()
        self._task = self._progress.add_task(what, total=total, done=_done(0, total, unit), rate="")
        self._began = time.monotonic()

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        if self._task is None:
            return
        task = self._progress.tasks[-1]
        done = int(task.completed) + count
        rate = done / max(0.001, time.monotonic() - self._began)
        total = None if task.total is None else int(task.total)
        shown = _rate(rate, self._unit)
        self._progress.update(self._task, advance=count, done=_done(done, total, self._unit), rate=shown)

    def note(self, message: str, known: Note | None = None) -> None:
        """A line that stays."""
        if not is_acknowledged(known):
            say(message)  # rich takes what is written to stderr above its display

    def end(self) -> None:
        """The display goes away."""
        self._progress.stop()


class PlainProgress:
    """A line every few seconds, for logs: work that is done before says nothing."""

    EVERY = 5.0

    def __init__(self) -> None:
        self._what = ""
        self._total: int | None = None
        self._done = 0
        self._last = self._began = 0.0
        self._unit = ""

    def begin(self, what: str, total: int | None = None, *, unit: str = "") -> None:
        """A new piece of work."""
        self._what, self._total, self._done, self._unit = what, total, 0, unit
        self._last = self._began = time.monotonic()

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        self._done += count
        if time.monotonic() - self._last >= self.EVERY:
            self._last = time.monotonic()
            say(f"{self._what}: {_done(self._done, self._total, self._unit)}, {self._outlook(self._last - self._began)}")

    def _outlook(self, seconds: float) -> str:
        """How fast it goes, and how long it will take where that is known."""
        rate = _rate(self._done / seconds, self._unit)
        if not (self._total and self._done):
            return rate
        return f"{rate}, {age((self._total - self._done) * seconds / self._done)} left"

    def note(self, message: str, known: Note | None = None) -> None:
        """A line that stays."""
        if not is_acknowledged(known):
            say(message)

    def end(self) -> None:
        """Nothing stays open."""


class QuietProgress(PlainProgress):
    """Warnings only."""

    def advance(self, count: int = 1) -> None:
        """Nothing."""


def progress(*, quiet: bool) -> LiveProgress | PlainProgress:
    """What fits the terminal, or its absence; beside requests that are shown, a display would only be in the way."""
    if quiet:
        return QuietProgress()
    from kubectl_lrs.clients import wirelog  # the masking behind it is not for `--help` to wait for

    moves = sys.stderr.isatty() and os.environ.get("TERM") not in DUMB
    return LiveProgress() if moves and not wirelog.is_on() else PlainProgress()
