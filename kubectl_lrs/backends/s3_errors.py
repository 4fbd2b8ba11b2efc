"""What S3 and its library raise, as errors of ours. Pure but for the library's own classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubectl_lrs.backends.base import (
    BareNotFoundError,
    EmptyRangeError,
    KeyExistsError,
    KeyNotFoundError,
    NoBucketError,
    NoSpaceError,
    PassingError,
    WrongSumError,
)
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UnreachableError, UsageError
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.runtime.redact import text as heard


class UnknownRequestError(LrsError):
    """The server does not know the request, or a condition of it."""


class BareDeniedError(DeniedError):
    """403 without S3's word for it: a HEAD does not say whether it is for the rights, the credentials or the clock."""


class BareRefusedError(LrsError):
    """The same for what is wrong with the request: as where the bucket is in another region."""


class GarbledError(LrsError):
    """The server could not read the request at all: its connection was out of step, and nothing was done."""


def _each(error: Callable[..., LrsError], hint: str, *codes: str) -> dict[str, tuple[Callable[..., LrsError], str]]:
    return dict.fromkeys(codes, (error, hint))


_RIGHTS = "see docs/files.md for the rights that are needed"
_KEYS = "check the credentials"
_ROOM = "make room there; running it again goes on"
_SUMS = ("XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch")
_BUSY = "the storage is overloaded; try again later"
_REGION = "the bucket is in another region: set AWS_REGION to the one that the server names"
_KMS = "check LRS_S3_SSE and LRS_S3_SSE_KEY, and that the storage has that key"
_BY_CODE: Mapping[str, tuple[Callable[..., LrsError], str]] = {
    **_each(NoBucketError, "is the URL right, and the endpoint?", "NoSuchBucket"),
    **_each(UsageError, "check the URL", "InvalidBucketName"),
    **_each(NoSpaceError, _ROOM, "QuotaExceeded", "InsufficientStorage", "507", "XMinioStorageFull"),
    **_each(NoSpaceError, _ROOM, "XMinioAdminBucketQuotaExceeded"),
    **_each(KeyExistsError, "", "PreconditionFailed", "412", "ConditionalRequestConflict"),
    **_each(KeyExistsError, "", "ExistingObjectIsDirectory", "ObjectParentIsFile"),
    **_each(UnknownRequestError, "", "NotImplemented", "501"),
    **_each(DeniedError, _RIGHTS, "AccessDenied", "AllAccessDisabled", "AccountProblem", "InvalidObjectState"),
    **_each(BareDeniedError, _RIGHTS, "403", "401"),
    **_each(BareRefusedError, "", "400"),
    **_each(CredentialsError, _KEYS, "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"),
    **_each(CredentialsError, "set the clock of this machine", "RequestTimeTooSkewed"),
    **_each(KeyNotFoundError, "", "NoSuchKey", "NoSuchVersion"),
    **_each(BareNotFoundError, "is there a proxy in between?", "404"),
    **_each(EmptyRangeError, "", "InvalidRange", "416"),
    **_each(GarbledError, "", "BadRequest"),
    **_each(WrongSumError, "running it again goes on", "BadDigest", "InvalidDigest", *_SUMS),
    **_each(
        UsageError, _REGION, "AuthorizationHeaderMalformed", "PermanentRedirect", "301", "IllegalLocationConstraintException"
    ),
    **_each(UsageError, _KMS, "KMS.NotFoundException", "KMS.DisabledException", "KMS.KMSInvalidStateException"),
    **_each(UsageError, _KMS, "InvalidEncryptionAlgorithmError", "XMinioKMSNotConfigured", "KMSNotConfigured"),
    **_each(PassingError, _BUSY, "SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable", "503", "429"),
    **_each(PassingError, "try again later", "InternalError", "RequestTimeout", "500", "502", "504"),
}


def translated(error: Exception, url: str, path: str, hidden: tuple[str, ...]) -> LrsError:
    """The error of ours for one that a request for `path` ended with."""
    where, code = f"{url}: {shown(path)}", code_of(error)
    return of_code(code, heard(_said(error), hidden), where) if code else _without_answer(error, url, where, heard(error, hidden))


def of_code(code: str, said: str, where: str, *, status: str = "") -> LrsError:
    """The error of ours for S3's word for it, or else for an HTTP status; `said` is what the server has to say besides."""
    kind, hint = _BY_CODE.get(code) or _BY_CODE.get(status) or (LrsError, "")
    return kind(f"{where}: {heard(said)} ({heard(code)})", hint=hint)


def code_of(error: Exception) -> str:
    """S3's word for it, or the HTTP status where a HEAD was refused; empty where nothing was answered."""
    return str(_answer(error).get("Code") or "")


def _said(error: Exception) -> str:
    """What the server has to say, without the library's sentence around it."""
    return str(_answer(error).get("Message") or error)


def _answer(error: Exception) -> Mapping[str, Any]:
    response = getattr(error, "response", None)
    return response.get("Error") or {} if isinstance(response, dict) else {}


def is_second_try(error: BaseException | None) -> bool:
    """Whether the library had sent the request before: what it did then is not known."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            return bool(response.get("ResponseMetadata", {}).get("RetryAttempts"))
        error = error.__cause__
    return False


def _without_answer(error: Exception, url: str, where: str, said: str) -> LrsError:
    from botocore import exceptions as known

    if isinstance(error, (known.NoCredentialsError, known.PartialCredentialsError, known.ProfileNotFound)):
        names = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, --files-options FILE"
        hint = f"give {names}, or of backups LRS_BACKUP_OPTIONS"
        return CredentialsError(f"{url}: {said}", hint=hint)
    if isinstance(error, known.ParamValidationError):
        return UsageError(f"{where}: {said}", hint="check the URL")
    if isinstance(error, known.SSLError):
        return UnreachableError(
            f"{url}: {said}", hint="name the file of its authority with --files-ca-file, of backups with LRS_BACKUP_CA_FILE"
        )
    return PassingError(f"{url}: cannot be reached: {said}", hint="check the endpoint and the network")


BARE = (BareNotFoundError, BareDeniedError, BareRefusedError)
"""What a HEAD was answered with, and only a GET is told why."""
