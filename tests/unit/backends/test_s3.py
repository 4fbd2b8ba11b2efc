"""A bucket, of which every answer is made up: what an answer must say to be believed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from kubectl_lrs.backends.base import KeyExistsError, KeyNotFoundError, Stat
from kubectl_lrs.backends.s3 import PIECE, S3
from kubectl_lrs.backends.s3_encryption import BY_THE_BUCKET
from kubectl_lrs.backends.s3_errors import BareNotFoundError, NoBucketError, PassingError, UnknownRequestError
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError


class Client:
    """Answers by method; a list is taken one after the other, an error is raised."""

    bucket, url, sums_itself, is_ours, quick, encryption = "bucket", "s3://bucket/p", False, False, None, BY_THE_BUCKET
    dates_attributes = False

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, method: str, _what: str, **request: Any) -> dict[str, Any]:
        self.asked.append((method, request))
        answer = self.answers[method]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        found: dict[str, Any] = answer
        return found

    def get(self, what: str, **request: Any) -> tuple[dict[str, Any], bytes]:
        answer = self.call("get_object", what, **request)
        return answer, answer["Body"]


def _s3(**answers: Any) -> tuple[S3, Client]:
    client = Client(**answers)
    return S3(client, "p/"), client  # type: ignore[arg-type]


def _part(data: bytes, said: str, etag: str = '"e-1"') -> dict[str, Any]:
    return {"Body": data, "ContentLength": len(data), "ContentRange": said, "ETag": etag}


def test_every_way_to_write_a_key_out() -> None:
    assert _s3()[0].roots == ("p", "bucket/p", "s3://bucket/p", "s3a://bucket/p")
    assert S3(Client(), "").roots == ("", "bucket", "s3://bucket", "s3a://bucket")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"12", "bytes 0-1/3"), (b"1234", "bytes 0-3/3"), (b"123", "bytes 1-3/4"), (b"123", "bytes 0-1/3")],
    ids=["another total", "too many", "another start", "another length"],
)
def test_bytes_that_were_not_asked_for_are_not_taken(data: bytes, said: str) -> None:
    s3, _ = _s3(get_object=_part(data, said), head_object={"ContentLength": 3, "ETag": '"e-1"'})
    got: list[bytes] = []
    with pytest.raises(LrsError, match="other bytes"):
        s3.read(Stat("k", 3), got.append)


def test_a_server_without_ranges_is_believed_where_a_head_says_the_same() -> None:
    whole = {"Body": b"123", "ContentLength": 3, "ETag": '"e-1"'}
    got: list[bytes] = []
    s3, _ = _s3(get_object=whole, head_object={"ContentLength": 3, "ETag": '"e-1"'})
    assert s3.read(Stat("k", 3), got.append).is_steady
    s3, _ = _s3(get_object=whole, head_object={"ContentLength": 7, "ETag": '"e-1"'})
    with pytest.raises(LrsError, match="other bytes"):
        s3.read(Stat("k", 3), got.append)


def test_parts_are_of_one_version() -> None:
    first = _part(b"1" * PIECE, f"bytes 0-{PIECE - 1}/{PIECE + 1}")
    s3, client = _s3(get_object=[first, KeyExistsError("another one")])
    reading = s3.read(Stat("k", PIECE + 1), lambda _data: None)
    assert not reading.is_steady
    assert client.asked[1][1]["IfMatch"] == '"e-1"'


def test_a_list_without_an_end() -> None:
    page = {"Contents": [], "IsTruncated": True, "NextContinuationToken": "t"}
    with pytest.raises(UnreachableError, match="no end"):
        list(_s3(list_objects_v2=page)[0].list())
    with pytest.raises(UnreachableError, match="no end"):
        list(_s3(list_objects_v2={"IsTruncated": True})[0].list())


def test_a_list_begins_where_it_is_asked_to() -> None:
    s3, client = _s3(list_objects_v2={"IsTruncated": False, "Contents": [{"Key": "p/a", "Size": 1}, {"Key": "p/", "Size": 0}]})
    assert [each.key for each in s3.list("a", after="A")] == ["a"]
    assert client.asked == [("list_objects_v2", {"Prefix": "p/a", "MaxKeys": 1000, "StartAfter": "p/A"})]


AT = datetime(2027, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("ago", "is_told", "dates", "is_settled"),
    [(3, True, True, True), (2, True, True, False), (0, True, True, False), (-60, True, True, False), (3, False, True, False),
     (3, True, False, False)],
    ids=["long ago", "the same seconds", "now", "to come", "no Date", "a gateway"],
)  # fmt: skip
def test_what_is_settled_is_so_by_the_servers_clock(ago: int, is_told: bool, dates: bool, is_settled: bool) -> None:
    headers = {"date": format_datetime(AT, usegmt=True)} if is_told else {}
    listed = [{"Key": "p/a", "Size": 1, "LastModified": AT - timedelta(seconds=ago)}, {"Key": "p/b", "Size": 1}]
    s3, client = _s3(list_objects_v2={"KeyCount": 2, "Contents": listed, "ResponseMetadata": {"HTTPHeaders": headers}})
    client.dates_attributes = dates
    assert [each.is_settled for each in s3.list()] == [is_settled, False]


@pytest.mark.parametrize("head", [BareNotFoundError("404"), KeyNotFoundError("404")])
def test_not_there_is_what_a_get_says(head: LrsError) -> None:
    s3, _ = _s3(head_object=head, get_object=KeyNotFoundError("NoSuchKey"))
    with pytest.raises(KeyNotFoundError):
        s3.stat("k")
    s3, _ = _s3(head_object=head, get_object=BareNotFoundError("404"))
    with pytest.raises(UnreachableError):
        s3.stat("k")
    s3, _ = _s3(head_object=head, get_object=_part(b"1", "bytes 0-0/700"))
    assert s3.stat("k").size == 700


@pytest.mark.parametrize(("etag", "tells"), [("0" * 32, True), ("abc-2", True), ("modified 2026", False), ("", False)])
def test_what_tells_of_content(etag: str, tells: bool) -> None:
    assert _s3()[0].tells_content(etag) == tells


# ---- many at once, and the clock


def test_of_many_each_has_its_outcome() -> None:
    refused = [{"Key": "p/b", "Code": "AccessDenied", "Message": "no"}, {"Key": "p/c", "Code": "SlowDown", "Message": "later"}]
    s3, client = _s3(delete_objects={"Errors": refused, "Deleted": [{"Key": "p/a"}]})
    left = s3.delete_many(["a", "b", "c"])
    assert {key: type(error) for key, error in left.items()} == {"b": DeniedError, "c": PassingError}
    assert "s3://bucket/p: b: no (AccessDenied)" in str(left["b"])
    assert client.asked[0][1]["Delete"]["Objects"] == [{"Key": f"p/{key}"} for key in "abc"]


def test_one_of_which_nothing_is_said_is_asked_for_by_itself() -> None:
    s3, client = _s3(delete_objects={"Deleted": [{"Key": "p/b"}]}, delete_object=[{}, DeniedError("403")])
    assert s3.delete_many(["a", "b", "c"]).keys() == {"c"}
    assert [request.get("Key") for _, request in client.asked] == [None, "p/a", "p/c"]


def test_an_error_about_a_key_that_nobody_asked_about_is_one_about_all() -> None:
    s3, _ = _s3(delete_objects={"Errors": [{"Code": "InternalError", "Message": "?"}]})
    assert s3.delete_many(["a", "b"]).keys() == {"a", "b"}


@pytest.mark.parametrize("error", [UnknownRequestError("501"), LrsError("InvalidRequest"), DeniedError("403")])
def test_a_server_that_removes_one_at_a_time(error: LrsError) -> None:
    s3, client = _s3(delete_objects=error, delete_object=[{}, DeniedError("403"), {}])
    assert s3.delete_many(["a", "b", "c"]).keys() == {"b"}
    assert [method for method, _ in client.asked] == ["delete_objects", *["delete_object"] * 3]


def test_one_that_is_not_there_is_removed() -> None:
    """Whatever the server says of it."""
    told = {"Errors": [{"Key": "p/a", "Code": "NoSuchKey"}], "Deleted": [{"Key": "p/b"}]}
    s3, _ = _s3(delete_object=KeyNotFoundError("NoSuchKey"), delete_objects=told)
    s3.delete("a")
    assert s3.delete_many(["a", "b"]) == {}
    s3, _ = _s3(delete_object=NoBucketError("NoSuchBucket"))
    with pytest.raises(NoBucketError):
        s3.delete("a")


def test_nobody_is_there_to_remove_anything() -> None:
    s3, client = _s3(delete_objects=UnreachableError("gone"))
    assert s3.delete_many(["a", "b"]).keys() == {"a", "b"}
    assert len(client.asked) == 1
    s3, client = _s3(delete_objects=UnknownRequestError("501"), delete_object=[{}, UnreachableError("gone")])
    assert s3.delete_many(["a", "b", "c"]).keys() == {"b", "c"}


def test_the_time_is_the_servers() -> None:
    answer = {"MaxKeys": 1, "ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 01 Jan 2027 00:00:10 GMT"}}}
    assert _s3(list_objects_v2=answer)[0].now() == 1798761610.0


@pytest.mark.parametrize("headers", [{}, {"date": "soon"}, {"date": ""}])
def test_a_server_without_a_clock(headers: dict[str, str]) -> None:
    with pytest.raises(LrsError, match="what time it is"):
        _s3(list_objects_v2={"Name": "bucket", "ResponseMetadata": {"HTTPHeaders": headers}})[0].now()
