"""Which cluster settings are of, told by what may be read of it; where nothing may be, nothing is done."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags
from kubectl_lrs.model.errors import DeniedError, NotFoundError, UsageError
from kubectl_lrs.model.guard import Guard
from kubectl_lrs.model.settings import Installation
from kubectl_lrs.stores.lrs.connect import connect, require_cluster, uids_of


class Kube:
    """A cluster of which these namespaces may be read."""

    connection = SimpleNamespace(server="https://h", context="prod", namespace="of-context")

    def __init__(self, **uids: str) -> None:
        self.uids = {name.replace("_", "-"): uid for name, uid in uids.items()}
        self.asked: list[str] = []

    def get(self, _resource: Any, name: str) -> dict[str, Any]:
        self.asked.append(name)
        if name not in self.uids:
            raise DeniedError("no")
        if not self.uids[name]:
            raise NotFoundError("no", status=404)
        return {"metadata": {"uid": self.uids[name]}}


def _guard(*uids: str, namespace: str = "") -> Guard:
    return Guard(uids=frozenset(uids), file="prod.yaml", namespace=namespace)


@pytest.mark.parametrize(
    ("kube", "guard", "asked"),
    [
        (Kube(kube_system="s"), _guard("s"), ["kube-system"]),
        (Kube(kube_system="s"), _guard("s", "n", namespace="lrs"), ["kube-system"]),
        (Kube(lrs="n"), _guard("s", "n", namespace="lrs"), ["kube-system", "lrs"]),
        (Kube(lrs="n"), _guard("n", namespace="lrs"), ["kube-system", "lrs"]),
        (Kube(of_context="n"), _guard("n"), ["kube-system", "of-context"]),
        (Kube(kube_system="other", lrs="n"), _guard("n", namespace="lrs"), ["kube-system", "lrs"]),
    ],
)
def test_its_own_cluster(kube: Any, guard: Guard, asked: list[str]) -> None:
    require_cluster(kube, guard)
    assert kube.asked == asked


def test_the_uid_that_a_cluster_may_not_tell_itself() -> None:
    found = Installation(Path("prod.yaml"), {"cluster.uid": "s", "cluster.namespaceUid": "n"}).guard
    assert (found.system, Installation(Path("prod.yaml"), {"cluster.namespaceUid": "n"}).guard.system) == ("s", "")


@pytest.mark.parametrize(
    ("file", "asked", "uid"),
    [
        ({"cluster.uid": "s", "cluster.namespaceUid": "n", "namespace": "lrs"}, ["kube-system", "lrs", "kube-system"], "s"),
        ({"cluster.namespaceUid": "n", "namespace": "lrs"}, ["kube-system", "lrs", "kube-system"], ""),
        ({}, ["kube-system"], ""),
    ],
)
def test_its_uid_is_known_where_the_namespace_alone_may_be_read(
    monkeypatch: pytest.MonkeyPatch, file: dict[str, str], asked: list[str], uid: str
) -> None:
    """As in a pod: backups of two clusters whose namespaces are called alike would be taken for those of one else."""
    there = Kube(lrs="n")
    monkeypatch.setattr(KubeClient, "get", lambda _self, resource, name: there.get(resource, name))
    monkeypatch.setattr(KubeClient, "server_version", lambda _self: "v1")
    guard = Installation(Path("prod.yaml"), dict(file)).guard if file else None
    assert connect(KubeFlags(server="https://h", guard=guard)).identity().uid == uid
    assert there.asked == asked


@pytest.mark.parametrize(
    ("kube", "guard"),
    [
        (Kube(kube_system="other"), _guard("s")),
        (Kube(kube_system="other", lrs="m"), _guard("s", "n", namespace="lrs")),
        (Kube(lrs="m"), _guard("s", "n", namespace="lrs")),
    ],
)
def test_another_cluster(kube: Any, guard: Guard) -> None:
    with pytest.raises(UsageError, match="is about another cluster than https://h"):
        require_cluster(kube, guard)


@pytest.mark.parametrize("kube", [Kube(), Kube(kube_system=""), Kube(lrs="")])
def test_one_that_cannot_be_told(kube: Any) -> None:
    with pytest.raises(DeniedError, match="kube-system and lrs may not be read"):
        require_cluster(kube, _guard("s", "n", namespace="lrs"))


@pytest.mark.parametrize(
    ("kube", "has", "unread"),
    [
        (Kube(lrs="m"), {"cluster.uid": "s"}, "kube-system"),
        (Kube(kube_system="s"), {"cluster.namespaceUid": "n"}, "lrs"),
    ],
)
def test_the_uid_of_one_namespace_tells_nothing_of_another(kube: Any, has: dict[str, str], unread: str) -> None:
    guard = Installation(Path("prod.yaml"), {**has, "namespace": "lrs"}).guard
    with pytest.raises(DeniedError, match=f"prod.yaml is about: {unread} may not be read"):
        require_cluster(kube, guard)


def test_what_may_not_be_read_is_empty() -> None:
    kube: Any = Kube(kube_system="s", gone="")
    assert uids_of(kube, ["kube-system", "gone", "secret"]) == {"kube-system": "s", "gone": "", "secret": ""}
