"""What a bucket is asked to encrypt by: every input has an effect, or is refused."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.backends.s3_encryption import BY_THE_BUCKET, Encryption, from_environment
from kubectl_lrs.model.errors import UsageError

ARN = "arn:aws:kms:eu-central-1:123456789012:key/abcd"


@pytest.mark.parametrize(
    ("environment", "request_"),
    [
        ({}, {}),
        ({"LRS_S3_SSE": " "}, {}),
        ({"LRS_S3_SSE": "AES256"}, {"ServerSideEncryption": "AES256"}),
        ({"LRS_S3_SSE": "aws:kms"}, {"ServerSideEncryption": "aws:kms"}),
        (
            {"LRS_S3_SSE": "aws:kms", "LRS_S3_SSE_KEY": ARN, "LRS_S3_BUCKET_KEY": "true"},
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": ARN, "BucketKeyEnabled": True},
        ),
        (
            {"LRS_S3_SSE": "aws:kms", "LRS_S3_BUCKET_KEY": "False"},
            {"ServerSideEncryption": "aws:kms", "BucketKeyEnabled": False},
        ),
        ({"LRS_S3_SSE": "aws:kms:dsse", "LRS_S3_SSE_KEY": "k"}, {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": "k"}),
    ],
)
def test_what_goes_with_each_upload(environment: dict[str, str], request_: dict[str, Any]) -> None:
    assert from_environment(environment).request == request_


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"LRS_S3_SSE": "aes256"}, "LRS_S3_SSE"),
        ({"LRS_S3_SSE": "sse-c"}, "LRS_S3_SSE"),
        ({"LRS_S3_SSE_KEY": ARN}, "LRS_S3_SSE_KEY"),
        ({"LRS_S3_SSE": "AES256", "LRS_S3_SSE_KEY": ARN}, "LRS_S3_SSE_KEY"),
        ({"LRS_S3_BUCKET_KEY": "true"}, "LRS_S3_BUCKET_KEY"),
        ({"LRS_S3_SSE": "AES256", "LRS_S3_BUCKET_KEY": "true"}, "LRS_S3_BUCKET_KEY"),
        ({"LRS_S3_SSE": "aws:kms", "LRS_S3_BUCKET_KEY": "1"}, "LRS_S3_BUCKET_KEY"),
        ({"LRS_S3_SSE": "aws:kms:dsse", "LRS_S3_BUCKET_KEY": "true"}, "LRS_S3_BUCKET_KEY"),
    ],
)
def test_what_does_not_go_together(environment: dict[str, str], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        from_environment(environment)


def test_nothing_is_asked_for_by_default() -> None:
    assert Encryption() == BY_THE_BUCKET
    assert BY_THE_BUCKET.request == {}
