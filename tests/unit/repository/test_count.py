"""Counts of objects."""

from __future__ import annotations

from kubectl_lrs.repository.count import NOTHING, Count


def test_each_is_counted_with_its_size() -> None:
    assert Count.of([]) == NOTHING == Count(0, 0)
    assert Count.of(iter((3, 0, 4))) == NOTHING.plus(3).plus(0).plus(4) == Count(objects=3, bytes=7)
