"""The cluster of the LRS, from kubectl's flags and the environment to its client and the resource that it serves."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kubectl_lrs.clients import wirelog
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import Connection, KubeFlags, load
from kubectl_lrs.clients.kubernetes.resources import NAMESPACES, Resource
from kubectl_lrs.model.errors import DeniedError, LrsError, NotFoundError, UsageError
from kubectl_lrs.model.guard import Guard
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.units import duration
from kubectl_lrs.model.workloads import CRD_NAME, GROUP, PLURAL
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.stores.lrs.flags import RehearseFlags
from kubectl_lrs.stores.lrs.options import RestoreOptions
from kubectl_lrs.stores.lrs.preflight import conversion_webhook_problem
from kubectl_lrs.stores.lrs.saved import Source, saved_crd

if TYPE_CHECKING:
    from kubectl_lrs.stores.lrs.rehearse import LrsTrial
    from kubectl_lrs.stores.lrs.scratch import LrsScratch


@dataclass(frozen=True)
class Target:
    """A cluster that serves LRS."""

    kube: KubeClient
    resource: Resource

    @property
    def connection(self) -> Connection:
        """Where and as whom."""
        return self.kube.connection


def connect(flags: KubeFlags, cancel: Cancel | None = None) -> KubeClient:
    """The API server that kubectl would talk to; `cancel` ends what waits for it.

    With settings that say of which cluster they are, it is that one, and of the uid that they say where it does not tell it.
    """
    timeout = duration(flags.request_timeout, what="--request-timeout").total_seconds() if flags.request_timeout else None
    connection = load(flags, os.environ)
    context = f"context {connection.context}" if connection.context else "no context"
    wirelog.note(f"API server {connection.server}, {context}, namespace {connection.namespace}")
    if flags.guard is None:
        return KubeClient(connection, timeout=timeout or None, cancel=cancel)
    kube = KubeClient(replace(connection, told_uid=flags.guard.system), timeout=timeout or None, cancel=cancel)
    require_cluster(kube, flags.guard)
    return kube


SYSTEM = "kube-system"


def uids_of(kube: KubeClient, namespaces: Iterable[str]) -> dict[str, str]:
    """Namespace → its uid, which no other cluster has; empty where it may not be read, or is not there."""
    found = {}
    for name in namespaces:
        try:
            found[name] = str(kube.get(NAMESPACES, name)["metadata"]["uid"])
        except (DeniedError, NotFoundError):
            found[name] = ""
    return found


def require_cluster(kube: KubeClient, guard: Guard) -> None:
    """UsageError where it is another cluster than the settings are of; DeniedError where that cannot be told."""
    found = uids_of(kube, [SYSTEM])
    if not guard.uids & set(found.values()):
        found |= uids_of(kube, [guard.namespace or kube.connection.namespace])
    if guard.uids & set(found.values()):
        return
    where = f"{kube.connection.server} (context {kube.connection.context})" if kube.connection.context else kube.connection.server
    # A uid tells something beside the one that the file has of the same namespace: another's is no sign of another cluster.
    if not any(uid and (guard.names_system if name == SYSTEM else guard.names_own) for name, uid in found.items()):
        unread = " and ".join(name for name, uid in found.items() if not uid)
        raise DeniedError(
            f"nothing tells whether {where} is the cluster that {guard.file} is about: {unread} may not be read",
            hint=f"grant the right to get namespace {list(found)[-1]}, and write its uid into the file as cluster.namespaceUid",
        )
    raise UsageError(
        f"{guard.file} is about another cluster than {where}, whose uid is {next(uid for uid in found.values() if uid)}",
        hint="name the file of this cluster with --config, or the context of that one with --context",
    )


def target(flags: KubeFlags, cancel: Cancel) -> Target:
    """The cluster, and the LRS resource in the version that it prefers."""
    kube = connect(flags, cancel)
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


def rehearsal(kube: KubeClient, source: Source, resource: Resource, flags: RehearseFlags) -> LrsTrial | LrsScratch:
    """The LRS part of a rehearsal."""
    from kubectl_lrs.stores.lrs.rehearse import LrsTrial  # with all that a restore needs
    from kubectl_lrs.stores.lrs.scratch import LrsScratch

    options = RestoreOptions(selection=Selection(), namespace_map=flags.namespaces)
    if scratch := flags.scratch_namespace:
        return LrsScratch(source, options, scratch, kube=kube, resource=resource, stop=kube.stop)
    return LrsTrial(source, options, kube=kube, resource=resource, stop=kube.stop)


def crd_to_install(kube: KubeClient, folder: Backup) -> Manifest | None:
    """The CRD that a backup holds, None where the cluster has one; UsageError where it has none that can work there."""
    if kube.discover(GROUP, PLURAL) is not None:
        return None
    crd = saved_crd(folder)
    if crd is None:
        raise UsageError(f"backup {folder.name} does not hold the CRD", hint="install DataRobot's Helm chart, which brings it")
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
        near = _near(kube, name)
        hint = f"did you mean {' or '.join(near)}?" if near else "list them with: kubectl get namespaces"
        raise UsageError(f"namespace {name!r} does not exist", hint=hint) from error
    except DeniedError:
        return


def _near(kube: KubeClient, name: str) -> list[str]:
    """Namespaces that may have been meant, as far as they may be listed."""
    try:
        there = [str(each["metadata"]["name"]) for page in kube.pages(NAMESPACES) for _, each in page.items]
    except LrsError:
        return []
    from difflib import get_close_matches

    return get_close_matches(name, there, n=3, cutoff=0.7)
