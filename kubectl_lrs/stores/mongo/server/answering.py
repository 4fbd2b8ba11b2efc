"""Writes that a server takes and does not answer: it is locked (fsyncLock), frozen, or lacks the majority that is to confirm.

The driver waits for such an answer without end, and no signal ends that. So each write is asked for by a thread of its own,
which is left alone when the run is to end, or when the server has answered no write at all for too long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from kubectl_lrs.runtime import waiting
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.stores.mongo.server.errors import UnansweredError

R = TypeVar("R")

PATIENCE = 300.0
"""Seconds without an answer to any write in which one is waited for: a server may be locked while its disk is copied."""

TOLD = 30.0
"""Seconds after which it is said that it is waited for, and again after each so many."""

GRACE = 2.0
"""Seconds that a write which is on its way has when the run is to end."""

LOST = 0.5
"""The same where an earlier write was given up, and none was answered since."""

LOOK = 0.25
"""Seconds between two looks whether the run is to end."""


class Answers:
    """The answers of one server to what it is asked to write. Safe to use from several threads. `stop` ends every wait."""

    def __init__(self, stop: Cancel) -> None:
        self._stop = stop
        self._last = time.monotonic()
        self._is_lost = False
        self._told = 0.0

    def wait(self, act: Callable[[], R], *, what: str, where: str, may_be_long: bool = False) -> R:
        """What `act` gives, or raises; UnansweredError where it is given up: it may be done yet.

        `may_be_long`: it takes as long as there are documents, and is only given up when the run is to end.
        """
        done: SimpleQueue[tuple[R, None] | tuple[None, BaseException]] = SimpleQueue()
        threading.Thread(target=_into, args=(done, act), name="write", daemon=True).start()
        began, stopped = time.monotonic(), 0.0
        while True:
            try:
                value, error = done.get(timeout=LOOK)
            except Empty:
                stopped = stopped or (time.monotonic() if self._stop.is_set() else 0.0)
                self._require_patience(what, where, began, stopped, may_be_long=may_be_long)
                continue
            self._last, self._is_lost = time.monotonic(), False
            if error is not None:
                raise error
            return value  # type: ignore[return-value]  # no error: there is a value

    def _require_patience(self, what: str, where: str, began: float, stopped: float, *, may_be_long: bool) -> None:
        now = time.monotonic()
        waited = now - max(began, self._last)
        if stopped:
            is_over = now - stopped > (LOST if self._is_lost else GRACE)
        else:
            is_over = not may_be_long and waited > (LOST if self._is_lost else PATIENCE)
        if is_over:
            self._is_lost = True
            raise UnansweredError(
                f"{what}: {where} has not answered for {now - began:.0f}s: it may be done yet",
                hint="is it locked (db.fsyncUnlock() ends that), or does it lack the majority of its members?",
            )
        if waited > TOLD and now - self._told > TOLD:
            self._told = now
            waiting.say(f"note: {what}: {where} has not answered for {waited:.0f}s; it is waited for")


def _into(done: SimpleQueue[tuple[R, None] | tuple[None, BaseException]], act: Callable[[], R]) -> None:
    try:
        done.put((act(), None))
    except BaseException as error:  # noqa: BLE001  it is raised again where it is waited for
        done.put((None, error))
