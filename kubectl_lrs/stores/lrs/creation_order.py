"""In which order LRS that own each other are created: an owner before what it owns. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

Key = tuple[str, str]


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
