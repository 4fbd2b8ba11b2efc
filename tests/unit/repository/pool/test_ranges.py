"""An object of a storage as a file: what is not as the seal has it is damage."""

from __future__ import annotations

import hashlib
import io

import pytest

from kubectl_lrs.backends.base import put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool import ranges
from kubectl_lrs.repository.pool.seal import Stored

DATA = bytes(range(256)) * 10


@pytest.fixture
def memory() -> Memory:
    made = Memory()
    put(made, "key", DATA)
    return made


def _stored(data: bytes = DATA) -> Stored:
    return Stored(len(data), hashlib.sha256(data).hexdigest())


def test_in_pieces_of_any_size(memory: Memory) -> None:
    for size in (1, 7, 2559, 2560, 1 << 20):
        assert b"".join(ranges.pieces(memory, "key", 3, 2000, size=size)) == DATA[3:2003]
        assert io.BufferedReader(ranges.Pieces(ranges.held(memory, "key", _stored(), size=size))).read() == DATA
    assert ranges.whole(memory, "key", _stored(), 1 << 20) == DATA


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        (Stored(len(DATA), "0" * 64), "altered"),
        (Stored(len(DATA) + 1, _stored().sha256), "it ends after 2560 bytes"),
        (Stored(len(DATA) - 1, _stored().sha256), "altered"),
        (Stored(2 << 20, _stored().sha256), "larger than 1 MiB"),
    ],
)
def test_not_as_it_was_sealed(memory: Memory, stored: Stored, why: str) -> None:
    with pytest.raises(DamageError, match=why):
        ranges.whole(memory, "key", stored, 1 << 20)
