"""What Google Cloud Storage answers when it refuses: what means "not there", what may pass, what ends everything."""

from __future__ import annotations

import json

import pytest

from kubectl_lrs.backends.base import (
    BareNotFoundError,
    KeyExistsError,
    KeyNotFoundError,
    NoBucketError,
    NoSpaceError,
    PassingError,
    WrongSumError,
)
from kubectl_lrs.backends.gcs_errors import EmptyRangeError, Said, UnsaidNotFoundError, of_bucket, of_upload, refused, said_of
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UnreachableError, UsageError


def _body(message: str, reason: str = "") -> bytes:
    return json.dumps({"error": {"code": 1, "message": message, "errors": [{"reason": reason, "message": message}]}}).encode()


@pytest.mark.parametrize(
    ("status", "message", "reason", "kind"),
    [
        (401, "Invalid Credentials", "authError", CredentialsError),
        (403, "x does not have storage.objects.create access", "forbidden", DeniedError),
        (403, "Object is subject to bucket's retention policy", "retentionPolicyNotMet", DeniedError),
        (403, "too many", "userRateLimitExceeded", PassingError),
        (403, "no more", "quotaExceeded", NoSpaceError),
        (404, "No such object: b/k", "notFound", KeyNotFoundError),
        (404, "The specified bucket does not exist.", "notFound", NoBucketError),
        (404, "Not Found", "notFound", UnsaidNotFoundError),
        (400, "Provided MD5 hash is not that of the content", "invalid", WrongSumError),
        (400, "Invalid bucket name", "invalid", UsageError),
        (412, "At least one of the pre-conditions", "conditionNotMet", KeyExistsError),
        (416, "", "", EmptyRangeError),
        (429, "slow down", "rateLimitExceeded", PassingError),
        (503, "", "", PassingError),
        (418, "", "", LrsError),
    ],
)
def test_what_it_means(status: int, message: str, reason: str, kind: type[LrsError]) -> None:
    error = refused(status, _body(message, reason), "gs://b: k")
    assert type(error) is kind
    assert str(error).startswith("gs://b: k: ")
    assert str(status) in str(error)
    assert message in str(error)


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[]", b'{"error": 3}', b"{}", b'"x"', b"\xff", b"[" * 5000])
def test_a_404_of_anybody_is_no_word_of_the_storage(body: bytes) -> None:
    assert said_of(body) == Said("", "")
    error = refused(404, body, "gs://b: k")
    assert isinstance(error, BareNotFoundError)
    assert not isinstance(error, KeyNotFoundError)
    assert error.hint == "is there a proxy in between?"


def test_of_the_bucket_alone() -> None:
    for message in ("Not Found", "No such object: b/k", "The specified bucket does not exist."):
        assert isinstance(of_bucket(404, _body(message, "notFound"), "gs://b: a list"), NoBucketError)
    assert isinstance(of_bucket(404, b"", "gs://b: a list"), BareNotFoundError)
    assert isinstance(of_bucket(412, _body("no", "conditionNotMet"), "gs://b: k"), KeyExistsError)


@pytest.mark.parametrize("status", [404, 410])
def test_an_upload_that_the_server_has_forgotten(status: int) -> None:
    error = of_upload(status, b"", "gs://b: k")
    assert isinstance(error, UnreachableError)
    assert not isinstance(error, PassingError)
    assert isinstance(of_upload(503, b"", "gs://b: k"), PassingError)


def test_what_it_says_is_shown_without_control_characters() -> None:
    assert "\x1b" not in str(refused(403, _body("a\x1b[31mb", "forbidden"), "gs://b: k"))
