"""Everything that is looked at before the first write of a restore, as findings. Nothing is changed here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from kubectl_lrs.clients.kube import SERVICES, KubeClient, Resource
from kubectl_lrs.errors import ApiError, DeniedError, ExitCode, LrsError, NotFoundError
from kubectl_lrs.manifest import Manifest
from kubectl_lrs.plan import VERBS, WRITES, Action, Finding, Severity, Step
from kubectl_lrs.tiers.resources.operator import Operator
from kubectl_lrs.tiers.resources.references import KINDS, references
from kubectl_lrs.tiers.resources.stored import StoredLrs
from kubectl_lrs.workloads import CRD_NAME, UNTYPED, WORKLOADS

SHOWN = 5
"""How many names a finding lists before it only counts."""


def missing_rights(
    kube: KubeClient, steps: Iterable[Step], *, status: bool, namespaces_to_create: Iterable[str]
) -> Iterator[Finding]:
    """An error for each right that the plan needs and the user has not, by the API server's own word."""
    needed: set[tuple[str, str, str]] = set()
    for step in steps:
        needed.update((step.namespace, verb, "") for verb in VERBS.get(step.action, ()))
        if status and step.action in WRITES:
            needed.add((step.namespace, "patch", "status"))
    everywhere: dict[tuple[str, str], bool] = {}
    try:
        for namespace, verb, subresource in sorted(needed):
            right = (verb, subresource)
            if right not in everywhere:
                everywhere[right] = kube.may(verb, "lrs", subresource=subresource)
            if not everywhere[right] and not kube.may(verb, "lrs", namespace=namespace, subresource=subresource):
                resource = f"{CRD_NAME}{f'/{subresource}' if subresource else ''}"
                yield _denied(f"you may not {verb} {resource} in namespace {namespace}")
        if any(namespaces_to_create) and not kube.may("create", "namespaces", group=""):
            yield _denied("you may not create namespaces")
    except (ApiError, DeniedError) as error:
        yield Finding(Severity.NOTE, f"rights were not checked: {error}")


def _denied(message: str) -> Finding:
    return Finding(Severity.ERROR, message, "ask for the right, or leave those objects out", ExitCode.UNREACHABLE)


def missing_references(kube: KubeClient, source: Iterable[StoredLrs], steps: Iterable[Step]) -> Iterator[Finding]:
    """A warning for each Secret, ConfigMap, claim or service account that a spec names and that is not there."""
    users: Counter[tuple[str, str, str]] = Counter()
    for step, stored in zip(steps, source, strict=True):
        if step.action in WRITES:
            users.update({(stored.namespace, kind, name) for kind, name in references(stored.manifest.get("spec"))})
    unchecked = 0
    for (namespace, kind, name), count in sorted(users.items()):
        try:
            kube.get(KINDS[kind], name, namespace)
        except NotFoundError:
            yield Finding(
                Severity.WARNING, f"{kind} {namespace}/{name} does not exist; {count} LRS refer{'s' * (count == 1)} to it"
            )
        except (ApiError, DeniedError):
            unchecked += 1
    if unchecked:
        yield Finding(Severity.NOTE, f"{unchecked} objects that LRS refer to could not be looked up")


def refused_samples(
    kube: KubeClient,
    resource: Resource,
    source: Iterable[StoredLrs],
    steps: Iterable[Step],
    *,
    absent: Iterable[str],
    validation: str,
) -> Iterator[Finding]:
    """One server-side dry run per namespace and type: a warning for each that the server would refuse."""
    not_there = set(absent)
    tried: set[tuple[str, str]] = set()
    for step, stored in zip(steps, source, strict=True):
        sort = (step.namespace, step.type)
        if step.action is not Action.CREATE or step.reason or sort in tried or step.namespace in not_there:
            continue
        tried.add(sort)
        body = json.dumps(stored.manifest).encode("utf-8", "surrogatepass")
        try:
            kube.create(resource, body, step.namespace, dry_run=True, validation=validation)
        except DeniedError as error:  # the rights were looked at before: this is admission
            yield _refused(step, error)
        except ApiError as error:
            if "does not support dry run" in str(error):
                yield Finding(Severity.NOTE, f"not checked for {step.type} in {step.namespace}: {error}")
            else:
                yield _refused(step, error)


def _refused(step: Step, error: LrsError) -> Finding:
    return Finding(Severity.WARNING, f"the server would refuse {step.type} in {step.namespace}, tried with {step.name}: {error}")


def unknown_types(steps: Iterable[Step]) -> Iterator[Finding]:
    """A warning that counts the objects of types that the product does not know."""
    counts = Counter(step.type for step in steps if step.action in WRITES and step.type not in WORKLOADS and step.type != UNTYPED)
    for kind, count in sorted(counts.items()):
        yield Finding(
            Severity.WARNING,
            f"{count} LRS of type {kind}, which is not known here, will be written",
            f"if they are ephemeral they should not come back: --exclude-type {kind}",
        )


def operator_state(operator: Operator | None, why_unknown: str = "") -> Finding:
    """What the user should know of the operator."""
    if operator is None:
        return Finding(Severity.NOTE, f"the LRS operator was not found{f': {why_unknown}' if why_unknown else ''}")
    if operator.replicas == 0:
        return Finding(Severity.NOTE, f"operator {operator.key} is at 0 replicas: LRS run once it is scaled up")
    return Finding(Severity.NOTE, f"operator {operator.key} is running ({operator.ready} of {operator.replicas} ready)")


def conversion_webhook_problem(kube: KubeClient, crd: Manifest) -> str:
    """Why this CRD cannot work on this cluster: the Service that its conversion webhook calls is not there."""
    webhook = (crd["spec"].get("conversion") or {}).get("webhook") or {}
    service = (webhook.get("clientConfig") or {}).get("service") or {}
    if not service:
        return ""
    namespace, name = str(service.get("namespace")), str(service.get("name"))
    try:
        kube.get(SERVICES, name, namespace)
    except NotFoundError:
        return f"its conversion webhook's Service {namespace}/{name} is not there"
    except DeniedError:
        return ""
    return ""


def names(keys: Iterable[str]) -> str:
    """The first few, and how many more."""
    listed = sorted(keys)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more
