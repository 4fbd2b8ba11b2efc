"""Owners across clusters: linked to the object that lives under their name, dropped where there is none, never guessed."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.model.errors import DeniedError, ExitCode, UnreachableError
from kubectl_lrs.stores.lrs.owners import OwnerError, Owners
from kubectl_lrs.stores.lrs.saved import StoredLrs
from tests.builders.fake_kube import FakeKube


def _owner(name: str, kind: str = "ConfigMap", **other: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "name": name, "uid": "old", **other}


def _stored(*owners: dict[str, Any]) -> StoredLrs:
    return StoredLrs({"metadata": {"namespace": "n", "name": "a"}}, tuple(owners), None, sum=b"")


def _live(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": name, "uid": f"new-{name}", **metadata}}


def test_owners_get_the_uid_that_they_have_here() -> None:
    kube = FakeKube([_live("x"), _live("y")])
    stored = _stored(_owner("x", controller=True), _owner("y"), _owner("x"))
    manifest, note = Owners(kube).relink(stored)  # type: ignore[arg-type]
    assert manifest["metadata"]["ownerReferences"] == [
        {**_owner("x", controller=True), "uid": "new-x"},
        {**_owner("y"), "uid": "new-y"},
        {**_owner("x"), "uid": "new-x"},
    ]
    assert note == ""
    assert "ownerReferences" not in stored.manifest["metadata"], "what was saved is not touched"
    assert len(kube.asked) == 2, "each is looked up once"


@pytest.mark.parametrize(
    ("objects", "answers", "owner", "note"),
    [
        ([], [], _owner("x"), "owner not there, dropped: ConfigMap/x"),
        ([_live("x", deletionTimestamp="now")], [], _owner("x"), "owner not there, dropped: ConfigMap/x"),
        ([_live("x")], [DeniedError("no")], _owner("x"), "owner may not be read, dropped: ConfigMap/x"),
        ([_live("x")], [], _owner("x", "Unknown"), "owner not there, dropped: Unknown/x"),
    ],
)
def test_owners_that_are_dropped_are_named(
    objects: list[Any], answers: list[Exception], owner: dict[str, Any], note: str
) -> None:
    manifest, said = Owners(FakeKube(objects, answers)).relink(_stored(owner))  # type: ignore[arg-type]
    assert "ownerReferences" not in manifest["metadata"]
    assert said == note


def test_a_busy_server_does_not_cost_an_owner() -> None:
    with pytest.raises(OwnerError, match="its owner ConfigMap/x could not be looked up: busy") as raised:
        Owners(FakeKube([_live("x")], [UnreachableError("busy")])).relink(_stored(_owner("x")))  # type: ignore[arg-type]
    assert raised.value.exit_code is ExitCode.UNREACHABLE


def test_one_that_a_dry_run_does_not_make_is_not_called_gone() -> None:
    owners = Owners(FakeKube(), coming={("ConfigMap", "n", "x")})  # type: ignore[arg-type]
    assert owners.relink(_stored(_owner("x"), _owner("y")))[1] == "owner not there, dropped: ConfigMap/y"


def test_nobody_is_asked_where_there_is_no_owner() -> None:
    kube = FakeKube()
    stored = _stored()
    assert Owners(kube).relink(stored) == (stored.manifest, "")  # type: ignore[arg-type]
    assert kube.asked == []
