"""A storage that does not take an object of a backup, each in turn: what was sealed is whole, and the next backup is made."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from kubectl_lrs.backends.base import NoSpaceError, Written
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.repository.pool import mark, removal, sealing, writer
from kubectl_lrs.runtime.retry import Policy
from tests.builders.pools import content, found, made, opened, sealed

SMALL = 4 << 10
LARGE = os.urandom(SMALL + 5)
FILES = {"lrs/a/one.yaml": b"one" * 50, "files/small": b"small" * 50, "files/large": LARGE}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SMALL", SMALL)
    for each in (mark, removal):
        monkeypatch.setattr(each, "RESERVE_SIZE", 64 << 10)


class Failing(Memory):
    """Its `at`th object is not made; `after`: it is, and nobody says so."""

    def __init__(self, error: Callable[[], LrsError], *, at: int, after: bool) -> None:
        super().__init__()
        self.at = at
        self.done = 0
        self.is_over = False
        self._error = error
        self._after = after

    def place(self, key: str, data: bytes, attributes: Mapping[str, Any], *, replace: bool) -> Written:
        self.done += 1
        is_meant = self.done == self.at
        if is_meant and not self._after:
            self.is_over = True
            raise self._error()
        made_ = super().place(key, data, attributes, replace=replace)
        if is_meant:
            self.is_over = True
            raise self._error()
        return made_


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [UnreachableError, NoSpaceError])
def test_whatever_write_fails_what_was_sealed_is_whole(
    error: type[LrsError], after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubectl_lrs.repository.pool.journal.BYTES", 1)
    monkeypatch.setattr(sealing, "TIMES", Policy(attempts=1))
    filled = made(Memory())
    sealed(filled, {"files/large": LARGE, "other": b"1"}, "before")
    for step in range(1, 40):
        backend = Failing(lambda: error("no"), at=step, after=after)
        backend._objects = dict(filled._objects)
        with suppress(LrsError):
            sealed(backend, {**FILES, "files/new": LARGE[::-1]}, "night")
        if not backend.is_over:
            assert step > 8
            return
        backups, unsealed = opened(backend).scan()
        assert unsealed == []
        assert "before" in [each.name for each in backups]
        for each in backups:
            assert list(found(backend, each.name).damages(share=1.0)) == []
        assert content(sealed(backend, FILES, "next")) == FILES
    pytest.fail("it never came to its end")
