"""The product as a process of its own that comes out of a Python which has read its modules: most of what a start costs is that.

warm_server.py, started like the product, has imported its modules and has called nothing of them. For each call it forks:
the child gets the arguments, environment, folder and streams that `subprocess.run` would give it, becomes `python -m`, and
ends as that does. tests/contract/test_warm.py holds both ways against each other, and shows that no module looks at
anything when it is imported. Whoever wants what a Python decides at its start, or hands down more than that, gets a Python
of its own (`fits`); so does whoever looks at how the product starts, sends it signals or reads its command line in /proc.

What differs: the parent is the server; all processes of one server have the same hash seed; at its end a process does what
Python does but for taking its modules apart, which costs more than most calls do.

Standard library only.
"""

from __future__ import annotations

import io
import json
import os
import resource
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bed.warm_server import FORK, PRODUCT, ROOT, fixed

ENOUGH = 500
"""Processes of one server: the next one has another order of sets."""

LONGEST = 100_000
"""Bytes of an argument or variable that every system takes; whether it takes more is its own to say."""

LIMITS = tuple(sorted(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")))


class Warm:
    """The server, started with this environment. It ends with the process that started it, or by `stop`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._fixed = fixed(environment)
        self._inherited = _inherited()
        self._lock = threading.Lock()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  as long as the server
        self._channel, theirs = socket.socketpair()
        with theirs:
            program = f"from tests.bed import warm_server; warm_server.serve({theirs.fileno()})"
            self._process = subprocess.Popen(
                [sys.executable, "-c", program],
                env=dict(environment),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._log,
                pass_fds=[theirs.fileno()],
            )
        self.left = ENOUGH

    def fits(self, arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Whether a process that comes out of it is what one is that this process starts."""
        words = [*arguments, *environment, *environment.values()]
        return (
            fixed(environment) == self._fixed
            and _inherited() == self._inherited
            and all("\0" not in word and len(os.fsencode(word)) < LONGEST for word in words)
        )

    def run(
        self, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, timeout: float, module: str = PRODUCT
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` with its output captured as text, and nothing to read."""
        self.left -= 1
        wish = {"module": module, "arguments": list(arguments), "environment": dict(env), "folder": str(cwd)}
        with _Call() as call:
            self._ask(FORK, *call.theirs)
            call.begin(wish)
            child = self._number(call)
            try:
                call.read(time.monotonic() + timeout)
            except BaseException as error:
                self._ask(child)
                call.read(None)
                if not isinstance(error, TimeoutError):
                    raise
                raise subprocess.TimeoutExpired(list(arguments), timeout, call.out, call.err) from None
            code = os.waitstatus_to_exitcode(self._number(call))
        return subprocess.CompletedProcess(list(arguments), code, _text(call.out), _text(call.err))

    def stop(self) -> None:
        """No more of them."""
        self._channel.close()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._log.close()

    def _ask(self, what: int, *descriptors: int) -> None:
        with self._lock:
            try:
                socket.send_fds(self._channel, [what.to_bytes(8, "big")], descriptors)
            except OSError as error:
                raise self._broken() from error

    def _number(self, call: _Call) -> int:
        """The next that the server tells about a call."""
        line = call.line()
        if not line.strip().isdigit():
            raise self._broken(line)
        return int(line)

    def _broken(self, line: str = "") -> RuntimeError:
        self._log.seek(0)
        said = self._log.read().decode(errors="replace")
        return RuntimeError(f"the Python that the product comes out of is broken ({self._process.poll()}): {line}\n{said}")


class _Call:
    """The ends that a call has in this process; `theirs`: those for the server, which `begin` closes."""

    def __init__(self) -> None:
        self._told, teller = socket.socketpair()
        (self._out, out), (self._err, err) = os.pipe(), os.pipe()
        self._teller = teller
        self.theirs = (teller.fileno(), out, err)
        self._lines = self._told.makefile("r")
        self._read: dict[int, list[bytes]] = {self._out: [], self._err: []}

    def __enter__(self) -> _Call:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._told.close()
        self._end()
        for each in (self._out, self._err):
            os.close(each)

    def _end(self) -> None:
        if self._teller.fileno() >= 0:
            self._teller.close()
            for each in self.theirs[1:]:
                os.close(each)

    def begin(self, wish: Mapping[str, object]) -> None:
        """The server has its ends."""
        self._end()
        self._told.sendall(json.dumps(wish, ensure_ascii=True).encode() + b"\n")

    def line(self) -> str:
        """What is told about the process: its id, and when it has ended how."""
        return self._lines.readline()

    def read(self, limit: float | None) -> None:
        """All that it writes, until nobody can write any more."""
        with selectors.DefaultSelector() as waiting:
            for each in self._read:
                waiting.register(each, selectors.EVENT_READ)
            while waiting.get_map():
                ready = waiting.select(None if limit is None else max(0.0, limit - time.monotonic()))
                if not ready:
                    raise TimeoutError
                for key, _ in ready:
                    if data := os.read(key.fd, 1 << 16):
                        self._read[key.fd].append(data)
                    else:
                        waiting.unregister(key.fd)

    @property
    def out(self) -> bytes:
        """Its standard output."""
        return b"".join(self._read[self._out])

    @property
    def err(self) -> bytes:
        """Its standard error."""
        return b"".join(self._read[self._err])


def _text(data: bytes) -> str:
    """As `text=True` has it."""
    return io.TextIOWrapper(io.BytesIO(data)).read()


def _inherited() -> tuple[object, ...]:
    """What a process hands down to its children beside its environment and folder."""
    ignored = [each for each in signal.valid_signals() if signal.getsignal(each) == signal.SIG_IGN]
    limits = [resource.getrlimit(each) for each in LIMITS]
    return _mask(), limits, ignored, signal.pthread_sigmask(signal.SIG_BLOCK, ()), os.getpgrp(), os.geteuid(), os.getegid()


def _mask() -> str:
    """The umask, which can only be read where there is /proc: without it, it is what it was."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith("Umask")), "")


# ---- which way


class _Way:
    """Whether processes come out of a server, and of which."""

    is_open = False
    server: Warm | None = None


@contextmanager
def opened(is_open: bool) -> Iterator[None]:
    """Where it is, `run` has processes come out of a server."""
    before, _Way.is_open = _Way.is_open, is_open
    try:
        yield
    finally:
        _Way.is_open = before


def environment() -> dict[str, str]:
    """What the product's environment is made of."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run(
    arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, timeout: float, module: str = PRODUCT
) -> subprocess.CompletedProcess[str]:
    """`python -m kubectl_lrs` to its end, with nothing to read; out of a server where that is open, and no different."""
    if _Way.is_open and (server := _server()).fits(arguments, env):
        return server.run(arguments, env=env, cwd=cwd, timeout=timeout, module=module)
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def _server() -> Warm:
    if _Way.server and not _Way.server.left:
        stop()
    if not _Way.server:
        _Way.server = Warm(environment())
    return _Way.server


def stop() -> None:
    """End the server, if there is one."""
    if _Way.server:
        _Way.server.stop()
        _Way.server = None
