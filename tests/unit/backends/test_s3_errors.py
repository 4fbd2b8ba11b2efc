"""S3's words for a failure, as errors of ours: what means "not there", what may pass, what ends everything."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions as known

from kubectl_lrs.backends.base import KeyExistsError, KeyNotFoundError, NoSpaceError
from kubectl_lrs.backends.s3_errors import (
    BareDeniedError,
    BareNotFoundError,
    BareRefusedError,
    NoBucketError,
    PassingError,
    code_of,
    is_second_try,
    of_code,
    translated,
)
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UnreachableError, UsageError


def _client(code: str, **more: Any) -> known.ClientError:
    return known.ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": more}, "GetObject")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("NoSuchKey", KeyNotFoundError),
        ("NoSuchVersion", KeyNotFoundError),
        ("404", BareNotFoundError),
        ("NoSuchBucket", NoBucketError),
        ("PreconditionFailed", KeyExistsError),
        ("412", KeyExistsError),
        ("QuotaExceeded", NoSpaceError),
        ("507", NoSpaceError),
        ("403", BareDeniedError),
        ("400", BareRefusedError),
        ("AccessDenied", DeniedError),
        ("ExpiredToken", CredentialsError),
        ("RequestTimeTooSkewed", CredentialsError),
        ("SlowDown", PassingError),
        ("500", PassingError),
        ("AuthorizationHeaderMalformed", UsageError),
        ("KMS.NotFoundException", UsageError),
        ("InvalidBucketName", UsageError),
        ("NeverHeardOf", LrsError),
    ],
)
def test_each_word(code: str, kind: type[LrsError]) -> None:
    found = translated(_client(code), "s3://b/p", "a/key", ())
    assert type(found) is kind
    assert f"s3://b/p: a/key: no ({code})" in str(found)


def test_a_word_that_is_not_known_is_what_its_status_says() -> None:
    assert type(of_code("TooManyCooks", "no", "s3://b", status="503")) is PassingError
    assert type(of_code("TooManyCooks", "no", "s3://b", status="403")) is BareDeniedError
    assert type(of_code("TooManyCooks", "no", "s3://b")) is LrsError
    assert type(of_code("AccessDenied", "no", "s3://b", status="404")) is DeniedError


def test_only_s3s_own_word_means_that_nothing_is_there() -> None:
    kinds = {code: type(translated(_client(code), "", "", ())) for code in ("404", "NotFound", "NoSuchBucket", "Gone", "410")}
    assert KeyNotFoundError not in kinds.values()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (known.NoCredentialsError(), CredentialsError),
        (known.ProfileNotFound(profile="x"), CredentialsError),
        (known.ParamValidationError(report="x"), UsageError),
        (known.SSLError(endpoint_url="https://h", error="x"), UnreachableError),
        (known.EndpointConnectionError(endpoint_url="http://h"), PassingError),
        (OSError("?"), PassingError),
    ],
)
def test_where_nothing_was_answered(error: Exception, kind: type[LrsError]) -> None:
    assert type(translated(error, "s3://b", "k", ())) is kind


def test_no_secret_is_shown() -> None:
    assert "very-secret" not in str(translated(OSError("signed with very-secret"), "s3://b", "k", ("very-secret",)))


def test_the_code() -> None:
    assert code_of(_client("X")) == "X"
    assert code_of(OSError()) == ""


@pytest.mark.parametrize(("attempts", "is_second"), [(0, False), (1, True), (2, True)])
def test_whether_it_was_sent_before(attempts: int, is_second: bool) -> None:
    error = translated(_client("412", RetryAttempts=attempts), "", "", ())
    error.__cause__ = _client("412", RetryAttempts=attempts)
    assert is_second_try(error) == is_second
    assert not is_second_try(KeyExistsError("x"))
