"""What obstore says, word for word as version 0.12.1 says it, and what it means."""

from __future__ import annotations

import pytest

from kubectl_lrs.backends.base import KeyExistsError, KeyNotFoundError, NoSpaceError
from kubectl_lrs.backends.obstore_errors import Unfit, translated
from kubectl_lrs.backends.s3_errors import (
    BareDeniedError,
    BareNotFoundError,
    EmptyRangeError,
    NoBucketError,
    PassingError,
    UnknownRequestError,
)
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError

DEBUG = '\n\nDebug source:\nGeneric {\n    store: "S3",\n    source: RetryError(\n'


def _answered(status: str, code: str = "", message: str = "no &amp; never") -> str:
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>' if code else ""
    )
    where = "Generic S3 error: Error performing PUT http://127.0.0.1:44285/bkt/some/a:b in 440.061\u00b5s"
    return f"{where} - Server returned non-2xx status code: {status}: {body}{DEBUG}"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (_answered("404 Not Found", "NoSuchKey"), KeyNotFoundError),
        (_answered("404 Not Found", "NoSuchBucket"), NoBucketError),
        (_answered("404 Not Found"), BareNotFoundError),
        (_answered("412 Precondition Failed", "PreconditionFailed"), KeyExistsError),
        (_answered("412 Precondition Failed"), KeyExistsError),
        (_answered("409 Conflict", "ConditionalRequestConflict"), KeyExistsError),
        (_answered("416 Range Not Satisfiable", "InvalidRange"), EmptyRangeError),
        (_answered("403 Forbidden", "AccessDenied"), DeniedError),
        (_answered("403 Forbidden"), BareDeniedError),
        (_answered("403 Forbidden", "InvalidAccessKeyId"), CredentialsError),
        (_answered("403 Forbidden", "RequestTimeTooSkewed"), CredentialsError),
        (_answered("501 Not Implemented", "NotImplemented"), UnknownRequestError),
        (_answered("503 Service Unavailable", "SlowDown"), PassingError),
        (_answered("503 Service Unavailable", "NeverHeardOf"), PassingError),
        (_answered("429 Too Many Requests"), PassingError),
        (_answered("507 Insufficient Storage"), NoSpaceError),
        (_answered("403 Forbidden", "QuotaExceeded"), NoSpaceError),
        (_answered("418 I'm a teapot"), LrsError),
        (f"Generic S3 error: HTTP error: error sending request{DEBUG}", PassingError),
    ],
)
def test_each_answer(said: str, kind: type[LrsError]) -> None:
    found = translated(Exception(said), "s3://b/p: a/key")
    assert type(found) is kind
    assert str(found).startswith("s3://b/p: a/key: ")
    assert "Debug" not in str(found)
    assert "44285" not in str(found)


def test_the_servers_own_words_are_shown() -> None:
    assert "no & never (AccessDenied)" in str(translated(Exception(_answered("403 Forbidden", "AccessDenied")), "s3://b"))


def test_what_is_no_answer_of_s3_is_not_taken_for_one() -> None:
    """A page of a proxy, which may hold anything."""
    said = _answered("403 Forbidden").replace(DEBUG, f"<html>status code: 404 Not Found: <h1>gone</h1></html>{DEBUG}")
    assert type(translated(Exception(said), "s3://b")) is BareDeniedError


@pytest.mark.parametrize("code", ["PermanentRedirect", "AuthorizationHeaderMalformed", ""])
def test_another_region_is_for_the_other_library(code: str) -> None:
    found = translated(Exception(_answered("301 Moved Permanently", code)), "s3://b")
    assert isinstance(found, Unfit)
    assert found.for_good


def test_so_is_a_certificate_that_is_not_trusted() -> None:
    said = f"Generic S3 error: HTTP error: error sending request{DEBUG} error: InvalidCertificate(UnknownIssuer)"
    found = translated(Exception(said), "s3://b")
    assert isinstance(found, Unfit)
    assert found.for_good


def test_what_it_cannot_do_is_for_the_other_library_this_once() -> None:
    for said in ('Could not parse path: Path "a//b" contained empty path segment', "Received non-partial response", ""):
        found = translated(ValueError(said), "s3://b")
        assert isinstance(found, Unfit)
        assert not found.for_good


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        ('kind: Connect, source: Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }', "Connection refused"),
        ("HttpError {\n  kind: Timeout,", "timed out"),
        ("HttpError {\n  kind: Interrupted,", "breaks off"),
        ("", "breaks off"),
    ],
)
def test_why_nobody_answered(inner: str, words: str) -> None:
    assert words in str(translated(Exception(f"Generic S3 error: HTTP error: x{DEBUG}{inner}"), "s3://b"))
