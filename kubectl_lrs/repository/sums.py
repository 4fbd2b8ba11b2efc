"""The sums of a backup in their order: bytewise by path, so that the same content has the same list. Must not know files."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

AT_ONCE = 100_000
"""So many are sorted in memory; of more than these, sorted runs are merged from the disk."""

_READ = 1 << 16

Sum = tuple[bytes, bytes]
"""(path, SHA-256 in hexadecimal digits)."""


def line(entry: Sum) -> bytes:
    """As it stands in the list, which `sha256sum -c` reads."""
    path, digest = entry
    return b"%s  %s\n" % (digest, path)


def in_order(entries: Iterable[Sum], spill: BinaryIO) -> Iterator[Sum]:
    """All of them, sorted. `spill`: an empty file, open for reading and writing, which is used where they are many."""
    left = iter(entries)
    run = sorted(islice(left, AT_ONCE))
    following = sorted(islice(left, AT_ONCE))
    if not following:
        return iter(run)
    runs: list[Iterator[Sum]] = []
    while run:
        start = spill.tell()
        spill.writelines(map(line, run))
        spill.flush()
        runs.append(_spilled(spill.fileno(), start, spill.tell()))
        run, following = following, sorted(islice(left, AT_ONCE))
    return heapq.merge(*runs)


def _spilled(descriptor: int, start: int, end: int) -> Iterator[Sum]:
    rest = b""
    while start < end:
        data = os.pread(descriptor, min(_READ, end - start), start)
        start += len(data)
        *lines, rest = (rest + data).split(b"\n")
        yield from ((each[66:], each[:64]) for each in lines)
