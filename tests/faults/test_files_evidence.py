"""What a storage holds after a write decides, not that it said yes: gateways and proxies that change, lose or hide things.

The gateway is real; what stands between it and us does to requests what was seen in the field.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from kubectl_lrs.backends import s3_client
from kubectl_lrs.backends.base import Backend, KeyExistsError, KeyNotFoundError, Stat, get, put
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.backends.s3 import PIECE
from kubectl_lrs.backends.s3_client import S3Client
from kubectl_lrs.backends.s3_upload import MIN_PART
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.model.plan import Action
from kubectl_lrs.model.report import Result
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.runtime.retry import Policy
from kubectl_lrs.stores.files import saved
from kubectl_lrs.stores.files.collect import FilesCollector
from kubectl_lrs.stores.files.storage import Storage
from kubectl_lrs.usecases.backup import back_up
from kubectl_lrs.usecases.making import Destination
from tests.bed.s3 import S3
from tests.bed.s3_between import Answer, Between, Forward, Request, Rule
from tests.builders.files_on_s3 import BESIDE, FILES, actions_of, opened_through, restored, saved_files
from tests.builders.s3_rules import adds, key_of, loses
from tests.builders.said import nothing
from tests.builders.sealing import RESOURCES, Written

# ---- what was sent is held against what is there


def test_nothing_is_altered_where_nobody_meddles(between: Between, bucket: str, tmp_path: Path) -> None:
    backend = opened_through(between, bucket)
    folder = saved_files(backend, tmp_path)
    between.log.clear()
    assert restored(folder, backend) == dict.fromkeys(FILES, (Result.CREATED, ""))
    asked = [request for request in between.log if request.method == "GET" and key_of(request) in ("a/small", "c/large")]
    assert [request for request in asked if request.headers["range"] != "bytes=0-0"] == [], (
        "the storage's own sums tell, in parts or not: nothing is read back"
    )
    assert actions_of(folder, backend) == dict.fromkeys(FILES, (Action.UNCHANGED, ""))
    assert backend.stat("a/small").attributes == BESIDE


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (loses("x-amz-meta-owner"), "metadata owner of another value"),
        (loses("x-amz-meta-owner", "x-amz-meta-note"), "metadata note, owner of another value"),
        (loses("cache-control"), "Cache-Control none, not 'no-store'"),
        (loses("content-type"), "Content-Type none, not 'text/x-python'"),
        (adds("Content-Encoding", "aws-chunked"), "Content-Encoding 'aws-chunked', not none"),
        (adds("Content-Encoding", "gzip"), "Content-Encoding 'gzip', not none"),
        (adds("Content-Disposition", "attachment"), "Content-Disposition 'attachment', not none"),
    ],
)
def test_what_stands_beside_the_content_is_held_against_what_was_sent(
    between: Between, bucket: str, tmp_path: Path, rule: Rule, said: str
) -> None:
    backend = opened_through(between, bucket)
    folder = saved_files(backend, tmp_path, {"a/small": b"1"})
    between.rule = rule
    assert restored(folder, backend) == {"a/small": (Result.ALTERED, f"altered by the storage: {said}")}
    action, reason = actions_of(folder, backend)["a/small"]
    assert (action, reason) == (Action.CONFLICT, f"it differs: {said}"), "the second run does not call it equal"


def test_contents_that_are_changed_on_their_way_in(between: Between, bucket: str, tmp_path: Path, s3: S3) -> None:
    """A proxy that packs what it passes on; the gateway says yes, and has something else."""
    backend = opened_through(between, bucket)
    folder = saved_files(backend, tmp_path, {"a/small": b"1" * 1000})

    def rule(request: Request, forward: Forward) -> Answer | None:
        if request.method != "PUT" or not key_of(request) or "probe" in request.path:
            return None
        answer = forward()
        place = s3.buckets / bucket / "p" / key_of(request)
        place.write_bytes(gzip.compress(place.read_bytes()))
        return answer

    between.rule = rule
    result, said = restored(folder, backend)["a/small"]
    assert result is Result.ALTERED
    assert "bytes, 1000 were sent" in said


@pytest.mark.parametrize("is_alike", [True, False])
def test_an_etag_that_is_no_sum_tells_nothing_and_it_is_read_back(
    between: Between, bucket: str, tmp_path: Path, s3: S3, is_alike: bool
) -> None:
    """As with keys of KMS: the ETag is another at each write."""
    backend = opened_through(between, bucket)
    folder = saved_files(backend, tmp_path, {"a/small": b"1" * 1000})

    def rule(request: Request, forward: Forward) -> Answer | None:
        if not key_of(request) or "probe" in request.path:
            return None
        answer = forward()
        if request.method == "PUT" and not is_alike:
            (s3.buckets / bucket / "p" / key_of(request)).write_bytes(b"2" * 1000)
        answer.headers = {
            **{n: v for n, v in answer.headers.items() if n.lower() != "etag"},
            "ETag": '"0123456789abcdef0123456789abcdef"',
        }
        answer.headers["x-amz-server-side-encryption"] = "aws:kms"
        return answer

    between.rule = rule
    wrong = (Result.ALTERED, "altered by the storage: its content is not what was sent")
    assert restored(folder, backend) == {"a/small": (Result.CREATED, "") if is_alike else wrong}


def test_aws_chunked_in_a_backup_is_not_sent_again(between: Between, bucket: str, tmp_path: Path) -> None:
    """It says how a body came over the wire. As it was there it is left; where it is written it means nothing."""
    backend = opened_through(between, bucket)
    between.rule = adds("Content-Encoding", "aws-chunked")
    folder = saved_files(backend, tmp_path, {"a/small": b"1"})
    put(backend, "a/small", b"1", BESIDE)
    assert actions_of(folder, backend) == {"a/small": (Action.UNCHANGED, "")}
    backend.delete("a/small")
    between.rule = lambda _request, _forward: None
    assert restored(folder, backend) == {"a/small": (Result.CREATED, "")}
    assert actions_of(folder, backend) == {"a/small": (Action.UNCHANGED, "")}


# ---- reading


@pytest.mark.parametrize("has_sum", [True, False])
def test_a_proxy_that_packs_answers_is_not_taken_for_the_storage(
    between: Between, bucket: str, tmp_path: Path, has_sum: bool
) -> None:
    backend = opened_through(between, bucket)
    put(backend, "b/other", b"2")
    put(backend, "a/small", b"1" * 1000)

    def rule(request: Request, forward: Forward) -> Answer | None:
        if request.method != "GET" or key_of(request) != "a/small":
            return None
        answer = forward()
        left_out = ("content-range",) if has_sum else ("content-range", "x-amz-checksum-sha256")
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in left_out}
        return Answer(status=200, headers={**kept, "Content-Encoding": "gzip"}, body=gzip.compress(answer.body))

    between.rule = rule
    facts = FilesCollector(Storage(backend), nothing, take_all=True).collect(FolderWriter(tmp_path, "b"), Silent())
    assert facts["files"] == 1
    said = "what comes is not what the server says it is" if has_sum else "other bytes than were asked for"
    assert [(each.name, said in each.reason) for each in facts["missing"]] == [("a/small", True)]


def test_contents_that_rot_are_not_saved_as_whole(between: Between, bucket: str, tmp_path: Path, s3: S3) -> None:
    backend = opened_through(between, bucket)
    for key in ("a/rotten", "b/whole"):
        put(backend, key, b"1" * 1000)
    place = s3.buckets / bucket / "p" / "a" / "rotten"
    place.write_bytes(b"1" * 999 + b"2")
    facts = FilesCollector(Storage(backend), nothing, take_all=True).collect(FolderWriter(tmp_path, "b"), Silent())
    assert facts["files"] == 1
    assert [(each.name, "own sum" in each.reason) for each in facts["missing"]] == [("a/rotten", True)]


@pytest.mark.parametrize("times", [1, 100])
def test_a_body_that_breaks_off_is_asked_for_again(between: Between, bucket: str, times: int) -> None:
    backend = opened_through(between, bucket)
    put(backend, "a/small", b"1" * 1000)
    left = [times]

    def rule(request: Request, forward: Forward) -> Answer | None:
        if request.method != "GET" or not key_of(request) or not left[0]:
            return None
        left[0] -= 1
        answer = forward()
        answer.cut = len(answer.body) // 2
        return answer

    between.rule = rule
    if times == 1:
        assert get(backend, "a/small") == b"1" * 1000
    else:
        with pytest.raises(UnreachableError, match="breaks off"):
            get(backend, "a/small")


# ---- what is not there, and what does not say


def test_a_head_that_says_not_there_is_not_believed(between: Between, bucket: str) -> None:
    backend = opened_through(between, bucket)
    put(backend, "a/small", b"123", BESIDE)
    put(backend, "b/empty", b"")
    between.rule = lambda request, _forward: Answer.error(404) if request.method == "HEAD" else None
    for key, length in (("a/small", 3), ("b/empty", 0)):
        found = backend.stat(key)
        assert (found.key, found.size) == (key, length)
    assert backend.stat("a/small").attributes == BESIDE
    with pytest.raises(KeyNotFoundError):
        backend.stat("none")


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "", UnreachableError),
        (404, "NoSuchKey", KeyNotFoundError),
        (404, "NoSuchBucket", UnreachableError),
        (403, "AccessDenied", DeniedError),
        (403, "InvalidAccessKeyId", CredentialsError),
        (503, "SlowDown", UnreachableError),
        (500, "InternalError", UnreachableError),
        (400, "SomethingElse", LrsError),
    ],
)
def test_only_the_storages_own_word_means_not_there(
    between: Between, bucket: str, status: int, code: str, error: type[LrsError]
) -> None:
    backend = opened_through(between, bucket)
    between.rule = lambda request, _forward: Answer.error(status, code) if key_of(request) else None
    with pytest.raises(DeniedError if status == 403 else error) as caught:  # a HEAD says no more than 403
        backend.stat("a")
    assert isinstance(caught.value, KeyNotFoundError) == (code == "NoSuchKey")
    with pytest.raises(error):
        backend.read(Stat("a", 3), lambda _data: None)


def test_a_storage_that_hides_what_it_has_is_not_overwritten(between: Between, bucket: str, tmp_path: Path, s3: S3) -> None:
    """Its list leaves the file out, its HEAD says 404, and it keeps no condition of a PUT: only a GET tells."""
    backend = opened_through(between, bucket)
    folder = saved_files(backend, tmp_path, {"a/small": b"ours", "b/other": b"other"})
    put(backend, "a/small", b"of somebody else")

    def rule(request: Request, forward: Forward) -> Answer | None:
        key = key_of(request)
        if request.method == "HEAD" and key == "a/small":
            return Answer.error(404)
        if "list-type=2" in request.path:
            answer = forward()
            answer.body = answer.body.replace(b"<Key>p/a/small</Key>", b"<Key>p/zzz</Key>")
            return answer
        if request.method == "PUT" and "probe" not in key:
            place = s3.buckets / bucket / "p" / key
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(request.body)
            return Answer(status=200, headers={"ETag": f'"{hashlib.md5(request.body).hexdigest()}"'})
        return None

    between.rule = rule
    assert actions_of(folder, backend)["a/small"][0] is Action.CREATE
    outcomes = restored(folder, opened_through(between, bucket))
    assert outcomes["a/small"][0] is Result.CONFLICT
    assert (s3.buckets / bucket / "p" / "a" / "small").read_bytes() == b"of somebody else"


def test_an_answer_that_is_lost_on_the_way_back_is_no_conflict(between: Between, bucket: str) -> None:
    """The library sends it again, and is told that it is there: it is ours."""
    backend = open_backend(StorageLocation(url=f"s3://{bucket}/p", endpoint=between.endpoint))
    put(backend, "first", b"0")
    lost = [True]

    def rule(request: Request, forward: Forward) -> Answer | None:
        if request.method != "PUT" or not lost[0]:
            return None
        lost[0] = False
        forward()
        return Answer.error(503, "ServiceUnavailable")

    between.rule = rule
    assert put(backend, "a", b"1").stat.size == 1
    assert get(backend, "a") == b"1"
    lost[0] = True
    backend.delete("b")
    between.rule = lambda _request, _forward: None
    put(backend, "b", b"somebody's")
    between.rule = rule
    with pytest.raises(KeyExistsError):
        put(backend, "b", b"2")


@pytest.mark.parametrize("size", [1, MIN_PART + 1])
def test_a_server_that_does_not_know_the_condition_is_looked_at(between: Between, bucket: str, size: int) -> None:
    """Each of its requests that makes something is answered with 501 as long as it has a condition."""
    backend = opened_through(between, bucket)
    between.rule = lambda request, _forward: Answer.error(501, "NotImplemented") if "if-none-match" in request.headers else None
    backend.probe(large=size > MIN_PART)

    def made(data: bytes) -> None:
        backend.upload("a", len(data), iter([data]), {}, replace=False).commit()

    made(b"1" * size)
    with pytest.raises(KeyExistsError):
        made(b"2" * size)
    assert [(each.key, each.size) for each in backend.list()] == [("a", size)]
    assert backend.read_range("a", 0, 1) == b"1"


# ---- a connection that breaks off


def test_it_breaks_in_the_middle_of_each_part(between: Between, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each that goes up, and of each that comes down: once. What is there in the end is all of it, and proven."""
    monkeypatch.setattr(s3_client, "PATIENT", Policy(attempts=4, first=0.0))
    backend = opened_through(between, bucket)
    data = os.urandom(2 * MIN_PART + 12345)
    broken: set[str] = set()

    def rule(request: Request, forward: Forward) -> Answer | None:
        piece = request.headers.get("range", "")
        place = f"{request.path} {piece}"
        if place in broken or not ("partNumber" in request.path or piece not in ("", "bytes=0-0")):
            return None
        broken.add(place)
        if request.method == "PUT":
            raise ConnectionResetError("nothing of it arrives")
        answer = forward()
        answer.cut = len(answer.body) // 2
        return answer

    between.rule = rule
    written = backend.upload("a", len(data), iter([data]), BESIDE, replace=False).commit()
    assert (written.is_proven, written.stat.size, written.stat.attributes) == (True, len(data), BESIDE)
    assert len(broken) == 3
    got = bytearray()
    reading = backend.read(written.stat, got.extend)
    assert (reading.is_steady, reading.is_damaged, got == data) == (True, False, True)
    assert len(broken) == 3 + -(-len(data) // PIECE)


# ---- what stands beside the content, at the second backup


@pytest.mark.parametrize("is_dated", [False, True])
def test_who_changes_metadata_in_place_is_asked_for_it(
    between: Between, bucket: str, tmp_path: Path, s3: S3, is_dated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This gateway does: the ETag and the time stay as they were. Where they would not, as Amazon's, nobody is asked."""
    monkeypatch.setattr(S3Client, "dates_attributes", is_dated)
    backend = opened_through(between, bucket)
    for key in ("a", "odd +%25\u00fc?", "in/b"):
        put(backend, key, key.encode(), BESIDE)
        os.utime(s3.buckets / bucket / "p" / key, (1_700_000_000, 1_700_000_000))
    first = _backed_up(backend, tmp_path, "one")
    client = s3.client()
    there = client.head_object(Bucket=bucket, Key="p/a")
    copied = {"CopySource": {"Bucket": bucket, "Key": "p/a"}, "MetadataDirective": "REPLACE", "Metadata": {"owner": "another"}}
    client.copy_object(Bucket=bucket, Key="p/a", **copied)
    now = client.head_object(Bucket=bucket, Key="p/a")
    assert (now["ETag"], now["LastModified"]) == (there["ETag"], there["LastModified"]), "else it can be believed, too"
    between.log.clear()
    second = _backed_up(backend, tmp_path, "two")
    assert [request.method for request in between.log if key_of(request)] == ([] if is_dated else ["HEAD"] * 3)
    assert [each.attributes["Metadata"] for each in first[1:]] == [each.attributes["Metadata"] for each in second[1:]]
    assert second[0].attributes["Metadata"] == (first[0].attributes["Metadata"] if is_dated else {"owner": "another"})
    assert all((each.modified == 1_700_000_000) == is_dated for each in (*first, *second))


def _backed_up(backend: Backend, place: Path, name: str) -> list[saved.SavedFile]:
    """A backup beside the earlier ones."""
    tier = FilesCollector(Storage(backend), nothing, take_all=True, workers=2)
    path, _ = back_up(
        {"files": tier, "resources": Written(RESOURCES)},
        destination=Destination(repository=PlainRepository(place), name=name),
        cluster=Cluster(server="https://127.0.0.1"),
        selection=Selection(),
        profile="lrs",
        levels={},
        progress=Silent(),
        allow_empty=True,
    )
    found = saved.read(SealedFolder.open(Path(path)))
    assert found
    return found.entries
