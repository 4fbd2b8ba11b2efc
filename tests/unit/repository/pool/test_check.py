"""The look before a seal: the clock, then the lists, then what is there."""

from __future__ import annotations

import pytest

from kubectl_lrs.backends.base import put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool import condemned
from kubectl_lrs.repository.pool.check import check
from kubectl_lrs.repository.pool.condemned import Name
from kubectl_lrs.repository.pool.refs import Ref
from tests.builders.pooled import put_content
from tests.builders.suspended import Actor, World

NOW = 1_790_000_000.0


def pool_of(*contents: bytes) -> tuple[Memory, list[Ref]]:
    backend = Memory(clock=lambda: NOW)
    return backend, sorted(put_content(backend, each) for each in contents)


def key_of(backend: Memory, ref: Ref) -> str:
    return next(stat.key for stat in backend.list("blobs/") if ref.token[1:17].hex() in stat.key)


def test_all_is_there() -> None:
    backend, wanted = pool_of(b"a", b"b", b"c")
    found = check(backend, lambda: iter(wanted))
    assert (found.condemned, found.gone) == ((), ())
    assert found.at == NOW


def test_nothing_is_needed_of_a_pool_that_is_empty() -> None:
    found = check(Memory(), lambda: iter(()))
    assert (found.condemned, found.gone) == ((), ())


def test_what_is_gone_and_what_has_another_size() -> None:
    backend, wanted = pool_of(b"a", b"b", b"c")
    backend.delete(key_of(backend, wanted[1]))
    put(backend, key_of(backend, wanted[2]), b"longer", replace=True)
    assert check(backend, lambda: iter(wanted)).gone == (wanted[1], wanted[2])


def test_what_is_condemned_is_named_by_its_key_as_long_as_it_is_there() -> None:
    backend, wanted = pool_of(b"a", b"b", b"c")
    keys = [key_of(backend, each) for each in wanted]
    list(condemned.write(backend, [Name(each, 1) for each in keys[:2]], now=NOW))
    assert check(backend, lambda: iter(wanted)).condemned == tuple(keys[:2])
    backend.delete(keys[0])
    found = check(backend, lambda: iter(wanted))
    assert (found.condemned, found.gone, found.doomed) == ((keys[1],), (wanted[0],), (wanted[0],))


def test_a_list_that_cannot_be_read_lets_nobody_seal() -> None:
    backend, wanted = pool_of(b"a")
    (made,) = condemned.write(backend, [Name(key_of(backend, wanted[0]), 1)], now=NOW)
    put(backend, made.key, b"", replace=True)
    with pytest.raises(DamageError):
        check(backend, lambda: iter(wanted))


def test_the_order_of_its_requests() -> None:
    world = World()
    ref = put_content(world.memory, b"a")
    world.changed()
    actor = Actor(world, "writer", lambda backend: check(backend, lambda: iter([ref])))
    asked = []
    while not actor.is_over:
        asked.append(actor.at)
        actor.step()
    assert asked == ["now", "list condemned/", "list blobs/", "list packs/"]
