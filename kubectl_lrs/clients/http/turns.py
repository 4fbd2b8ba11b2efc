"""Whose turn it is at a server that says it is asked too often: one after the other, at the pace that it bears.

A server that answers 429 says when it may be asked again, and not how often. Whoever all come back at that instant are refused
again, most of them: so the pace is found out, slower after each refusal, and a little faster with each answer.
"""

from __future__ import annotations

import threading
import time

SLOWER, FASTER = 1.3, 0.998
"""What a pause between two requests becomes after a refusal, and after an answer."""

FIRST, LONGEST, SHORTEST = 0.1, 5.0, 0.002
"""Seconds between two: after the first refusal (less where it bore more before), at most, and too few to wait for."""


class Turns:
    """Those of one server. Safe to use from several threads. `refusals`: a turn that was taken before the last counts no more."""

    def __init__(self) -> None:
        self.refusals = 0
        self._lock = threading.Lock()
        self._pause = 0.0
        self._next = 0.0
        self._not_before = 0.0
        self._second, self._answers, self._rate = 0.0, 0, 1

    def take(self) -> float:
        """Seconds until the turn of the caller, which is taken; 0: it is now."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._not_before)
            if self._pause >= SHORTEST:
                turn = max(turn, self._next)
                self._next = turn + self._pause
            return turn - now

    def answered(self) -> None:
        """It did what it was asked."""
        with self._lock:
            self._pause *= FASTER
            now = time.monotonic()
            if now - self._second >= 1.0:
                self._second, self._answers, self._rate = now, 0, max(1, self._answers)
            self._answers += 1

    def refused(self, seconds: float) -> None:
        """It was asked too often, and is to be left alone for so long; those who asked at the same time say nothing new."""
        with self._lock:
            now = time.monotonic()
            if now >= self._not_before:
                self._pause = min(LONGEST, self._pause * SLOWER if self._pause >= SHORTEST else self._borne)
            self._not_before = max(self._not_before, now + seconds)
            self.refusals += 1

    @property
    def _borne(self) -> float:
        """The pause at which it answered until now."""
        return min(FIRST, 1 / max(self._rate, self._answers))
