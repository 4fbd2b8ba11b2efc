"""refs.gz: what is written comes back in its order, and nothing that is no list of objects is taken for one."""

from __future__ import annotations

import gzip
import io
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.backends.base import KeyNotFoundError, put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool import refs
from kubectl_lrs.repository.pool.layout import REFS, BackupId
from kubectl_lrs.repository.pool.refs import Ref
from kubectl_lrs.repository.pool.seal import Stored
from kubectl_lrs.repository.pool.spool import Spool

BACKUP = BackupId("night", "0" * 32)
TOKENS = st.builds(lambda kind, rest: kind + rest, st.sampled_from([b"b", b"p"]), st.binary(min_size=32, max_size=32))
REFS_OF = st.dictionaries(TOKENS, st.integers(0, 2**53)).map(lambda d: [Ref(*each) for each in sorted(d.items())])


def _written(found: list[Ref]) -> bytes:
    with closing(Spool()) as spool:
        refs.write(found, spool)
        return b"".join(spool.chunks())


def _ref(number: int) -> Ref:
    return Ref(b"b" + number.to_bytes(32, "big"), number)


@given(REFS_OF)
def test_what_is_written_is_read_back(found: list[Ref]) -> None:
    backend = Memory()
    data = _written(found)
    put(backend, BACKUP.key(REFS), data)
    assert list(refs.read(backend, BACKUP, Stored.of(data))) == found
    assert _written(found) == data


def test_another_sum_is_damage_though_every_record_is_right() -> None:
    backend = Memory()
    put(backend, BACKUP.key(REFS), _written([_ref(1)]))
    other = Stored.of(_written([_ref(2)]))
    with pytest.raises(DamageError, match="altered"):
        list(refs.read(backend, BACKUP, other))


def test_one_that_is_cut_short_or_gone() -> None:
    backend = Memory()
    data = _written([_ref(number) for number in range(1000)])
    with pytest.raises(KeyNotFoundError):
        list(refs.read(backend, BACKUP, Stored.of(data)))
    put(backend, BACKUP.key(REFS), data[:-9])
    with pytest.raises(DamageError):
        list(refs.read(backend, BACKUP, Stored.of(data)))
    with pytest.raises(DamageError):
        list(refs.read(backend, BACKUP, Stored.of(data[:-9])))


@pytest.mark.parametrize(
    "content",
    [
        _ref(1).serialise()[:-1],
        _ref(2).serialise() + _ref(1).serialise(),
        _ref(1).serialise() * 2,
        b"x" + _ref(1).serialise()[1:],
        _ref(1).serialise() + b"b",
    ],
    ids=["short", "order", "twice", "kind", "more"],
)
def test_what_is_no_list_of_objects(content: bytes) -> None:
    with pytest.raises(DamageError, match="not a list"):
        list(refs.parsed(io.BytesIO(gzip.compress(content)), "x"))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x1f\x8b", b"no gzip", gzip.compress(b"b" * 41, mtime=0)[:-8] + b"\0" * 8],
    ids=["empty", "cut off", "no gzip", "another sum"],
)
def test_no_gzip(data: bytes) -> None:
    if data:
        with pytest.raises(DamageError):
            list(refs.parsed(io.BytesIO(data), "x"))
    else:
        assert list(refs.parsed(io.BytesIO(data), "x")) == []
