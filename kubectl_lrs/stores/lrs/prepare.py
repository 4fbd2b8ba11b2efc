"""What LRS stand on: their namespaces and their CRD, looked at for a plan and made when it is applied.

As with LRS, what the server made of each is held against what it was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import CRDS, NAMESPACES, Resource
from kubectl_lrs.model.errors import ApiError, DeniedError, ExistsError, LrsError, NotFoundError, NotServedError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.runtime.cancel import Deadline
from kubectl_lrs.runtime.retry import insist
from kubectl_lrs.stores.common.deleting import POLICY, may_be_done
from kubectl_lrs.stores.lrs.evidence import alterations, altered

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


Say = Callable[[str], None]
"""Is told what the server holds that is not what it was sent."""


def create_namespaces(kube: KubeClient, names: Iterable[str], deadline: Deadline, say: Say) -> dict[str, str]:
    """Make the namespaces, after those that are being deleted are gone; those that could not be made, with the reason."""
    failed = {}
    for name in names:
        while phase(kube, name) == TERMINATING:
            if not deadline.pause(0.3):
                failed[name] = f"namespace {name} is still being deleted after {deadline.seconds:.0f}s"
                break
        else:
            try:
                _create(kube, NAMESPACES, _namespace(name), say)
            except LrsError as error:
                failed[name] = f"namespace {name} could not be created: {error}"
    return failed


def install_crd(kube: KubeClient, resource: Resource, crd: Manifest, *, namespace: str, deadline: Deadline, say: Say) -> None:
    """Install the CRD and wait until the resource is served; `namespace`: one to ask for objects in."""
    _create(kube, CRDS, crd, say)
    while not _is_served(kube, resource, namespace):
        if not deadline.pause(0.2):
            raise LrsError(f"the CRD is installed, but not served after {deadline.seconds:.0f}s")


def _is_served(kube: KubeClient, resource: Resource, namespace: str) -> bool:
    """Whether the resource answers; its group, its version and the resource itself are published one after the other."""
    try:
        found = kube.discover(resource.group, resource.plural, version=resource.version)
        kube.items(resource, namespace)
    except (NotFoundError, NotServedError):
        return False
    return found is not None and found.version == resource.version


# ---- what the server makes of it


def _create(kube: KubeClient, resource: Resource, manifest: Manifest, say: Say) -> None:
    """Create it, unless somebody else does so meanwhile. Where no answer came, what is there then is the answer."""
    name, unanswered = str(manifest["metadata"]["name"]), False

    def act(attempt: int) -> Manifest | None:
        nonlocal unanswered
        unanswered = attempt > 1
        try:
            return kube.create(resource, manifest)
        except ExistsError:
            return None

    made = insist(act, policy=POLICY, cancel=kube.stop, may_pass=may_be_done, outage=kube.outage)
    if made is None and unanswered:
        made = kube.get(resource, name)
    if made is not None and (found := differing(manifest, made)):
        say(f"{resource.kind} {name}: {found}")


def differing(manifest: Manifest, made: Manifest) -> str:
    """In what the server's namespace or CRD is not the one that it was sent, in words; empty where it is."""
    found = alterations(manifest, made, _as_the_server_has_it)
    return altered(found) if found else ""


def _namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _as_the_server_has_it(manifest: Manifest) -> Manifest:
    """With what every API server adds by itself."""
    metadata, spec = manifest["metadata"], manifest.get("spec") or {}
    if manifest["kind"] == "Namespace":
        labels = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}
        return {**manifest, "metadata": {**metadata, "labels": labels}, "spec": {"finalizers": ["kubernetes"], **spec}}
    names = spec.get("names") or {}
    added = {"listKind": f"{names.get('kind')}List", "singular": str(names.get("kind")).lower()}
    return {**manifest, "spec": {"conversion": {"strategy": "None"}, **spec, "names": {**added, **names}}}
