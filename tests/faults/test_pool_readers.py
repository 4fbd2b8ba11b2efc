"""A prune on a real S3 server beside who reads a backup for days: what is read stays, though the backup is forgotten meanwhile.

Days pass in the server's Date, and in what it says of objects that are put from then on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import unquote

import pytest

from kubectl_lrs.backends.base import Backend
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.model.retention import Rules
from kubectl_lrs.repository.pool import readers
from kubectl_lrs.repository.pool.backup import PooledBackup
from kubectl_lrs.repository.pool.holds import Reading
from kubectl_lrs.repository.pool.prune import PoolPruner
from kubectl_lrs.repository.pool.sight import PoolHandle
from kubectl_lrs.repository.pruning import PruneResult
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.usecases.copy import Copying, CopyResult, export
from kubectl_lrs.usecases.prune import PruneReport, apply, plan_prune
from kubectl_lrs.usecases.verify import verify
from tests.bed.loader import PATIENCE, wait_until
from tests.bed.s3 import S3
from tests.bed.s3_between import Answer, Between, Forward, Request
from tests.builders.pools import found, made, opened, sealed
from tests.builders.sealing import Notes

FILES = {"files/large": os.urandom(2 << 20), "files/small": b"small" * 100}


class Days:
    """A server on which time passes as it is told. Who deletes the seal, or gets a blob, waits for leave."""

    def __init__(self, bucket: Path) -> None:
        self.by = timedelta(0)
        self.may_delete, self.may_read = threading.Event(), threading.Event()
        self.deletes, self.reads = threading.Event(), threading.Event()
        self._buckets = bucket.parent

    @property
    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self.by

    def __call__(self, request: Request, forward: Forward) -> Answer:
        if request.method == "DELETE" and request.path.endswith("/backup.json"):
            self._wait(self.deletes, self.may_delete)
        if request.method == "GET" and "/blobs/" in request.path.partition("?")[0]:
            self._wait(self.reads, self.may_read)
        answer = forward()
        path = self._buckets / unquote(request.path.partition("?")[0]).lstrip("/")
        if request.method == "PUT" and path.is_file():
            os.utime(path, (self.now.timestamp(), self.now.timestamp()))
        answer.headers["Date"] = format_datetime(self.now, usegmt=True)
        return answer

    @staticmethod
    def _wait(asked: threading.Event, leave: threading.Event) -> None:
        asked.set()
        assert leave.wait(PATIENCE)


class Bed:
    """A repository with two backups: the old one goes by the rules."""

    def __init__(self, backend: Backend, days: Days) -> None:
        self.backend, self.days = backend, days
        sealed(backend, FILES, "old")
        sealed(backend, {"files/other": os.urandom(2 << 20)}, "new")
        mark = opened(backend).mark
        self.place = PoolHandle(backend, mark.id, mark.grace)

    def prune(self) -> PruneReport:
        return apply(plan_prune(PoolPruner(self.place), Rules(last=1, minimum=1)), Cancel(), Notes())

    def blobs(self) -> int:
        return sum(1 for _ in self.backend.list("blobs/"))

    def holds(self) -> list[float]:
        """When each was stored."""
        return [stat.mtime or 0 for stat in self.backend.list("holds/")]


@pytest.fixture
def bed(s3: S3, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    name = f"r{abs(hash(request.node.name)) % 10**10}"
    (s3.buckets / name).mkdir()
    days = Days(s3.buckets / name)
    with Between(s3, days) as between:
        yield Bed(made(open_backend(StorageLocation(url=f"s3://{name}/p", endpoint=between.endpoint, is_ours=True))), days)


def exported(backup: PooledBackup, tmp_path: Path) -> None:
    export(backup, tmp_path / "out", progress=Notes())
    for path, data in FILES.items():
        assert (tmp_path / "out" / path).read_bytes() == data


def copied(backup: PooledBackup, _tmp_path: Path) -> None:
    target = made(Memory())
    source = opened(backup._backend)
    report = Copying(source=source, target=opened(target), progress=Notes()).run([backup])
    assert [each.result for each in report.outcomes] == [CopyResult.COPIED]
    assert not list(found(target, "old").damages(share=1.0))


def verified(backup: PooledBackup, _tmp_path: Path) -> None:
    checked = verify(backup, Notes(), share=1.0)
    assert (checked.damages, checked.files) == ([], len(FILES))


class Apart:
    """A call in a thread of its own."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.result: object = None
        self.error: BaseException | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:
            self.error = error

    def ended(self) -> object:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if self.error:
            raise self.error
        return self.result


@pytest.mark.parametrize("read", [exported, copied, verified])
def test_a_backup_that_is_forgotten_while_it_is_read(
    bed: Bed, read: Callable[[PooledBackup, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prune has seen that nobody reads it, and its deletion of the seal comes after the reading has begun."""
    monkeypatch.setattr(readers, "TIMES", 1_000_000)
    prune = Apart(bed.prune)
    assert bed.days.deletes.wait(PATIENCE)
    backup = found(bed.backend, "old")
    reader = Apart(lambda: read(backup, tmp_path))
    assert bed.days.reads.wait(PATIENCE)
    bed.days.may_delete.set()
    report = prune.ended()
    assert isinstance(report, PruneReport)
    assert [(each.name, each.result) for each in report.outcomes] == [("old", PruneResult.REMOVED)]
    assert report.pool
    assert report.pool.condemned.objects > 1
    assert [each.name for each in opened(bed.backend).scan()[0]] == ["new"]
    while bed.days.by < timedelta(seconds=bed.place.grace * 1.5):
        bed.days.by += timedelta(seconds=bed.place.grace / 4)
        moved = bed.days.now.timestamp() - 1
        wait_until(lambda moved=moved: max(bed.holds(), default=0) >= moved, "a hold of that day")  # type: ignore[misc]
    later = bed.prune()
    assert later.pool
    assert later.pool.swept.objects == 0
    assert bed.blobs() == 2
    bed.days.may_read.set()
    reader.ended()
    assert not bed.holds()
    swept = bed.prune().pool
    assert swept
    assert swept.swept == report.pool.condemned
    assert bed.blobs() == 1


def test_a_prune_leaves_alone_what_somebody_reads(bed: Bed, tmp_path: Path) -> None:
    reader = Apart(lambda: exported(found(bed.backend, "old"), tmp_path))
    assert bed.days.reads.wait(PATIENCE)
    bed.days.may_delete.set()
    report = bed.prune()
    assert [(each.name, each.result) for each in report.outcomes] == [("old", PruneResult.KEPT)]
    assert "reads it" in report.outcomes[0].message
    bed.days.may_read.set()
    reader.ended()
    assert [each.result for each in bed.prune().outcomes] == [PruneResult.REMOVED]


def test_one_that_was_killed_is_waited_for_half_the_grace_time(bed: Bed) -> None:
    """Nobody takes its hold away; then it counts no more."""
    bed.days.may_delete.set()
    Reading(bed.backend, found(bed.backend, "old").catalog)
    assert [each.result for each in bed.prune().outcomes] == [PruneResult.KEPT]
    bed.days.by = timedelta(seconds=bed.place.grace / 2 + 60)
    assert [each.result for each in bed.prune().outcomes] == [PruneResult.REMOVED]
