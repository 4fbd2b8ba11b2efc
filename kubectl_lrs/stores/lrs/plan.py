"""The plan for all LRS: what the source and the cluster hold, held against each other. Nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import CRDS, DEPLOYMENTS, Resource
from kubectl_lrs.model.errors import ApiError, DeniedError, ExitCode
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import (
    DESTRUCTIVE,
    Action,
    Finding,
    Preparation,
    Prepare,
    Severity,
    StorePlan,
    errors_of,
)
from kubectl_lrs.model.workloads import CRD_NAME, WORKLOADS
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.journals import PauseJournal
from kubectl_lrs.stores.common.operator import Operator, Pause, find_operators, may_scale, noted_replicas, only_one
from kubectl_lrs.stores.lrs import preflight
from kubectl_lrs.stores.lrs.decide import LiveLrs, LrsStep, Rules, decide
from kubectl_lrs.stores.lrs.dependents import keeper, with_dependents
from kubectl_lrs.stores.lrs.journal import RecreateJournal
from kubectl_lrs.stores.lrs.options import RestoreOptions
from kubectl_lrs.stores.lrs.owners import Owners
from kubectl_lrs.stores.lrs.prepare import unfit_namespaces
from kubectl_lrs.stores.lrs.request import Requests
from kubectl_lrs.stores.lrs.same_text import SameText
from kubectl_lrs.stores.lrs.saved import TIER
from kubectl_lrs.stores.lrs.selected import Selected, Summary
from kubectl_lrs.stores.lrs.validate import Published, Validator


class Planner:
    """Makes one plan."""

    def __init__(
        self,
        kube: KubeClient,
        resource: Resource,
        selected: Selected,
        options: RestoreOptions,
        *,
        journal: RecreateJournal,
        pause_journal: PauseJournal,
        progress: Progress,
    ) -> None:
        self._kube = kube
        self._resource = resource
        self._selected = selected
        self._options = options
        self._journal = journal
        self._pause_journal = pause_journal
        self._progress = progress
        self._operator: Operator | None = None

    def plan(self) -> StorePlan:
        """All of it."""
        is_recreating = self._options.existing is Existing.RECREATE
        self._progress.begin("reading the backup, and looking at the cluster")
        operators, findings = self._operators({each.namespace for each in self._selected}) if is_recreating else ([], [])
        recall = SameText(self._selected.texts)
        live = LiveLrs(self._kube, self._resource, with_owners=is_recreating, recall=recall)
        places = _Namespaces(self._kube, live if self._options.crd is None else None, create=self._options.create_namespaces)
        published = Published.by(self._kube, self._resource) if self._options.crd is None else Published(schema=None)
        validator = Validator(self._kube, self._resource, published.schema, self._options.validation)
        rules = self._rules(validator, places.unusable, operators)
        taken = Summary(self._selected, self._resource.kind)
        steps: list[LrsStep] = []
        observed = preflight.Observed(is_recreating=is_recreating)
        for place, stored in enumerate(self._selected):
            taken.note(stored)
            places.look(stored.namespace)
            steps.append(decide(stored, live, rules))
            observed.note(place, steps[place], stored)
        taken.end()
        live.require_one()
        to_create = tuple(sorted(places.to_create))
        if not is_recreating:
            operators, findings = self._operators(taken.namespaces)
        steps = with_dependents(steps, self._selected, live.owned, rules, keeper(live, Owners(self._kube)))
        if any(step.goes_with_owner for step in steps):
            for step, stored in zip(steps, self._selected, strict=True):
                observed.sample(step, stored)
        steps = in_order(steps, taken)
        findings += self._preflight(steps, observed, to_create)
        findings += (*published.findings(), *validator.losses())
        findings += self._remarks(steps, taken)
        self._progress.end()
        return StorePlan(
            store=TIER,
            target=self._kube.connection.server,
            steps=steps,
            preparations=tuple(self._preparations(to_create)),
            findings=tuple(findings),
            effects=tuple(self._effects(steps)),
            remains=tuple(self._remains(taken)),
        )

    # ---- what is there

    def _operators(self, namespaces: Iterable[str]) -> tuple[list[Operator], list[Finding]]:
        options = self._options
        try:
            found = find_operators(self._kube, sorted(namespaces), options.operator)
        except (ApiError, DeniedError) as error:
            if options.pause_operator or options.operator:
                raise
            return [], [preflight.operator_state(None, str(error))]
        findings = list(map(preflight.operator_state, found or (None,)))
        if options.pause_operator:
            self._operator = only_one(found)
            findings += self._pausing(self._operator)
        else:
            findings += self._forgotten_pauses(found)
        return found, findings

    def _pausing(self, operator: Operator) -> Iterator[Finding]:
        Pause(self._kube, operator, self._pause_journal, self._options.operator_replicas)  # refused here where it cannot be
        if not may_scale(self._kube, operator):
            yield Finding(
                Severity.ERROR,
                f"you may not patch deployments.apps/scale in namespace {operator.namespace}, which --pause-operator needs",
                "ask for the right, or scale the operator yourself",
                ExitCode.UNREACHABLE,
            )

    def _forgotten_pauses(self, found: Sequence[Operator]) -> Iterator[Finding]:
        for operator in found:
            if operator.replicas == 0 and (noted := noted_replicas(self._pause_journal, operator)) is not None:
                yield Finding(
                    Severity.WARNING,
                    f"operator {operator.key} was paused by another run; it had {noted} replicas",
                    f"if that run is over, put it right with --pause-operator, or kubectl scale; see {self._pause_journal.path}",
                )

    def _rules(self, validator: Validator, unusable: Mapping[str, str], operators: Sequence[Operator]) -> Rules:
        options = self._options
        refused = ""
        if options.pause_operator or any(operator.replicas == 0 for operator in operators):
            refused = "it has finalizers, and the operator that would remove them is paused or at 0 replicas; not recreated"
        return Rules(
            existing=options.existing,
            skipped_types={kind: f"{WORKLOADS[kind].why}; --type {kind} restores it" for kind in options.selection.left_out},
            unusable=unusable,
            problems=validator.problem if not options.try_each else lambda _manifest: "",
            normalise=validator.normalise,
            recreate_refused=refused,
            left_alone=options.left_alone,
        )

    # ---- what it means

    def _preflight(self, steps: list[LrsStep], observed: preflight.Observed, to_create: tuple[str, ...]) -> list[Finding]:
        options = self._options
        findings = list(preflight.missing_rights(self._kube, self._needed(steps, to_create)))
        may_write = not errors_of(findings)
        conflicts = [step.key for step in steps if step.action is Action.CONFLICT]
        if options.existing is Existing.FAIL and conflicts:
            named = preflight.names(conflicts)
            findings.append(Finding(Severity.ERROR, f"{len(conflicts)} LRS exist and differ, or cannot be written: {named}"))
        if options.crd is not None:
            findings += preflight.webhook_findings(self._kube, options.crd)
        elif may_write and not options.try_each:
            coming = {(self._resource.kind, step.namespace, step.name) for step in steps if step.action is Action.CREATE}
            owners = Owners(self._kube, coming)
            requests = Requests(kube=self._kube, resource=self._resource, owners=owners, validation=options.validation)
            findings += preflight.refused_samples(requests, observed, absent=to_create)
        if options.crd is None:
            findings += preflight.missing_references(self._kube, observed, steps)
        findings += preflight.unknown_types(steps, observed.applications - observed.others)
        return findings

    def _needed(self, steps: list[LrsStep], to_create: tuple[str, ...]) -> Iterator[preflight.Right]:
        """The rights that the plan needs."""
        status = ""
        if self._options.restore_status:
            status = "lrs/status" if self._resource.has_status else "lrs"
        yield from preflight.rights_of(steps, status=status)
        if self._operator:
            yield preflight.Right("get", DEPLOYMENTS.plural, self._operator.namespace, DEPLOYMENTS.group)
        if to_create:
            yield preflight.Right("create", "namespaces")
        if self._options.crd is not None:
            yield preflight.Right("create", CRDS.plural, group=CRDS.group)

    def _remarks(self, steps: list[LrsStep], taken: Summary) -> Iterator[Finding]:
        if taken.unmapped:
            yield _unmapped(taken.unmapped, self._options.what_is_mapped, accepted=self._options.accept_unmapped)
        version, stored = self._resource.version, self._resource.stored
        if stored not in ("", version) and any(step.action in (Action.UPDATE, Action.REPLACE) for step in steps):
            yield Finding(
                Severity.WARNING,
                f"LRS are stored in version {stored} here, and the backup is of {version}: of a CRD without conversion an LRS "
                f"that is changed loses what {version} does not know, and no answer shows it",
                f"look at one in {stored} before and after",
            )
        mapping = self._selected.registry_map
        if mapping and len(unused := mapping.unused(self._selected.images)) == len(mapping.rules):
            why = f"--map-registry: no LRS that is to be restored names an image in {' or '.join(unused)}"
            yield Finding(Severity.WARNING, why, "is it written as images have it?")
        if pending := set(self._journal.pending) - {step.key for step in steps}:
            yield Finding(
                Severity.WARNING,
                f"deleted by an earlier run and not created again: {preflight.names(pending)}",
                f"see {self._journal.path}",
            )

    def _preparations(self, to_create: tuple[str, ...]) -> Iterator[Preparation]:
        if self._options.crd is not None:
            yield Preparation(Prepare.INSTALL_CRD, CRD_NAME)
        for name in to_create:
            yield Preparation(Prepare.CREATE_NAMESPACE, name)
        if self._operator:
            yield Preparation(Prepare.PAUSE_OPERATOR, self._operator.key)

    def _effects(self, steps: list[LrsStep]) -> Iterator[str]:
        counts = Counter(step.action for step in steps)
        yield from (f"{action.value} {counts[action]} LRS" for action in Action if action in DESTRUCTIVE and counts[action])
        if self._operator:
            yield f"pause the operator {self._operator.key} meanwhile"

    def _remains(self, taken: Summary) -> Iterator[str]:
        if taken.unmapped and not self._options.accept_unmapped:
            what = self._options.what_is_mapped
            yield f"{_strings(taken.unmapped)} a {what} that was mapped (--accept-unmapped)"


class _Namespaces:
    """Those of the objects, each looked at when its first object comes: so the source is read once, whatever is in it.

    `to_create`: those that are to be made. `unusable`: those that cannot be written to, with the reason.
    """

    def __init__(self, kube: KubeClient, live: LiveLrs | None, *, create: bool) -> None:
        self.to_create: list[str] = []
        self.unusable: dict[str, str] = {}
        self._kube = kube
        self._live = live
        self._create = create
        self._seen: set[str] = set()

    def look(self, name: str) -> None:
        """At it, and at the LRS in it; once."""
        if name in self._seen:
            return
        self._seen.add(name)
        to_create, unusable = unfit_namespaces(self._kube, [name], create=self._create)
        self.to_create += to_create
        self.unusable |= unusable
        if self._live and not to_create and not unusable:
            self._live.look(name)
            self.unusable |= self._live.unreadable


def in_order(steps: list[LrsStep], taken: Summary) -> list[LrsStep]:
    """With the owners that each step waits for: those that are to be made before it."""
    if not taken.owners:
        return steps
    return [replace(step, after=after) if (after := _after(step, taken)) else step for step in steps]


def _after(step: LrsStep, taken: Summary) -> tuple[str, ...]:
    key = (step.namespace, step.name)
    order = taken.order
    earlier = [owner for owner in taken.owners.get(key, ()) if owner in taken.objects and order.get(owner, 0) < order[key]]
    return tuple(dict.fromkeys("/".join(owner) for owner in earlier))


def _unmapped(found: list[str], what: str, *, accepted: bool) -> Finding:
    text = f"{_strings(found)} a {what} that is mapped"
    if accepted:
        return Finding(Severity.NOTE, f"{text}; accepted", details=tuple(found))
    return Finding(
        Severity.WARNING,
        text,
        "nothing but images in a spec is rewritten; look at them, and then say --accept-unmapped",
        ExitCode.PARTIAL,
        tuple(found),
    )


def _strings(found: list[str]) -> str:
    return "1 string still names" if len(found) == 1 else f"{len(found):,} strings still name"
