"""What LRS stand on: their namespaces and their CRD, looked at for a plan and made when it is applied."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from kubectl_lrs.clients.kubernetes.client import CRDS, NAMESPACES, KubeClient, Resource
from kubectl_lrs.model.errors import ApiError, ConflictError, DeniedError, LrsError, NotFoundError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.runtime.cancel import Deadline

SERVED_WITHIN = 60.0
"""Seconds in which an installed CRD must be served."""

MISSING, TERMINATING = "Missing", "Terminating"


def unfit_namespaces(kube: KubeClient, names: Iterable[str], *, create: bool) -> tuple[tuple[str, ...], dict[str, str]]:
    """Which namespaces are to be created, and which cannot be used, with the reason."""
    to_create: list[str] = []
    unusable: dict[str, str] = {}
    for name in sorted(names):
        try:
            state = phase(kube, name)
        except ApiError as error:  # charged to what is in it alone
            unusable[name] = f"namespace {name} cannot be looked at: {error}"
            continue
        if state in ("", "Active"):
            continue
        if create:
            to_create.append(name)
        elif state == TERMINATING:
            unusable[name] = f"namespace {name} is being deleted (--create-namespaces waits, and makes it anew)"
        else:
            unusable[name] = f"namespace {name} does not exist (--create-namespaces makes it)"
    return tuple(to_create), unusable


def phase(kube: KubeClient, namespace: str) -> str:
    """Active, Terminating or Missing; empty where one may not look, which is not an error in itself."""
    try:
        return str(kube.get(NAMESPACES, namespace).get("status", {}).get("phase", "Active"))
    except DeniedError:
        return ""
    except NotFoundError:
        return MISSING


def create_namespaces(kube: KubeClient, names: Iterable[str], deadline: Deadline) -> dict[str, str]:
    """Make the namespaces, after those that are being deleted are gone; those that could not be made, with the reason."""
    failed = {}
    for name in names:
        while phase(kube, name) == TERMINATING:
            if not deadline.pause(0.3):
                failed[name] = f"namespace {name} is still being deleted after {deadline.seconds:.0f}s"
                break
        else:
            try:
                kube.create_object(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            except ConflictError:  # somebody else made it meanwhile
                continue
            except LrsError as error:
                failed[name] = f"namespace {name} could not be created: {error}"
    return failed


def install_crd(kube: KubeClient, resource: Resource, crd: Manifest, *, namespace: str, deadline: Deadline) -> None:
    """Install the CRD and wait until the resource is served; `namespace`: one to ask for objects in."""
    with suppress(ConflictError):  # somebody else installed it meanwhile
        kube.create_object(CRDS, crd)
    while not _is_served(kube, resource, namespace):
        if not deadline.pause(0.2):
            raise LrsError(f"the CRD is installed, but not served after {deadline.seconds:.0f}s")


def _is_served(kube: KubeClient, resource: Resource, namespace: str) -> bool:
    """Whether the resource answers; its group, its version and the resource itself are published one after the other."""
    try:
        found = kube.discover(resource.group, resource.plural, version=resource.version)
        kube.items(resource, namespace)
    except NotFoundError:
        return False
    return found is not None and found.version == resource.version
