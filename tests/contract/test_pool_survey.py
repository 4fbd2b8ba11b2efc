"""One pass over a pool that is made while it is listed: what is found is right, and memory does not grow with it."""

from __future__ import annotations

import resource
import tracemalloc
from collections.abc import Iterator
from typing import Any, cast

import pytest

from kubectl_lrs.backends.base import Backend, Stat
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.repository.pool.layout import blob_key, pool_key
from kubectl_lrs.repository.pool.refs import Ref
from kubectl_lrs.repository.pool.sight import PoolHandle, look
from kubectl_lrs.repository.pool.survey import survey
from tests.builders.pooled import GRACE, catalog_of, place_of, seal

NOW = 1_790_000_000.0
SESSION = "0" * 32
SHARED = 4
"""Nights that an object is part of."""


def key_of(number: int, count: int) -> str:
    """Of the object of that number, in the order of the keys."""
    return blob_key(f"{number * (2**64 // count):016x}".ljust(64, "0"), SESSION)


def ref_of(number: int, count: int) -> Ref:
    found = pool_key(key_of(number, count))
    assert found
    return Ref(found.token, 1)


class Made(Memory):
    """`count` objects that exist only while they are listed; what lies beside the pool is really there."""

    def __init__(self, count: int) -> None:
        super().__init__(clock=lambda: NOW)
        self.count = count

    def list(self, prefix: str = "", **more: Any) -> Iterator[Stat]:
        if prefix != "blobs/":
            yield from super().list(prefix, **more)
            return
        for number in range(self.count):
            yield Stat(key_of(number, self.count), 1, "", NOW - 10 * GRACE)


def repository_of(count: int, nights: int) -> PoolHandle:
    """Backups of which each has an object in every so many, and shares most with its neighbours; one in 100 is nobody's."""
    place = place_of(cast("Backend", Made(count)))
    for night in range(nights):
        refs = (ref_of(at, count) for at in wanted(night, count, nights))
        seal(place, f"night-{night}", refs, NOW, catalog_of(f"night-{night}", NOW))
    return place


def wanted(night: int, count: int, nights: int) -> Iterator[int]:
    """The numbers of a backup's objects."""
    for start in range(night - nights, count, nights):
        yield from (at for at in range(start, start + SHARED) if 0 <= at < count and at % 100)


def condemned(place: PoolHandle) -> int:
    """How many are found to be nobody's when the first backup goes."""
    sight = look(place)
    found = survey(place, sight, [min(sight.sealed)])
    assert not found.lacking
    assert sum(1 for _ in found.condemned) == found.condemned.total.objects
    return found.condemned.total.objects


def peak(count: int, nights: int) -> int:
    """Bytes that are held at once."""
    place = repository_of(count, nights)
    tracemalloc.start()
    try:
        assert condemned(place) == count // 100 + 3  # and what lies beside the seal of the one that goes
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_flat_in_the_number_of_objects() -> None:
    """Buffers are filled, and no more: the keys alone would be 6 MB."""
    count = 40_000
    held = peak(count, 12)
    assert held < 100 * count, f"{held} bytes are held of {count} objects"


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_five_million_objects_of_400_backups() -> None:
    place = repository_of(5_000_000, 400)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert condemned(place) == 50_003
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100 << 10, f"{grown} KiB more than before"
