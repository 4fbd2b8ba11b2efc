"""What Azure's Blob service answers when it refuses, as errors of ours: by its own words, else by HTTP's status. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from xml.sax.saxutils import unescape

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
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UsageError
from kubectl_lrs.runtime.redact import text as heard

CODE_HEADER = "x-ms-error-code"

Kind = tuple[Callable[..., LrsError], str]


def _each(error: Callable[..., LrsError], hint: str, *codes: str) -> dict[str, Kind]:
    return dict.fromkeys(codes, (error, hint))


_KEYS = "check the credentials of the account, and the clock of this machine"
_RIGHTS = "see docs/repository.md for the rights that are needed"
_BUSY = "the storage is overloaded; try again later"
_BY_CODE: Mapping[str, Kind] = {
    **_each(KeyNotFoundError, "", "BlobNotFound"),
    **_each(NoBucketError, "is the URL right, and the account?", "ContainerNotFound", "ContainerBeingDeleted"),
    **_each(CredentialsError, _KEYS, "AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation"),
    **_each(DeniedError, _RIGHTS, "AuthorizationFailure", "AuthorizationPermissionMismatch", "AuthorizationSourceIPMismatch"),
    **_each(DeniedError, _RIGHTS, "AuthorizationProtocolMismatch", "AuthorizationResourceTypeMismatch", "AccountIsDisabled"),
    **_each(DeniedError, _RIGHTS, "InsufficientAccountPermissions", "PublicAccessNotPermitted"),
    **_each(DeniedError, "a lease keeps it", "LeaseIdMissing"),
    **_each(DeniedError, "the container's policy keeps it until then", "BlobImmutableDueToPolicy"),
    # Whoever may only make blobs hears the last of these before the condition is looked at.
    **_each(KeyExistsError, "", "BlobAlreadyExists", "ConditionNotMet", "TargetConditionNotMet", "UnauthorizedBlobOverwrite"),
    **_each(WrongSumError, "running it again goes on", "Md5Mismatch", "InvalidMd5"),
    **_each(EmptyRangeError, "", "InvalidRange"),
    **_each(NoSpaceError, "make room there; running it again goes on", "AccountLimitExceeded"),
    **_each(UsageError, "check the URL", "InvalidResourceName", "InvalidUri", "OutOfRangeInput"),
    **_each(PassingError, _BUSY, "ServerBusy", "InternalError", "OperationTimedOut"),
}
_BY_STATUS: Mapping[int, Kind] = {
    401: (CredentialsError, _KEYS),
    403: (DeniedError, _RIGHTS),
    404: (BareNotFoundError, "is there a proxy in between?"),
    412: (KeyExistsError, ""),
    416: (EmptyRangeError, ""),
    **dict.fromkeys((408, 429, 500, 502, 503, 504), (PassingError, _BUSY)),
}
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(r"<Message>([^<\n]*)")


def refused(status: int, headers: Mapping[str, str], body: bytes, where: str) -> LrsError:
    """The error for an answer. A HEAD has the word in a header alone."""
    text = body.decode("utf-8", "replace")
    code, message = _CODE.search(text), _MESSAGE.search(text)
    word = headers.get(CODE_HEADER, "") or (unescape(code[1]) if code else "")
    told = unescape(message[1]) if message else "the server answers"
    kind, hint = _BY_CODE.get(word) or _BY_STATUS.get(status) or (LrsError, "")
    return kind(f"{where}: {heard(told)} ({heard(word) or status})", hint=hint)
