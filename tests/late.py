"""A plugin of pytest that finds races: what servers of this process and stand-ins do beside an answer is done late, at random.

    python3 tests/gate.py late [ARGUMENTS]

A test has an answer, and looks at what the stand-in notes after it: nearly always it is noted by then. Here it often is
not, so that one run shows what a thousand would. A test that fails so reads what nothing has told it is there.
"""

from __future__ import annotations

import functools
import os
import random
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from tests.bed.standin import Threads

OFTEN = 0.9
SHORTEST, LONGEST = 0.01, 0.05
"""Seconds: longer than a test needs to look, once it has its answer."""

SELDOM, LONG = 0.03, 0.5
"""How often it is so long as a process needs to end, after its last answer."""

EACH, MOST = 1.0, 10.0
"""Seconds that one connection, and a whole test, is kept in all, so that one of many thousand requests ends too."""

OWNER = os.getpid()
"""Processes that are forked from this one are not kept: they are the product."""


class Lateness:
    """How much of it a test has had."""

    def __init__(self) -> None:
        self._random = random.Random()
        self._left = 0.0

    def begin(self, test: str) -> None:
        """The same test is kept at the same rate each time; which of its threads comes first decides the rest."""
        self._random.seed(test)
        self._left = MOST

    def keep(self, left: float = EACH) -> float:
        """Now and then a while; how much is left then for what has so much left."""
        if os.getpid() != OWNER or min(left, self._left) <= 0 or self._random.random() > OFTEN:
            return left
        took = LONG if self._random.random() < SELDOM else self._random.uniform(SHORTEST, LONGEST)
        self._left -= took
        time.sleep(took)
        return left - took


LATENESS = Lateness()
ACCEPTED: weakref.WeakKeyDictionary[socket.socket, float] = weakref.WeakKeyDictionary()
"""Connection of a server here → what is left for it."""


def pytest_configure() -> None:
    """From now on."""
    socket.socket.accept = _accepting(socket.socket.accept)  # type: ignore[method-assign]
    for kind in (socket.socket, ssl.SSLSocket):
        for name in ("send", "sendall"):
            setattr(kind, name, _late_after(getattr(kind, name)))
    Threads._run = _late_before(Threads._run)  # type: ignore[method-assign]


def pytest_runtest_logstart(nodeid: str) -> None:
    """One more test."""
    LATENESS.begin(nodeid)


def _accepting(accept: Callable[[socket.socket], tuple[socket.socket, Any]]) -> Callable[..., tuple[socket.socket, Any]]:
    @functools.wraps(accept)
    def accepted(listener: socket.socket) -> tuple[socket.socket, Any]:
        connection, address = accept(listener)
        ACCEPTED[connection] = EACH
        return connection, address

    return accepted


def _late_after(send: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(send)
    def sent(connection: socket.socket, *arguments: Any) -> Any:
        answer = send(connection, *arguments)
        is_server = connection in ACCEPTED or (isinstance(connection, ssl.SSLSocket) and connection.server_side)
        if is_server and threading.current_thread() is not threading.main_thread():
            ACCEPTED[connection] = LATENESS.keep(ACCEPTED.get(connection, EACH))
        return answer

    return sent


def _late_before(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def late(*arguments: Any, **named: Any) -> Any:
        LATENESS.keep()
        return function(*arguments, **named)

    return late
