"""What a new backup has less than the one before it: held against the one of the same installation and scope, and no other."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import UnreachableError
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository.pool.repository import PooledRepository
from kubectl_lrs.usecases.shrunk import Shrunk, shrunk
from tests.builders import pools
from tests.builders.sealing import RESOURCES

NOW = datetime.now(timezone.utc)
MONGO = {"documents": 600, "collections": [{"name": "apps", "documents": 500}, {"name": "items", "documents": 100}]}


def _night(backend: Memory, name: str, days: int, objects: int, **more: Any) -> Any:
    tiers = {"resources": {**RESOURCES, "objects": objects}, **more.pop("tiers", {})}
    at = NOW - timedelta(days=days)
    return pools.sealed(backend, {"a": name.encode()}, name, instant=at, finished=at, tiers=tiers, **more).in_use().catalog


def _repository() -> Memory:
    backend = Memory()
    pools.made(backend)
    return backend


def _said(found: Shrunk) -> tuple[str, list[str]]:
    return found.before, [str(each) for each in found.counts]


def test_it_is_held_against_the_one_before_it() -> None:
    backend = _repository()
    _night(backend, "first", 3, 5)
    _night(backend, "second", 2, 500, tiers={"mongo": MONGO})
    emptied = {**MONGO, "collections": [{"name": "apps", "documents": 500}, {"name": "items", "documents": 0}]}
    made = _night(backend, "third", 1, 200, tiers={"mongo": {**emptied, "documents": 500}})
    found = shrunk(pools.opened(backend), made)
    assert _said(found) == ("second", ["200 LRS, there were 500", "0 documents in items, there were 100"])
    assert found.is_gone
    assert _said(shrunk(pools.opened(backend), _night(backend, "fourth", 0, 200))) == ("third", [])


def test_another_cluster_another_scope_an_empty_one_and_one_of_the_future_are_none_before_it() -> None:
    backend = _repository()
    _night(backend, "mine", 9, 12)
    _night(backend, "theirs", 4, 500, cluster=Cluster(server="https://another"))
    _night(backend, "wider", 3, 500, selection=Selection(namespace="another").as_dict())
    _night(backend, "empty", 2, 0)
    _night(backend, "future", -30, 500)
    made = _night(backend, "now", 0, 0, tiers={"files": {"files": 3}})
    found = shrunk(pools.opened(backend), made)
    assert _said(found) == ("mine", ["0 LRS, there were 12"])
    alone = shrunk(pools.opened(_repository()), made)
    assert alone == Shrunk()
    assert not alone.is_gone


def test_where_it_cannot_be_known_that_is_said_and_nothing_is_raised() -> None:
    class Away(PooledRepository):
        def scan(self) -> Any:
            raise UnreachableError("away")

    backend = _repository()
    made = _night(backend, "now", 0, 1)
    assert shrunk(Away(backend, state=pools.STATE), made) == Shrunk(why_not="away")
