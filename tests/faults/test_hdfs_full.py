"""A folder of HDFS whose quota is used up: that is no room, and no lack of a right, and prune makes room all the same."""

from __future__ import annotations

import os

import pytest

from kubectl_lrs.backends.base import NoSpaceError, has, put
from kubectl_lrs.backends.hdfs import Hierarchy
from kubectl_lrs.backends.place import BACKUPS, StorageLocation, open_backend
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.retention import Rules
from kubectl_lrs.repository.pool.layout import RESERVE
from kubectl_lrs.repository.pool.prune import PoolPruner
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.usecases.prune import apply, plan_prune
from tests.bed import hdfs
from tests.bed.hdfs import Hdfs
from tests.builders.pools import content, found, made, opened, sealed

pytestmark = pytest.mark.skipif(bool(hdfs.missing()), reason=f"HDFS is not tested: {hdfs.missing()}")

FILES = {"files/large": os.urandom(2 << 20), "files/small": b"small" * 100}


@pytest.fixture
def backend(cluster: Hdfs, request: pytest.FixtureRequest) -> Hierarchy:
    """A repository with two backups, and a quota that leaves no room at all."""
    url = f"{cluster.url}/f{abs(hash(request.node.name)) % 10**10}"
    backend = made(open_backend(StorageLocation(url=url, said=BACKUPS, is_ours=True)))
    assert isinstance(backend, Hierarchy)
    for name in ("older", "newer"):
        sealed(backend, {**FILES, name: name.encode()}, name)
    used = backend._system.content_summary(backend._root)["spaceConsumed"]
    backend._system._call("SETQUOTA", method="put", path=backend._root, namespacequota=10**6, storagespacequota=used + 100)
    assert backend.free() == 100
    return backend


@pytest.mark.parametrize("size", [10, 2 << 20])
def test_it_is_full_and_says_so_in_one_line(backend: Hierarchy, size: int) -> None:
    before = [each.key for each in backend.list()]
    with pytest.raises(NoSpaceError, match="quota") as caught:
        put(backend, "x/new", bytes(size))
    assert "\n" not in str(caught.value)
    assert "at org." not in str(caught.value)
    with pytest.raises(NoSpaceError):
        sealed(backend, {"files/other": os.urandom(size)}, "none")
    assert [each.key for each in backend.list()] == before


def test_prune_makes_room(backend: Hierarchy) -> None:
    report = apply(plan_prune(PoolPruner(opened(backend).place), Rules(last=1, minimum=1)), Cancel(), Silent())
    assert [each.result.value for each in report.outcomes if each.name == "older"] == ["removed"]
    assert report.exit_code() in (ExitCode.DONE, ExitCode.PARTIAL)
    assert not has(backend, RESERVE)
    assert list(backend.list("condemned/"))
    assert [each.name for each in opened(backend).scan()[0]] == ["newer"]
    assert content(found(backend, "newer")) == {**FILES, "newer": b"newer"}
