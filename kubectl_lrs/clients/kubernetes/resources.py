"""What the API server serves: resources, and the paths of their objects. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource that the server serves, found through discovery. `stored`: the version that objects are stored in, if told."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    has_status: bool = False
    versions: tuple[str, ...] = ()
    stored: str = ""

    @property
    def api_version(self) -> str:
        """As in a manifest: `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The URL path of one object, of a namespace's objects, or of all."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if namespace is not None:
            base += f"/namespaces/{quote(namespace, safe='')}"
        base += f"/{self.plural}"
        return base if name is None else f"{base}/{quote(name, safe='')}"


def stored_version(group: str, entry: Mapping[str, Any], served: Iterable[str]) -> str:
    """Which of the served versions objects are stored in, by the sum of it that discovery tells; empty where it is none.

    Source: apiserver, `discovery.StorageVersionHash`.
    """
    told, kind = entry.get("storageVersionHash"), entry.get("kind")
    return next((each for each in served if told and _storage_hash(group, each, str(kind)) == told), "")


def _storage_hash(group: str, version: str, kind: str) -> str:
    return base64.b64encode(hashlib.sha256(f"{group}/{version}/{kind}".encode()).digest()[:8]).decode()


DEPLOYMENTS = Resource(group="apps", version="v1", plural="deployments", kind="Deployment")
PODS = Resource(group="", version="v1", plural="pods", kind="Pod")
SERVICES = Resource(group="", version="v1", plural="services", kind="Service")
SECRETS = Resource(group="", version="v1", plural="secrets", kind="Secret")
ENDPOINT_SLICES = Resource(group="discovery.k8s.io", version="v1", plural="endpointslices", kind="EndpointSlice")
EVENTS = Resource(group="", version="v1", plural="events", kind="Event")
NAMESPACES = Resource(group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False)
CRDS = Resource(
    group="apiextensions.k8s.io",
    version="v1",
    plural="customresourcedefinitions",
    kind="CustomResourceDefinition",
    namespaced=False,
)
CONFIG_MAPS = Resource(group="", version="v1", plural="configmaps", kind="ConfigMap")
SERVICE_ACCOUNTS = Resource(group="", version="v1", plural="serviceaccounts", kind="ServiceAccount")
CRONJOBS = Resource(group="batch", version="v1", plural="cronjobs", kind="CronJob")
JOBS = Resource(group="batch", version="v1", plural="jobs", kind="Job")


def _rbac(kind: str, *, namespaced: bool) -> Resource:
    group = "rbac.authorization.k8s.io"
    return Resource(group=group, version="v1", plural=f"{kind.lower()}s", kind=kind, namespaced=namespaced)


ROLES, ROLE_BINDINGS = _rbac("Role", namespaced=True), _rbac("RoleBinding", namespaced=True)
CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS = _rbac("ClusterRole", namespaced=False), _rbac("ClusterRoleBinding", namespaced=False)
