"""Everything that is looked at before the first write of a restore, as findings. Nothing is changed here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import SERVICES
from kubectl_lrs.model.errors import (
    ApiError,
    CredentialsError,
    DeniedError,
    ExistsError,
    ExitCode,
    LrsError,
    NotFoundError,
    UnreachableError,
)
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.notes import Note
from kubectl_lrs.model.plan import WRITES, Action, Finding, Severity, Step
from kubectl_lrs.model.workloads import GROUP, PLURAL, UNTYPED, WORKLOADS, is_application
from kubectl_lrs.stores.common.image_names.repositories import APPLICATIONS
from kubectl_lrs.stores.common.mentions import strings
from kubectl_lrs.stores.common.operator import Operator
from kubectl_lrs.stores.lrs.references import KINDS, references
from kubectl_lrs.stores.lrs.request import Requests, blocking_owners, says_nothing
from kubectl_lrs.stores.lrs.saved import StoredLrs

VERBS: Mapping[Action, tuple[str, ...]] = {
    Action.CREATE: ("create",),
    Action.UPDATE: ("patch",),
    Action.REPLACE: ("update",),
    Action.RECREATE: ("delete", "create"),
}
"""The rights on `lrs` that an action needs, besides get and list."""

SHOWN = 5
"""How many names a finding lists before it only counts."""


@dataclass(frozen=True, order=True)
class Right:
    """A verb on a resource (`lrs`, `lrs/status`) in a namespace, empty for one that is in none."""

    verb: str
    resource: str
    namespace: str = ""
    group: str = ""

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        plural, _, subresource = self.resource.partition("/")
        name = f"{plural}.{self.group}" if self.group else plural
        return f"{self.verb} {name}{f'/{subresource}' if subresource else ''}{where}"


def rights_of(steps: Iterable[Step], *, status: str) -> Iterator[Right]:
    """The rights on LRS that these steps need; `status`: the resource by which a status is set, empty where none is."""
    needed: set[tuple[str, str, str]] = set()
    for step in steps:
        if step.action in WRITES:
            needed.update((step.namespace, verb, PLURAL) for verb in (*VERBS[step.action], "get", "list"))
            if status:
                needed.add((step.namespace, "patch", status))
    for namespace, verb, resource in sorted(needed):
        yield Right(verb, resource, namespace, GROUP)


def missing_rights(kube: KubeClient, needed: Iterable[Right]) -> Iterator[Finding]:
    """An error for each right that the user has not, by the API server's own word."""
    everywhere: dict[Right, bool] = {}
    try:
        for right in needed:
            anywhere = replace(right, namespace="")
            if anywhere not in everywhere:
                everywhere[anywhere] = _has(kube, anywhere)
            if not everywhere[anywhere] and not (right.namespace and _has(kube, right)):
                yield _denied(f"you may not {right}")
    except (ApiError, DeniedError) as error:
        yield Finding(Severity.NOTE, f"rights were not checked: {error}", note=Note.RIGHTS_NOT_CHECKED)


def _has(kube: KubeClient, right: Right) -> bool:
    plural, _, subresource = right.resource.partition("/")
    return kube.can_i(right.verb, plural, group=right.group, namespace=right.namespace, subresource=subresource)


def _denied(message: str) -> Finding:
    return Finding(Severity.ERROR, message, "ask for the right, or leave those objects out", ExitCode.UNREACHABLE)


Sample = tuple[str, str, "frozenset[str]"]
"""(namespace, type, kinds of the owners whose deletion it blocks)."""


@dataclass(frozen=True)
class Observed:
    """What is kept of the objects while they are planned, one after the other, for what is looked at afterwards.

    `samples`: one object to be created, or created again, of each namespace, type and kind of owner whose deletion it
    blocks. `users`: (namespace, kind, name) that specs refer to → the places in the plan of those that do. `applications`:
    types of which one runs an image of a custom application, and `others`: those of which one does not. `is_recreating`: what
    is not written may yet be, with its owner.
    """

    is_recreating: bool = False
    samples: dict[Sample, tuple[Action, StoredLrs]] = field(default_factory=dict)
    users: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)
    applications: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)

    def note(self, place: int, step: Step, stored: StoredLrs) -> None:
        """The object of the step at this place."""
        if self.is_recreating or step.action in WRITES:  # nobody asks what the others refer to
            for kind, name in set(references(stored.manifest.get("spec"))):
                self.users.setdefault((step.namespace, kind, name), []).append(place)
        if step.type not in WORKLOADS:
            (self.applications if _runs_application(stored) else self.others).add(step.type)
        self.sample(step, stored)

    def sample(self, step: Step, stored: StoredLrs) -> None:
        """Keep it, where it is the first of its sort."""
        if (step.action is Action.CREATE and not step.reason) or step.action is Action.RECREATE:
            blocked = (str(owner.get("kind")) for owner in stored.owners if owner.get("blockOwnerDeletion") is True)
            self.samples.setdefault((step.namespace, step.type, frozenset(blocked)), (step.action, stored))


def _runs_application(stored: StoredLrs) -> bool:
    return any(APPLICATIONS in text for _, text in strings(stored.manifest.get("spec")))


def missing_references(kube: KubeClient, observed: Observed, steps: Sequence[Step]) -> Iterator[Finding]:
    """A warning for each Secret, ConfigMap, claim or service account that a spec names and that is not there."""
    unchecked = 0
    for (namespace, kind, name), places in sorted(observed.users.items()):
        count = sum(steps[place].action in WRITES for place in places)
        if not count:
            continue
        try:
            kube.get(KINDS[kind], name, namespace)
        except NotFoundError:
            yield Finding(
                Severity.WARNING, f"{kind} {namespace}/{name} does not exist; {count} LRS refer{'s' * (count == 1)} to it"
            )
        except (ApiError, DeniedError):
            unchecked += 1
    if unchecked:
        message = f"{unchecked} objects that LRS refer to could not be looked up"
        yield Finding(Severity.NOTE, message, note=Note.REFERENCES_NOT_CHECKED)


def refused_samples(requests: Requests, observed: Observed, *, absent: Collection[str]) -> Iterator[Finding]:
    """One server-side dry run for each sample: a warning for each that the server would refuse.

    An error where it is refused because the user may not set the finalizers of an owner, which not every server asks for.
    """
    for (namespace, kind, _), (action, stored) in observed.samples.items():
        if namespace in absent:
            continue
        try:
            manifest, _ = requests.creation(stored)
            if action is Action.RECREATE:
                requests.try_creation(manifest)
            else:
                requests.create(manifest, dry_run=True)
        except (UnreachableError, CredentialsError):
            raise
        except ExistsError:  # somebody has made it since; the name is looked at last
            continue
        except DeniedError as error:  # the rights on LRS were looked at before: this is admission
            missing = list(_missing_finalizers(requests, manifest))
            yield from missing or [_refused(stored, error)]
        except LrsError as error:
            yield _unchecked(kind, namespace, error) if says_nothing(error) else _refused(stored, error)


def _missing_finalizers(requests: Requests, manifest: Manifest) -> Iterator[Finding]:
    """An error for each owner whose deletion the object is to block although the user may not set its finalizers."""
    namespace = manifest["metadata"]["namespace"]
    for owner in blocking_owners(manifest):
        resource = requests.kube.resource_of_kind(str(owner["apiVersion"]), str(owner["kind"]))
        if resource is None:
            continue
        where = namespace if resource.namespaced else ""
        right = Right("update", f"{resource.plural}/finalizers", where, resource.group)
        if not _has(requests.kube, right):
            yield _denied(f"you may not {right}, which the server asks for: LRS block the deletion of their owner there")


def _unchecked(kind: str, namespace: str, error: LrsError) -> Finding:
    return Finding(Severity.NOTE, f"not checked for {kind} in {namespace}: {error}", note=Note.WRITES_NOT_TRIED)


def _refused(tried: StoredLrs, error: LrsError) -> Finding:
    message = f"the server would refuse {tried.type} in {tried.namespace}, tried with {tried.name}: {error}"
    return Finding(Severity.WARNING, message)


def unknown_types(steps: Iterable[Step], applications: Collection[str] = ()) -> Iterator[Finding]:
    """A warning that counts the objects of types that the product does not know, nor their images tell."""
    counts = Counter(step.type for step in steps if step.action in WRITES)
    for kind, count in sorted(counts.items()):
        if kind in WORKLOADS or kind == UNTYPED or is_application(kind) or kind in applications:
            continue
        yield Finding(
            Severity.WARNING,
            f"{count} LRS of type {kind}, which is not known here, will be written",
            f"if they are ephemeral they should not come back: --exclude-type {kind}",
            note=Note.UNKNOWN_TYPES,
        )


def operator_state(operator: Operator | None, why_unknown: str = "") -> Finding:
    """What the user should know of the operator."""
    if operator is None:
        why = f": {why_unknown}" if why_unknown else ""
        return Finding(Severity.NOTE, f"the LRS operator was not found{why}", note=Note.OPERATOR_NOT_FOUND)
    state = f"running ({operator.ready} of {operator.replicas} ready)"
    if operator.replicas == 0:
        state = "at 0 replicas: LRS run once it is scaled up"
    return Finding(Severity.NOTE, f"operator {operator.key} is {state}", note=Note.OPERATOR_SEEN)


def conversion_webhook_problem(kube: KubeClient, crd: Manifest) -> str:
    """Why this CRD cannot work on this cluster: the Service that its conversion webhook calls is not there.

    Empty also where that may not be looked at, which `webhook_findings` says.
    """
    try:
        return _service_lacking(kube, crd)
    except DeniedError:
        return ""


def _service_lacking(kube: KubeClient, crd: Manifest) -> str:
    """That the Service is not there, in words; empty where it is, or where none is called. DeniedError: who knows."""
    service = _client_config(crd).get("service")
    if not isinstance(service, dict):
        return ""
    namespace, name = str(service.get("namespace")), str(service.get("name"))
    try:
        kube.get(SERVICES, name, namespace)
    except NotFoundError:
        return f"its conversion webhook's Service {namespace}/{name} is not there"
    return ""


def _client_config(crd: Manifest) -> Manifest:
    """How the CRD's conversion webhook is called, empty where it has none."""
    found: Any = crd["spec"]
    for key in ("conversion", "webhook", "clientConfig"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def webhook_findings(kube: KubeClient, crd: Manifest) -> Iterator[Finding]:
    """A warning where the saved CRD would send every LRS to an address outside of the cluster's Services, or to one that may
    not be there: then no LRS could be read or written in another version than the stored one."""
    if url := _client_config(crd).get("url"):
        yield Finding(Severity.WARNING, f"the saved CRD has LRS converted by {url}", "install it only if you know this address")
    try:
        _service_lacking(kube, crd)
    except DeniedError as error:
        why = f"whether the Service of the saved CRD's conversion webhook is there could not be looked at: {error}"
        yield Finding(Severity.WARNING, why, "without it LRS can be neither read nor written in some versions: look at it first")


def names(keys: Iterable[str]) -> str:
    """The first few, and how many more."""
    listed = sorted(keys)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more
