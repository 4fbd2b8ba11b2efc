"""What LRS there are where a selection found none: the answer to a typo. It must not fail: it only explains."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.workloads import type_of


@dataclass(frozen=True)
class Instead:
    """LRS by type where one looked; where there is none at all, by namespace everywhere, as far as one may look."""

    types: Counter[str] = field(default_factory=Counter)
    namespaces: Counter[str] = field(default_factory=Counter)
    labels: frozenset[str] = frozenset()


def look_for(kube: KubeClient, resource: Resource, namespace: str | None) -> Instead:
    """In this namespace, else in all of them; empty where nothing is there or one may not look."""
    labels: set[str] = set()
    types = _counted(kube, resource, namespace, labels, by_namespace=False)
    elsewhere = namespace is not None and not types
    namespaces = _counted(kube, resource, None, set(), by_namespace=True) if elsewhere else Counter()
    return Instead(types, namespaces, frozenset(labels))


def _counted(
    kube: KubeClient, resource: Resource, namespace: str | None, labels: set[str], *, by_namespace: bool
) -> Counter[str]:
    """How many of each; `labels` gets all that there are, as `KEY=VALUE`."""
    found: Counter[str] = Counter()
    try:
        for page in kube.pages(resource, namespace, with_too_deep=True):
            found.update(each["metadata"]["namespace"] if by_namespace else type_of(each) for _, each in page.items)
            labels.update(
                f"{key}={value}" for _, each in page.items for key, value in (each["metadata"].get("labels") or {}).items()
            )
    except LrsError:
        return Counter()
    return found
