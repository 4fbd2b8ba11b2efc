"""Long lists for a person: rows that say the same stand together, of many the first few are shown; and what to do next. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

Next = tuple[str, str]
"""(what for, the command)."""

FEW = 20
"""Rows that are all listed, whatever they say."""

EACH = 5
"""Rows of one kind that are listed where there are more than FEW in all."""

ALL = "-o wide shows all"


def grouped(things: Iterable[T], kind: Callable[[T], Hashable]) -> Iterator[tuple[T, int]]:
    """(thing, how many more of its kind follow that are not shown), those of a kind together; 0 but for the last of a kind.

    No more of a kind are held than may be shown.
    """
    kinds: dict[Hashable, list[T]] = {}
    counts: Counter[Hashable] = Counter()
    for thing in things:
        alike = kinds.setdefault(of := kind(thing), [])
        counts[of] += 1
        if len(alike) < FEW:
            alike.append(thing)
    is_few = counts.total() <= FEW
    for of, alike in kinds.items():
        shown = counts[of] if is_few or counts[of] <= EACH + 1 else EACH
        for place, thing in enumerate(alike[:shown], 1):
            yield thing, counts[of] - shown if place == shown else 0


def and_more(count: int) -> str:
    """What stands in place of so many."""
    return f"and {count:,} more ({ALL})"


def capped(lines: Sequence[str], most: int) -> Iterator[str]:
    """The first of them, and how many more there are where that is more than one."""
    shown = len(lines) if len(lines) <= most + 1 else most
    yield from lines[:shown]
    if more := len(lines) - shown:
        yield and_more(more)


def next_lines(then: Sequence[Next]) -> Iterator[str]:
    """What to do next, each with a command that can be copied."""
    for what, command in then:
        yield f"next: {what}:"
        yield f"  {command}"
