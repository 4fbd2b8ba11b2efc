"""The question before an act that cannot be undone, and signals that wait while something is put in order."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from kubectl_lrs import render
from kubectl_lrs.model.errors import DeclinedError, UsageError
from kubectl_lrs.runtime import streams
from kubectl_lrs.runtime.cancel import SIGNALS, interrupting


def confirm(question: str, *, yes: bool, trial: str = "--dry-run") -> None:
    """Ask on a terminal; refuse where there is none, unless `--yes` was given. `trial`: what shows the plan."""
    if yes:
        return
    if not sys.stdin.isatty() or streams.failure(streams.ERR):
        raise UsageError(
            f"this needs a yes: {question}",
            hint=f"there is no terminal to ask on; look at the plan with {trial}, then say --yes",
        )
    with asking():
        agreed = _asked(question)
    if not agreed:
        raise DeclinedError("not agreed to; nothing was written")


@contextmanager
def asking() -> Iterator[None]:
    """While the block asks on the terminal: a signal ends the call, and what is said next begins on a line of its own."""
    try:
        with interrupting():
            yield
    except click.Abort:
        render.say("")
        raise


def _asked(question: str) -> bool:
    """Again until the answer is one; none is no."""
    while True:
        answer = click.prompt(f"{question} [y/N]", default="", show_default=False, err=True).strip().lower()
        if answer in ("y", "yes"):
            return True
        if answer in ("", "n", "no"):
            return False
        render.say("answer y or n")


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
