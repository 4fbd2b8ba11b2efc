"""The index: whatever is written is read back, by path, by prefix and whole; and only as it was sealed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.backends.base import put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool import entries, index, layout
from kubectl_lrs.repository.pool.entries import DEFLATE, GZIP, IndexEntry, Part
from kubectl_lrs.repository.pool.index import Index
from kubectl_lrs.repository.pool.seal import Seal, Stored

SESSION = "0" * 32
BACKUP = layout.BackupId("night", SESSION)
SUM = hashlib.sha256(b"1").hexdigest()
PACK = layout.pack_key(SUM, SESSION)
BLOB = layout.blob_key(SUM, SESSION)


def entry(path: str, size: int = 5) -> IndexEntry:
    return IndexEntry(path, hashlib.sha256(path.encode()).hexdigest(), size, (Part(PACK, 7, 3, DEFLATE, size),) if size else ())


def written(found: Sequence[IndexEntry]) -> tuple[Memory, Seal]:
    backend, files = Memory(), dict[str, bytes]()
    index.write(found, files.__setitem__)
    for file, data in files.items():
        put(backend, BACKUP.key(file), data)
    return backend, sealed(files)


def sealed(files: dict[str, bytes]) -> Seal:
    objects = {file: Stored.of(data) for file, data in files.items()}
    return Seal(backup=BACKUP, repository="id", checked_at=1e9, head={}, objects=objects, stored={})


PARTS = st.lists(
    st.text(st.characters(exclude_characters="\\\n\0/", exclude_categories=["Cs"]), min_size=1).filter(
        lambda t: t not in (".", "..")
    ),
    min_size=1,
    max_size=3,
)
PATHS = st.lists(PARTS.map("/".join), unique=True, max_size=30).map(lambda paths: sorted(paths, key=str.encode))


@given(PATHS, st.integers(1, 400), st.integers(1, 400), st.text(max_size=2))
def test_what_is_written_is_read_back(paths: list[str], block: int, file: int, prefix: str) -> None:
    before = index.BLOCK, index.INDEX_FILE
    index.BLOCK, index.INDEX_FILE = block, file
    try:
        backend, seal = written([entry(path) for path in paths])
    finally:
        index.BLOCK, index.INDEX_FILE = before
    found = Index(backend, seal)
    assert [each.path for each in found.entries()] == paths
    for path in paths:
        assert found.entry(path) == entry(path)
    assert found.entry("not there") is None or "not there" in paths
    assert found.entry(prefix) is None or prefix in paths
    assert [each.path for each in found.entries(prefix)] == [path for path in paths if path.startswith(prefix)]


def test_what_another_index_had_is_not_given_again() -> None:
    paths = [f"lrs/a/{number:03}" for number in range(50)]
    before, index.BLOCK = index.BLOCK, 2000
    try:
        first, second, third = (
            written([entry(path, size) for path in paths[start:]]) for start, size in ((0, 5), (10, 5), (0, 5))
        )
        changed = written([entry(path, 5 if path > paths[3] else 6) for path in paths])
    finally:
        index.BLOCK = before
    seen: set[int] = set()
    found = [[each.path for each in Index(*made).unseen(seen)] for made in (first, second, third, changed)]
    assert found == [paths, [], [], paths[:4]]
    asked: list[str] = []
    read = third[0].read_range
    third[0].read_range = lambda key, *range_: asked.append(key) or read(key, *range_)  # type: ignore[method-assign, func-returns-value]
    assert list(Index(*third).unseen(seen)) == []
    assert set(asked) == {BACKUP.key(layout.BLOCKS)}, "blocks that are known are not even fetched"


def test_when_there_is_no_room_to_remember_all_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "REMEMBERED", 2)
    made, seen = written([entry(path) for path in "abcd"]), set[int]()
    assert [[each.path for each in Index(*made).unseen(seen)] for _ in range(2)] == [list("abcd"), []]
    seen.clear()
    seen.update((1, 2))
    assert [[each.path for each in Index(*made).unseen(seen)] for _ in range(2)] == [list("abcd")] * 2


def test_an_empty_backup_has_an_index() -> None:
    backend, seal = written([])
    assert list(Index(backend, seal).entries()) == []
    assert Index(backend, seal).entry("a") is None
    assert set(seal.objects) == {"blocks.json"}


@given(st.data())
def test_any_flipped_bit_is_noticed(data: st.DataObject) -> None:
    backend, seal = written([entry(f"p/{number}") for number in range(5)])
    file = data.draw(st.sampled_from(["index-0.gz", "blocks.json"]))
    stat, content = backend._objects[BACKUP.key(file)]
    altered = bytearray(content)
    altered[data.draw(st.integers(0, len(altered) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    backend._objects[BACKUP.key(file)] = stat, bytes(altered)
    with pytest.raises(DamageError):
        list(Index(backend, seal).entries())


GOOD = ["a", SUM, 5, [[PACK, 7, 3, "deflate", 5]]]


@pytest.mark.parametrize(
    "line",
    [
        [],
        GOOD[:3],
        [*GOOD, 1],
        [1, *GOOD[1:]],
        ["a", "x", 5, GOOD[3]],
        ["a", SUM, "5", GOOD[3]],
        ["a", SUM, 6, GOOD[3]],
        ["a", SUM, -5, [[PACK, 7, 3, "deflate", -5]]],
        ["a", SUM, 5, [[PACK, 7, 3, "gzip", 5]]],
        ["a", SUM, 5, [[PACK, 7, 3, "", 5]]],
        ["a", SUM, 5, [[PACK, -7, 3, "deflate", 5]]],
        ["a", SUM, 5, [[PACK, True, 3, "deflate", 5]]],
        ["a", SUM, 5, [[PACK, 7, 3, "deflate", 5], [PACK, 7, 3, "deflate", 0]]],
        ["a", SUM, 5, [[BLOB, 7, 5, "", 5]]],
        ["a", SUM, 5, [[BLOB, 0, 5, "gzip", 5]]],
        ["a", SUM, 5, [[f"{BLOB}.gz", 0, 5, "", 5]]],
        ["a", SUM, 5, [["../x", 0, 5, "", 5]]],
        ["a", SUM, 5, [[7, 0, 5, "", 5]]],
        ["a", SUM, 10, [[PACK, 7, 3, "deflate", 5], [PACK, 10, 3, "deflate", 5]]],
        ["a", SUM, 1 << 40, [[BLOB, 0, 1 << 40, "", 1 << 40]]],
    ],
)
def test_no_line_of_an_index(line: list[Any]) -> None:
    assert entries.parsed(json.dumps(GOOD).encode(), "x") == entry("a")._replace(sha256=SUM)
    with pytest.raises(DamageError, match=r"^x: damaged"):
        entries.parsed(json.dumps(line).encode(), "x")


@pytest.mark.parametrize("line", [b"", b"\xff", b"[" * 100_000, b"null", b"1"])
def test_no_json_of_an_index(line: bytes) -> None:
    with pytest.raises(DamageError):
        entries.parsed(line, "x")


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", "../a", "a/./b", "a\nb", "a\0", "a\\b", "\ud800"])
def test_paths_that_lead_out_are_damage(path: str) -> None:
    assert not entries.is_inside(path)
    line = json.dumps([path, SUM, 0, []]).encode() + b"\n"
    packed = _gzip(line)
    table = json.dumps([[path, 0, 0, len(packed), hashlib.sha256(packed).hexdigest()]]).encode()
    backend, files = Memory(), {"index-0.gz": packed, "blocks.json": table}
    for file, data in files.items():
        put(backend, BACKUP.key(file), data)
    with pytest.raises(DamageError, match="other paths"):
        list(Index(backend, sealed(files)).entries())


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"{}",
        b"[1]",
        b'[["a",0,0,1]]',
        b'[["a",1,0,1,"x"]]',
        b'[["a",0,0,99999,"x"]]',
        b'[[1,0,0,1,"x"]]',
        b'[["a",0,-1,1,"x"]]',
    ],
)
def test_no_table_of_blocks(table: bytes) -> None:
    backend, files = Memory(), {"index-0.gz": b"x" * 10, "blocks.json": table}
    for file, data in files.items():
        put(backend, BACKUP.key(file), data)
    if table == b"{}":
        assert list(Index(backend, sealed(files)).entries()) == []  # a table of nothing
    else:
        with pytest.raises(DamageError):
            list(Index(backend, sealed(files)).entries())


def test_paths_out_of_order_are_damage() -> None:
    backend, seal = written([entry("b"), entry("a")])
    with pytest.raises(DamageError, match="order"):
        list(Index(backend, seal).entries())


def test_codings_are_those_of_the_format() -> None:
    assert (GZIP, DEFLATE) == ("gzip", "deflate")


def _gzip(data: bytes) -> bytes:
    import gzip

    return gzip.compress(data)
