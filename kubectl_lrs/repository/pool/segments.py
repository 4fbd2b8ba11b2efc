"""Segments of a backup that several machines copy: the list of each, and the mark that says that it is done.

A list is made once, by the run that seals. Whoever copies a segment puts its contents into the pool and then makes the mark: the
log of a session, whose further lines say what became of each line of the list. Marks are read without trust. What a line says
of a file is no business of the pool's.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import chain
from typing import BinaryIO, NamedTuple, cast

from kubectl_lrs.backends.base import Backend, KeyNotFoundError, Stat
from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.repository.pool import entries
from kubectl_lrs.repository.pool.check import pool
from kubectl_lrs.repository.pool.entries import is_count
from kubectl_lrs.repository.pool.known import Ledger
from kubectl_lrs.repository.pool.layout import SESSIONS, new_session, segment_list, session_log, session_log_of
from kubectl_lrs.repository.pool.ranges import pieces, unpacked
from kubectl_lrs.repository.pool.spool import Spool, gzipped
from kubectl_lrs.repository.pool.uploads import store

MAX_LIST = 64 << 20
MAX_LINE = 1 << 20
"""Bytes of a list, as it is stored and as text, and of a line about a file."""

_NAME = re.compile(r"([0-9a-f]{32})-(0|[1-9][0-9]{0,8})")


class Head(NamedTuple):
    """The first line of a mark: what it is about, the sum of the list, and what was put into the pool for it."""

    about: str
    segment: str
    list_sha256: str
    objects: int
    size: int

    def serialise(self) -> bytes:
        """Its line."""
        return json.dumps(self._asdict()).encode()


class Segments:
    """Those of one backup, as the run has them that seals it. `about`: what their lines say something of; it is put in marks."""

    def __init__(self, backend: Backend, ledger: Ledger, about: str) -> None:
        self._backend = backend
        self._ledger = ledger
        self._about = about
        self._run = new_session()
        self._sums: list[str] = []
        self.objects = 0
        self.size = 0

    @property
    def names(self) -> list[str]:
        """What they are called."""
        return [f"{self._run}-{number}" for number in range(len(self._sums))]

    def put(self, lines: Iterable[bytes]) -> None:
        """The list of one more."""
        with closing(Spool()) as spool:
            gzipped(chain([json.dumps({"about": self._about}).encode() + b"\n"], (line + b"\n" for line in lines)), spool)
            store(self._backend, segment_list(self._run, len(self._sums)), spool.size, spool.chunks())
            self._sums.append(spool.digest)

    def marked(self) -> set[int]:
        """The numbers of those that are done, as far as their marks are there."""
        found = map(session_log_of, (stat.key for stat in self._backend.list(f"{SESSIONS}{self._run}")))
        return {each[1] for each in found if each}

    def look(self) -> None:
        """See what is in the pool by now."""
        self._ledger.note_listed((token, stat.size) for token, stat in pool(self._backend))

    def taken_in(self, number: int) -> Iterator[tuple[bytes, bytes]]:
        """Each line of a list, and what its mark says of it; what the mark puts into the pool is known then. DamageError."""
        _, wanted, _ = read_list(self._backend, f"{self._run}-{number}", self._sums[number])
        key = session_log(self._run, number)
        where = f"{self._backend.url}/{key}"
        with unpacked(pieces(self._backend, key, 0, self._backend.stat(key).size), where) as file:
            head = self._head(file.readline(MAX_LINE), number, where)
            line = self._contents(file, len(wanted), where)
            for each in wanted:
                if not line.endswith(b"\n"):
                    raise DamageError(f"{where}: damaged: it ends before its list does, or a line is too long")
                yield each, line
                line = file.readline(MAX_LINE)
            if line:
                raise DamageError(f"{where}: damaged: it goes on where its list has ended")
        self.objects += head.objects
        self.size += head.size

    def _head(self, line: bytes, number: int, where: str) -> Head:
        try:
            found = Head(**json.loads(line))
        except (ValueError, TypeError, RecursionError) as error:
            raise DamageError(f"{where}: damaged: not the mark of a segment: {error}") from error
        if found[:3] != (self._about, f"{self._run}-{number}", self._sums[number]):
            raise DamageError(f"{where}: it is the mark of another segment")
        if not (is_count(found.objects) and is_count(found.size)):
            raise DamageError(f"{where}: damaged: not the mark of a segment")
        return found

    def _contents(self, file: gzip.GzipFile, limit: int, where: str) -> bytes:
        """Learn the contents that the mark says; the line after them."""
        for _ in range(limit + 1):
            line = file.readline(entries.MAX_LINE)
            if not line.startswith(b"["):
                return line
            content = entries.parsed(line, where)
            if all(map(self._ledger.is_listed, content.parts)):
                self._ledger.learn(content, is_new=True)
        raise DamageError(f"{where}: damaged: it has more contents than its list has files")

    def size_of(self, digest: str) -> int | None:
        """Of a content that is known by now; None of one that is not."""
        found = self._ledger.content(digest)
        return found.size if found else None

    def remove(self) -> None:
        """They are needed no more. Where they may not be removed, prune does it."""
        for number in range(len(self._sums)):
            for key in (session_log(self._run, number), segment_list(self._run, number)):
                with suppress(LrsError):
                    self._backend.delete(key)


def require_name(name: str) -> None:
    """UsageError for what cannot be the name of a segment."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not the name of a segment", hint="backup --shards says what they are called")


def parts_of(name: str) -> tuple[str, int]:
    """(run, number)."""
    run, _, number = name.partition("-")
    return run, int(number)


def read_list(backend: Backend, name: str, digest: str = "") -> tuple[str, Sequence[bytes], str]:
    """(what its lines are about, they, the sum) of a list. DamageError, also where it is not the one of this sum."""
    key = segment_list(*parts_of(name))
    where = f"{backend.url}/{key}"
    try:
        size = backend.stat(key).size
    except KeyNotFoundError as error:
        raise LrsError(f"{where}: there is no such segment", hint="is the run over that made it?") from error
    if size > MAX_LIST:
        raise DamageError(f"{where}: damaged: larger than {MAX_LIST >> 20} MiB")
    data = b"".join(pieces(backend, key, 0, size))
    found = hashlib.sha256(data).hexdigest()
    if digest and found != digest:
        raise DamageError(f"{where}: altered: its sum is not the one that it was made with")
    with unpacked(iter([data]), where) as file:
        text = file.read(MAX_LIST + 1)
    if len(text) > MAX_LIST:
        raise DamageError(f"{where}: damaged: more than {MAX_LIST >> 20} MiB of text")
    about, *lines = text.splitlines() or [b""]
    try:
        return str(json.loads(about)["about"]), lines, found
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamageError(f"{where}: damaged: not the list of a segment") from error


class Marks:
    """Those that were there when a run began, as what other runs have left for it."""

    def __init__(self, backend: Backend, logs: Sequence[Stat] = ()) -> None:
        self._backend = backend
        self._logs = logs

    def about(self, what: str) -> Iterator[BinaryIO]:
        """The ones that say something of it, each as a file of lines; one that is damaged ends early."""
        for log in self._logs:
            where = f"{self._backend.url}/{log.key}"
            with suppress(DamageError), unpacked(pieces(self._backend, log.key, 0, log.size), where) as file:
                lines = _Lines(file)
                with suppress(ValueError, TypeError, RecursionError):
                    if Head(**json.loads(lines.readline(MAX_LINE))).about == what:
                        yield cast("BinaryIO", lines)


class _Lines:
    """Lines of a file, as far as they can be read."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file

    def readline(self, limit: int = -1) -> bytes:
        """The next one; none where nothing more can be read."""
        try:
            return self._file.readline(limit)
        except (LrsError, OSError, EOFError, zlib.error):
            return b""
