"""A MongoDB in the cluster for tests: the session's replica set, as pods of a namespace that answer through port-forwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags, load
from kubectl_lrs.stores.mongo.server.cluster import InCluster
from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.mongo import MongoServers
from tests.bed.pods import Kubelet, MongoPods, name_members

NAMESPACE = "mongo-in-cluster"
STEP_DOWN = {"replSetStepDown": 600, "secondaryCatchUpPeriodSecs": 1, "force": True}
"""Another member is elected, and stays that until `MongoServers.settle`."""


@dataclass(frozen=True)
class MongoBed:
    """Three pods of MongoDB in a namespace, and what is needed to reach them as administrator."""

    plane: ControlPlane
    servers: MongoServers
    kubelet: Kubelet
    pods: MongoPods
    kube: KubeClient

    @property
    def where(self) -> InCluster:
        return InCluster(namespace=NAMESPACE, user=self.servers.user, tls=True, ca_file=str(self.servers.ca_file))

    @property
    def flags(self) -> tuple[str, ...]:
        """The same for the command line."""
        ca_file = str(self.servers.ca_file)
        return ("--mongo-namespace", NAMESPACE, "--mongo-user", self.servers.user, "--mongo-tls", "--mongo-ca-file", ca_file)

    def primary(self) -> str:
        """The pod that is the primary now."""
        return f"{NAMESPACE}/pcs-mongo-{self.servers.members.index(self.servers.primary())}"

    def open_connections(self) -> int:
        """To all pods, through the forward."""
        return sum(self.kubelet.connections(f"{NAMESPACE}/pcs-mongo-{number}")[0] for number in range(3))

    def reset(self) -> None:
        """Everything as the vendor's chart makes it, whatever a test did; the first member is the primary."""
        self.servers.settle()
        self.pods.clear()
        self.pods.service()
        self.pods.secret(self.servers.password)
        for number, member in enumerate(self.servers.members):
            self.pods.pod(number, member.port)


@pytest.fixture(scope="session")
def named_pods(plane: ControlPlane, replica_set: MongoServers) -> Iterator[MongoBed]:
    """What all tests share of it."""
    with Kubelet(plane) as kubelet:
        loader.create_namespace(plane, NAMESPACE)
        name_members(plane, replica_set, NAMESPACE)
        kube = KubeClient(load(KubeFlags(kubeconfig=str(plane.kubeconfig)), {}))
        yield MongoBed(plane, replica_set, kubelet, MongoPods(kubelet, NAMESPACE), kube)
        loader.delete_namespace(plane, NAMESPACE, wait=False)


@pytest.fixture
def mongo_bed(named_pods: MongoBed) -> MongoBed:
    """The pods, as new."""
    named_pods.reset()
    return named_pods
