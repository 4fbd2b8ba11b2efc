"""What of the pool a new backup may use: what earlier ones refer to, and what killed or living runs say that they put there.

Used is only what the listing has in its size and no condemned list names; a log that cannot be read is passed over.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from kubectl_lrs.backends.base import Backend, KeyNotFoundError, Stat
from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool import condemned, entries
from kubectl_lrs.repository.pool.check import pool
from kubectl_lrs.repository.pool.entries import IndexEntry, Part
from kubectl_lrs.repository.pool.index import Index
from kubectl_lrs.repository.pool.known import Ledger
from kubectl_lrs.repository.pool.layout import BLOBS, SESSIONS, segment_of, session_log, session_log_of
from kubectl_lrs.repository.pool.packs import OVERHEAD
from kubectl_lrs.repository.pool.ranges import pieces, unpacked
from kubectl_lrs.repository.pool.seal import Seal

BACKUPS = 16
FILES = 500_000
"""So many of the newest backups are looked into, and so many of their files remembered; and all of the newest backup."""


def learn(backend: Backend, ledger: Ledger, newest_first: Sequence[Seal]) -> list[Stat]:
    """Everything that may be used. The logs among those read that are marks of segments."""
    ledger.note_listed((token, stat.size) for token, stat in pool(backend))
    listed = condemned.tokens(backend)
    ledger.strike(listed)
    listed.close()
    used: Counter[str] = Counter()
    left = FILES
    newest = newest_of_groups(newest_first)
    seen: set[int] = set()
    for number, seal in enumerate(newest_first[:BACKUPS]):
        if left <= 0:
            break
        is_counted = seal in newest
        found = Index(backend, seal).unseen(set() if number and is_counted else seen)
        with suppress(DamageError, KeyNotFoundError):
            left -= _learn(ledger, found if number == 0 else islice(found, left), used if is_counted else Counter())
    there = list(backend.list(SESSIONS))
    marks = {session_log(*name) for stat in there if (name := segment_of(stat.key))}
    logs = [stat for stat in there if session_log_of(stat.key)]
    for log in logs:
        with suppress(DamageError, KeyNotFoundError):
            _learn_log(backend, ledger, log, used)
    ledger.unlearn(lambda key, size: used[key] * 2 >= size)
    return [stat for stat in logs if stat.key in marks]


def newest_of_groups(newest_first: Sequence[Seal]) -> list[Seal]:
    """Of backups of the same cluster that were asked for the same, the newest."""
    found: list[Seal] = []
    for seal in newest_first:
        if not any(_are_alike(seal.catalog, other.catalog) for other in found):
            found.append(seal)
    return found


def _are_alike(one: Catalog, other: Catalog) -> bool:
    return one.cluster.is_same(other.cluster) and (one.selection, one.profile) == (other.selection, other.profile)


def _learn(ledger: Ledger, found: Iterable[IndexEntry], used: Counter[str]) -> int:
    count = 0
    for each in found:
        count += 1
        if all(map(ledger.is_listed, each.parts)):
            ledger.learn(each)
            for part in each.parts:
                used[part.key] += part.length + OVERHEAD
    return count


# ---- what a run has put into the pool


def log(contents: Iterable[IndexEntry], blobs: Iterable[tuple[str, int]]) -> bytes:
    """A log: contents, a line as that of an index for each; then blobs, key and size, of contents that may not be whole yet."""
    lines = [json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in blobs]
    return gzip.compress(b"".join((*(each.serialise() for each in contents), *lines)), 1, mtime=0)


def _learn_log(backend: Backend, ledger: Ledger, log: Stat, used: Counter[str]) -> None:
    where = f"{backend.url}/{log.key}"
    for line in _lines(backend, log, where):
        if line.startswith(_CONTENT):
            _learn(ledger, [entries.parsed(line, where)], used)
        elif line.startswith(_BLOB):
            _learn_blob(ledger, line)


_CONTENT = b'["",'
"""How the line of a content begins: there it has no path."""

_BLOB = b"["
"""How that of a blob does. What else there is in the mark of a segment is of no use here."""


def _learn_blob(ledger: Ledger, line: bytes) -> None:
    with suppress(ValueError, TypeError, RecursionError):
        key, size = json.loads(line)
        if entries.is_text(key) and key.startswith(BLOBS) and ledger.is_listed(Part(key, 0, size, "", size)):
            ledger.add_blob(key, size)


def _lines(backend: Backend, log: Stat, where: str) -> Iterator[bytes]:
    with unpacked(pieces(backend, log.key, 0, log.size), where) as file:
        while line := file.readline(entries.MAX_LINE):
            yield line
