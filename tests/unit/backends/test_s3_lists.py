"""Entries of a list, read out of its text: the same as the library's own, or left to it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from xml.etree import ElementTree

import pytest

from kubectl_lrs.backends.s3_lists import entries, reader

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
MADE = "2026-11-28T07:10:11.000Z"


def _entry(key: str = "a", more: str = "", size: str = "3") -> str:
    said = f"<Key>{key}</Key><LastModified>{MADE}</LastModified><Size>{size}</Size>"
    return f"<Contents>{said}<ETag>&quot;e&quot;</ETag>{more}</Contents>"


def _page(*inner: str, root: str = "ListBucketResult", namespace: str = NAMESPACE) -> bytes:
    return f"<?xml version='1.0' encoding='UTF-8'?><{root} {namespace}>{''.join(inner)}</{root}>".encode()


def _read(body: bytes) -> tuple[list[Any], bytes] | None:
    found = entries(body, lambda said: datetime.strptime(said, "%Y-%m-%dT%H:%M:%S.000Z").replace(tzinfo=timezone.utc))
    return found and (list(found[0]), found[1])


@pytest.mark.parametrize("namespace", [NAMESPACE, "", "xmlns='urn:x'"])
def test_entries_and_what_is_left(namespace: str) -> None:
    rest = "<Name>b</Name><IsTruncated>true</IsTruncated>"
    read = _read(_page(rest, _entry("&amp;%C3%A4"), _entry("b", "<StorageClass>COLD</StorageClass>"), namespace=namespace))
    assert read is not None
    made = datetime(2026, 11, 28, 7, 10, 11, tzinfo=timezone.utc)
    assert read[0] == [
        {"Key": "&%C3%A4", "Size": 3, "LastModified": made, "ETag": '"e"'},
        {"Key": "b", "Size": 3, "LastModified": made, "ETag": '"e"'},
    ]
    assert [(each.tag.rpartition("}")[2], each.text) for each in ElementTree.fromstring(read[1])] == [
        ("Name", "b"),
        ("IsTruncated", "true"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        _page(_entry())[:-20],
        _page("<KeyCount>0</KeyCount>"),
        _page(_entry(), root="Error"),
        _page(_entry(), "<Contents><Key>a</Key></Contents>"),
        _page(_entry(), _entry(size="many")),
        _page(_entry(), _entry(size="")),
        _page(_entry(), _entry(more="<Key>b</Key>")),
        _page(_entry().replace(MADE, "yesterday")),
        _page(_entry().replace("<Size>3</Size>", "")),
    ],
)
def test_what_is_left_to_the_library(body: bytes) -> None:
    assert _read(body) is None


def test_an_answer_that_is_no_list_stays_as_it_is() -> None:
    body, read = _page(_entry()), reader(lambda _: datetime.now(timezone.utc))
    response: dict[str, Any] = {"status_code": 503, "body": body}
    found: dict[str, Any] = {}
    read(response_dict=response, customized_response_dict=found, operation_model=None)
    assert (response["body"], found) == (body, {})
    response["status_code"] = 200
    read(response_dict=response, operation_model=None)  # of a library that would not take them
    assert response["body"] == body
    read(response_dict=response, customized_response_dict=found, operation_model=None)
    assert len(found["Contents"]) == 1
    assert b"Contents" not in response["body"]
