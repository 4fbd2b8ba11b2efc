"""How long something may be waited for, and whether the user has had enough. Pure."""

from __future__ import annotations

import threading
import time


class Deadline:
    """A point in time `seconds` from now; `stop` ends every wait at once."""

    def __init__(self, seconds: float, stop: threading.Event) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._stop = stop

    @property
    def is_over(self) -> bool:
        """Whether there is no time left, or the run was told to stop."""
        return self._stop.is_set() or time.monotonic() >= self._end

    def pause(self, seconds: float) -> bool:
        """Wait for so long, or less when the time is over; whether there is time left."""
        self._stop.wait(max(0.0, min(seconds, self._end - time.monotonic())))
        return not self.is_over
