"""Holds in a pool: believed as they were written, an error where they were not, and those of readers expire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kubectl_lrs.backends.base import Stat, get, put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError, LrsError, UnreachableError, UsageError
from kubectl_lrs.repository.pool import holds
from tests.builders.pooled import GRACE, catalog_of

NOW = 1_790_000_000.0
CATALOG = catalog_of("night", NOW)
OTHER = catalog_of("noon", NOW)


def memory() -> Memory:
    return Memory(clock=lambda: NOW)


def read(backend: Memory, now: float = NOW) -> holds.PoolHolds:
    return holds.read(backend, now=now, grace=GRACE)


def test_a_hold_and_its_end() -> None:
    backend = memory()
    holds.hold(backend, CATALOG, "before the upgrade")
    held = read(backend).of(CATALOG.sha256)
    assert held
    assert held.reason == "before the upgrade"
    assert held.since.startswith("2026-")
    assert read(backend).holds.of(CATALOG) == held
    assert not read(backend).keeps(OTHER.sha256)
    assert holds.unhold(backend, CATALOG)
    assert not read(backend).keeps(CATALOG.sha256)
    assert not holds.unhold(backend, CATALOG)


def test_an_end_that_was_taken_and_did_not_come_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = memory()
    holds.hold(backend, CATALOG, "one")
    monkeypatch.setattr(backend, "delete", lambda _key: None)
    with pytest.raises(LrsError, match="its deletion was taken, and it is there"):
        holds.unhold(backend, CATALOG)


def test_a_new_reason_has_a_name_of_its_own_so_that_a_late_deletion_takes_it_not_away() -> None:
    backend = memory()
    holds.hold(backend, CATALOG, "one")
    (before,) = backend.list("holds/")
    holds.hold(backend, CATALOG, "two")
    (after,) = backend.list("holds/")
    backend.delete(before.key)
    held = read(backend).of(CATALOG.sha256)
    assert before.key != after.key
    assert held
    assert held.reason == "two"


def test_one_that_reads_is_seen_until_it_ends_or_does_not_renew() -> None:
    backend = memory()
    reader = holds.Reading(backend, CATALOG)
    assert read(backend).is_read(CATALOG.sha256)
    assert read(backend, NOW + GRACE / 2).keeps(CATALOG.sha256)
    late = read(backend, NOW + GRACE / 2 + 1)
    assert not late.keeps(CATALOG.sha256)
    assert len(late.expired) == 1
    backend.clock = lambda: NOW + GRACE / 4
    reader.renew()
    assert read(backend, NOW + GRACE / 2 + 1).keeps(CATALOG.sha256)
    reader.end()
    assert not list(backend.list())


@pytest.mark.parametrize("kind", ["a reader's", "a user's"])
def test_one_that_makes_room_for_the_next_between_list_and_look_is_not_missed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = memory()
    reader = holds.Reading(backend, CATALOG) if kind == "a reader's" else None
    if not reader:
        holds.hold(backend, CATALOG, "one")
    listed, left = backend.list, [1]

    def renewed_meanwhile(prefix: str = "") -> Iterator[Stat]:
        found = list(listed(prefix))
        if left:
            left.pop()
            monkeypatch.setattr(backend, "list", listed)
            reader.renew() if reader else holds.hold(backend, CATALOG, "two")
        return iter(found)

    monkeypatch.setattr(backend, "list", renewed_meanwhile)
    assert read(backend).keeps(CATALOG.sha256)


def test_a_list_that_never_agrees_with_what_is_there_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = memory()
    holds.hold(backend, CATALOG, "kept")
    old = list(backend.list("holds/"))
    holds.unhold(backend, CATALOG)
    monkeypatch.setattr(backend, "list", lambda _: iter(old))
    with pytest.raises(UnreachableError, match="cannot be told"):
        read(backend)


@pytest.mark.parametrize("bad", ["altered", "cut", "empty", "a list", "of another"])
def test_one_that_cannot_be_read_is_an_error(bad: str) -> None:
    backend = memory()
    holds.hold(backend, CATALOG, "kept")
    (there,) = backend.list("holds/")
    data = get(backend, there.key)
    other = memory()
    holds.hold(other, OTHER, "kept")
    texts = {
        "altered": data.replace(b"kept", b"lost"),
        "cut": data[:50],
        "empty": b"",
        "a list": b"[]",
        "of another": get(other, next(iter(other.list())).key),
    }
    put(backend, there.key, texts[bad], replace=True)
    with pytest.raises(DamageError) as caught:
        read(backend)
    assert there.key in str(caught.value)


def test_what_is_no_hold_is_an_error() -> None:
    backend = memory()
    put(backend, "holds/notes", b"")
    with pytest.raises(DamageError):
        read(backend)


def test_one_of_a_newer_version() -> None:
    backend = memory()
    holds.hold(backend, CATALOG, "kept")
    (there,) = backend.list("holds/")
    put(backend, there.key, get(backend, there.key).replace(b'"formatVersion": 1', b'"formatVersion": 2'), replace=True)
    with pytest.raises(UsageError, match="newer"):
        read(backend)
