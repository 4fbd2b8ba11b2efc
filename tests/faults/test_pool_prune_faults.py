"""Prune of a pool on a real S3 server: killed at each write, two at once beside a writer, no rights, no room, a wrong clock.

Days pass in the server's Date alone, which a proxy in between moves on.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any, cast

import pytest

from kubectl_lrs.backends.base import Backend, Upload, Written, put
from kubectl_lrs.backends.local import Local
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.model.errors import ExitCode, LrsError
from kubectl_lrs.model.retention import Rules
from kubectl_lrs.render.prune import prune_report_remarks
from kubectl_lrs.repository.pool import removal
from kubectl_lrs.repository.pool.layout import RESERVE, BackupId, pool_key
from kubectl_lrs.repository.pool.mark import put_reserve
from kubectl_lrs.repository.pool.prune import PoolPruner
from kubectl_lrs.repository.pool.sight import PoolHandle, look
from kubectl_lrs.runtime import retry
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.usecases.prune import PruneReport, apply, plan_prune
from tests.bed.loader import PATIENCE
from tests.bed.s3 import S3
from tests.bed.s3_between import Answer, Between, Forward, Request
from tests.builders.pooled import GRACE, catalog_of, lost, place_of, write_backup
from tests.builders.suspended import Killed

HOURS = timedelta(seconds=GRACE)


class Later:
    """A rule for what lies between: so much later it is, and what else is done with a request."""

    def __init__(self) -> None:
        self.by = timedelta(0)
        self.rule: Callable[[Request, Forward], Answer | None] = lambda _request, _forward: None

    def __call__(self, request: Request, forward: Forward) -> Answer:
        answer = self.rule(request, forward) or forward()
        date = parsedate_to_datetime(answer.headers.get("Date") or format_datetime(datetime.now(timezone.utc), usegmt=True))
        answer.headers["Date"] = format_datetime((date + self.by).astimezone(timezone.utc), usegmt=True)
        return answer


class Bed:
    """A repository in a bucket of its own, with a clock that is moved on for all but who makes backups, by `writer`."""

    def __init__(self, s3: S3, between: Between, bucket: str) -> None:
        self.later = Later()
        between.rule = self.later
        (s3.buckets / bucket).mkdir()
        self._where = StorageLocation(url=f"s3://{bucket}/p", endpoint=between.endpoint, is_ours=True)
        self.place = self.opened()
        self.writer = place_of(open_backend(replace(self._where, endpoint=s3.endpoint)))

    def opened(self) -> PoolHandle:
        """The repository, for one more process."""
        return place_of(open_backend(self._where))

    def write(self, name: str, *contents: bytes, ago: timedelta = timedelta(0)) -> BackupId:
        return write_backup(self.writer, name, contents, self.catalog(name, ago))

    def catalog(self, name: str, ago: timedelta = timedelta(0)) -> Any:
        """Of now by what the server says of its objects."""
        return catalog_of(name, self.writer.backend.now(), ago=ago)

    def prune(self, place: PoolHandle | None = None, **rules: Any) -> PruneReport:
        report = apply(
            plan_prune(PoolPruner(place or self.place), Rules(**(rules or {"last": 1, "minimum": 1}))), Cancel(), Silent()
        )
        assert not list(lost(self.place))
        return report

    def there(self, prefix: str = "") -> list[str]:
        return [stat.key for stat in self.place.backend.list(prefix)]


@pytest.fixture
def bed(s3: S3, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    with Between(s3) as between:
        yield Bed(s3, between, f"p{abs(hash(request.node.name)) % 10**10}")


def nights(bed: Bed) -> list[BackupId]:
    """Three, each with something of its own."""
    return [bed.write(f"night-{at}", b"shared", b"%d" % at, ago=timedelta(days=3 - at)) for at in range(3)]


def test_what_goes_is_gone_a_grace_time_later(bed: Bed) -> None:
    nights(bed)
    report = bed.prune()
    assert report.exit_code() is ExitCode.DONE
    assert report.pool
    assert report.pool.condemned.objects == 8
    bed.later.by = HOURS + timedelta(hours=1)
    swept = bed.prune().pool
    assert swept
    assert swept.swept == report.pool.condemned
    assert len(bed.there("blobs/")) == 2
    bed.later.by *= 2
    bed.prune()
    assert bed.there("condemned/") == []


# ---- killed


class Dying:
    """A back end whose process dies at its write of that number, before it or right after."""

    def __init__(self, backend: Backend, at: int, *, after: bool) -> None:
        self._backend, self._at, self._after = backend, at, after
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def write(self, act: Callable[[], Any]) -> Any:
        """One that may be the last."""
        self.writes += 1
        if self.writes == self._at and not self._after:
            raise Killed
        result = act()
        if self.writes == self._at:
            raise Killed
        return result

    def delete(self, key: str) -> None:
        self.write(lambda: self._backend.delete(key))

    def delete_many(self, keys: Any) -> dict[str, LrsError]:
        """One after the other, so that it dies between them."""
        for key in keys:
            self.delete(key)
        return {}

    def upload(self, *arguments: Any, **named: Any) -> Any:
        return _DyingUpload(self, self._backend.upload(*arguments, **named))


class _DyingUpload:
    def __init__(self, dying: Dying, upload: Upload) -> None:
        self._dying, self._upload = dying, upload

    def commit(self, *, once: bool = False) -> Written:
        return self._dying.write(lambda: self._upload.commit(once=once))  # type: ignore[no-any-return]

    def abort(self) -> None:
        self._upload.abort()


@pytest.mark.parametrize("after", [pytest.param(False, marks=pytest.mark.campaign), True], ids=["before", "after"])
def test_killed_at_each_of_its_writes(bed: Bed, after: bool) -> None:
    """What a prune condemned goes, two nights go, each time it dies one write later; the next one does the rest."""
    put_reserve(bed.place.backend)
    nights(bed)
    at = 1
    while True:
        dying = Dying(bed.opened().backend, at, after=after)
        try:
            bed.prune(bed.place._replace(backend=cast("Backend", dying)))
        except Killed:
            assert not list(lost(bed.place))
            assert look(bed.place).sealed
            bed.prune()
            assert [each.name for each in look(bed.place).sealed] == [f"night-{at + 1}"]
        else:
            break
        bed.later.by += HOURS + timedelta(hours=1)
        bed.write(f"night-{at + 2}", b"shared", b"%d" % (at + 2))
        at += 1
    assert at > 8
    for _ in range(4):
        bed.later.by += HOURS
        bed.prune()
    assert len(bed.there("blobs/")) == 2
    assert bed.there("condemned/") == []
    assert {each.split("/")[0] for each in bed.there()} == {"backups", "blobs", RESERVE}


# ---- at once


def test_two_prunes_and_a_writer_at_once(bed: Bed) -> None:
    nights(bed)
    bed.prune()
    bed.later.by = HOURS + timedelta(hours=1)
    start, errors = threading.Barrier(3), []

    def work(act: Callable[[PoolHandle], object], place: PoolHandle) -> None:
        start.wait(PATIENCE)
        try:
            for _ in range(4):
                act(place)
        except LrsError as error:
            errors.append(error)

    numbers = itertools.count(1)

    def write(place: PoolHandle) -> None:
        """Each is newer than the one before by more than the storage's clock tells, so that it is never what goes."""
        number = next(numbers)
        catalog = bed.catalog(f"new-{number}", timedelta(seconds=-10 * number))
        write_backup(place, catalog.name, [b"0", b"1", b"shared"], catalog)

    acts = (
        (write, bed.writer),
        (lambda place: bed.prune(place), bed.opened()),
        (lambda place: bed.prune(place, last=2, minimum=2), bed.opened()),
    )
    threads = [threading.Thread(target=work, args=act) for act in acts]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    assert not errors
    assert not list(lost(bed.place))
    for _ in range(4):
        bed.later.by += HOURS
        bed.prune()
    needed = {b"0", b"1", b"shared"} if len(look(bed.place).sealed) else set()
    assert {pool_key(key) is not None for key in bed.there("blobs/")} == {True}
    assert len(bed.there("blobs/")) == len(needed)


# ---- what a server refuses


def test_no_right_to_delete(bed: Bed, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that lets read, list and put, and not delete."""
    put_reserve(bed.place.backend)
    nights(bed)
    before = bed.there()
    bucket = bed._where.url.split("/")[2]
    user = s3.add_user(f"writer-{bucket}", "a-secret-of-the-test")
    s3.allow(f"writer-{bucket}", bucket, "s3:GetObject", "s3:PutObject", "s3:ListBucket")
    for name, value in user.items():
        monkeypatch.setenv(name, value)
    report = bed.prune(bed.opened())
    assert report.exit_code() is ExitCode.FAILED
    assert all("no right to delete" in each.message for each in report.outcomes)
    assert [key for key in bed.there() if not key.startswith("forgotten/")] == before


def test_a_storage_that_deletes_nothing(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lists and takes all the same: what has matured is not asked for batch after batch, and the next prune deletes it."""
    monkeypatch.setattr(removal, "BATCH", 1)
    monkeypatch.setattr(retry.Outage.__init__, "__defaults__", (0.0,))
    bed.write("old", *(b"old %d" % at for at in range(20)), ago=timedelta(days=1))
    bed.write("new", b"new")
    place = bed.opened()
    bed.prune(place)
    bed.later.by = HOURS + timedelta(hours=1)
    asked: list[str] = []

    def fails(request: Request, _forward: Forward) -> Answer | None:
        if request.method == "DELETE" or (request.method == "POST" and "delete" in request.path):
            asked.append(request.path)
            return Answer.error(500, "InternalError")
        return None

    bed.later.rule = fails
    report = bed.prune(place)
    assert any("objects are not deleted" in line for line in prune_report_remarks(report))
    assert 0 < len(asked) < 10
    assert len(bed.there("blobs/")) == 21
    bed.later.rule = lambda _request, _forward: None
    bed.prune(place)
    assert len(bed.there("blobs/")) == 1


def test_deletions_that_something_in_between_answers(bed: Bed) -> None:
    """A page with 200 deletes nothing: nothing is counted, and the list is there for the next prune."""
    bed.write("old", b"old", ago=timedelta(days=1))
    bed.write("new", b"new")
    place = bed.opened()
    bed.prune(place)
    bed.later.by = HOURS + timedelta(hours=1)

    def page(request: Request, _forward: Forward) -> Answer | None:
        return Answer.error(200) if request.method == "DELETE" or request.path.endswith("?delete") else None

    bed.later.rule = page
    report = bed.prune(place)
    assert report.pool
    assert report.pool.swept.objects == 0
    assert any("its deletion was taken, and it is there" in line for line in prune_report_remarks(report))
    assert len(bed.there("blobs/")) == 2
    bed.later.rule = lambda _request, _forward: None
    bed.prune(place)
    assert len(bed.there("blobs/")) == 1


def test_a_storage_that_forgets_nothing(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is each of very many backups tried that are to go."""
    monkeypatch.setattr(retry.Outage.__init__, "__defaults__", (0.0,))
    for number in range(12):
        bed.write(f"old-{number:02}", b"old", ago=timedelta(days=1, hours=number))
    bed.write("new", b"new")
    place = bed.opened()
    bed.later.rule = lambda request, _: Answer.error(500, "InternalError") if request.method == "DELETE" else None
    report = bed.prune(place)
    results = [each.result.value for each in report.outcomes]
    assert results.count("failed") + results.count("not tried") == 12, results
    assert results.count("not tried") > 6
    assert report.exit_code() != 0
    bed.later.rule = lambda _request, _forward: None
    assert [each.result.value for each in bed.prune(bed.opened()).outcomes].count("removed") == 12


def test_a_full_bucket(bed: Bed) -> None:
    """As MinIO says it of a quota, until the reserve is gone."""
    put_reserve(bed.place.backend)
    nights(bed)
    is_full = True

    def full(request: Request, _forward: Forward) -> Answer | None:
        nonlocal is_full
        if request.method == "DELETE" and request.path.endswith(f"/{RESERVE}"):
            is_full = False
        return Answer.error(400, "XMinioAdminBucketQuotaExceeded") if request.method == "PUT" and is_full else None

    bed.later.rule = full
    report = bed.prune()
    assert report.exit_code() is ExitCode.DONE
    assert report.pool
    assert report.pool.condemned.objects == 8
    assert RESERVE in bed.there(), "there is room for it again"


def test_a_bucket_without_any_room(bed: Bed) -> None:
    put_reserve(bed.place.backend)
    nights(bed)
    bed.prune(last=2, minimum=2)
    bed.later.by = HOURS + timedelta(hours=1)
    bed.later.rule = lambda request, _: Answer.error(507, "XMinioStorageFull") if request.method == "PUT" else None
    report = bed.prune()
    assert report.exit_code() is ExitCode.PARTIAL
    assert report.pool
    assert report.pool.swept.objects == 4, "what has matured goes all the same"
    assert any("reserve" in line for line in prune_report_remarks(report))
    assert len(look(bed.place).sealed) == 2


@pytest.mark.parametrize("years", [-1, 1])
def test_a_server_whose_clock_is_wrong(bed: Bed, years: int) -> None:
    """Its Date contradicts what it says of its objects: nothing is swept or condemned where it is behind them.

    A clock that leaps ahead makes lists old too early; who seals then is told that it came too late.
    """
    first, *_ = nights(bed)
    bed.prune(names=frozenset(("night-1", "night-2")), minimum=0)
    before = bed.there("blobs/")
    bed.later.by = timedelta(days=365 * years)
    report = bed.prune(names=frozenset(("night-1", "night-2")), minimum=0)
    assert report.pool
    if years < 0:
        assert report.pool.swept.objects == 0
        assert any("clock" in line for line in prune_report_remarks(report))
        assert bed.there("blobs/") == before
    else:
        assert report.pool.swept.objects == 4
    assert first not in look(bed.place).sealed


def test_the_clock_of_a_path_is_that_of_its_files(tmp_path: Path) -> None:
    """The same on a path, whose time is that of a file that is written there."""
    place = place_of(Local(str(tmp_path)))
    for number in range(3):
        write_backup(place, f"night-{number}", [b"%d" % number], catalog_of(f"night-{number}", place.backend.now()))
    put(place.backend, "beside", b"x")
    report = apply(plan_prune(PoolPruner(place), Rules(last=1, minimum=1)), Cancel(), Silent())
    assert report.exit_code() is ExitCode.DONE
    short = place._replace(grace=0.0)
    assert not list(lost(place))
    again = apply(plan_prune(PoolPruner(short), Rules(last=1, minimum=1)), Cancel(), Silent())
    assert again.pool
    assert again.pool.swept.objects == 8
