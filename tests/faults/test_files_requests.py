"""What goes to S3 with each file of an application, and the trial before the first write, which is the same request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.base import NoSpaceError, put
from kubectl_lrs.backends.s3_upload import MIN_PART
from kubectl_lrs.model.plan import ApplyOptions
from kubectl_lrs.model.report import Report, Result
from kubectl_lrs.runtime.progress import Silent
from tests.bed.s3 import S3
from tests.bed.s3_between import Answer, Between, Forward, Request
from tests.builders.files_on_s3 import BESIDE, FILES, opened_through, restored, restorer_of, saved_files
from tests.builders.s3_rules import key_of


def _sums(request: Request) -> set[str]:
    """The headers that tell what a body is; of what a client signs by, servers ask nothing here."""
    return {name for name in request.headers if name == "content-md5" or name.startswith("x-amz-checksum-")}


def _stored(request: Request) -> bool:
    return request.method == "PUT" and bool(key_of(request)) and "probe" not in request.path


@pytest.mark.parametrize("beside", [BESIDE, {}], ids=["metadata", "nothing"])
def test_a_bucket_that_locks_what_is_put_there_gets_sums(
    between: Between, bucket: str, tmp_path: Path, beside: dict[str, Any]
) -> None:
    """S3 refuses what has neither an MD5 nor a checksum beside it, where each object is locked; the gateway does not."""
    backend = opened_through(between, bucket)
    folder = saved_files(backend, tmp_path, beside=beside)
    between.rule = lambda request, _forward: (
        Answer.error(400, "InvalidRequest") if request.method == "PUT" and not _sums(request) else None
    )
    between.log.clear()
    assert restored(folder, backend) == dict.fromkeys(FILES, (Result.CREATED, ""))
    assert {key_of(each) for each in filter(_stored, between.log)} == FILES.keys()


def test_a_server_that_knows_no_checksums_gets_an_md5(between: Between, bucket: str, tmp_path: Path) -> None:
    backend = opened_through(between, bucket)
    folder = saved_files(backend, tmp_path, {"a": b"1", "b": b"2"})
    between.rule = lambda request, _forward: (
        Answer.error(501, "NotImplemented") if any(each != "content-md5" for each in _sums(request)) else None
    )
    between.log.clear()
    assert restored(folder, backend) == dict.fromkeys("ab", (Result.CREATED, ""))
    assert {(key_of(each), *_sums(each), "if-none-match" in each.headers) for each in filter(_stored, between.log)} == {
        ("a", "content-md5", True), ("b", "content-md5", True)
    }  # fmt: skip


# ---- the trial is the write


@pytest.mark.parametrize("options", [{}, {"s3_additional_kwargs": {"ACL": "private", "ServerSideEncryption": "AES256"}}])
def test_the_trial_is_the_request_that_writes(between: Between, bucket: str, tmp_path: Path, options: dict[str, Any]) -> None:
    backend = opened_through(between, bucket, **options)

    def rule(request: Request, forward: Forward) -> Answer | None:
        return None

    between.rule = rule
    folder = saved_files(opened_through(between, bucket), tmp_path, {"a": b"1", "large": b"x" * (MIN_PART + 1)})
    between.log.clear()
    restored(folder, backend)
    made: dict[str, dict[str, set[str]]] = {"trial": {}, "write": {}}
    for request in between.log:
        query = request.path.partition("?")[2]
        kind = "PUT" if request.method == "PUT" and not query else "begin" if "uploads" in query else ""
        kind = kind or ("part" if "partNumber" in query else "")
        if kind:
            names = {name for name in request.headers if name.startswith(("x-amz-", "if-", "content-md5"))}
            names -= {"x-amz-meta-owner", "x-amz-meta-note"}
            which = "trial" if ".lrs-probe-" in request.path else "write"
            made[which].setdefault(kind, set()).update(names)
    assert made["trial"] == made["write"]
    assert made["trial"].keys() == {"PUT", "begin", "part"}
    assert "if-none-match" in made["trial"]["PUT"]
    assert bool(options) == ("x-amz-acl" in made["trial"]["PUT"])
    assert all(key_of(request).startswith(".lrs-probe-") for request in between.log if "probe" in request.path)


def test_who_may_begin_uploads_and_not_put_is_found_before_the_first_write(between: Between, bucket: str, tmp_path: Path) -> None:
    backend = opened_through(between, bucket)
    folder = saved_files(backend, tmp_path, {"a": b"1"})
    between.rule = lambda request, _forward: (
        Answer.error(403, "AccessDenied") if request.method == "PUT" and "?" not in request.path else None
    )
    plan = restorer_of(folder, backend).plan(Silent())
    assert any("may not write" in each.message for each in plan.findings)


def test_a_server_that_takes_what_has_a_wrong_sum_keeps_nothing_of_the_trial(between: Between, bucket: str, s3: S3) -> None:
    backend = opened_through(between, bucket)

    def rule(request: Request, forward: Forward) -> Answer | None:
        if request.method != "PUT" or "probe" not in request.path:
            return None
        place = s3.buckets / bucket / "p" / key_of(request)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(request.body)
        return Answer(status=200, headers={"ETag": '"x"'})

    between.rule = rule
    backend.probe()
    between.rule = lambda _request, _forward: None
    assert list(backend.list()) == []


@pytest.mark.parametrize(("status", "code"), [(507, ""), (403, "QuotaExceeded"), (507, "XMinioStorageFull")])
def test_no_room(between: Between, bucket: str, tmp_path: Path, status: int, code: str) -> None:
    backend = opened_through(between, bucket)
    folder = saved_files(backend, tmp_path, {f"f{n}": b"1" for n in range(20)})
    full = lambda request, _forward: (  # noqa: E731
        Answer.error(status, code)
        if request.method == "PUT" and key_of(request) >= "f5" and "probe" not in request.path
        else None
    )
    between.rule = full
    with pytest.raises(NoSpaceError):
        put(backend, "f7", b"1")
    restorer = restorer_of(folder, backend)
    report = Report(source="", target="")
    with pytest.raises(NoSpaceError):
        restorer.apply(restorer.plan(Silent()), ApplyOptions(workers=1, timeout=10), report, Silent())
    assert {each.result for each in report.outcomes} == {Result.CREATED, Result.FAILED}
    assert len(report.outcomes) < 20
