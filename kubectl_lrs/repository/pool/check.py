"""The last look before a seal: is all there that the backup refers to, and is none of it condemned?

The order is what makes it safe: the storage's clock first, then the condemned lists, then what is there. What was not
condemned when the lists were read is not deleted before half of the grace time has passed and the seal counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kubectl_lrs.backends.base import Backend, OnSkipped, Stat, refuse_unreadable
from kubectl_lrs.repository.pool import condemned
from kubectl_lrs.repository.pool.layout import BLOBS, PACKS, pool_key
from kubectl_lrs.repository.pool.refs import Ref
from kubectl_lrs.repository.pool.tokens import Among, Tokens


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found. `at`: seconds of the storage's clock when the look began, the seal's `checkedAt`.

    `condemned`: keys of objects that it refers to, that are there and stand in a condemned list. `gone`: what is not there
    in that size; `doomed`: those of them that stand in a list, which are being deleted whatever else says that they are there.
    """

    at: float
    condemned: tuple[str, ...] = ()
    gone: tuple[Ref, ...] = ()
    doomed: tuple[Ref, ...] = ()


def check(backend: Backend, refs: Callable[[], Iterator[Ref]]) -> Checked:
    """Look. `refs`: what it refers to, in the order of the keys, each time anew. DamageError for a list that cannot be read."""
    at = backend.now()
    listed = condemned.tokens(backend)
    try:
        return _compared(backend, refs(), listed, at)
    finally:
        listed.close()


def _compared(backend: Backend, refs: Iterator[Ref], listed: Tokens, at: float) -> Checked:
    condemned_ones = Among(listed)
    found: list[str] = []
    gone: list[Ref] = []
    doomed: list[Ref] = []
    there = Listing(backend)
    for ref in refs:
        stats = [each for each in there.at(ref.token) if each.size == ref.size]
        is_condemned = condemned_ones.has(ref.token)
        if not stats:
            gone.append(ref)
            doomed += [ref] if is_condemned else []
        elif is_condemned:
            found.extend(each.key for each in stats)
    return Checked(at=at, condemned=tuple(found), gone=tuple(gone), doomed=tuple(doomed))


def pool(backend: Backend, *, skipped: OnSkipped = refuse_unreadable) -> Iterator[tuple[bytes, Stat]]:
    """(token, object) of all that is in the pool, in the order of the keys; what has no name of ours is passed over.

    `skipped` is told what the storage's list leaves out.
    """
    for prefix in (BLOBS, PACKS):
        for stat in backend.list(prefix, skipped=skipped):
            if known := pool_key(stat.key):
                yield known.token, stat


class Listing:
    """The pool, asked for tokens in their order."""

    def __init__(self, backend: Backend) -> None:
        self._listing = pool(backend)
        self._next = next(self._listing, None)

    def at(self, token: bytes) -> list[Stat]:
        """The objects with this token: one, or none, or one that is packed beside one that is not."""
        found = []
        while self._next is not None and self._next[0] <= token:
            if self._next[0] == token:
                found.append(self._next[1])
            self._next = next(self._listing, None)
        return found
