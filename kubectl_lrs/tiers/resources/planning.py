"""LRS from a source, held against those that live in the cluster → what is to happen to each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from kubectl_lrs.clients.kube import KubeClient, Resource
from kubectl_lrs.errors import ExpiredError, UnreachableError
from kubectl_lrs.manifest import Manifest, comparable, fingerprint
from kubectl_lrs.plan import Action, Step
from kubectl_lrs.tiers.resources.stored import StoredLrs


class Policy(str, Enum):
    """What to do with an object that is there already and differs."""

    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Live:
    """What is kept of a live object: enough to tell equal from different, small enough to keep for all of them."""

    fingerprint: bytes
    terminating: bool


class Cluster:
    """The live LRS of the namespaces that a restore is about."""

    def __init__(self, kube: KubeClient, resource: Resource) -> None:
        self._kube = kube
        self._resource = resource
        self._live: dict[tuple[str, str], Live] = {}

    def read(self, namespaces: Iterable[str]) -> None:
        """Look at every LRS of these namespaces."""
        for namespace in namespaces:
            self._live.update(self._list(namespace))

    def _list(self, namespace: str) -> dict[tuple[str, str], Live]:
        for _ in range(3):
            found: dict[tuple[str, str], Live] = {}
            try:
                for page in self._kube.pages(self._resource, namespace):
                    found.update(map(_remembered, (manifest for _, manifest in page.items)))
            except ExpiredError:
                continue
            return found
        raise UnreachableError(
            f"namespace {namespace}: the API server gave up its snapshot three times before the list was whole"
        )

    def get(self, namespace: str, name: str) -> Live | None:
        """What lives under this name."""
        return self._live.get((namespace, name))


def _remembered(manifest: Manifest) -> tuple[tuple[str, str], Live]:
    metadata = manifest["metadata"]
    return (metadata["namespace"], metadata["name"]), Live(fingerprint(comparable(manifest)), "deletionTimestamp" in metadata)


def plan_steps(source: Iterable[StoredLrs], cluster: Cluster, policy: Policy, missing: Mapping[str, str]) -> Iterator[Step]:
    """One step per object, in the order of the source. `missing` names namespaces that cannot be written to, and why."""
    for stored in source:
        action, reason = _decide(stored, cluster, policy, missing)
        yield Step(stored.namespace, stored.name, stored.type, action, reason)


def _decide(stored: StoredLrs, cluster: Cluster, policy: Policy, missing: Mapping[str, str]) -> tuple[Action, str]:
    if stored.namespace in missing:
        return Action.CONFLICT, missing[stored.namespace]
    live = cluster.get(stored.namespace, stored.name)
    if live is None:
        return Action.CREATE, ""
    if live.fingerprint == fingerprint(comparable(stored.manifest)):
        return (Action.CONFLICT, "it is being deleted") if live.terminating else (Action.UNCHANGED, "")
    return Action.CONFLICT, "it exists and differs; left alone"
