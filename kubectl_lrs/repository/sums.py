"""The sums of a backup in their order: bytewise by path, so that the same content has the same list. Must not know files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import IO, BinaryIO

from kubectl_lrs.model.errors import DamageError

AT_ONCE = 100_000
"""So many are sorted in memory; of more than these, sorted runs are merged from the disk."""

MAX_LINE = 8 << 10
"""Bytes that a line may have; what is longer is no list of sums, and is not read into memory to find out."""

_READ = 1 << 16
_NO_STEP = frozenset(("", ".", ".."))
"""No part of a path that stays in the folder; a path from the root begins with the first of them."""

_LINE = re.compile(r"([0-9a-f]{64})  ([^\\\n]+)\n")

Sum = tuple[bytes, bytes]
"""(path, SHA-256 in hexadecimal digits)."""


def line(entry: Sum) -> bytes:
    """As it stands in the list, which `sha256sum -c` reads."""
    path, digest = entry
    return b"%s  %s\n" % (digest, path)


def sum_of(entries: Iterable[Sum]) -> str:
    """The sum of the list of these, in this order."""
    digest = hashlib.sha256()
    for each in entries:
        digest.update(line(each))
    return digest.hexdigest()


def identity_of(sums: Iterable[tuple[str, str]]) -> str:
    """The sum of the sorted list of these, (path, SHA-256) in any order."""
    import tempfile  # for backups of format 1 alone

    with tempfile.TemporaryFile() as spill:
        return sum_of(in_order(((path.encode(), digest.encode()) for path, digest in sums), spill))


def in_order(entries: Iterable[Sum], spill: IO[bytes]) -> Iterator[Sum]:
    """All of them, sorted. `spill`: an empty file, open for reading and writing, which is used where they are many."""
    left = iter(entries)
    run = sorted(islice(left, AT_ONCE))
    following = sorted(islice(left, AT_ONCE))
    if not following:
        return iter(run)
    import heapq  # for backups of very many files

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


def parsed_sums(file: BinaryIO, where: str) -> Iterator[tuple[str, str]]:
    """(path, SHA-256) of each line of the sums. DamageError, which names `where`, for a line that is none."""
    for number, line in enumerate(iter(partial(file.readline, MAX_LINE), b""), 1):
        match = _LINE.fullmatch(line.decode("utf-8", "replace"))
        if not match or not is_inside(match[2]):
            raise DamageError(f"{where}: line {number} is not a sum of a file in the backup")
        yield match[2], match[1]


def is_inside(path: str) -> bool:
    """Whether a path of the sums stays in the folder."""
    return _NO_STEP.isdisjoint(path.split("/"))
