"""What S3 and its library raise, as errors of ours. Pure but for the library's own classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubectl_lrs.backends.base import FullError, GoneError, TakenError
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError, UsageError
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.runtime.redact import text as heard


class UnknownRequestError(LrsError):
    """The server does not know the request, or a condition of it."""


class NoBucketError(UnreachableError):
    """The bucket is not there."""


def _each(error: Callable[..., LrsError], hint: str, *codes: str) -> dict[str, tuple[Callable[..., LrsError], str]]:
    return dict.fromkeys(codes, (error, hint))


_RIGHTS = "see docs/files.md for the rights that are needed"
_BY_CODE: Mapping[str, tuple[Callable[..., LrsError], str]] = {
    **_each(NoBucketError, "is the URL right, and --files-endpoint?", "NoSuchBucket"),
    **_each(UsageError, "check --files-url", "InvalidBucketName"),
    **_each(FullError, "make room there; running it again goes on", "QuotaExceeded", "InsufficientStorage", "507"),
    **_each(FullError, "make room there; running it again goes on", "XMinioStorageFull"),
    **_each(TakenError, "", "PreconditionFailed", "412", "ConditionalRequestConflict"),
    **_each(UnknownRequestError, "", "NotImplemented", "501"),
    **_each(DeniedError, _RIGHTS, "403", "401", "AccessDenied", "AllAccessDisabled", "AccountProblem", "InvalidObjectState"),
    **_each(DeniedError, "check the credentials", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"),
    **_each(DeniedError, "set the clock of this machine", "RequestTimeTooSkewed"),
    **_each(GoneError, "", "NoSuchKey", "404", "NoSuchVersion"),
    **_each(UnreachableError, "the storage is overloaded; try again later", "SlowDown", "ServiceUnavailable", "503"),
    **_each(UnreachableError, "try again later", "InternalError", "RequestTimeout", "500", "502", "504"),
}


def translated(error: Exception, url: str, path: str, hidden: tuple[str, ...]) -> LrsError:
    """The error of ours for one that a request for `path` ended with."""
    where, said, code = f"{url}: {shown(path)}", heard(error, hidden), code_of(error)
    if code in _BY_CODE:
        kind, hint = _BY_CODE[code]
        return kind(f"{where}: {said} ({code})", hint=hint)
    if code:
        return LrsError(f"{where}: {said} ({code})")
    return _without_answer(error, url, where, said)


def code_of(error: Exception) -> str:
    """S3's word for it, or the HTTP status where a HEAD was refused; empty where nothing was answered."""
    for each in (error.__cause__, error):
        response = getattr(each, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code") or "")
    return ""


def _without_answer(error: Exception, url: str, where: str, said: str) -> LrsError:
    from botocore import exceptions as known

    if isinstance(error, (known.NoCredentialsError, known.PartialCredentialsError, known.ProfileNotFound)):
        hint = "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or --files-options FILE"
        return DeniedError(f"{url}: {said}", hint=hint)
    if isinstance(error, known.ParamValidationError):
        return UsageError(f"{where}: {said}", hint="check --files-url")
    if isinstance(error, known.SSLError):
        return UnreachableError(f"{url}: {said}", hint="give the authority of its certificate with --files-ca-file")
    return UnreachableError(f"{url}: cannot be reached: {said}", hint="check --files-endpoint and the network")
