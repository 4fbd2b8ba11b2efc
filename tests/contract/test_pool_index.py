"""The index of a large backup: what one file of it costs."""

from __future__ import annotations

from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.repository.pool.index import Index
from tests.unit.repository.pool.test_index import entry, written


def test_one_of_many_costs_one_block_and_the_table() -> None:
    asked: list[tuple[str, int]] = []

    class Counting(Memory):
        def read_range(self, key: str, start: int, length: int) -> bytes:
            asked.append((key.rpartition("/")[2], length))
            return super().read_range(key, start, length)

    paths = sorted(f"lrs/namespace/object-{number}.yaml" for number in range(20_000))
    backend, seal = written([entry(path) for path in paths])
    counting = Counting()
    counting._objects = backend._objects
    found = Index(counting, seal).entry(paths[12_345])
    assert found == entry(paths[12_345])
    assert [key for key, _ in asked] == ["blocks.json", "index-0.gz"]
    assert sum(length for _, length in asked) < 1_000_000
