"""Requests that are made again, after a pause and over a new connection, where the server was lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.retry import Policy, insist
from kubectl_lrs.stores.mongo.server.connection import Connection
from kubectl_lrs.stores.mongo.server.errors import MongoUnreachableError, UnansweredError

R = TypeVar("R")


def _may_pass(error: Exception) -> bool:
    """What was sent and not answered is not sent once more: it would wait behind itself."""
    return isinstance(error, MongoUnreachableError) and not isinstance(error, UnansweredError)


POLICY = Policy(attempts=4, first=2.0)
"""A new primary is chosen within these pauses; the driver waits for one, too, at each attempt."""


class Persist:
    """Makes requests to one server until they are answered. `stop` ends every wait."""

    def __init__(self, mongo: Connection, stop: Cancel) -> None:
        self._mongo = mongo
        self._stop = stop

    def __call__(self, act: Callable[[int], R]) -> R:
        """Do it; `act` is told how often it failed before, for the answer of an earlier attempt may have been lost."""
        generation = 0

        def attempt(count: int) -> R:
            nonlocal generation
            generation = self._mongo.generation
            return act(count - 1)

        return insist(
            attempt,
            policy=POLICY,
            cancel=self._stop,
            may_pass=_may_pass,
            before_again=lambda _error: self._mongo.reopen(generation),
        )
