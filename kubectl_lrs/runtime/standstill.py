"""Whether a server still does anything of what it is asked: one that is asked how it is may say that it is well.

A registry that has lost its storage answers `/v2/`, a bucket that gives no object gives its list, an API server whose database
is full can be read. What counts is whether a piece of work was done: by one, all the others are worth trying.
"""

from __future__ import annotations

import threading
from collections import Counter

from kubectl_lrs.model.errors import ApiError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.runtime.retry import Outage

ENOUGH = 3
"""So many things of one group must have failed: one or two of them say nothing of the rest."""

GROUPS = 5
"""Of so many groups something must have failed before no other group is tried."""

SERVER_ERROR = 500
"""The first HTTP status that says that the server itself is at a loss."""


class Standstill:
    """How long nothing has been done of one kind of work at one server. Safe to use from several threads.

    Work is of a group, such as a repository or a namespace. When nothing at all was done for as long as failures may pass, a
    group is given up after a few of its things, by itself: what is broken in one keeps no other from being tried. Where things
    of several groups failed, all are given up.
    """

    def __init__(self) -> None:
        self._outage = Outage()
        self._lock = threading.Lock()
        self._failed: Counter[str] = Counter()
        self._given_up: dict[str, LrsError] = {}
        self._all: LrsError | None = None

    def judge(self, error: LrsError | None, group: str = "", *, began: float | None = None) -> None:
        """What a piece of work came to, that was begun at this time of the monotonic clock.

        Where it failed by its own fault the server has done what it was asked. A refusal is neither.
        """
        if is_servers(error):
            with self._lock:
                self._outage.failed(since=began)
                self._failed[group] += 1
                if error and self._outage.is_lost:
                    self._give_up(group, error)
        elif not isinstance(error, DeniedError):
            self._outage.succeeded()
            if self._failed:
                with self._lock:
                    self._failed.clear()

    def _give_up(self, group: str, error: LrsError) -> None:
        if self._failed[group] >= ENOUGH:
            self._given_up.setdefault(group, error)
        if len(self._failed) >= GROUPS:
            self._all = self._all or error

    def failure(self, group: str = "") -> LrsError | None:
        """Why nothing else of a group needs to be tried: the last failure; None as long as that is worth it."""
        last = self._all or self._given_up.get(group)
        said = f"nothing was done there for {self._outage.patience:g}s, and the rest is not tried: {last}"
        return UnreachableError(said, hint=last.hint) if last else None

    def why(self, group: str = "") -> str:
        """The same in words; empty as long as it is worth trying."""
        return str(self.failure(group) or "")


def is_servers(error: LrsError | None) -> bool:
    """Whether a failure is the server's: it did not answer, or said that it cannot."""
    return isinstance(error, UnreachableError) or (isinstance(error, ApiError) and error.status >= SERVER_ERROR)
