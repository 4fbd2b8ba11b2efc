"""How long a change usually takes at this application, as those that ended have shown: when to look, and nothing else."""

from __future__ import annotations

import threading

LONGER = 1.25
"""One that took long does not make all the others wait as long."""

SOONER = 0.98
"""What was over when it was first looked at may have been so for a while."""

LONGEST = 10.0
"""Seconds that one which is over may go unseen, because the ones before it took long."""


class Pace:
    """Learns from each change that reached its end. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._usual = 0.0

    @property
    def usual(self) -> float:
        """Seconds after which one is likely to be over, or to be looked at; 0 as long as none was seen."""
        return self._usual

    def ended(self, seconds: float, *, looks: int) -> None:
        """One was seen to be over after so many seconds, at this look since its request."""
        with self._lock:
            most = self._usual * LONGER or seconds
            usual = min(seconds, most) if looks > 1 else min(seconds, self._usual or seconds) * SOONER
            self._usual = min(LONGEST, usual)
