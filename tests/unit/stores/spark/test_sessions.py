"""Spark sessions as the server lists them: by its clock, in order, and anew when its snapshot is gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes.lists import LISTS
from kubectl_lrs.model.errors import DeniedError, ExpiredError, UnreachableError
from kubectl_lrs.stores.spark.sessions import Session, Snapshot, sessions_in
from tests.builders.fake_kube import LRS, FakeKube


def _lrs(name: str, **metadata: Any) -> dict[str, Any]:
    created = {"creationTimestamp": "2026-11-24T10:00:00Z", "uid": f"uid of {name}"}
    return {"metadata": {"namespace": "n", "name": name, **created, **metadata}}


def _sessions(kube: FakeKube, namespace: str | None = "n") -> Snapshot:
    return sessions_in(kube, LRS, namespace)  # type: ignore[arg-type]


def test_a_session() -> None:
    (found,) = _sessions(FakeKube([_lrs("a", finalizers=["f"], deletionTimestamp="now")])).sessions
    assert found == Session(
        namespace="n",
        name="a",
        uid="uid of a",
        created="2026-11-24T10:00:00Z",
        age=timedelta(hours=2),
        state="Terminating",
        finalizers=("f",),
        is_going=True,
    )
    assert found.key == "n/a"


def test_in_order_and_as_of_when() -> None:
    seen = _sessions(FakeKube([_lrs("b"), _lrs("a"), _lrs("c", namespace="m")]), None)
    assert [each.key for each in seen.sessions] == ["m/c", "n/a", "n/b"]
    assert seen.resource_version == "7"
    assert _sessions(FakeKube()).sessions == []


def test_a_list_that_expired_begins_anew_and_not_for_ever() -> None:
    expired = ExpiredError("too old", status=410)
    assert len(_sessions(FakeKube([_lrs("a")], [expired] * (LISTS.attempts - 1))).sessions) == 1
    with pytest.raises(UnreachableError, match="gave up its snapshot"):
        _sessions(FakeKube([_lrs("a")], [expired] * LISTS.attempts))


@pytest.mark.parametrize(("namespace", "hint"), [(None, "-n"), ("n", "")])
def test_one_who_may_not_list_everywhere_is_told_to_name_a_namespace(namespace: str | None, hint: str) -> None:
    with pytest.raises(DeniedError) as caught:
        _sessions(FakeKube(answers=[DeniedError("no")]), namespace)
    assert hint in caught.value.hint
