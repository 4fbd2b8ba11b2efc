"""How S3 is asked: a request that came garbled is sent again, and no other one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kubectl_lrs.backends.s3_client import PATIENT, S3Client
from kubectl_lrs.backends.s3_errors import GarbledError
from kubectl_lrs.model.errors import LrsError


class _Library:
    """A library whose first answers are errors."""

    sums_itself = False

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    def call(self, method: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append((method, request))
        if self.errors:
            raise self.errors.pop(0)
        return {"ok": True}


def _client(library: Any) -> S3Client:
    return S3Client(library, "bucket", "s3://bucket", ())


def _refused(code: str) -> Exception:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "HeadObject")


def test_a_request_that_came_garbled_is_sent_again() -> None:
    library = _Library(_refused("BadRequest"))
    assert _client(library).call("head_object", "k", Key="k") == {"ok": True}
    assert library.asked == [("head_object", {"Bucket": "bucket", "Key": "k"})] * 2


def test_but_not_for_ever_and_no_other_one() -> None:
    library = _Library(*[_refused("BadRequest")] * 10)
    with pytest.raises(GarbledError):
        _client(library).call("head_object", "k")
    assert len(library.asked) == PATIENT.attempts
    library = _Library(_refused("InvalidArgument"))
    with pytest.raises(LrsError):
        _client(library).call("put_object", "k")
    assert len(library.asked) == 1
