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


def look_for(kube: KubeClient, resource: Resource, namespace: str | None) -> Instead:
    """In this namespace, else in all of them; empty where nothing is there or one may not look."""
    types = _counted(kube, resource, namespace, by_namespace=False)
    elsewhere = namespace is not None and not types
    return Instead(types, _counted(kube, resource, None, by_namespace=True) if elsewhere else Counter())


def _counted(kube: KubeClient, resource: Resource, namespace: str | None, *, by_namespace: bool) -> Counter[str]:
    found: Counter[str] = Counter()
    try:
        for page in kube.pages(resource, namespace, with_too_deep=True):
            found.update(each["metadata"]["namespace"] if by_namespace else type_of(each) for _, each in page.items)
    except LrsError:
        return Counter()
    return found
