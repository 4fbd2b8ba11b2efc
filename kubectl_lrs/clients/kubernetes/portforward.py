"""A way for programs on this machine to a port in a pod: a Unix socket that only our user can reach, no port of this machine.

The socket lies in a folder of mode 0700, so the kernel refuses every other user, which it would not at a port on loopback.
Each connection to it gets one `PodStream` and one thread. It does not choose pods; a forward that fails says why in
`problem`, for all that its user sees is a connection that ends.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import shutil
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.podstream import READ_SIZE, PodPort, PodStream, PodTls
from kubectl_lrs.model.errors import LrsError, UnreachableError

SILENCE = 60.0
"""Seconds without a byte, pings unanswered, after which a connection is half open: it is given up."""
PARTS = 4
"""In so many parts: at the end of each but the last a ping, which must have had its part of the time to be answered."""
HIGH_WATER = 1 << 20
"""Bytes that may wait in each direction before no more are read."""
FLUSH_LIMIT = 5.0
"""Seconds in which what was sent to the pod must have been taken after our side has closed."""

CLOSE_LIMIT = 5.0
"""Seconds that `close` waits for its threads; one that waits for an API server that is gone is left to end by itself."""

SOCKET_NAME = "mongodb.sock"
PATH_LIMIT = 103
"""Bytes of a Unix socket's path that every system accepts."""


class PortForward:
    """Open from its making to `close`. `path` is where to connect to.

    `silence`: seconds after which a half-open connection is given up.
    """

    def __init__(self, kube: KubeClient, target: PodPort, *, tls: PodTls | None = None, silence: float = SILENCE) -> None:
        self.target = target
        self.problem: LrsError | None = None
        """Why the last connection that failed did; None where none has."""
        self._kube = kube
        self._tls = tls
        self._silence = silence
        self._lock = threading.Lock()
        self._closing = False
        self._pipes: set[_Pipe] = set()
        self._threads: set[threading.Thread] = set()
        self._directory = _private_directory()
        self.path = os.path.join(self._directory, SOCKET_NAME)  # noqa: PTH118  the driver wants text
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._wake, self._woken = socket.socketpair()
        try:
            self._listener.bind(self.path)
            self._listener.listen(128)
        except OSError:
            self.close()
            raise
        atexit.register(self.close)  # whoever uses it may be done with the last word of the program only
        self._start(self._accept, "port-forward")

    def close(self) -> None:
        """End all connections and threads, and remove the socket. At the latest when the program ends."""
        atexit.unregister(self.close)
        with self._lock:
            self._closing = True
            pipes, threads = list(self._pipes), list(self._threads)
        self._wake.close()
        for pipe in pipes:
            pipe.end()
        deadline = time.monotonic() + CLOSE_LIMIT
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for each in (self._listener, self._woken):
            each.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _accept(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while True:
            poll.poll()
            if self._closing:
                return
            local, _ = self._listener.accept()
            pipe = _Pipe(local, silence=self._silence)
            with self._lock:
                self._pipes.add(pipe)
            self._start(partial(self._carry, pipe), "port-forward connection")

    def _carry(self, pipe: _Pipe) -> None:
        try:
            pipe.run(PodStream(self._kube, self.target, self._tls))
        except LrsError as error:
            if not pipe.has_ended:
                self.problem = error
        finally:
            pipe.local.close()
            with self._lock:
                self._pipes.discard(pipe)
                self._threads.discard(threading.current_thread())

    def _start(self, work: Callable[[], None], name: str) -> None:
        """A thread; none is begun once it closes."""
        thread = threading.Thread(target=work, name=name, daemon=True)
        with self._lock:
            if not self._closing:
                self._threads.add(thread)
                thread.start()  # its end waits for the lock, so that it is known before


class _Pipe:
    """One connection of ours, joined with a stream into the pod."""

    def __init__(self, local: socket.socket, *, silence: float) -> None:
        self.local = local
        self.local.setblocking(False)
        self.has_ended = False
        self._silence = silence
        self._room = bytearray(READ_SIZE)
        self._to_local: deque[memoryview] = deque()
        self._waiting = 0  # bytes in it
        self._is_done = False  # our side sends no more
        self._pinged = 0.0
        self._unanswered = 0  # pings since something was heard

    def end(self) -> None:
        """Called by another thread: the one in `run` wakes up and returns."""
        self.has_ended = True
        with contextlib.suppress(OSError):
            self.local.shutdown(socket.SHUT_RDWR)

    def run(self, stream: PodStream) -> None:
        """Carry until one side has closed, then close the stream. LrsError: the way to the pod failed."""
        try:
            stream.ping()
            self._take(stream)  # what came together with the answer wakes nobody up
            self._pump(stream)
            self._drain(stream)
        finally:
            stream.close()

    def _pump(self, stream: PodStream) -> None:
        while not self.has_ended:
            stream.flush()
            self._deliver()
            if stream.is_over and not self._to_local:
                return
            ours, pods = self._wait(stream)
            if ours & (select.POLLHUP | select.POLLERR):
                while not self._is_done:  # what lies in the socket; there will be no more
                    self._is_done = self._read(stream)
                return
            if ours & select.POLLIN:
                self._is_done = self._read(stream)
            if pods & ~select.POLLOUT:
                self._take(stream)
            self._watch(stream)

    def _wait(self, stream: PodStream) -> tuple[int, int]:
        """What can be done now on either side; backpressure is not asking to read what there is no room for."""
        poll = select.poll()
        mask = select.POLLIN if stream.backlog < HIGH_WATER and not self._is_done else 0
        poll.register(self.local, mask | (select.POLLOUT if self._to_local else 0))
        wants = select.POLLIN if self._waiting < HIGH_WATER and not stream.is_over else 0
        wants |= select.POLLOUT if stream.backlog else 0
        if wants:
            poll.register(stream, wants)
        if not wants & select.POLLIN:
            stream.heard = time.monotonic()  # nobody listens, so silence means nothing
        ready = dict(poll.poll(self._silence / PARTS * 1e3))
        return ready.get(self.local.fileno(), 0), ready.get(stream.fileno(), 0)

    def _read(self, stream: PodStream) -> bool:
        """Queue what our side has sent; whether it has sent everything."""
        try:
            size = self.local.recv_into(self._room)
        except BlockingIOError:
            return False
        except OSError:
            return True
        stream.send(self._room, size)
        return not size

    def _take(self, stream: PodStream) -> None:
        """Deliver what the pod has sent, and keep what does not fit now."""
        try:
            for piece in stream.receive():
                sent = 0 if self._to_local else self._sent(piece)
                if sent < len(piece):
                    self._to_local.append(memoryview(bytes(piece[sent:])))
                    self._waiting += len(piece) - sent
        except LrsError:
            self._deliver()
            raise

    def _deliver(self) -> None:
        while self._to_local:
            piece = self._to_local[0]
            sent = self._sent(piece)
            self._waiting -= sent
            if sent < len(piece):
                self._to_local[0] = piece[sent:]
                return
            self._to_local.popleft()

    def _sent(self, piece: bytes | memoryview) -> int:
        try:
            return self.local.send(piece)
        except BlockingIOError:
            return 0
        except OSError:
            self.has_ended = True  # our side has gone: nobody misses it
            return len(piece)

    def _watch(self, stream: PodStream) -> None:
        """Ask for a sign of life where none came, and give up one that is half open.

        That it was asked in vain is counted: time alone passes while this process does not run, too.
        """
        now, part = time.monotonic(), self._silence / PARTS
        if now - stream.heard < part:
            self._unanswered = 0
        elif now - self._pinged >= part:
            if self._unanswered >= PARTS - 1 and stream.answers_pings:
                raise UnreachableError(f"{stream.target}: nothing comes any more, the connection is half open")
            self._pinged = now
            self._unanswered += 1
            stream.ping()

    def _drain(self, stream: PodStream) -> None:
        """Our side has closed; what it sent before is still to arrive, and nobody wants what comes."""
        deadline = time.monotonic() + FLUSH_LIMIT
        stream.leave()
        while not self.has_ended and not stream.is_over and time.monotonic() < deadline:
            stream.flush()
            poll = select.poll()
            poll.register(stream, select.POLLIN | (select.POLLOUT if stream.backlog else 0))
            poll.poll(100)
            with contextlib.suppress(LrsError):  # that it has ended is all that is waited for
                for _ in stream.receive():
                    pass


def _private_directory() -> str:
    """A new folder of mode 0700 whose path is short enough for a socket in it."""
    path = tempfile.mkdtemp(prefix="kubectl-lrs-")
    if len(os.fsencode(path)) + 1 + len(SOCKET_NAME) <= PATH_LIMIT:
        return path
    os.rmdir(path)  # noqa: PTH106
    return tempfile.mkdtemp(prefix="kubectl-lrs-", dir="/tmp")
