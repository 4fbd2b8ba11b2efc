"""What a storage lets us do, as it is tried."""

from __future__ import annotations

import itertools

import pytest

from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DeniedError, UnreachableError
from kubectl_lrs.repository.pool.inspect import PROBE, probe


def test_everything_is_allowed() -> None:
    backend = Memory()
    found = probe(backend)
    assert (found.may_write, found.refuses_another, found.may_overwrite, found.may_delete) == (True, True, True, True)
    assert not [*backend.list()]


def test_nothing_may_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise DeniedError("403")

    monkeypatch.setattr(Memory, "upload", denied)
    found = probe(Memory())
    assert (found.may_write, found.why) == (False, "403")


def test_nothing_may_be_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise DeniedError("403")

    monkeypatch.setattr(Memory, "delete", denied)
    backend = Memory()
    found = probe(backend)
    assert (found.may_write, found.may_delete, found.why) == (True, False, "403")
    assert [each.key for each in backend.list()] == [found.left]
    assert found.left.startswith(PROBE)


def test_nothing_may_be_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Memory.upload

    def upload(self: Memory, *arguments: object, replace: bool) -> object:
        if replace:
            raise DeniedError("403")
        return real(self, *arguments, replace=replace)  # type: ignore[arg-type]

    monkeypatch.setattr(Memory, "upload", upload)
    found = probe(Memory())
    assert (found.refuses_another, found.may_overwrite, found.may_delete) == (True, False, True)


def test_a_storage_that_asks_for_the_right_before_the_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    """As some do whose credentials may only make objects; it is an answer, and no end of the look."""
    real, calls = Memory.upload, itertools.count()

    def upload(self: Memory, *arguments: object, replace: bool) -> object:
        if next(calls):
            raise DeniedError("403")
        return real(self, *arguments, replace=replace)  # type: ignore[arg-type]

    monkeypatch.setattr(Memory, "upload", upload)
    found = probe(Memory())
    assert (found.refuses_another, found.may_overwrite, found.may_delete) == (True, False, True)


def test_a_server_that_does_not_know_the_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Memory.upload

    def upload(self: Memory, *arguments: object, replace: bool) -> object:
        return real(self, *arguments, replace=True)  # type: ignore[arg-type]

    monkeypatch.setattr(Memory, "upload", upload)
    assert probe(Memory()).refuses_another is False


def test_one_that_goes_away_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = Memory.upload, itertools.count()

    def upload(self: Memory, *arguments: object, replace: bool) -> object:
        if next(calls) == 2:
            raise UnreachableError("away")
        return real(self, *arguments, replace=replace)  # type: ignore[arg-type]

    monkeypatch.setattr(Memory, "upload", upload)
    with pytest.raises(UnreachableError):
        probe(Memory())
