"""The question before an act that cannot be undone, and signals while it is done."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

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
