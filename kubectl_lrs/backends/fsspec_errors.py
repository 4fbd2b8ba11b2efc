"""What the libraries below fsspec raise, as errors of ours. Each has its own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from kubectl_lrs.backends.base import KeyExistsError, KeyNotFoundError, NoSpaceError, PassingError
from kubectl_lrs.clients.http.sessions import cause
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError, UsageError
from kubectl_lrs.runtime.redact import text as heard
from kubectl_lrs.runtime.retry import PASSING

_ROOM = "make room there; running it again goes on"
_STATUS: Mapping[int, tuple[type[LrsError], str]] = {
    401: (DeniedError, "check the credentials"),
    403: (DeniedError, "see docs/files.md for the rights that are needed"),
    409: (KeyExistsError, ""),
    412: (KeyExistsError, ""),
    507: (NoSpaceError, _ROOM),
    **dict.fromkeys((408, *PASSING), (PassingError, "the storage is overloaded, or cannot do it just now; try again later")),
}
_FULL = ("quota", "no space", "could only be written to 0", "replicated to 0 nodes")
_DENIED = ("credential", "authenticat", "accesscontrol", "not authorized", "permission denied")


def refuse(error: Exception, where: str, hidden: tuple[str, ...]) -> NoReturn:
    """Raise what it means; classes of Python and HTTP's status tell most of them apart.

    "Not there" is FileNotFoundError alone, which the libraries raise for the storage's own word: a bare 404 may be
    anybody's.
    """
    said = heard(error, hidden) or type(error).__name__
    lowered = f"{type(error).__name__} {said}".lower()
    status = _status(error)
    if isinstance(error, FileNotFoundError):
        raise KeyNotFoundError(f"{where}: not there") from error
    if isinstance(error, PermissionError) or (status is None and any(word in lowered for word in _DENIED)):
        raise DeniedError(f"{where}: {said}", hint="see docs/files.md for the credentials and rights that are needed") from error
    if isinstance(error, (FileExistsError, IsADirectoryError, NotADirectoryError)) or "filealreadyexists" in lowered:
        raise KeyExistsError(f"{where}: {said}") from error
    if any(word in lowered for word in _FULL):
        raise NoSpaceError(f"{where}: {said}", hint=_ROOM) from error
    if status is not None and status in _STATUS:
        kind, hint = _STATUS[status]
        raise kind(f"{where}: {said}", hint=hint) from error
    if isinstance(error, (TypeError, ValueError, ImportError)):
        raise UsageError(f"{where}: {said}", hint="check the URL and the options") from error
    hint = "check the URL and the network"
    if status is None and isinstance(error, OSError):
        raise PassingError(f"{where}: cannot be reached: {heard(cause(error), hidden) or said}", hint=hint) from error
    raise UnreachableError(f"{where}: cannot be reached: {said}", hint=hint) from error


def _status(error: Exception) -> int | None:
    """The HTTP status, wherever the library keeps it."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "status", "code"):
            value = getattr(holder, name, None)
            if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
                return int(value)
    return None
