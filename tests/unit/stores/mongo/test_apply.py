"""What weighs more in the outcome of a collection."""

from __future__ import annotations

from kubectl_lrs.model.report import Result
from kubectl_lrs.stores.mongo.apply import Account


def test_what_weighs_more() -> None:
    account = Account(conflict=["c"])
    assert account.result is Result.CONFLICT
    account.altered.append("a")
    assert account.result is Result.ALTERED
    account.failed.append("f")
    assert account.result is Result.FAILED
    assert account.message == "c; a; f"
    assert Account().result is None
