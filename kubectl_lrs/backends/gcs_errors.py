"""What Google Cloud Storage answers when it refuses, as errors of ours: by HTTP's status and its own words. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

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
from kubectl_lrs.runtime.redact import text as heard


class UnsaidNotFoundError(KeyNotFoundError):
    """It is not there, and the answer does not say whether that is the object or the whole bucket."""


class Said(NamedTuple):
    """Google's own words; both empty where the answer is anybody's."""

    message: str
    reason: str


_KEYS = "check the credentials that GOOGLE_APPLICATION_CREDENTIALS or LRS_BACKUP_OPTIONS name"
_RIGHTS = "see docs/repository.md for the rights that are needed"
_BUSY = "the storage is overloaded; try again later"
_ROOM = "make room there; running it again goes on"
_PROXY = "is there a proxy in between?"
_BUCKET = "is the URL right, and the endpoint?"

_BY_STATUS: Mapping[int, tuple[Callable[..., LrsError], str]] = {
    400: (UsageError, "check the URL"),
    401: (CredentialsError, _KEYS),
    403: (DeniedError, _RIGHTS),
    412: (KeyExistsError, ""),
    416: (EmptyRangeError, ""),
    507: (NoSpaceError, _ROOM),
    **dict.fromkeys((408, 429, 500, 502, 503, 504), (PassingError, _BUSY)),
}
_BY_REASON: Mapping[str, tuple[Callable[..., LrsError], str]] = {
    "rateLimitExceeded": (PassingError, _BUSY),
    "userRateLimitExceeded": (PassingError, _BUSY),
    "retentionPolicyNotMet": (DeniedError, "the bucket's retention policy keeps it until then"),
    "objectUnderActiveHold": (DeniedError, "the object is under a hold of the bucket's"),
    "quotaExceeded": (NoSpaceError, _ROOM),
}


def said_of(body: bytes) -> Said:
    """What a refusal says, where it is in the form that the storage has for it."""
    try:
        error = json.loads(body)["error"]
        first = (error.get("errors") or [{}])[0]
        return Said(str(error.get("message") or ""), str(first.get("reason") or ""))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return Said("", "")


def refused(status: int, body: bytes, where: str) -> LrsError:
    """The error for an answer about an object."""
    said = said_of(body)
    told = f"{where}: {heard(said.message) or 'the server answers'} ({status})"
    if status == 404:
        return _absent(said, told)
    if status == 400 and any(word in said.message.lower() for word in ("hash", "md5", "crc32c", "checksum")):
        return WrongSumError(told, hint="running it again goes on")
    kind, hint = _BY_REASON.get(said.reason) or _BY_STATUS.get(status) or (LrsError, "")
    return kind(told, hint=hint or ("" if said.message else _PROXY))


def _absent(said: Said, told: str) -> LrsError:
    """404: of an object, of the bucket, or nobody's word."""
    lowered = said.message.lower()
    if not said.reason:
        return BareNotFoundError(told, hint=_PROXY)
    if lowered.startswith("no such object"):
        return KeyNotFoundError(told)
    if "bucket" in lowered:
        return NoBucketError(told, hint=_BUCKET)
    return UnsaidNotFoundError(told)


def of_bucket(status: int, body: bytes, where: str) -> LrsError:
    """The same about an answer to what asks of the bucket alone."""
    error = refused(status, body, where)
    if isinstance(error, KeyNotFoundError):
        return NoBucketError(f"{where}: the bucket is not there ({status})", hint=_BUCKET)
    return error


def of_upload(status: int, body: bytes, where: str) -> LrsError:
    """The same about what sends a part of an upload that was begun."""
    if status in (404, 410):
        return UnreachableError(f"{where}: the upload that was begun is gone ({status})", hint="running it again goes on")
    return refused(status, body, where)
