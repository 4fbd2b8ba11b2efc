"""What the failure of a trial says of the object that was tried."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import (
    ApiError,
    ConflictError,
    CredentialsError,
    ExistsError,
    InvalidError,
    LrsError,
    MissingRightError,
    NoDryRunError,
    NotFoundError,
    NotServedError,
    UnreachableError,
)
from kubectl_lrs.stores.lrs.owners import OwnerError
from kubectl_lrs.stores.lrs.recreate import not_deleted
from kubectl_lrs.stores.lrs.request import says_nothing


@pytest.mark.parametrize(
    ("error", "nothing"),
    [
        (InvalidError("its spec is wrong", status=422), False),
        (MissingRightError("a webhook denied it"), False),
        (NotFoundError("its namespace is not there", status=404), False),
        (ExistsError("it is there", status=409), False),
        (ApiError("failed calling webhook", status=500), False),
        (ApiError("too large", status=413), False),
        (ConflictError("the quota has been modified", status=409), True),
        (ApiError("too many requests", status=429), True),
        (ApiError("bad gateway", status=502), True),
        (ApiError("away", status=503), True),
        (ApiError("too late", status=504), True),
        (NotServedError("no such version", status=404), True),
        (UnreachableError("connection refused"), True),
        (CredentialsError("who are you?"), True),
        (NoDryRunError("w does not support dry run", status=400), True),
        (OwnerError("LRS", "top", UnreachableError("away")), True),
    ],
)
def test_its_word_on_the_object(error: LrsError, nothing: bool) -> None:
    assert says_nothing(error) is nothing
    assert ("the server would not take it again" in not_deleted(error)) is not nothing
