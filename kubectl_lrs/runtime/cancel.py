"""Whether a run is to end, who says so, and how long something may be waited for. Must not know what is ended.

A command makes one `Cancel` and hands it down by constructors; nothing else installs handlers of signals.
"""

from __future__ import annotations

import signal
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from kubectl_lrs.model.errors import LrsError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What a person or a system ends a run with."""


LOOK = 0.5
"""Seconds after which a wait looks again: a signal may come just before it begins."""


class CancelledError(LrsError):
    """The run was told to end while something was waited for."""


class Cancel:
    """Set once, by a signal or by the code; ends every wait on it. Safe to use from several threads and in a handler.

    `threading.Event` is not: its lock cannot be taken again by a handler that interrupts a wait.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._changed = threading.Condition()  # its lock may be taken again by the thread that has it
        self._children: list[weakref.ref[Cancel]] = []

    def is_set(self) -> bool:
        """Whether the run is to end."""
        return self._is_set

    def set(self) -> None:
        """End it, and what was made by `child`."""
        self._is_set = True
        with self._changed:
            self._changed.notify_all()
        for child in tuple(self._children):
            if (alive := child()) is not None:
                alive.set()

    def wait(self, seconds: float) -> bool:
        """Wait for so long at most; whether the run is to end."""
        end = time.monotonic() + seconds
        with self._changed:
            while not self._is_set and (left := end - time.monotonic()) > 0:
                self._changed.wait(min(left, LOOK))
        return self._is_set

    def require(self) -> None:
        """CancelledError where the run is to end."""
        if self.is_set():
            raise CancelledError("stopped")

    def child(self) -> Cancel:
        """One that is set with this one, and can be set alone: for a part of the run."""
        made = Cancel()
        self._children.append(weakref.ref(made))
        if self._is_set:
            made.set()
        return made

    @contextmanager
    def on_signals(self) -> Iterator[Cancel]:
        """While the block lasts the first of SIGNALS sets it, so that what is in flight is finished; the second ends at once.

        In another thread than the main one no signal comes, and nothing is done.
        """

        def handle(number: int, frame: FrameType | None) -> None:
            if self.is_set():
                interrupt(number, frame)
            self.set()

        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.signal(number, handle) for number in SIGNALS}
        try:
            yield self
        finally:
            restore(before)


def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """The handler that ends a run at once."""
    raise KeyboardInterrupt


@contextmanager
def interrupting() -> Iterator[None]:
    """While the block lasts each signal ends the run at once: nothing is in flight."""
    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        restore(before)


def restore(handlers: Mapping[signal.Signals, object]) -> None:
    """Put handlers back; one that was not Python's own is not known and stays ours."""
    for number, handler in handlers.items():
        if handler is not None:
            signal.signal(number, handler)  # type: ignore[arg-type]  # what `signal.signal` gave


class Deadline:
    """A point in time `seconds` from now; `stop` ends every wait at once."""

    def __init__(self, seconds: float, stop: Cancel) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._stop = stop

    @property
    def is_over(self) -> bool:
        """Whether there is no time left, or the run was told to stop."""
        return self._stop.is_set() or time.monotonic() >= self._end

    @property
    def left(self) -> float:
        """Seconds that are left, 0 where none are."""
        return max(0.0, self._end - time.monotonic())

    def pause(self, seconds: float) -> bool:
        """Wait for so long, or less when the time is over; whether there is time left."""
        self._stop.wait(min(seconds, self.left))
        return not self.is_over

    def looks(self, first: float, longest: float) -> Iterator[None]:
        """The moments to look at something: now, then after pauses that double, and once more when the time is over.

        None after the run was told to stop. What the last look has seen is how it was in the end, not a pause before it.
        """
        yield
        pause = first
        while self.pause(pause):
            yield
            pause = min(longest, 2 * pause)
        if not self._stop.is_set():
            yield
