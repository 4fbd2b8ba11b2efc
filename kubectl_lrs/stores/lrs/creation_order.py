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


def waves(owners: Mapping[Key, Collection[Key]], there: Collection[Key]) -> dict[Key, int]:
    """LRS that has owners → how many waves come before its own; only owners that are `there` count.

    A cycle is cut at one of its members, which comes before its owner. Time and depth do not grow with the length of a
    chain or the number of ways through it: a backup may hold anything.
    """
    above = {key: {owner for owner in listed if owner in there and owner != key} for key, listed in owners.items()}
    below: dict[Key, list[Key]] = {}
    for key, listed in above.items():
        for owner in listed:
            below.setdefault(owner, []).append(key)
    placed: dict[Key, int] = {}
    waiting = {key: len(listed) for key, listed in above.items()}
    ready = [owner for owner in below if owner not in above] + [key for key, count in waiting.items() if count == 0]
    while waiting or ready:
        key = ready.pop() if ready else _on_a_cycle(above, waiting)
        waiting.pop(key, None)
        placed[key] = 1 + max((placed[owner] for owner in above.get(key, ()) if owner in placed), default=-1)
        for owned in below.get(key, ()):
            if owned in waiting:
                waiting[owned] -= 1
                if waiting[owned] == 0:
                    ready.append(owned)
    return {key: placed[key] for key in owners}


def _on_a_cycle(above: Mapping[Key, Collection[Key]], waiting: Mapping[Key, int]) -> Key:
    """A member of a cycle of those that wait: from any of them, owner by owner, until one comes again."""
    key, seen = min(waiting), set()
    while key not in seen:
        seen.add(key)
        key = min(owner for owner in above[key] if owner in waiting)
    return key
