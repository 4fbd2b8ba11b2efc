"""What the driver raises, as an error of ours: which kind, which exit status, and no password."""

from __future__ import annotations

import pytest
from bson.errors import InvalidBSON
from pymongo import errors

from kubectl_lrs.model.errors import CredentialsError, DamageError, DeniedError, LrsError, UsageError
from kubectl_lrs.stores.mongo.server.errors import (
    AUTHENTICATION_FAILED,
    CURSOR_NOT_FOUND,
    OUT_OF_DISK_SPACE,
    SNAPSHOT_TOO_OLD,
    TRANSIENT,
    UNAUTHORIZED,
    CursorLostError,
    MongoError,
    MongoUnreachableError,
    SnapshotTooOldError,
    of,
    translated,
    unconfirmed,
)


def _refused(code: int) -> errors.OperationFailure:
    return errors.OperationFailure("the server's words, full error: {lots}", code, {"errmsg": "the server's words"})


CASES: list[tuple[Exception, type[LrsError]]] = [
    (errors.ServerSelectionTimeoutError("no servers, Timeout: 20s, Topology Description: <...>"), MongoUnreachableError),
    (errors.AutoReconnect("connection closed"), MongoUnreachableError),
    (errors.NetworkTimeout("timed out"), MongoUnreachableError),
    (ConnectionResetError("reset"), MongoUnreachableError),
    (errors.ConfigurationError("no such option"), UsageError),
    (InvalidBSON("bad"), DamageError),
    (_refused(AUTHENTICATION_FAILED), CredentialsError),
    (_refused(UNAUTHORIZED), DeniedError),
    (_refused(OUT_OF_DISK_SPACE), MongoError),
    (_refused(1), MongoError),
    *((_refused(code), SnapshotTooOldError) for code in SNAPSHOT_TOO_OLD),
    *((_refused(code), CursorLostError) for code in CURSOR_NOT_FOUND),
    *((_refused(code), MongoUnreachableError) for code in sorted(TRANSIENT)),
]


@pytest.mark.parametrize(("error", "kind"), CASES, ids=lambda value: getattr(value, "__name__", str(value)[:30]))
def test_each_is_an_error_of_ours(error: Exception, kind: type[LrsError]) -> None:
    found = of(error, "reading a.b", "mongodb://host")
    assert type(found) is kind
    assert "Topology" not in str(found)
    assert "full error" not in str(found)
    assert "reading a.b" in str(found) or kind is CredentialsError


def test_the_code_of_the_server_is_kept() -> None:
    found = of(_refused(48), "x", "y")
    assert isinstance(found, MongoError)
    assert found.code == 48


def test_what_is_raised_in_the_block_and_nothing_else() -> None:
    with pytest.raises(MongoUnreachableError) as caught, translated("x", "y"):
        raise errors.AutoReconnect("gone")
    assert isinstance(caught.value.__cause__, errors.AutoReconnect)
    with pytest.raises(KeyError), translated("x", "y"):
        raise KeyError("a bug stays one")
    with translated("x", "y"):
        pass


@pytest.mark.parametrize(("code", "kind"), [(64, MongoError), (91, MongoUnreachableError)])
def test_a_write_that_the_majority_has_not_confirmed_may_be_lost(code: int, kind: type[LrsError]) -> None:
    found = unconfirmed("writing a.b", code, "timeout")
    assert type(found) is kind
    assert "did not confirm" in str(found)
    assert "run the same command again" in found.hint


def test_a_long_message_is_cut() -> None:
    assert len(str(of(errors.AutoReconnect("x" * 10_000), "a", "b"))) < 700
