"""Condemned lists: which objects no sealed backup referred to when somebody looked. They are deleted a grace time later.

A list is made once, under a name of its own, and counts from when the storage says that it was there. One that cannot be
read is an error for everybody: a writer could not tell what it must not refer to, and a sweeper not what others take for gone.
When nothing of a list is left, an object beside it says so; the list goes a quarter of the grace time after that, so
that nobody whose listings lag finds neither the list nor that its objects are gone.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, NamedTuple

from kubectl_lrs.backends.base import Backend, KeyExistsError, KeyNotFoundError, put
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.repository.pool.layout import CONDEMNED, condemned_key, condemned_of, new_session, pool_key, stamped
from kubectl_lrs.repository.pool.spool import Spool, gzipped
from kubectl_lrs.repository.pool.tokens import Tokens, union
from kubectl_lrs.repository.pool.uploads import store

KIND = "lrs-condemned"
FORMAT_VERSION = 1
MOST = 100_000
"""Names in one list."""

_SWEPT = ".swept"
_LINE = 2048
_END = "sha256"


class Name(NamedTuple):
    """One object that is to go: its key and its size."""

    key: str
    size: int


@dataclass(frozen=True)
class List:
    """One list. `since`: from when it was there for everybody, None where nobody tells. `swept`: when nothing was left of it."""

    key: str
    since: float | None
    swept: float | None = None

    @property
    def marker(self) -> str:
        """The key that says that nothing is left of it."""
        return self.key.removesuffix(".gz") + _SWEPT

    def is_mature(self, now: float, grace: float) -> bool:
        """Whether what it names may be deleted."""
        return self.since is not None and now - self.since >= grace


def lists(backend: Backend) -> list[List]:
    """All that are there, the oldest first. DamageError for what stands among them and is none."""
    found: dict[str, float | None] = {}
    swept: dict[str, float | None] = {}
    for stat in backend.list(CONDEMNED):
        known = condemned_of(stat.key.removesuffix(_SWEPT) + ".gz" if stat.key.endswith(_SWEPT) else stat.key)
        if known is None:
            raise DamageError(f"{backend.url}/{stat.key}: not a condemned list", hint="nothing was removed or sealed; look at it")
        if stat.key.endswith(_SWEPT):
            swept[stat.key.removesuffix(_SWEPT) + ".gz"] = stat.mtime
        else:
            found[stat.key] = None if stat.mtime is None else max(stat.mtime, known[0])
    return [List(key, since, swept.get(key)) for key, since in found.items()]


def leftover_markers(backend: Backend, there: Iterable[List]) -> list[str]:
    """Markers whose list is gone."""
    known = {each.marker for each in there}
    return [stat.key for stat in backend.list(CONDEMNED) if stat.key.endswith(_SWEPT) and stat.key not in known]


def read(backend: Backend, key: str) -> Iterator[Name]:
    """What a list names, in the order of the keys; all of it was read and found right before the first is given.

    KeyNotFoundError where another prune has dropped it, DamageError.
    """
    where = f"{backend.url}/{key}"
    with tempfile.TemporaryFile() as file:
        backend.read(backend.stat(key), file.write)
        _require_whole(file, where)
        for line in _lines(file, where):
            if line.startswith("{") or line.startswith(_END):
                continue
            size, _, name = line.partition(" ")
            yield Name(name, int(size))


def _require_whole(file: IO[bytes], where: str) -> None:
    """DamageError unless it begins, goes on and ends as it was written."""
    digest = hashlib.sha256()
    last, before, count = "", "", 0
    for count, line in enumerate(_lines(file, where), 1):
        if last:
            raise DamageError(f"{where}: damaged: it goes on behind its end")
        if line.startswith(f"{_END} "):
            last = line
        else:
            digest.update(line.encode() + b"\n")
            if count == 1:
                _require_head(line, where)
            else:
                before = _require_name(line, before, where)
    if last != f"{_END} {digest.hexdigest()}" or count < 2:
        raise DamageError(f"{where}: damaged: its sum is another one")


def _require_head(line: str, where: str) -> None:
    with suppress(ValueError, RecursionError):
        head = json.loads(line)
        version = head.get("formatVersion") if isinstance(head, dict) and head.get("kind") == KIND else None
        if version == FORMAT_VERSION:
            return
        if type(version) is int and version > FORMAT_VERSION:
            raise UsageError(f"{where}: format {version} is newer than this program reads ({FORMAT_VERSION})")
    raise DamageError(f"{where}: not a condemned list")


def _require_name(line: str, before: str, where: str) -> str:
    size, _, name = line.partition(" ")
    if not (size.isascii() and size.isdigit()) or name.encode() <= before.encode():
        raise DamageError(f"{where}: damaged: not names in their order")
    return name


def _lines(file: IO[bytes], where: str) -> Iterator[str]:
    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
            while line := unpacked.readline(_LINE):
                if not line.endswith(b"\n"):
                    raise DamageError(f"{where}: damaged: a line without an end")
                yield line[:-1].decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DamageError(f"{where}: damaged: {error}") from error


def tokens(backend: Backend, which: Iterable[List] | None = None) -> Tokens:
    """Of all objects of the pool that are condemned now; one list that is dropped meanwhile names nothing any more."""
    return union(_tokens(backend, each) for each in (lists(backend) if which is None else which))


def _tokens(backend: Backend, each: List) -> Iterator[bytes]:
    with suppress(KeyNotFoundError):
        for name in read(backend, each.key):
            if known := pool_key(name.key):
                yield known.token


def write(backend: Backend, names: Iterable[Name], *, now: float) -> Iterator[List]:
    """New lists of these names, which are in the order of their keys; each is there when it is given. NoSpaceError."""
    rest = iter(names)
    for first in rest:
        key = condemned_key(now, new_session())
        with closing(Spool()) as spool:
            gzipped(_text(chain([first], islice(rest, MOST - 1)), now), spool)
            store(backend, key, spool.size, spool.chunks(), synced=True)
        yield List(key, now)


def _text(names: Iterable[Name], now: float) -> Iterator[bytes]:
    """The lines of a list, the last of them with the sum of those before."""
    digest = hashlib.sha256()
    head = json.dumps({"kind": KIND, "formatVersion": FORMAT_VERSION, "at": stamped(now)})
    for text in chain([head], (f"{each.size} {each.key}" for each in names)):
        line = text.encode() + b"\n"
        digest.update(line)
        yield line
    yield f"{_END} {digest.hexdigest()}\n".encode()


def mark_swept(backend: Backend, each: List) -> None:
    """Nothing of it is left. Where that cannot be written, the next sweep finds the same."""
    with suppress(KeyExistsError):
        put(backend, each.marker, b"\n")


def drop(backend: Backend, each: List) -> None:
    """It is needed no more: nobody can still take for there what it names."""
    backend.delete(each.key)
    backend.delete(each.marker)
