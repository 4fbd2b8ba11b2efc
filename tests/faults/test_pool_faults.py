"""A pooled repository on S3 when something breaks on the way: what is sealed is whole, what is not whole is not sealed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import datetime, timezone

import pytest

from kubectl_lrs.backends.base import Backend
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.runtime import retry
from tests.bed.s3 import S3
from tests.bed.s3_between import Answer, Between, Forward, Request, pass_on
from tests.builders.pools import begun, catalog, content, found, made, opened, sealed

LARGE = os.urandom(3 << 20)
FILES = {"lrs/a/one.yaml": b"kind: LRS\n" * 40, "files/large": LARGE, "files/small": b"small" * 100}


@pytest.fixture
def backend(s3: S3, between: Between, request: pytest.FixtureRequest) -> Backend:
    """A repository with one backup, reached through what meddles."""
    name = f"c{abs(hash(request.node.name)) % 10**10}"
    (s3.buckets / name).mkdir()
    backend = made(open_backend(StorageLocation(url=f"s3://{name}/pool", endpoint=between.endpoint)))
    sealed(backend, {"before": b"before" * 10, "large": LARGE}, "before")
    return backend


def _is_sent(request: Request, what: str) -> bool:
    return request.method == "PUT" and what in request.path


def _assert_as_before(backend: Backend, between: Between) -> None:
    """Nothing was lost, nothing is sealed that is not whole, and the next run makes a backup."""
    between.rule = lambda _request, _forward: None
    backups, unsealed = opened(backend).scan()
    assert ([each.name for each in backups], unsealed) == (["before"], [])
    assert list(found(backend, "before").damages(share=1.0)) == []
    assert content(sealed(backend, FILES, "next")) == FILES


@pytest.mark.parametrize("what", ["/blobs/", "/packs/", "/index-0.gz", "/backup.json"])
def test_a_server_that_is_overloaded_for_a_moment(backend: Backend, between: Between, what: str) -> None:
    left = 1
    guard = threading.Lock()

    def once(request: Request, _forward: Forward) -> Answer | None:
        nonlocal left
        with guard:
            if _is_sent(request, what) and left:
                left -= 1
                return Answer.error(503, "SlowDown")
        return None

    between.rule = once
    backup = sealed(backend, {**FILES, "files/new": LARGE[::-1]}, "night")
    assert left == 0
    assert content(backup) == {**FILES, "files/new": LARGE[::-1]}


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("/blobs/", (503, "SlowDown")),
        ("/blobs/", (507, "")),
        ("/packs/", (403, "AccessDenied")),
        ("/index-0.gz", (403, "AccessDenied")),
        ("/refs.gz", (400, "InvalidRequest")),
        ("/backup.json", (403, "AccessDenied")),
        ("/backup.json", (500, "InternalError")),
    ],
)
def test_a_server_that_refuses(backend: Backend, between: Between, what: str, answer: tuple[int, str]) -> None:
    between.rule = lambda request, _forward: Answer.error(*answer) if _is_sent(request, what) else None
    with pytest.raises(LrsError):
        sealed(backend, {**FILES, "files/new": LARGE[::-1]}, "night")
    _assert_as_before(backend, between)


@pytest.mark.parametrize("what", ["/blobs/", "/packs/", "/index-0.gz", "/backup.json"])
def test_a_body_that_comes_as_another_one(backend: Backend, between: Between, what: str) -> None:
    """What goes with each body lets the server find it out."""

    def altered(request: Request, forward: Forward) -> Answer | None:
        if _is_sent(request, what) and request.body:
            object.__setattr__(request, "body", request.body[:-1] + bytes([request.body[-1] ^ 1]))
            return forward()
        return None

    between.rule = altered
    with pytest.raises(LrsError):
        sealed(backend, {**FILES, "files/new": LARGE[::-1]}, "night")
    _assert_as_before(backend, between)


def _cut(answer: Answer) -> Answer:
    answer.cut = len(answer.body) // 2
    return answer


def _flipped(answer: Answer) -> Answer:
    answer.body = answer.body[:-1] + bytes([answer.body[-1] ^ 1]) if answer.body else b""
    return answer


@pytest.mark.parametrize("change", [_cut, _flipped])
@pytest.mark.parametrize("what", ["/blobs/", "/packs/", "/index-0.gz", "/blocks.json", "/catalog.json"])
def test_content_that_is_cut_or_altered_on_the_way_back(
    backend: Backend, between: Between, what: str, change: Callable[[Answer], Answer]
) -> None:
    sealed(backend, FILES, "night")
    between.rule = lambda request, forward: change(forward()) if request.method == "GET" and what in request.path else None
    with pytest.raises(LrsError):
        content(found(backend, "night"))
    between.rule = lambda _request, _forward: None
    assert content(found(backend, "night")) == FILES


def test_what_was_stored_when_the_way_was_lost_is_used(
    backend: Backend, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubectl_lrs.repository.pool.journal.BYTES", 1)
    files = {f"files/{number}": LARGE + bytes([number]) for number in range(4)}
    writer = begun(backend, "night")
    for path, data in files.items():
        writer.write(path, data)
    writer.uploads.drain()
    between.rule = lambda request, _forward: Answer.error(503) if "backup" in request.path else None
    with pytest.raises(LrsError):
        writer.seal(catalog(writer))
    between.rule = lambda _request, _forward: None
    backup = sealed(backend, files, "next")
    assert backup.seal.stored["newObjects"] == 0
    assert content(backup) == files


def test_a_storage_that_lists_and_gives_no_seal_is_given_up(
    backend: Backend, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs would be waited for at each of very many backups."""
    monkeypatch.setattr(retry.Outage.__init__, "__defaults__", (0.0,))
    for number in range(20):
        sealed(backend, {"a": b"%d" % number}, f"night-{number:02}")
    asked: set[str] = set()

    def meddle(request: Request, _forward: Forward) -> Answer | None:
        if "backup.json" not in request.path:
            return None
        asked.add(request.path)
        return Answer.error(500, "InternalError")

    between.rule = meddle
    backups, unsealed = opened(backend).scan()
    assert (len(backups), len(unsealed)) == (0, 21)
    assert all(each.is_untold for each in unsealed)
    assert len(asked) < 15
    assert sum("nothing was done there" in each.why for each in unsealed) == 21 - len(asked)
    between.rule = pass_on
    assert len(opened(backend).scan()[0]) == 21


@pytest.mark.parametrize(
    ("answer", "is_told"),
    [((500, "InternalError"), False), ((404, ""), False), ((200, ""), False), ((403, "AccessDenied"), True)],
    ids=str,
)
def test_a_seal_that_the_storage_does_not_give_is_no_backup_that_is_not_there(
    backend: Backend, between: Between, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str], is_told: bool
) -> None:
    """An older one was the latest then, and nothing was said."""
    monkeypatch.setattr(retry.Outage.__init__, "__defaults__", (0.0,))
    now = datetime.now(timezone.utc)
    sealed(backend, {"a": b"newer"}, "newer", instant=now, finished=now)

    def meddle(asked: Request, _forward: Forward) -> Answer | None:
        is_seal = asked.method in ("GET", "HEAD") and "/newer." in asked.path and "backup.json" in asked.path
        return Answer.error(*answer) if is_seal else None

    between.rule = meddle
    if is_told:
        assert "newer cannot be read, and may be newer" in opened(backend).latest().warning
    else:
        with pytest.raises(UnreachableError, match="nothing tells whether before is the newest"):
            opened(backend).latest()
    between.rule = pass_on
    latest = opened(backend).latest()
    assert (latest.name, latest.warning) == ("newer", "")
