"""The question before an act that cannot be undone, and signals while it is done."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any

import click

from kubectl_lrs.model.errors import InterruptedRunError, UsageError


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; refuse where there is none, unless `--yes` was given."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"this needs a yes: {question}",
            hint="there is no terminal to ask on; look at the plan with --dry-run, then say --yes",
        )
    # While nothing is in flight a signal ends the run at once, whatever `stop_on_signal` has said.
    handlers = {number: signal.signal(number, _interrupt) for number in SIGNALS}
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)  # what is said next begins on a line of its own
        raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if not agreed:
        raise InterruptedRunError("not agreed to; nothing was written")


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class HeldSignals:
    """Signals wait between `hold` and `release`; what came in between counts then, as it would have at once."""

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._came: list[int] = []

    def hold(self) -> None:
        """What comes from now on waits; where this is not the main thread, no signal comes."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._handlers[number] = signal.signal(number, lambda number, _frame: self._came.append(number))

    def release(self) -> None:
        """Signals count again, and so does what came."""
        while self._handlers:
            signal.signal(*self._handlers.popitem())
        if self._came:
            number = self._came[-1]
            self._came.clear()
            signal.raise_signal(number)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def stop_on_signal(stop: threading.Event | None = None) -> threading.Event:
    """Set by the first SIGINT, SIGTERM or SIGHUP, so that what is in flight is finished; the second one ends at once."""
    stop = stop or threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in SIGNALS:
        signal.signal(number, handle)
    return stop
