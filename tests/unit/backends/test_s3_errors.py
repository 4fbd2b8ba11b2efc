"""What S3 says, as an error of ours: absent only where it is said, and no secret in any message."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions as known

from kubectl_lrs.backends.base import FullError, GoneError, TakenError
from kubectl_lrs.backends.s3_errors import NoBucketError, UnknownRequestError, code_of, translated
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError, UsageError


def _refused(code: str, message: str = "no") -> known.ClientError:
    return known.ClientError({"Error": {"Code": code, "Message": message}}, "PutObject")


def _kind(error: Exception) -> type[LrsError]:
    return type(translated(error, "s3://b", "path", ()))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("NoSuchKey", GoneError),
        ("404", GoneError),
        ("NoSuchBucket", NoBucketError),
        ("AccessDenied", DeniedError),
        ("403", DeniedError),
        ("ExpiredToken", DeniedError),
        ("PreconditionFailed", TakenError),
        ("412", TakenError),
        ("QuotaExceeded", FullError),
        ("507", FullError),
        ("NotImplemented", UnknownRequestError),
        ("SlowDown", UnreachableError),
        ("500", UnreachableError),
        ("InvalidBucketName", UsageError),
        ("SomethingNew", LrsError),
    ],
)
def test_each_word_of_the_server(code: str, kind: type[LrsError]) -> None:
    error = _refused(code)
    assert code_of(error) == code
    assert _kind(error) is kind
    wrapped = OSError("a library's own words")
    wrapped.__cause__ = error
    assert _kind(wrapped) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (known.NoCredentialsError(), DeniedError),
        (known.ProfileNotFound(profile="x"), DeniedError),
        (known.ParamValidationError(report="x"), UsageError),
        (known.SSLError(endpoint_url="https://x", error="x"), UnreachableError),
        (known.EndpointConnectionError(endpoint_url="https://x"), UnreachableError),
        (TimeoutError(), UnreachableError),
    ],
)
def test_no_answer_at_all_is_never_absence(error: Exception, kind: type[LrsError]) -> None:
    assert code_of(error) == ""
    assert _kind(error) is kind


def test_secrets_are_hidden() -> None:
    found: Any = translated(_refused("AccessDenied", "key s3cr3t is not known"), "s3://b", "a\x1b[2Jb", ("s3cr3t",))
    assert "s3cr3t" not in str(found)
    assert str(found).isprintable()
