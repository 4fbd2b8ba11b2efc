"""A request is made again where the server was lost, over a new connection, and not for anything else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.retry import Policy
from kubectl_lrs.stores.mongo.server import persist as module
from kubectl_lrs.stores.mongo.server.errors import MongoError, MongoUnreachableError
from kubectl_lrs.stores.mongo.server.persist import Persist


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr(module, "POLICY", Policy(attempts=4, first=0.0))
    return []


def persist(opened: list[int], cancel: Cancel | None = None) -> Persist:
    mongo: Any = SimpleNamespace(generation=7, reopen=opened.append)
    return Persist(mongo, cancel or Cancel())


def test_until_it_is_answered(opened: list[int]) -> None:
    seen: list[int] = []

    def act(attempt: int) -> str:
        seen.append(attempt)
        if attempt < 2:
            raise MongoUnreachableError("away")
        return "done"

    assert persist(opened)(act) == "done"
    assert seen == [0, 1, 2]
    assert opened == [7, 7]


def test_not_for_ever(opened: list[int]) -> None:
    def act(_attempt: int) -> None:
        raise MongoUnreachableError("away")

    with pytest.raises(MongoUnreachableError):
        persist(opened)(act)
    assert len(opened) == 3


def test_a_refusal_is_an_answer(opened: list[int]) -> None:
    def act(_attempt: int) -> None:
        raise MongoError("no", code=1)

    with pytest.raises(MongoError):
        persist(opened)(act)
    assert opened == []


def test_who_has_had_enough_does_not_wait(opened: list[int]) -> None:
    cancel = Cancel()

    def act(_attempt: int) -> None:
        cancel.set()
        raise MongoUnreachableError("away")

    with pytest.raises(MongoUnreachableError):
        persist(opened, cancel)(act)
    assert opened == []
