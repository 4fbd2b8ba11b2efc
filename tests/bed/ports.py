"""Ports of this machine for servers that must be told theirs. Standard library only.

One that was free a moment ago may be somebody's by now: of the processes that run tests beside this one, each opens
listeners and connections all the time, and the system gives out any free port for them. A server that is killed and started
again must find its port as it left it, too. So these are ports that the system gives to nobody by itself, out of a block that
this process alone has, for as long as it lives: it has bound the first one of it, which the system lets nobody else do,
whatever folder for temporary files, home or user that one has.
"""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

BLOCK = 200
"""Ports of a process, the first one among them; after the last one come those again that are free by then."""

FIRST, LAST = 10_000, 65_535
GIVEN_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
ELSEWHERE = (49_152, 65_535)
"""What other systems give out by themselves."""

_lock = threading.Lock()
_firsts: list[socket.socket] = []
"""Bound until this process ends, and never listened on."""


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
    for block in _blocks(*_given_out()):
        first = socket.socket()
        try:
            first.bind(("127.0.0.1", block.start))
        except OSError:
            first.close()
            continue
        _firsts.append(first)
        return block
    raise RuntimeError("every block of ports is somebody's")


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
