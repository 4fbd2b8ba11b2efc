"""A Kubernetes API server that answers errors to everything: given up within a bound that all of a run share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import Connection
from kubectl_lrs.clients.kubernetes.resources import DEPLOYMENTS, NAMESPACES
from kubectl_lrs.model.errors import ApiError, LrsError
from kubectl_lrs.runtime import retry
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.stores.common import circuit_breaker
from kubectl_lrs.stores.common.circuit_breaker import TRUSTED, breaker_of
from tests.bed.front import Front, Trouble


class Clock(Cancel):
    """Never set; time passes while somebody waits on it, and not else."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.now = 1000.0
        for module in (retry, circuit_breaker):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))

    def wait(self, seconds: float) -> bool:
        """It is later at once."""
        self.now += seconds
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def server() -> Iterator[Front]:
    with Front() as running:
        yield running


@pytest.fixture
def kube(server: Front, clock: Clock) -> KubeClient:
    return KubeClient(Connection(server=f"http://{server.host}"), cancel=clock)


def _named(name: str) -> bytes:
    """An object."""
    return json.dumps({"metadata": {"name": name}}).encode()


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_five_hundred_to_everything(kube: KubeClient, server: Front, clock: Clock, status: int) -> None:
    server.troubles += [Trouble("", 1, 200, body=_named("before")), Trouble("", 9999, status)]
    kube.get(NAMESPACES, "before")
    began = clock.now
    for number in range(50):
        with pytest.raises(ApiError):
            kube.get(NAMESPACES, f"object-{number}")
    assert clock.now - began <= retry.PATIENCE
    assert len(server.log) > 50, "while there was patience, it was tried again"


def test_it_is_patient_again_once_it_answers(kube: KubeClient, server: Front, clock: Clock) -> None:
    server.troubles.append(Trouble("", 60, 500))
    for _ in range(12):
        with pytest.raises(ApiError):
            kube.get(NAMESPACES, "x")
    server.troubles[:] = [Trouble("", 1, 404), Trouble("", 2, 500), Trouble("", 9, 200, body=_named("x"))]
    with pytest.raises(LrsError):
        kube.get(NAMESPACES, "x")
    assert kube.get(NAMESPACES, "x") == {"metadata": {"name": "x"}}


def test_a_webhook_that_fails_is_no_outage(kube: KubeClient, server: Front, clock: Clock) -> None:
    """It answers 500 to each write, while the server itself is well: nothing else is given up for that."""
    server.troubles += [Trouble("POST", 9999, 500), Trouble("GET", 9999, 200, body=_named("kube-system"))]
    breaker = breaker_of(kube)
    for _ in range(10):
        with pytest.raises(ApiError) as caught:
            kube.create(DEPLOYMENTS, {"metadata": {}}, "default")
        breaker.judge(caught.value)
        clock.now += TRUSTED / 4
    assert breaker.lost == ""
    assert kube.outage.left == float("inf")
    assert 1 < len(server.paths("GET")) < 5, "it is asked now and then, not for each object"


def test_500_to_writes_and_reads_is_one(kube: KubeClient, server: Front, clock: Clock) -> None:
    server.troubles.append(Trouble("", 9999, 500))
    breaker = breaker_of(kube)
    began = clock.now
    while not breaker.lost and clock.now - began < 60:
        with pytest.raises(ApiError) as caught:
            kube.create(DEPLOYMENTS, {"metadata": {}}, "default")
        breaker.judge(caught.value)
        clock.now += 0.1
    assert breaker.lost
    assert clock.now - began <= retry.PATIENCE
