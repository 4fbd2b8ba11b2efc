"""Packs: zips that any tool opens, the same bytes for the same contents."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool import packs
from kubectl_lrs.repository.pool.entries import Part
from kubectl_lrs.repository.pool.packs import Pack, deflated, opened

CONTENTS = st.lists(
    st.one_of(st.binary(min_size=1, max_size=300), st.text(min_size=1).map(lambda t: (t * 50).encode())), unique=True
)


def _pack(contents: list[bytes]) -> tuple[bytes, list[Part]]:
    pack = Pack(0)
    parts = [pack.add(hashlib.sha256(each).hexdigest(), each, deflated(each)) for each in contents]
    stored = [pack.spool.read(part.offset, part.length) for part in parts]
    assert [opened(*each, "x") for each in zip(stored, parts, strict=True)] == contents
    return _bytes(pack), parts


def _bytes(pack: Pack) -> bytes:
    spool = pack.finish()
    data = b"".join(spool.chunks())
    assert (spool.size, spool.digest) == (len(data), hashlib.sha256(data).hexdigest())
    spool.close()
    return data


@given(CONTENTS)
def test_any_reader_of_zips_finds_the_contents(contents: list[bytes]) -> None:
    data, parts = _pack(contents)
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert read.testzip() is None
        assert [read.read(name) for name in read.namelist()] == contents
        assert read.namelist() == [hashlib.sha256(each).hexdigest() for each in contents]
    for part, content in zip(parts, contents, strict=True):
        assert opened(data[part.offset : part.offset + part.length], part, "x") == content
        assert part.size == len(content)
    assert _pack(contents)[0] == data


@pytest.mark.parametrize("size", [1, packs.TINY, packs.TINY + 1, 1 << 20])
@pytest.mark.parametrize("kind", ["text", "random"])
def test_what_gets_smaller_is_packed(size: int, kind: str) -> None:
    content = os.urandom(size) if kind == "random" else (b"metadata: {name: a}\n" * size)[:size]
    data, (part,) = _pack([content])
    assert (part.coding == "deflate") == (kind == "text" and size > 100)
    assert opened(data[part.offset :][: part.length], part, "x") == content


def test_a_pack_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACK", 10_000)
    pack = Pack(0)
    while pack.has_room(100):
        content = os.urandom(100)
        pack.add(hashlib.sha256(content).hexdigest(), content, content)
    assert 9_000 < len(_bytes(pack)) <= 10_000
    assert Pack(1).has_room(1 << 20)  # the first one always fits
    monkeypatch.setattr(packs, "MAX_ENTRIES", 1)
    other = Pack(2)
    other.add(hashlib.sha256(b"1").hexdigest(), b"1", b"1")
    assert not other.has_room(0)


@pytest.mark.parametrize("change", ["cut", "more", "flipped", "longer", "shorter"])
def test_an_entry_that_is_another_is_damage(change: str) -> None:
    content = b"spec: 1\n" * 100
    data, (part,) = _pack([content])
    stored = data[part.offset : part.offset + part.length]
    stored = {"cut": stored[:-1], "more": stored + b"x", "flipped": b"\xff" + stored[1:]}.get(change, stored)
    part = part._replace(size=part.size + {"longer": 1, "shorter": -1}.get(change, 0))
    with pytest.raises(DamageError, match=r"^x: damaged"):
        opened(stored, part, "x")
