"""Sequences of which nobody holds all: there may be a million things in one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class Each(Sequence[T]):
    """What `made` gives, made anew each time that somebody goes through it."""

    def __init__(self, made: Callable[[], Iterable[T]]) -> None:
        self._made = made

    def __iter__(self) -> Iterator[T]:
        return iter(self._made())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> list[T]: ...
    def __getitem__(self, at: int | slice) -> T | list[T]:
        """For who wants few of them: all are made."""
        return list(self)[at]
