"""What goes wrong with MongoDB, as errors of ours: which collection, what happened, what to do; never a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bson.errors import BSONError
from pymongo import errors

from kubectl_lrs.formats.bson_batches import NotBsonError
from kubectl_lrs.model.errors import CredentialsError, DamageError, DeniedError, LrsError, UnreachableError, UsageError
from kubectl_lrs.runtime import redact

UNAUTHORIZED = 13
AUTHENTICATION_FAILED = 18
NAMESPACE_NOT_FOUND = 26
CURSOR_NOT_FOUND = frozenset((43, 136, 175, 237))  # not found, capped position lost, collection dropped, killed
NAMESPACE_EXISTS = 48
SNAPSHOT_TOO_OLD = frozenset((239, 246))  # too old; not available
OUT_OF_DISK_SPACE = 14031
DUPLICATE_KEY = 11000
OTHER_COLLECTION = 361  # the UUID that was named is not that of the collection
NOT_UNDERSTOOD = frozenset((2, 9, 14, 40415))  # bad value, failed to parse, type mismatch, unknown field
CANNOT_TRY = frozenset((20, 50, 115, 263))  # illegal operation, time limit, not supported, not in a transaction
BAD_INDEX = frozenset((2, 9, 14, 67, 72, 197, 40414, 40415))
"""Codes by which a server refuses the specification of an index, whatever the documents are."""
OTHER_INDEX = frozenset((85, 86))  # the same name with other options, the same keys under another name
CANNOT_WAIT = frozenset((24, 112, 225, 246, 251))
"""A transaction that met another's: it may be tried again."""
TRANSIENT = frozenset((6, 7, 89, 91, 189, 262, 9001, 10058, 10107, 11600, 11602, 13435, 13436))
"""Codes of the server's that say: not me, not now. Source: MongoDB's retryable reads and writes specifications."""


_COMMAND = " to execute command {"
"""Behind it a server that refuses a command repeats the whole of it, the session and the cluster's signature included."""


class MongoError(LrsError):
    """The server refused a command. `code` is its number for it, `said` its own words."""

    def __init__(self, message: str, *, code: int = 0, hint: str = "", said: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.said = said or message


class SnapshotTooOldError(MongoError):
    """The instant of the snapshot is no longer in the server's history."""


class CollectionChangedError(MongoError):
    """A collection was dropped, or another has taken its place, while it was read."""


class CursorLostError(MongoError):
    """The server has forgotten a cursor; reading the collection must begin anew."""


class MongoUnreachableError(UnreachableError):
    """No member that serves could be reached, or the connection broke: the same may succeed over a new one."""


class UnansweredError(MongoUnreachableError):
    """A write was sent, and not answered as long as that was waited for: it may be done yet. Nothing is sent after it."""


@contextmanager
def translated(what: str, where: str) -> Iterator[None]:
    """Errors of the driver inside the block become ours: `what` was being done, `where` is the server, without secrets."""
    try:
        yield
    except (errors.PyMongoError, BSONError, NotBsonError, OSError) as error:
        raise of(error, what, where) from error


def of(error: Exception, what: str, where: str) -> LrsError:
    """The error of ours for one of the driver's."""
    if isinstance(error, errors.ServerSelectionTimeoutError):
        return MongoUnreachableError(
            f"{what}: no member of {where} that serves can be reached: {_short(error)}",
            hint="is MongoDB running, is its address right, and does a firewall or TLS stand between?",
        )
    if isinstance(error, errors.OperationFailure) and error.code not in TRANSIENT:
        return _refusal(error, what, where)
    if isinstance(error, errors.ConfigurationError):
        return UsageError(f"{what}: the MongoDB URI or one of its options is wrong: {_short(error)}")
    if isinstance(error, (BSONError, NotBsonError)):
        return DamageError(f"{what}: not BSON: {error}")
    return MongoUnreachableError(
        f"{what}: the connection to {where} broke: {_short(error)}",
        hint="once MongoDB serves again, the same command may be run again",
    )


def unconfirmed(what: str, code: int, said: str) -> LrsError:
    """The error for a write that the majority of the members has not confirmed: it may be lost with the primary."""
    message, hint = f"{what}: the majority of the members did not confirm the write: {said}", "run the same command again"
    if code in TRANSIENT:
        return MongoUnreachableError(message, hint=hint)
    return MongoError(message, code=code, hint=f"once they do, {hint}")


def _refusal(error: errors.OperationFailure, what: str, where: str) -> LrsError:
    code, said = error.code or 0, _short(error)
    if code == AUTHENTICATION_FAILED:
        return CredentialsError(f"{where} refused the user or the password", hint="look at the URI: user, password, authSource")
    if code == UNAUTHORIZED:
        return DeniedError(f"{what}: not allowed: {said}", hint="the rights that are needed are in docs/mongo.md")
    if code in SNAPSHOT_TOO_OLD:
        return SnapshotTooOldError(f"{what}: {said}", code=code)
    if code in CURSOR_NOT_FOUND:
        return CursorLostError(f"{what}: the server gave up the cursor: {said}", code=code, hint="run the command again")
    if code == OUT_OF_DISK_SPACE:
        return MongoError(f"{what}: the disk of {where} is full: {said}", code=code, hint="free space there, then run it again")
    return MongoError(f"{what}: {where} refused: {said}", code=code, said=said)


def _short(error: Exception) -> str:
    """The message without what the driver adds: its view of the topology, the whole answer."""
    details = getattr(error, "details", None)
    text = str(details["errmsg"]) if isinstance(details, dict) and details.get("errmsg") else str(error)
    for tail in (", Timeout: ", " (configured timeouts", ", full error: ", _COMMAND):
        text = text.partition(tail)[0]
    return redact.text(text, limit=500) or type(error).__name__
