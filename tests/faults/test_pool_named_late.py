"""Bytes that wait for days before they get their name: on a path and on HDFS these are two acts, and a run may be suspended
between them. What steers the removal of backups counts from when it is there for everybody.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.base import Skipped, Upload, Written, put
from kubectl_lrs.backends.hdfs import Hierarchy
from kubectl_lrs.backends.local import Local
from kubectl_lrs.backends.local_upload import LATE
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository.pool.removal import Removal
from kubectl_lrs.repository.pool.sight import look
from kubectl_lrs.repository.pool.survey import survey
from tests.bed import hdfs
from tests.builders.pools import made, opened, sealed

HOUR = 3600.0
HOURS = 50.0
"""More than the grace time."""

FILES = {"files/large": os.urandom(2 << 20), "files/small": b"small" * 100}
KINDS = (
    "local",
    pytest.param("hdfs", marks=pytest.mark.skipif(bool(hdfs.missing()), reason=f"HDFS is not tested: {hdfs.missing()}")),
)

Named = Local | Hierarchy
"""Where an object gets its name after its bytes."""


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Named:
    if request.param == "local":
        (tmp_path / "root").mkdir()
        found = open_backend(StorageLocation(url=f"file://{tmp_path}/root", is_ours=True))
    else:
        url = f"{request.getfixturevalue('cluster').url}/n{abs(hash(request.node.name)) % 10**10}"
        found = open_backend(StorageLocation(url=url, is_ours=True))
    assert isinstance(found, (Local, Hierarchy))
    return found


def set_time(backend: Named, key: str, at: float) -> None:
    """What is there was written then."""
    if isinstance(backend, Local):
        os.utime(f"{backend.root}/{key}", (at, at))
    else:
        path, times = f"{backend._root}/{key}", {"modificationtime": int(at * 1000), "accesstime": -1}
        backend._system._call("SETTIMES", method="put", path=path, **times)


def unfinished(backend: Named) -> list[str]:
    """The keys of what has no name yet."""
    found: list[str] = []
    for _ in backend.list(skipped=lambda key, what, _error: found.append(key) if what is Skipped.UNFINISHED else None):
        pass
    return found


class Before:
    """A storage so many hours ago, by its clock."""

    def __init__(self, backend: Named, hours: float = HOURS) -> None:
        self.backend = backend
        self._hours = hours

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    def now(self) -> float:
        return self.backend.now() - self._hours * HOUR

    def upload(self, key: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> Upload:
        return _Before(self, key, self.backend.upload(key, size, chunks, attributes, replace=replace))


class _Before:
    unset: tuple[str, ...] = ()

    def __init__(self, before: Before, key: str, upload: Upload) -> None:
        self.before, self._key, self.upload = before, key, upload

    def commit(self, *, once: bool = False) -> Written:
        written = self.upload.commit(once=once)
        set_time(self.before.backend, self._key, self.before.now())
        return written

    def abort(self) -> None:
        self.upload.abort()


class Suspended(Before):
    """The same, whose user was suspended since then, right before one object of his got its name."""

    def __init__(self, backend: Named, last: str, meanwhile: Callable[[], object]) -> None:
        super().__init__(backend)
        self._last, self._meanwhile = last, meanwhile

    def upload(self, key: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> Upload:
        upload = super().upload(key, size, chunks, attributes, replace=replace)
        assert isinstance(upload, _Before)
        return _Waiting(upload, self._meanwhile) if self._last in key else upload


class _Waiting:
    unset: tuple[str, ...] = ()

    def __init__(self, upload: _Before, meanwhile: Callable[[], object]) -> None:
        self._upload, self._meanwhile = upload, meanwhile

    def commit(self, *, once: bool = False) -> Written:
        before = self._upload.before
        (part,) = unfinished(before.backend)
        set_time(before.backend, part, before.now())
        self._meanwhile()
        return self._upload.upload.commit(once=once)

    def abort(self) -> None:
        self._upload.abort()


def prune(backend: Any, *names: str) -> None:
    """What is mature is swept, these backups are forgotten, and what nothing refers to is condemned."""
    place = opened(backend).place
    sight = look(place)
    going = [each for each in sight.sealed if each.name in names]
    removal = Removal(place, sight, survey(place, sight, going))
    removal.sweep()
    for each in going:
        removal.forget(each)
    removal.finish(going)
    assert not removal.done.remarks, removal.done.remarks


def test_what_gets_its_name_late_is_dated_by_that(backend: Named) -> None:
    written = put(Suspended(backend, "a/b", lambda: None), "a/b", b"abc")  # type: ignore[arg-type]
    stats = written.stat, backend.stat("a/b"), *backend.list()
    now = backend.now()
    assert [each.mtime is not None and abs(now - each.mtime) < HOUR for each in stats] == [True] * 3


def test_what_gets_its_name_at_once_keeps_its_time(backend: Named) -> None:
    upload = backend.upload("a/b", 3, iter([b"abc"]), {}, replace=False)
    (part,) = unfinished(backend)
    at = backend.now() - LATE / 2
    set_time(backend, part, at)
    assert abs((upload.commit().stat.mtime or 0) - at) < 0.01


def test_a_writer_that_was_suspended_at_its_seal(backend: Named) -> None:
    """What it shares was forgotten, condemned and swept meanwhile: its seal counts for nothing, and that is said."""
    made(backend)
    sealed(Before(backend, 2 * HOURS), FILES, "old")  # type: ignore[arg-type]

    def meanwhile() -> None:
        prune(Before(backend), "old")
        prune(backend)
        assert not list(backend.list("blobs/"))

    with pytest.raises(LrsError, match="more than 24 hours after the last look"):
        sealed(Suspended(backend, "/backup.json", meanwhile), FILES, "new")  # type: ignore[arg-type]
    found, unsealed = opened(backend).scan()
    assert ([each.name for each in found], [each.name for each in unsealed]) == ([], ["new"])


def test_what_killed_runs_have_left_without_a_name_goes_with_the_grace_time(backend: Named) -> None:
    made(backend)
    for key in ("blobs/aa/old", "packs/bb/old"):
        backend.upload(key, 3, iter([b"old"]), {}, replace=False)
    for key in unfinished(backend):
        set_time(backend, key, backend.now() - HOURS * HOUR)
    young = backend.upload("blobs/aa/young", 5, iter([b"young"]), {}, replace=False)
    assert len(unfinished(backend)) == 3
    prune(backend)
    assert len(unfinished(backend)) == 1
    assert young.commit().stat.size == 5


def test_a_prune_that_was_suspended_at_a_list(backend: Named) -> None:
    """Nobody knew of the list meanwhile: a writer may have taken of it, so it is of no age."""
    made(backend)
    sealed(Before(backend, 2 * HOURS), FILES, "old")  # type: ignore[arg-type]
    prune(Suspended(backend, "condemned/", lambda: None), "old")
    prune(backend)
    assert len(list(backend.list("blobs/"))) == 1
