"""In which order LRS that own each other are created: an owner before what it owns. Pure."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from typing import Generic, TypeVar

Key = tuple[str, str]
T = TypeVar("T")


class WaitingRoom(Generic[T]):
    """Holds back what must wait for others, in one pass; of a thing that nobody waits for nothing is kept.

    `expected`: the keys of all that will come; a thing does not wait for what is not among them.
    """

    def __init__(self, expected: Container[str]) -> None:
        self._expected = expected
        self._done: set[str] = set()
        self._left: dict[str, int] = {}
        self._waiting: dict[str, list[tuple[str, T]]] = {}

    def must_wait(self, key: str, after: Collection[str], thing: T) -> bool:
        """Whether it must wait; then it is kept, and comes out of `done` when all that it waits for is done."""
        open_ = [each for each in after if each in self._expected and each not in self._done]
        for each in open_:
            self._waiting.setdefault(each, []).append((key, thing))
        if open_:
            self._left[key] = len(open_)
        return bool(open_)

    def done(self, key: str) -> list[T]:
        """This one is done, however it went; those that waited for it last."""
        self._done.add(key)
        free = []
        for waiting, thing in self._waiting.pop(key, ()):
            self._left[waiting] -= 1
            if not self._left[waiting]:
                del self._left[waiting]
                free.append(thing)
        return free


def creation_order(owners: Mapping[Key, Collection[Key]], there: Container[Key]) -> dict[Key, int]:
    """LRS that has owners → how many steps of owners come before it; only owners that are `there` count.

    An owner comes before what it owns, unless each owns the other in the end: such a cycle is cut where the way up, owner
    by owner, comes back to one that it began at. Time and depth do not grow with the length of a chain or the number of
    ways through it: a backup may hold anything.
    """
    placed: dict[Key, int] = {}
    begun: set[Key] = set()
    for start in sorted(owners):
        way = [start]
        while way:
            key = way[-1]
            if key in placed:  # by another way
                way.pop()
            elif key not in begun:
                begun.add(key)
                way += sorted(owner for owner in owners.get(key, ()) if owner in there and owner not in begun)
            else:
                way.pop()
                placed[key] = 1 + max((placed[owner] for owner in owners.get(key, ()) if owner in placed), default=-1)
    return {key: placed[key] for key in owners}
