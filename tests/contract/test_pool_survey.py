"""One pass over a pool that is made while it is listed: what is found is right, and memory does not grow with it."""

from __future__ import annotations

import resource
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from kubectl_lrs.backends.base import Backend, Reading, Stat
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.repository.pool.layout import blob_key, pool_key
from kubectl_lrs.repository.pool.prune import PoolPruner
from kubectl_lrs.repository.pool.refs import Ref
from kubectl_lrs.repository.pool.sight import PoolHandle, look
from kubectl_lrs.repository.pool.survey import survey
from kubectl_lrs.repository.pruning import Going, PruneResult
from kubectl_lrs.runtime.cancel import Cancel
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


class Counting(Made):
    """Every request is noted in `asked`: a list is one for each thousand, and what is not there is asked for too."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.asked: list[str] = []

    def list(self, prefix: str = "", **more: Any) -> Iterator[Stat]:
        for number, stat in enumerate(super().list(prefix, **more)):
            if number % 1000 == 0:
                self.asked.append(f"list {prefix}")
            yield stat
        self.asked.append(f"list {prefix}")

    def stat(self, key: str) -> Stat:
        self.asked.append(f"stat {key}")
        return super().stat(key)

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        self.asked.append(f"read {wanted.key}")
        return super().read(wanted, sink)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        self.asked.append(f"read {key}")
        return super().read_range(key, start, length)

    def upload(self, key: str, *request: Any, **how: Any) -> Any:
        self.asked.append(f"upload {key}")
        return super().upload(key, *request, **how)

    def delete(self, key: str) -> None:
        self.asked.append(f"delete {key}")
        super().delete(key)


def repository_of(count: int, nights: int, kind: type[Made] = Made) -> PoolHandle:
    """Backups of which each has an object in every so many, and shares most with its neighbours; one in 100 is nobody's."""
    place = place_of(cast("Backend", kind(count)))
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


def test_one_night_out_costs_few_requests_and_no_data() -> None:
    """A thousandth of the objects, and ten for each backup."""
    count, nights = 20_000, 40
    place = repository_of(count, nights, Counting)
    asked = cast("Counting", place.backend).asked
    asked.clear()
    pruner = PoolPruner(place)
    looked = pruner.look()
    prepared = pruner.prepare(looked, ["night-0"])
    outcomes = list(prepared.apply([Going(each, []) for each in looked.backups if each.name == "night-0"], Cancel()))
    assert [each.result for each in outcomes] == [PruneResult.REMOVED]
    assert len(asked) <= count / 1000 + 10 * nights, Counter(each.partition("/")[0] for each in asked)
    assert not [each for each in asked if each.startswith(("read blobs/", "read packs/"))]


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_five_million_objects_of_400_backups() -> None:
    place = repository_of(5_000_000, 400)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert condemned(place) == 50_003
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100 << 10, f"{grown} KiB more than before"
