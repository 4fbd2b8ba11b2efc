"""A repository that was replicated by other means: its seals came late by the clock of where they are, and are taken in."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kubectl_lrs.backends.base import Backend, get, put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DeniedError
from kubectl_lrs.repository.pool import condemned, holds
from kubectl_lrs.repository.pool.adopt import adopt
from kubectl_lrs.repository.pool.condemned import Name
from kubectl_lrs.repository.pool.inspect import damages
from kubectl_lrs.repository.pool.prune import PoolPruner
from kubectl_lrs.repository.pool.sight import PoolHandle, look
from tests.builders.pools import content, found, made, opened, pooled, sealed

DAY = 86400.0
NOW = time.time()
FILES = {"lrs/a/one.yaml": b"kind: LRS\n" * 30, "files/small": b"small"}


def replicated(source: Backend, *, days: float = 10) -> Memory:
    """All its objects, in a place whose clock says that they came so many days later."""
    target = Memory(clock=lambda: NOW + days * DAY)
    for stat in source.list():
        put(target, stat.key, get(source, stat.key))
    return target


@pytest.fixture
def source() -> Backend:
    """A repository with two backups."""
    backend = made(Memory(clock=lambda: NOW))
    sealed(backend, FILES, "one")
    sealed(backend, {**FILES, "files/more": b"more"}, "two")
    return backend


def place(backend: Backend) -> PoolHandle:
    mark = opened(backend).mark
    return PoolHandle(backend, mark.id, mark.grace)


def late(backend: Backend) -> list[str]:
    """Names of those that count only as long as all is there."""
    repository = opened(backend)
    repository.scan()
    return sorted(each.rpartition(".")[0] for each in repository.late())


def taken_in(backend: Backend) -> dict[str, str]:
    return {each.backup.name: each.why for each in adopt(place(backend))}


def test_what_was_replicated_is_taken_in(source: Backend) -> None:
    holds.hold(source, found(source, "one").catalog, "why")
    assert late(source) == []
    target = replicated(source)
    assert late(target) == ["one", "two"]
    assert all(each.doubt for each in PoolPruner(place(target)).look().backups)
    assert taken_in(target) == {"one": "", "two": ""}
    assert late(target) == []
    for name, files in (("one", FILES), ("two", {**FILES, "files/more": b"more"})):
        backup = found(target, name)
        assert content(backup) == files
        assert not list(backup.damages(share=1.0))
    judged = {each.name: (each.doubt, each.hold) for each in PoolPruner(place(target)).look().backups}
    assert judged == {"one": ("", "why"), "two": ("", "")}
    assert taken_in(target) == {}, "there is nothing left to do"
    assert pooled(target) == pooled(source)


def test_what_is_not_whole_is_left_as_it_is(source: Backend) -> None:
    target = replicated(source)
    only_of_two = set(pooled(source)) - {part.key for each in found(source, "one").entries() for part in each.parts}
    target.delete(only_of_two.pop())
    assert taken_in(target) == {"one": ""}
    assert [each.name for each in opened(target).scan()[0]] == ["one"]
    assert any("too late" in each.what for each in damages(opened(target)))


def test_what_is_read_is_not_taken_from_who_reads_it(source: Backend) -> None:
    target = replicated(source)
    reader = holds.Reading(target, found(target, "one").catalog)
    seal = found(target, "one").seal.backup.seal
    assert {name: "reads" in why for name, why in taken_in(target).items()} == {"one": True, "two": False}
    assert target.stat(seal)
    reader.end()
    assert taken_in(target) == {"one": ""}
    assert late(target) == []
    assert sorted(each.name for each in look(place(target)).sealed) == ["one", "two"]


def test_what_may_be_swept_any_time_is_not_taken_in(source: Backend) -> None:
    names = [Name(key, size) for key, size in sorted(pooled(source).items())]
    assert list(condemned.write(source, names, now=source.now()))
    target = replicated(source, days=1.5)
    target.clock = lambda: NOW + 4 * DAY
    assert {name: "condemned" in why for name, why in taken_in(target).items()} == {"one": True, "two": True}
    assert late(target) == ["one", "two"]


@pytest.mark.parametrize("way", ["killed", "denied"])
def test_what_was_broken_off_is_done_by_the_next(source: Backend, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = replicated(source)

    def delete(_key: str) -> Any:
        raise KeyboardInterrupt if way == "killed" else DeniedError("no right to delete")

    with monkeypatch.context() as patch:
        patch.setattr(target, "delete", delete)
        if way == "killed":
            with pytest.raises(KeyboardInterrupt):
                taken_in(target)
        else:
            assert set(taken_in(target).values()) == {"no right to delete"}
    assert len(look(place(target)).sealed) == (3 if way == "killed" else 4)
    assert set(taken_in(target)) == {"one", "two"}
    assert sorted(each.name for each in look(place(target)).sealed) == ["one", "two"]
    assert late(target) == []
