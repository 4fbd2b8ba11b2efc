"""Ports of this machine for servers that must be told theirs. Standard library only.

One that was free a moment ago may be somebody's by now: of the processes that run tests beside this one, each opens
listeners and connections all the time, and the system gives out any free port for them. A server that is killed and started
again must find its port as it left it, too. So these are ports that the system gives to nobody by itself, out of a block that
this process alone has, for as long as it lives: a lock on a file says so.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

BLOCK = 200
"""Ports of a process; after the last one come those again that are free by then."""

FIRST, LAST = 10_000, 65_535
GIVEN_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
ELSEWHERE = (49_152, 65_535)
"""What other systems give out by themselves."""

_FOLDER = Path(tempfile.gettempdir()) / f"kubectl-lrs-ports-{os.getuid()}"  # found before a test has another one
_lock = threading.Lock()


def reserved(count: int) -> list[int]:
    """So many ports of loopback, each another one, on which nothing listens and nobody else will."""
    with _lock:
        free = (port for port in _mine() if _is_free(port))
        return list(itertools.islice(free, count))


@cache
def _mine() -> Iterator[int]:
    """The ports of this process, one after the other, for ever."""
    return itertools.cycle(_taken())


def _taken() -> range:
    _FOLDER.mkdir(mode=0o700, exist_ok=True)
    for block in _blocks(*_given_out()):
        descriptor = os.open(_FOLDER / str(block.start), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until this process ends
            return block
        os.close(descriptor)
    raise RuntimeError(f"every block of ports is somebody's: {_FOLDER}")


def _blocks(low: int, high: int) -> Iterator[range]:
    """Blocks without what lies from `low` to `high`; with it where there are no others."""
    blocks = [range(start, start + BLOCK) for start in range(FIRST, LAST - BLOCK, BLOCK)]
    outside = [block for block in blocks if block.stop <= low or block.start > high]
    yield from outside or blocks


def _given_out() -> tuple[int, int]:
    try:
        low, high = GIVEN_OUT.read_text().split()
    except OSError:
        return ELSEWHERE
    return int(low), int(high)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
