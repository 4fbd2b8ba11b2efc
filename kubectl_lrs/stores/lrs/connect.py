"""The only place that builds clients: from flags and the environment to what the operations are handed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kubectl_lrs.clients import wirelog
from kubectl_lrs.clients.kubernetes.client import NAMESPACES, KubeClient, Resource
from kubectl_lrs.clients.kubernetes.kubeconfig import Connection, KubeFlags, load
from kubectl_lrs.model.errors import DeniedError, NotFoundError, UsageError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.units import duration
from kubectl_lrs.model.workloads import CRD_NAME, GROUP, PLURAL
from kubectl_lrs.repository import SealedFolder
from kubectl_lrs.repository.directory import BackupDir
from kubectl_lrs.stores.deployments.api.client import DataRobotClient
from kubectl_lrs.stores.deployments.api.credentials import Access, ApiFlags, Ask, accesses, is_given, require_distinct
from kubectl_lrs.stores.lrs.preflight import conversion_webhook_problem
from kubectl_lrs.stores.lrs.saved import Source, saved_crd

DEFAULT_WORKERS = 16


@dataclass(frozen=True)
class Target:
    """A cluster that serves LRS."""

    kube: KubeClient
    resource: Resource

    @property
    def connection(self) -> Connection:
        """Where and as whom."""
        return self.kube.connection


def connect(flags: KubeFlags) -> KubeClient:
    """The API server that kubectl would talk to."""
    timeout = duration(flags.request_timeout, what="--request-timeout").total_seconds() if flags.request_timeout else None
    connection = load(flags, os.environ)
    context = f"context {connection.context}" if connection.context else "no context"
    wirelog.note(f"API server {connection.server}, {context}, namespace {connection.namespace}")
    return KubeClient(connection, timeout=timeout or None)


def target(flags: KubeFlags) -> Target:
    """The cluster, and the LRS resource in the version that it prefers."""
    kube = connect(flags)
    return Target(kube, served(kube, ""))


def served(kube: KubeClient, version: str) -> Resource:
    """The LRS resource in this version where the cluster serves it, else in the one that it prefers."""
    resource = kube.discover(GROUP, PLURAL, version=version)
    if resource is None:
        raise UsageError(
            f"{kube.connection.server} does not serve {CRD_NAME}: its CustomResourceDefinition is not installed",
            hint="is this the right context? The CRD comes with DataRobot's Helm chart",
        )
    return resource


def resource_to_write(kube: KubeClient, source: Source, crd: Manifest | None) -> Resource:
    """The LRS resource in the version of the source's objects, as the cluster serves it or the CRD to be installed will."""
    resource = _resource_of(crd, source.version) if crd else served(kube, source.version)
    if (resource.version, resource.kind) != (source.version, source.kind):
        for _ in source:  # a catalog that does not say what the objects are is damage, and nothing that a cluster could serve
            pass
        raise UsageError(
            f"{source.description} holds {source.kind} of version {source.version}; "
            f"{kube.connection.server} serves {resource.kind} of {', '.join(resource.versions)}",
            hint="take a backup from a cluster that serves one of these, or restore with a CRD that serves both, then upgrade",
        )
    return resource


def crd_to_install(kube: KubeClient, folder: SealedFolder) -> Manifest | None:
    """The CRD that a backup holds, None where the cluster has one; UsageError where it has none that can work there."""
    if kube.discover(GROUP, PLURAL) is not None:
        return None
    crd = saved_crd(folder)
    if crd is None:
        raise UsageError(
            f"backup {folder.path.name} does not hold the CRD", hint="install DataRobot's Helm chart, which brings it"
        )
    if problem := conversion_webhook_problem(kube, crd):
        raise UsageError(
            f"the saved CRD cannot work here: {problem}", hint="install DataRobot's Helm chart first, which brings both"
        )
    return crd


def _resource_of(crd: Manifest, version: str) -> Resource:
    spec = crd["spec"]
    served = {str(each["name"]): each for each in spec["versions"] if each.get("served")}
    if version not in served:
        raise UsageError(f"the saved CRD does not serve version {version}, which the backup's objects have")
    return Resource(
        group=GROUP,
        version=version,
        plural=PLURAL,
        kind=str(spec["names"]["kind"]),
        has_status="status" in (served[version].get("subresources") or {}),
        versions=tuple(served),
    )


def require_namespace(kube: KubeClient, name: str) -> None:
    """UsageError when the namespace surely does not exist; one that may not be looked up is no error."""
    try:
        kube.get(NAMESPACES, name)
    except NotFoundError as error:
        raise UsageError(f"namespace {name!r} does not exist", hint="list them with: kubectl get namespaces") from error
    except DeniedError:
        return


def api_accesses(flags: ApiFlags, *, ask: Ask | None) -> list[Access]:
    """URL and token of each user of the application's API; `ask` is None where there is nobody to ask."""
    found = accesses(flags, os.environ, home=_home(), ask=ask)
    require_distinct(found)
    return found


def api_is_given(flags: ApiFlags) -> bool:
    """Whether the user named the application's API, by flags or in the environment."""
    return is_given(flags, os.environ)


def _home() -> Path:
    """The user's home; in a pod the user may have none."""
    return Path(os.environ.get("HOME") or "/nonexistent")


def api_clients(found: Sequence[Access], request_timeout: str) -> list[DataRobotClient]:
    """A client for each."""
    timeout = duration(request_timeout, what="--request-timeout").total_seconds() if request_timeout else None
    return [DataRobotClient(access, timeout=timeout or None) for access in found]


def backup_dir(option: str) -> BackupDir:
    """The folder of the backups: the flag, else LRS_BACKUP_DIR, else the current directory."""
    return BackupDir(Path(option or os.environ.get("LRS_BACKUP_DIR") or "."))
