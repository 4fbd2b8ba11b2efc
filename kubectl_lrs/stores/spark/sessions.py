"""Spark sessions: the LRS of type spark_app that are live in a cluster, and finding them. It changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.lists import everywhere, whole
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.workloads import SPARK
from kubectl_lrs.stores.common.readiness import state

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session; `uid` tells it from every other that had or will have its name. `age` is by the server's clock.

    `version`: its resourceVersion; the labels by which it was chosen are those of this version.
    """

    namespace: str
    name: str
    uid: str
    created: str
    age: timedelta
    state: str
    finalizers: tuple[str, ...] = ()
    is_going: bool = False
    version: str = ""

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    @classmethod
    def of(cls, manifest: Manifest, now: datetime) -> Session:
        """An LRS as the server gives it."""
        metadata = manifest["metadata"]
        created = str(metadata["creationTimestamp"])
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            created=created,
            age=now - datetime.fromisoformat(created.replace("Z", "+00:00")),
            state=state(manifest),
            finalizers=tuple(map(str, metadata.get("finalizers") or ())),
            is_going=bool(metadata.get("deletionTimestamp")),
            version=str(metadata.get("resourceVersion") or ""),
        )


@dataclass(frozen=True)
class Snapshot:
    """The sessions that a LIST showed, in the order of namespace and name, and the resourceVersion that it is as of."""

    sessions: list[Session]
    resource_version: str


def sessions_in(kube: KubeClient, resource: Resource, namespace: str | None, selector: str = "") -> Snapshot:
    """Every session of the namespace (None: of all) that the labels choose."""
    with everywhere(namespace):
        return whole(kube, lambda: look(kube, resource, namespace, selector_of(selector)))


def selector_of(selector: str = "") -> str:
    """Sessions, and of them those that the user's labels choose, as one selector for the API server."""
    return Selection(types=(SPARK,), selector=selector).label_selector()


def is_there(kube: KubeClient, resource: Resource, session: Session) -> bool:
    """Whether this very object is there, whatever its labels are by now. It needs no other right than the LIST."""
    pages = kube.pages(resource, session.namespace, name=session.name)
    return any(manifest["metadata"]["uid"] == session.uid for page in pages for _, manifest in page.items)


def look(kube: KubeClient, resource: Resource, namespace: str | None, selector: str, *, since: str = "") -> Snapshot:
    """One LIST; with `since`, as of that resourceVersion or later. Without a selector it may be long: of metadata alone."""
    found: list[Session] = []
    version = ""
    for page in kube.pages(resource, namespace, selector=selector, since=since, metadata_only=not selector):
        version = page.resource_version
        found += [Session.of(manifest, kube.now()) for _, manifest in page.items]
    return Snapshot(sorted(found, key=lambda session: (session.namespace, session.name)), version)
