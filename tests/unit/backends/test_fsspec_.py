"""Object stores and HDFS through fsspec's own file system in memory: what is asked of the library, and what it may raise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import fsspec
import pytest

from kubectl_lrs.backends.base import KeyExistsError, KeyNotFoundError, get, put
from kubectl_lrs.backends.fsspec_ import BLOCK, Remote, instant_of
from kubectl_lrs.model.errors import DeniedError, UnreachableError


@pytest.fixture
def remote() -> Iterator[Remote]:
    system = fsspec.filesystem("memory", skip_instance_cache=True)
    yield Remote(system, "/bucket/p", "gs://bucket/p", ())
    system.rm("/bucket", recursive=True)


def _kept(remote: Remote) -> dict[str, bytes]:
    return {each.key: get(remote, each.key) for each in remote.list()}


def test_what_is_put_is_what_is_got(remote: Remote) -> None:
    files = {"a/b": b"1", "a.txt": b"22", "large": b"x" * (BLOCK + 1)}
    for key, data in files.items():
        assert put(remote, key, data).stat.size == len(data)
    assert _kept(remote) == files
    assert [each.key for each in remote.list()] == ["a.txt", "a/b", "large"]
    assert [each.key for each in remote.list("a", after="a.txt")] == ["a/b"]


@pytest.mark.parametrize("size", [3, BLOCK + 1])
def test_one_that_is_there_is_not_overwritten_unless_asked(remote: Remote, size: int) -> None:
    put(remote, "a", b"0")
    with pytest.raises(KeyExistsError):
        put(remote, "a", b"1" * size)
    assert _kept(remote) == {"a": b"0"}
    put(remote, "a", b"1" * size, replace=True)
    assert _kept(remote) == {"a": b"1" * size}


def test_one_that_comes_between_the_look_and_the_write(remote: Remote) -> None:
    upload = remote.upload("a", 1, iter([b"1"]), {}, replace=False)
    put(remote, "a", b"theirs")
    with pytest.raises(KeyExistsError):
        upload.commit()
    assert _kept(remote) == {"a": b"theirs"}


def test_a_trial_leaves_nothing(remote: Remote) -> None:
    put(remote, "a", b"0")
    remote.probe(large=True)
    assert _kept(remote) == {"a": b"0"}


def test_the_clock_leaves_nothing(remote: Remote) -> None:
    put(remote, "a", b"1")
    found = remote.stat("a").mtime
    assert found is not None
    assert remote.now() >= found
    assert _kept(remote) == {"a": b"1"}


WHEN = datetime(2027, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "info",
    [
        {"modificationTime": 1798761600000},
        {"last_modified": WHEN},
        {"updated": "2027-01-01T00:00:00.000Z", "mtime": None},
        {"mtime": WHEN},
    ],
    ids=["hdfs", "abfs", "gs", "memory"],
)
def test_every_way_to_say_when_it_was_changed(info: dict[str, Any]) -> None:
    assert instant_of(info) == WHEN.timestamp()
    assert instant_of({"size": 3}) is None


class _Refusing:
    """A file system that answers everything with one error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def invalidate_cache(self) -> None:
        """Nothing."""

    def __getattr__(self, _name: str) -> Any:
        def refuse(*_: Any, **_named: Any) -> None:
            raise self._error

        return refuse


@pytest.mark.parametrize(
    ("error", "kind"),
    [(FileNotFoundError("x"), KeyNotFoundError), (PermissionError("x"), DeniedError), (OSError("timed out"), UnreachableError)],
)
def test_what_the_library_raises_is_ours(error: Exception, kind: type[Exception]) -> None:
    remote = Remote(_Refusing(error), "/bucket/p", "gs://bucket/p", ())
    for call in (lambda: list(remote.list()), lambda: remote.stat("a"), lambda: put(remote, "a", b"1", replace=True)):
        with pytest.raises(kind):
            call()
    assert not remote.is_alive()
