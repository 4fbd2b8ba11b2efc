"""Who reads for long: a hold is there while it does, is renewed, and goes; who cannot write one is told how long it has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from kubectl_lrs.backends.base import NoSpaceError
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.repository.pool import holds, readers
from kubectl_lrs.repository.pool.seal import Seal
from kubectl_lrs.repository.pool.sight import look
from tests.bed.loader import wait_until
from tests.builders.pooled import GRACE, place_of, write_backup

NOW = 1_790_000_000.0


class Storage(Memory):
    """One that refuses what is put, where it is told to."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: NOW)
        self.error: LrsError | None = None

    def upload(self, *given: Any, **named: Any) -> Any:
        if self.error:
            raise self.error
        return super().upload(*given, **named)


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def seal(storage: Storage) -> Seal:
    backup = write_backup(place_of(storage), "night", [b"content"])
    return look(place_of(storage)).sealed[backup].seal


def keys(storage: Storage) -> list[str]:
    return [each.key for each in storage.list("holds/")]


def is_read(storage: Storage, seal: Seal) -> bool:
    return holds.read(storage, now=NOW, grace=GRACE).is_read(seal.catalog.sha256)


def test_it_is_held_while_it_is_read(storage: Storage, seal: Seal) -> None:
    said: list[str] = []
    with readers.kept(storage, seal, grace=GRACE, say=said.append):
        assert is_read(storage, seal)
    assert not keys(storage)
    with pytest.raises(ZeroDivisionError), readers.kept(storage, seal, grace=GRACE, say=said.append):
        raise ZeroDivisionError
    assert not keys(storage)
    assert not said


def test_two_that_read_have_a_hold_each(storage: Storage, seal: Seal) -> None:
    with readers.kept(storage, seal, grace=GRACE, say=print):
        with readers.kept(storage, seal, grace=GRACE, say=print):
            assert len(keys(storage)) == 2
        assert is_read(storage, seal)


def test_it_is_renewed_and_there_all_the_time(storage: Storage, seal: Seal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "TIMES", GRACE * 1000)
    seen: set[str] = set()

    def is_new() -> bool:
        now = keys(storage)
        assert now
        seen.update(now)
        return len(seen) > 2

    with readers.kept(storage, seal, grace=GRACE, say=print):
        wait_until(is_new, "a hold that is renewed")
    assert not keys(storage)


def test_one_that_cannot_be_renewed_is_said_once_and_tried_again(
    storage: Storage, seal: Seal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "TIMES", GRACE * 1000)
    said: list[str] = []
    tried: Iterator[int] = iter(range(10))
    refused: list[int] = []

    def upload(*given: Any, **named: Any) -> Any:
        if (number := next(tried, 0)) in (1, 2, 3):
            refused.append(number)
            raise UnreachableError("nobody answers")
        return Memory.upload(storage, *given, **named)

    monkeypatch.setattr(storage, "upload", upload)
    with readers.kept(storage, seal, grace=GRACE, say=said.append):
        first = keys(storage)
        wait_until(lambda: len(refused) == 3 and keys(storage) not in (first, []), "one that is renewed after all")
    assert len(said) == 1
    assert "night" in said[0]
    assert "nobody answers" in said[0]


@pytest.mark.parametrize("error", [DeniedError("no right to write"), NoSpaceError("a quota is used up"), LrsError("read-only")])
def test_who_cannot_write_is_told_until_when_it_surely_stays(storage: Storage, seal: Seal, error: LrsError) -> None:
    said: list[str] = []
    storage.error = error
    with readers.kept(storage, seal, grace=GRACE, say=said.append):
        assert len(said) == 1, "before anything is read"
    until = f"{datetime.fromtimestamp(NOW + GRACE, timezone.utc):%Y-%m-%d %H:%M}Z"
    assert all(part in said[0] for part in ("night", str(error), "48 hours", until)), said[0]
    assert not keys(storage)


def test_a_clock_that_cannot_be_asked(storage: Storage, seal: Seal, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a path the time is that of a file which is written there."""
    said: list[str] = []

    def now() -> float:
        raise DeniedError("read-only")

    storage.error = DeniedError("read-only")
    monkeypatch.setattr(storage, "now", now)
    with readers.kept(storage, seal, grace=GRACE, say=said.append):
        pass
    assert "48 hours;" in said[0]


@pytest.mark.parametrize("error", [None, DeniedError("no right to write")])
def test_what_was_forgotten_before_it_began_is_not_read(storage: Storage, seal: Seal, error: LrsError | None) -> None:
    storage.delete(seal.backup.seal)
    storage.error = error
    with pytest.raises(DamageError, match="forgotten"), readers.kept(storage, seal, grace=GRACE, say=print):
        pytest.fail("it was read")
    assert not keys(storage)


def test_nobody_answers(storage: Storage, seal: Seal) -> None:
    storage.error = UnreachableError("nobody answers")
    with pytest.raises(UnreachableError), readers.kept(storage, seal, grace=GRACE, say=print):
        pytest.fail("it was read")
