"""Our own large objects, which come in parts: what the server says of each, and what that proves of the whole."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from kubectl_lrs.backends import s3_client, s3_upload
from kubectl_lrs.backends.base import Backend, get
from kubectl_lrs.backends.place import StorageLocation, open_backend
from tests.bed.s3 import S3
from tests.bed.s3_between import Answer, Between, Forward, Request

LARGE = os.urandom(1 << 20) * 9
PARTS = 2


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with S3(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(params=["both libraries", "botocore alone"])
def backend(between: Between, s3: S3, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """A bucket of its own, by what is here of obstore and botocore."""
    if request.param == "botocore alone":
        monkeypatch.setattr(s3_client, "is_here", lambda: False)
    name = f"o{abs(hash(request.node.name)) % 10**10}"
    (s3.buckets / name).mkdir()
    return open_backend(StorageLocation(url=f"s3://{name}/p", endpoint=between.endpoint, is_ours=True))


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many bodies were summed, and how."""
    counted: Counter[str] = Counter()
    for name in ("_md5", "_sha256"):

        def summed(body: bytes, name: str = name, act: object = getattr(s3_upload, name)) -> bytes:
            counted[name] += 1
            found: bytes = act(body)  # type: ignore[operator]
            return found

        monkeypatch.setattr(s3_upload, name, summed)
    return counted


def _is_proven(backend: Backend) -> bool:
    return backend.upload("large", len(LARGE), iter([LARGE]), {}, replace=False).commit().is_proven


def _other_etag(forward: Forward) -> Answer:
    answer = forward()
    headers = {name: value for name, value in answer.headers.items() if not name.lower().startswith("x-amz-checksum")}
    return Answer(status=answer.status, headers={**headers, "ETag": '"0123-9"', "Etag": '"0123-9"'}, body=b"")


def _without_sums(forward: Forward) -> Answer:
    answer = forward()
    headers = {name: value for name, value in answer.headers.items() if not name.lower().startswith("x-amz-checksum")}
    body = re.sub(rb"<Checksum\w+>[^<]*</Checksum\w+>", b"", answer.body)
    return Answer(status=answer.status, headers={**headers, "Content-Length": str(len(body))}, body=body)


def test_each_part_is_summed_once_where_the_server_says_its_sum(backend: Backend, between: Between, sums: Counter[str]) -> None:
    assert _is_proven(backend)
    assert sums == {"_sha256": PARTS}
    assert [each.method for each in between.log].count("HEAD") <= 2, "a look whether it is there, and one at what is"
    assert get(backend, "large") == LARGE


def test_where_it_does_not_the_etag_has_to_do(backend: Backend, sums: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a server that passes over what it does not know of a request."""
    call = s3_client.S3Client.call

    def unknown(self: s3_client.S3Client, method: str, what: str, **request: Any) -> dict[str, Any]:
        known = {name: value for name, value in request.items() if not name.startswith("Checksum")}
        return {name: value for name, value in call(self, method, what, **known).items() if name != "ChecksumSHA256"}

    monkeypatch.setattr(s3_client.S3Client, "call", unknown)
    assert _is_proven(backend)
    assert sums == {"_sha256": PARTS, "_md5": PARTS}


def test_where_nothing_is_said_of_the_whole_it_is_asked_for(backend: Backend, between: Between, sums: Counter[str]) -> None:
    between.rule = lambda request, forward: (
        _without_sums(forward) if "uploadId" in request.path and request.method == "POST" else None
    )
    assert _is_proven(backend)
    assert sums == {"_sha256": PARTS}


def test_one_that_is_another_by_then_is_not_proven(backend: Backend, between: Between) -> None:
    """What the request that made it has said is about what it made."""
    between.rule = lambda request, forward: _other_etag(forward) if request.method == "HEAD" else None
    assert not _is_proven(backend)


def test_a_whole_of_another_sum_is_not_proven(backend: Backend, between: Between) -> None:
    def rule(request: Request, forward: Forward) -> Answer | None:
        if request.method == "HEAD":
            return _other_etag(forward)
        if request.method != "POST" or "uploadId" not in request.path:
            return None
        answer = forward()
        body = re.sub(rb"<(ChecksumSHA256|ETag)>[^<]*<", rb"<\1>0123-9<", answer.body)
        return Answer(status=answer.status, headers={**answer.headers, "Content-Length": str(len(body))}, body=body)

    between.rule = rule
    assert not _is_proven(backend)


def test_a_large_one_is_proven_by_the_sum_of_its_parts(backend: Backend, between: Between) -> None:
    def rule(request: Request, forward: Forward) -> Answer | None:
        if request.method != "HEAD":
            return None
        answer = forward()
        return Answer(status=answer.status, headers={**answer.headers, "ETag": '"0123-9"', "Etag": '"0123-9"'}, body=b"")

    between.rule = rule
    upload = backend.upload("large", len(LARGE), iter([LARGE]), {}, replace=False)
    assert upload.commit().is_proven
