"""A segment that is being copied: its contents go into the pool, and the mark after them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing, suppress
from itertools import chain

from kubectl_lrs.backends.base import Backend, KeyExistsError, has
from kubectl_lrs.repository.pool.layout import session_log
from kubectl_lrs.repository.pool.segments import Head, parts_of, read_list
from kubectl_lrs.repository.pool.spool import Spool, gzipped
from kubectl_lrs.repository.pool.uploads import store
from kubectl_lrs.repository.pool.writer import PoolWriter


class Segment:
    """One that is to be copied: `lines` of its list. Contents go into `writer`, which is of this run alone and seals nothing."""

    def __init__(self, backend: Backend, writer: PoolWriter, name: str) -> None:
        self._backend = backend
        self.writer = writer
        self._name = name
        self.about, self.lines, self._sum = read_list(backend, name)

    @property
    def is_marked(self) -> bool:
        """Whether somebody has done it."""
        return has(self._backend, session_log(*parts_of(self._name)))

    def mark(self, lines: Iterable[bytes]) -> None:
        """It is done; `lines`: what is to be said of each line of its list, in that order."""
        self.writer.flush()
        uploads = self.writer.uploads
        head = Head(self.about, self._name, self._sum, uploads.count, uploads.size).serialise()
        contents = (each._replace(path="").serialise() for each in self.writer.ledger.entries())
        with closing(Spool()) as spool:
            gzipped(chain([head + b"\n"], contents, (line + b"\n" for line in lines)), spool)
            self._backend.sync()
            with suppress(KeyExistsError):  # another one has done it meanwhile, or an answer was lost: the first one counts
                store(self._backend, session_log(*parts_of(self._name)), spool.size, spool.chunks())
        self.writer.is_sealed = True
