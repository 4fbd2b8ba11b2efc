"""The tables of what is known: against plain dictionaries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from kubectl_lrs.repository.pool import known, layout
from kubectl_lrs.repository.pool.entries import DEFLATE, IndexEntry, Part
from kubectl_lrs.repository.pool.known import Ledger
from kubectl_lrs.repository.pool.refs import Ref

SESSION = "ab" * 16


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def in_pack(content: str, pack: str = "") -> IndexEntry:
    return IndexEntry("", sha(content), 5, (Part(pack, 7, 3, DEFLATE, 5),))


def in_blob(content: str) -> IndexEntry:
    return IndexEntry("", sha(content), 9, (Part(layout.blob_key(sha(content), SESSION), 0, 9, "", 9),))


def token(key: str) -> bytes:
    found = layout.pool_key(key)
    assert found
    return found.token


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = Ledger()
    yield made
    made.close()


def test_a_content_is_known_once(ledger: Ledger) -> None:
    first = ledger.add(in_blob("a"))
    assert ledger.add(in_blob("a")._replace(parts=())) == first
    assert ledger.content(sha("a")) == first
    assert ledger.content(sha("b")) is None


def test_a_pack_gets_its_key_when_it_is_closed(ledger: Ledger) -> None:
    number = ledger.new_pack()
    found = ledger.add(in_pack("a"), pack=number)
    assert ledger.finish("lrs/a", found.id)
    assert ledger.pack(number) is None
    assert ledger.uploaded(0) == (0, [])
    blob = ledger.add(in_blob("b"))
    assert ledger.uploaded(0) == (0, [])  # it is on its way
    ledger.add_blob(in_blob("b").parts[0].key, 9)
    assert ledger.uploaded(0) == (0, [in_blob("b")])
    key = layout.pack_key(sha("pack"), SESSION)
    ledger.close_pack(number, key, 100)
    assert ledger.pack(number) == key
    assert ledger.uploaded(0) == (blob.id, [in_pack("a", key), in_blob("b")])
    assert ledger.uploaded(blob.id) == (blob.id, [])
    assert list(ledger.entries()) == [in_pack("a", key)._replace(path="lrs/a")]
    ledger.refer(ledger.entries())
    assert list(ledger.refs()) == [Ref(token(key), 100)]
    assert ledger.key(token(key)) == key


def test_what_is_listed_may_be_used(ledger: Ledger) -> None:
    blob, pack = in_blob("b").parts[0], layout.pack_key(sha("p"), SESSION)
    ledger.note_listed([(token(blob.key), 9), (token(pack), 10)])
    assert ledger.is_listed(blob)
    assert not ledger.is_listed(blob._replace(length=8))
    assert ledger.is_listed(Part(pack, 7, 3, DEFLATE, 5))
    assert not ledger.is_listed(Part(pack, 8, 3, DEFLATE, 5))
    assert not ledger.is_listed(in_blob("other").parts[0])
    assert ledger.size_of_pack(pack) == 10
    ledger.strike([token(blob.key)])
    assert not ledger.is_listed(blob)


def test_what_earlier_runs_have_stored_is_known_but_not_new(ledger: Ledger) -> None:
    packs = [layout.pack_key(sha(name), SESSION) for name in ("much used", "little used")]
    ledger.note_listed([(token(key), 100) for key in packs])
    for key, names in zip(packs, ("ab", "cd"), strict=True):
        for name in names:
            ledger.learn(in_pack(name, key))
    ledger.learn(in_blob("e"))
    assert ledger.blob(sha("e")) == in_blob("e").parts[0].key
    ledger.unlearn(lambda key, size: (key, size) == (packs[0], 100))
    assert [bool(ledger.content(sha(name))) for name in "abcde"] == [True, True, False, False, True]
    again = ledger.add(in_pack("a"), pack=ledger.new_pack())
    assert not again.is_new
    assert ledger.uploaded(0) == (0, [])
    assert ledger.finish("x", again.id)
    assert list(ledger.entries()) == [in_pack("a", packs[0])._replace(path="x")]
    assert ledger.totals() == {"newFiles": 0, "newBytes": 0, "linkedFiles": 1, "linkedBytes": 5}
    ledger.refer(ledger.entries())
    assert list(ledger.refs()) == [Ref(token(packs[0]), 100)]


def test_blobs_are_known_by_what_is_stored(ledger: Ledger) -> None:
    key = layout.blob_key(sha("x"), SESSION, packed=True)
    assert ledger.blob(sha("x")) is None
    ledger.add_blob(key, 5)
    assert ledger.blob(sha("x")) == key


def test_files(ledger: Ledger) -> None:
    one = ledger.add(in_blob("1"))
    ledger.learn(in_blob("2"))
    two = ledger.content(sha("2"))
    assert two
    assert ledger.finish("b", one.id)
    mark = ledger.mark()
    assert ledger.finish("a/ü", two.id)
    assert not ledger.finish("b", two.id)
    assert ledger.paths("") == ["b", "a/ü"]
    assert ledger.paths("a/") == ["a/ü"]
    assert [each.path for each in ledger.entries()] == ["a/ü", "b"]
    assert list(ledger.sums()) == [("a/ü".encode(), sha("2").encode()), (b"b", sha("1").encode())]
    assert ledger.totals() == {"newFiles": 1, "newBytes": 9, "linkedFiles": 1, "linkedBytes": 9}
    assert ledger.file("b") == one
    ledger.finish_anew("b", two.id)
    assert ledger.file("b") == two
    ledger.roll_back(mark)
    assert ledger.paths("") == ["b"]
    assert ledger.file("a/ü") is None
    ledger.roll_back(0)
    assert (ledger.mark(), list(ledger.entries())) == (0, [])
    assert ledger.finish("b", one.id)


def test_more_than_are_read_at_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_AT_ONCE", 100)
    count = 250
    for number in range(count):
        assert ledger.finish(f"p/{number * 7919 % count}", ledger.add(in_blob(str(number))).id)
    assert [each.path for each in ledger.entries()] == sorted(f"p/{number}" for number in range(count))
    ledger.refer(ledger.entries())
    found = list(ledger.refs())
    assert found == sorted(found)
    assert {each.token for each in found} == {token(in_blob(str(number)).parts[0].key) for number in range(count)}
