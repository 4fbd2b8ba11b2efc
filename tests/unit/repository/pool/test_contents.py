"""Contents out of a pool: every way to read gives the very bytes, and nothing is given to its end that is another one."""

from __future__ import annotations

import gzip
import hashlib
import os
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.backends.base import put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool import contents, layout
from kubectl_lrs.repository.pool.contents import Pool
from kubectl_lrs.repository.pool.entries import GZIP, IndexEntry, Part
from kubectl_lrs.repository.pool.packs import Pack, deflated
from kubectl_lrs.repository.pool.ranges import pieces

SESSION = "0" * 32
PIECE = 4 << 10
"""In place of what is read at once otherwise, so that a large content is a small one."""
RANDOM = os.urandom(3 * PIECE + 7)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "PIECE", PIECE)
    monkeypatch.setattr(contents, "pieces", partial(pieces, size=PIECE))


def large(backend: Memory, pieces: list[tuple[bytes, bool]]) -> tuple[bytes, IndexEntry]:
    """A content of these parts; those that say so are gzip."""
    parts = []
    for data, is_packed in pieces:
        stored = gzip.compress(data, 1, mtime=0) if is_packed else data
        key = layout.blob_key(hashlib.sha256(stored).hexdigest(), SESSION, packed=is_packed)
        put(backend, key, stored, replace=True)
        parts.append(Part(key, 0, len(stored), GZIP if is_packed else "", len(data)))
    whole = b"".join(data for data, _ in pieces)
    return whole, IndexEntry("path", hashlib.sha256(whole).hexdigest(), len(whole), tuple(parts))


def small(backend: Memory, *data: bytes) -> list[IndexEntry]:
    """Contents of one pack."""
    pack = Pack(0)
    sums = [hashlib.sha256(each).hexdigest() for each in data]
    parts = [pack.add(digest, each, deflated(each)) for digest, each in zip(sums, data, strict=True)]
    stored = b"".join(pack.finish().chunks())
    key = layout.pack_key(hashlib.sha256(stored).hexdigest(), SESSION)
    put(backend, key, stored)
    return [
        IndexEntry(f"p/{number}", digest, part.size, (part._replace(key=key),))
        for number, (digest, part) in enumerate(zip(sums, parts, strict=True))
    ]


PIECES = st.lists(
    st.tuples(st.integers(1, 60).map(lambda size: RANDOM[:size] if size % 2 else b"a" * size), st.booleans()), max_size=5
)
STEPS = st.lists(st.tuples(st.sampled_from(["read", "set", "cur", "end"]), st.integers(-70, 140)), max_size=12)


@given(PIECES, STEPS, st.integers(1, 40))
def test_it_reads_like_any_file(pieces: list[tuple[bytes, bool]], steps: list[tuple[str, int]], size: int) -> None:
    before, contents.PIECE = contents.PIECE, size
    try:
        backend = Memory()
        whole, entry = large(backend, pieces)
        at = 0
        with Pool(backend).file(entry) as file:
            assert file.seekable()
            for step, number in steps:
                if step == "read":
                    wanted = whole[at:] if number < 0 else whole[at : at + number]
                    assert file.read(max(-1, number)) == wanted
                    at += len(wanted)
                else:
                    base, whence = {"set": (0, 0), "cur": (at, 1), "end": (len(whole), 2)}[step]
                    if base + number >= 0:
                        at = min(base + number, len(whole))
                        assert file.seek(number, whence) == at
                assert file.tell() == at
    finally:
        contents.PIECE = before


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("size", [1, PIECE, PIECE + 1, len(RANDOM)])
def test_large_ones(size: int, is_packed: bool) -> None:
    backend = Memory()
    whole, entry = large(backend, [(RANDOM[:size], is_packed), (b"a" * size, is_packed)])
    with Pool(backend).file(entry) as file:
        assert file.read() == whole
        file.seek(size)
        assert file.read(3) == b"aaa"[:size]


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_flipped_bit_is_damage_before_the_end(is_packed: bool, at: int) -> None:
    backend = Memory()
    whole, entry = large(backend, [(RANDOM, is_packed)])
    stat, stored = backend._objects[entry.parts[0].key]
    altered = bytearray(stored)
    altered[at] ^= 1
    backend._objects[entry.parts[0].key] = stat, bytes(altered)
    got = bytearray()
    with Pool(backend).file(entry) as file, pytest.raises(DamageError):
        file.read()
    with Pool(backend).file(entry) as file, suppress(DamageError):
        while data := file.read(1000):
            got += data
    assert len(got) < len(whole)


@pytest.mark.parametrize("size", [len(RANDOM) - 1, len(RANDOM) + 1])
@pytest.mark.parametrize("is_packed", [False, True])
def test_another_length_than_the_index_says_is_damage(size: int, is_packed: bool) -> None:
    backend = Memory()
    _, entry = large(backend, [(RANDOM, is_packed)])
    (part,) = entry.parts
    part = part._replace(size=size) if is_packed else part._replace(size=size, length=size)
    with Pool(backend).file(entry._replace(size=size, parts=(part,))) as file, pytest.raises(DamageError):
        file.read()


def test_what_unpacks_to_more_than_it_says_is_not_unpacked_to_its_end() -> None:
    backend = Memory()
    _, entry = large(backend, [(b"\0" * (4 << 20), True)])
    (part,) = entry.parts
    with Pool(backend).file(entry._replace(size=10, parts=(part._replace(size=10),))) as file, pytest.raises(DamageError):
        file.read()


def test_small_ones_and_whole_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Counting(Memory):
        def read_range(self, key: str, start: int, length: int) -> bytes:
            asked.append(length)
            return super().read_range(key, start, length)

    backend = Counting()
    data = [b"name: %d\n" % number * 20 for number in range(50)]
    entries = small(backend, *data)
    pool = Pool(backend)
    for entry, content in zip(entries, data, strict=True):
        with pool.file(entry) as file:
            assert file.read() == content
            file.seek(6)
            assert file.read() == content[6:]
    assert len(asked) == contents.HITS  # a few by themselves, then the whole pack


def test_packs_are_let_go_again() -> None:
    backend = Memory()
    pool = Pool(backend)
    entries = [small(backend, b"one %d" % number)[0] for number in range(5)]
    for entry in entries * 4:
        with pool.file(entry) as file:
            assert file.read().startswith(b"one")
    assert len(pool._packs) <= contents.KEPT


@pytest.mark.parametrize("change", ["gone", "cut", "flipped"])
def test_a_pack_that_is_another_is_damage(change: str) -> None:
    backend = Memory()
    (entry,) = small(backend, b"name: a\n" * 50)
    (part,) = entry.parts
    stat, stored = backend._objects.pop(part.key)
    altered = bytearray(stored)
    altered[part.offset + 2] ^= 1
    if change != "gone":
        backend._objects[part.key] = stat, stored[: part.offset + 2] if change == "cut" else bytes(altered)
    for _ in range(contents.HITS + 1):
        with Pool(backend).file(entry) as file, pytest.raises(DamageError):
            file.read()


def test_an_empty_one_needs_nothing() -> None:
    with Pool(Memory()).file(IndexEntry("a", hashlib.sha256(b"").hexdigest(), 0, ())) as file:
        assert file.read() == b""
