"""Field by field, what makes one manifest differ from another. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Absent(Enum):
    """Stands for a field that is not there, which is not the same as null."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


class Kind(str, Enum):
    """How a thing differs: it is before only, after only, or on both sides and not the same."""

    REMOVED = "removed"
    ADDED = "added"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One field: `path` of keys and indexes, its value `before` and `after`, ABSENT where it is not."""

    path: tuple[str | int, ...]
    before: Any
    after: Any

    @property
    def field(self) -> str:
        """The path as kubectl explain writes it: spec.template.containers[0].image."""
        text = ""
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else _segment(part, first=not text)
        return text


def _segment(key: str, *, first: bool) -> str:
    if not key or any(char in key for char in ".[]/ "):
        return f"[{key!r}]"
    return key if first else f".{key}"


def changes(before: Any, after: Any, path: tuple[str | int, ...] = ()) -> Iterator[Change]:
    """Every field in which `after` differs from `before`, in the order of `before`, added fields last.

    Lists of one length are compared element by element, others as a whole. 1, 1.0 and True are three values.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            yield from changes(value, after.get(key, ABSENT), (*path, key))
        for key, value in after.items():
            if key not in before:
                yield Change((*path, key), ABSENT, value)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from changes(old, new, (*path, index))
    elif not same(before, after):
        yield Change(path, before, after)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, types included."""
    if one is other:
        return True
    if one.__class__ is not other.__class__:
        return False
    if isinstance(one, dict):
        return len(one) == len(other) and _are_same(one, other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _are_same(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    """The values of two objects of one size. Every object of a restore comes through here, and most values are strings."""
    for key, value in one.items():
        there = other.get(key, ABSENT)
        if value.__class__ is str and there.__class__ is str:
            if value != there:
                return False
        elif not same(value, there):
            return False
    return True
