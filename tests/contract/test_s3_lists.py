"""Entries of S3's lists, read here and by botocore alone: the same, whatever a server says."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.backends import s3_lists
from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.backends.s3_library import Library

NAMESPACES = ("", 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"')
ASKED_FOR = frozenset(("Key", "Size", "ETag", "LastModified"))


class _Raw:
    """A body, as it is streamed."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Any:
        yield self._body


class _Clients:
    """botocore's own client and ours, given the same answer."""

    def __init__(self) -> None:
        self._answer: tuple[int, bytes] = (200, b"")
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1, "mode": "standard"})
        place = StorageLocation(url="s3://b/x", endpoint="http://h", options={"anon": True})
        self._ours = Library(place).ready()
        self._theirs = botocore.session.Session().create_client("s3", region_name="r", endpoint_url="http://h", config=config)
        for each in (self._ours, self._theirs):
            each.meta.events.register("before-send.s3.ListObjectsV2", self._send)

    def _send(self, request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, self._answer[0], {"Date": "Sat, 28 Nov 2026 07:10:11 GMT"}, _Raw(self._answer[1]))

    def read(self, body: bytes, status: int = 200) -> tuple[Any, Any]:
        """What each makes of it."""
        self._answer = status, body
        return self._one(self._ours), self._one(self._theirs)

    def _one(self, client: Any) -> Any:
        try:
            answer = client.list_objects_v2(Bucket="b")
        except Exception as error:  # the library's own words for what a server says, and its mistakes
            return type(error).__name__, str(error)
        for each in answer.get("Contents", ()):
            for name in each.keys() - ASKED_FOR:
                del each[name]
        return answer


CLIENTS = _Clients()

_KEYS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=20)
_TIMES = st.sampled_from(("2026-11-28T07:10:11.000Z", "2026-11-28T07:10:11Z", "Sat, 28 Nov 2026 07:10:11 GMT", "1795849811", "x"))
_OTHERS = st.sampled_from(
    (
        "<Owner><ID>i</ID></Owner>",
        "<StorageClass/>",
        "<ChecksumAlgorithm>A</ChecksumAlgorithm><ChecksumAlgorithm>B</ChecksumAlgorithm>",
        "<Size>4</Size>",
        "<New>1</New>",
    )
)


@st.composite
def _contents(draw: st.DrawFn) -> str:
    said = [
        f"<Key>{escape(draw(_KEYS))}</Key>",
        f"<LastModified>{draw(_TIMES)}</LastModified>",
        f"<Size>{draw(st.sampled_from(('0', '12', ' 7 ', '', '1_0', '5e9')))}</Size>",
        f"<ETag>{draw(st.sampled_from(('&quot;e&quot;', 'e', '')))}</ETag>",
    ]
    kept = [each for each in said if draw(st.integers(0, 9))]
    return f"<Contents>{''.join(draw(st.permutations((*kept, *draw(st.lists(_OTHERS, max_size=2))))))}</Contents>"


@st.composite
def _pages(draw: st.DrawFn) -> bytes:
    inner = [*draw(st.lists(_contents(), max_size=4)), "<Name>b</Name>", "<KeyCount>3</KeyCount>"]
    inner += [each for each in ("<EncodingType>url</EncodingType>", "<IsTruncated>true</IsTruncated>") if draw(st.booleans())]
    inner += ["<CommonPrefixes><Prefix>p%2F</Prefix></CommonPrefixes>"] * draw(st.integers(0, 1))
    root = draw(st.sampled_from(("ListBucketResult", "ListBucketResult", "ListBucketResult", "Error", "html")))
    return f"<{root} {draw(st.sampled_from(NAMESPACES))}>{''.join(draw(st.permutations(inner)))}</{root}>".encode()


@given(_pages(), st.sampled_from((200, 200, 200, 503)))
def test_a_list_says_what_it_says_to_the_library(body: bytes, status: int) -> None:
    ours, theirs = CLIENTS.read(body, status)
    assert ours == theirs


@pytest.mark.parametrize("body", [b"", b"no XML", b"<ListBucketResult><Contents><Key>a</Key>", b"\xff<ListBucketResult/>"])
def test_what_is_no_list_is_what_it_is_to_the_library(body: bytes) -> None:
    ours, theirs = CLIENTS.read(body)
    assert ours == theirs


def test_entries_are_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not left to the library after all: of keys that are no text of XML, too, as they come."""
    read: list[Any] = []
    real = s3_lists.entries

    def entries(body: bytes, instant: s3_lists.Instant) -> Any:
        read.append(real(body, instant))
        return read[-1]

    monkeypatch.setattr(s3_lists, "entries", entries)
    key = "a b/\x01ä&"
    said = "<LastModified>2026-11-28T07:10:11.000Z</LastModified><ETag>e</ETag><Size>3</Size><StorageClass>S</StorageClass>"
    entry = f"<Contents><Key>{quote(key)}</Key>{said}</Contents>"
    body = f"<ListBucketResult><EncodingType>url</EncodingType>{entry}</ListBucketResult>"
    ours, theirs = CLIENTS.read(body.encode())
    assert ours == theirs
    assert [each["Key"] for each in ours["Contents"]] == [key]
    assert isinstance(ours["Contents"][0]["LastModified"], datetime)
    assert [len(found) for found, _ in read] == [1]
