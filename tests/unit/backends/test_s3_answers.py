"""What is read out of S3's answers: sizes, etags, ranges, and whether an etag is a sum of the content."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from typing import Any

import pytest

from kubectl_lrs.backends.base import Stat
from kubectl_lrs.backends.s3_answers import MODIFIED, contradicts, etag_of, etag_of_parts, instant_of, range_of, stat_of

WHEN = datetime(2026, 1, 2, tzinfo=timezone.utc)
MD5 = hashlib.md5(b"x", usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("answer", "etag"),
    [
        ({"ETag": f'"{MD5}"'}, MD5),
        ({"ETag": '"abc-3"', "LastModified": WHEN}, "abc-3"),
        ({"LastModified": WHEN}, f"{MODIFIED}2026-01-02 00:00:00+00:00"),
        ({"ETag": ""}, ""),
        ({}, ""),
    ],
)
def test_etag(answer: dict[str, Any], etag: str) -> None:
    assert etag_of(answer) == etag


def test_what_is_kept_beside_the_content() -> None:
    answer = {"ContentLength": 3, "ETag": '"e"', "ContentType": "a/b", "Metadata": {}, "StorageClass": "GLACIER"}
    assert stat_of("k", answer) == Stat("k", 3, "e", None, {"ContentType": "a/b"})
    assert stat_of("k", answer, 10).size == 10


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("bytes 0-0/1", (0, 1, 1)),
        ("bytes 8-15/100", (8, 8, 100)),
        ("bytes 0-3/*", None),
        ("bytes */100", None),
        ("3-4/5", None),
        ("", None),
        (None, None),
    ],
)
def test_a_range(said: str | None, found: tuple[int, int, int] | None) -> None:
    assert range_of({"ContentRange": said}) == found


@pytest.mark.parametrize(
    ("answer", "etag", "is_other"),
    [
        ({}, MD5, False),
        ({}, "0" * 32, True),
        ({"ServerSideEncryption": "AES256"}, "0" * 32, True),
        ({"ServerSideEncryption": "aws:kms"}, "0" * 32, False),
        ({"ServerSideEncryption": "aws:kms:dsse"}, "0" * 32, False),
        ({"SSECustomerAlgorithm": "AES256"}, "0" * 32, False),
        ({}, "0" * 32 + "-2", False),
        ({}, "F" * 32, False),
        ({}, "", False),
        ({}, f"{MODIFIED}now", False),
    ],
)
def test_an_etag_that_is_a_sum_of_something_else(answer: dict[str, Any], etag: str, is_other: bool) -> None:
    assert contradicts(answer, etag, MD5) == is_other


def test_the_etag_of_parts_is_what_s3_makes_of_them() -> None:
    digest = hashlib.md5(b"lrs", usedforsecurity=False).digest()
    assert etag_of_parts([digest]) == "ff77612ee714c286f610466a326e98a8-1"


def test_an_instant() -> None:
    assert instant_of({"LastModified": WHEN}) == WHEN.timestamp()
    assert instant_of({"LastModified": "yesterday"}) is None
