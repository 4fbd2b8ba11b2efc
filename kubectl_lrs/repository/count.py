"""How many objects of a storage there are, and how large they are. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Count(NamedTuple):
    """So many objects, of so many bytes."""

    objects: int = 0
    bytes: int = 0

    def plus(self, size: int) -> Count:
        """And one more."""
        return Count(self.objects + 1, self.bytes + size)

    @classmethod
    def of(cls, sizes: Iterable[int]) -> Count:
        """One of each of these sizes."""
        objects = total = 0
        for each in sizes:
            objects, total = objects + 1, total + each
        return cls(objects, total)


NOTHING = Count()
