"""Threads of stand-ins: what breaks in one of them breaks the test that stands on it, at once. Standard library only.

A stand-in (an operator, a kubelet, a server that plays another's part) works in threads of the process that runs the
tests. An exception there ends that thread and nothing else, and the test waits for what never comes. So a stand-in starts
its threads here: what breaks one is kept, is raised in the running test as if it had happened there, whatever that waits
for, and again by every later test for as long as the broken one is in use.
"""

from __future__ import annotations

import signal
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any

SIGNAL = signal.SIGUSR2
"""Wakes the main thread, even from a system call."""

AGAIN = 0.05
"""Seconds until it is woken once more."""

HELD = 180.0
"""Seconds after which what is held goes on by itself."""


class StandInBroke(Exception):  # noqa: N818  it is said of the stand-in, not of the test
    """A thread of a stand-in ended with an exception, which is the cause of this one."""


class Watch:
    """Which stand-ins are in use, and whether a test is running that is to hear of them."""

    def __init__(self) -> None:
        self._in_use: set[Threads] = set()
        self._is_running = False

    def add(self, threads: Threads) -> None:
        """They are in use."""
        self._in_use.add(threads)

    def remove(self, threads: Threads) -> None:
        """They are no more."""
        self._in_use.discard(threads)

    def check(self) -> None:
        """StandInBroke if any that is in use is broken."""
        for each in list(self._in_use):
            each.check()

    @contextmanager
    def over_a_test(self) -> Iterator[None]:
        """While it lasts, whatever the main thread does is interrupted by StandInBroke when a stand-in breaks."""
        if threading.current_thread() is not threading.main_thread():
            yield
            self.check()
            return
        before = signal.signal(SIGNAL, self._interrupt)
        self._is_running = True
        try:
            self.check()
            yield
        finally:
            self._is_running = False
            signal.signal(SIGNAL, before if callable(before) else _ignored)  # by default a late one ends the process
        self.check()

    def wake(self, is_heard: Callable[[], bool]) -> None:
        """Let the test hear of it, if one is running; again until it does, as just before a wait a signal wakes nobody."""
        while self._is_running and not is_heard():
            signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)
            time.sleep(AGAIN)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_running:
            self.check()


def _ignored(_number: int, _frame: FrameType | None) -> None:
    """Not `SIG_IGN`, which the programs that are started would inherit."""


WATCH = Watch()
"""Over the tests of this process."""


class Hold:
    """A point at which requests wait: `seen` is set when the first of them is there, none goes on before `freed` is.

    So that something happens in the middle, and not after a while. Who forgets to free them is not waited for for ever.
    """

    def __init__(self) -> None:
        self.seen = threading.Event()
        self.freed = threading.Event()

    def __call__(self) -> None:
        """Called before the request is answered."""
        self.seen.set()
        self.freed.wait(HELD)


class Threads:
    """The threads of one stand-in. Those that are asked to stop end by themselves; `end` waits for them."""

    def __init__(self, name: str, watch: Watch = WATCH) -> None:
        self.name = name
        self._watch = watch
        self._running: list[threading.Thread] = []
        self._cause: BaseException | None = None
        self._is_told = False

    def start(self, run: Callable[..., object], *arguments: object) -> None:
        """Run it in a thread."""
        thread = threading.Thread(target=self._run, args=(run, arguments), name=self.name, daemon=True)
        self._running.append(thread)
        self._watch.add(self)
        thread.start()

    def _run(self, run: Callable[..., object], arguments: tuple[object, ...]) -> None:
        try:
            run(*arguments)
        except BaseException as error:
            self.broke(error)

    def broke(self, cause: BaseException) -> None:
        """Keep what went wrong, and wake the test that is running."""
        if self._cause is None:
            self._cause = cause
            self._watch.wake(lambda: self._is_told)

    @property
    def is_running(self) -> bool:
        """Whether any was started, and not ended here."""
        return bool(self._running)

    def check(self) -> None:
        """StandInBroke if it is."""
        if self._cause is not None:
            self._is_told = True
            raise StandInBroke(f"{self.name}: {type(self._cause).__name__}: {self._cause}") from self._cause

    def end(self) -> None:
        """Wait for the threads, which were told to stop; StandInBroke if no test was told of it yet."""
        for thread in self._running:
            thread.join()
        self._running.clear()
        self._watch.remove(self)
        if not self._is_told:
            self.check()


def body(request: BaseHTTPRequestHandler) -> bytes:
    """What came with a request. ConnectionResetError where the client went away in the middle of it: that is no request."""
    size = int(request.headers.get("Content-Length") or 0)
    data = request.rfile.read(size)
    if len(data) < size:
        raise ConnectionResetError(f"the client went after {len(data)} of {size} bytes")
    return data


class Server(ThreadingHTTPServer):
    """An HTTP server on loopback, a thread for each connection. A client that goes away is no news; all else is a fault."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, name: str, handler: type[BaseHTTPRequestHandler], *, port: int = 0, watch: Watch = WATCH) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.threads = Threads(name, watch)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def use_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS; the handshake happens in the connection's own thread."""
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def start(self) -> None:
        """Answer from now on."""
        self.threads.start(self.serve_forever, 0.02)

    def stop(self) -> None:
        """Listen no longer; for the second time nothing."""
        if self.threads.is_running:
            self.shutdown()
        self.server_close()
        self.threads.end()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  the base class calls it so
        """Called in the `except` of a connection's thread."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.threads.broke(error)
