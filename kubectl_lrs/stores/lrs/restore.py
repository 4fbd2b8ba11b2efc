"""Restore of LRS: a source and the live cluster give a plan; the same plan is shown, and then applied."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from kubectl_lrs.clients.kubernetes.client import CRDS, DEPLOYMENTS, NAMESPACES, KubeClient, Resource
from kubectl_lrs.model.errors import ApiError, ConflictError, DeniedError, ExitCode, LrsError, NotFoundError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.plan import WRITES, Action, Effort, Finding, Plan, Policy, Severity, Step
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.workloads import WORKLOADS
from kubectl_lrs.runtime.cancel import Deadline
from kubectl_lrs.runtime.parallel import for_each
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.circuit_breaker import Reach
from kubectl_lrs.stores.common.operator import Operator, Pause, find_operators, may_scale, noted_replicas, only_one
from kubectl_lrs.stores.images.mapping import RegistryMap
from kubectl_lrs.stores.lrs import preflight
from kubectl_lrs.stores.lrs.apply import Applier, Manner
from kubectl_lrs.stores.lrs.dependents import with_dependents
from kubectl_lrs.stores.lrs.journal import RecreateJournal, operator_journal
from kubectl_lrs.stores.lrs.owners import Owners
from kubectl_lrs.stores.lrs.plan import LeftAlone, LiveLrs, Rules, decide
from kubectl_lrs.stores.lrs.post_checks import check_statuses, wait_for
from kubectl_lrs.stores.lrs.saved import Source, StoredLrs
from kubectl_lrs.stores.lrs.selected import Census, Chosen, census
from kubectl_lrs.stores.lrs.validate import Validator

SERVED_WITHIN = 60.0
"""Seconds in which an installed CRD must be served."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user asked for. `crd`: the saved CRD, to be installed first. `operator`: NAMESPACE/NAME, empty to look for it.

    `try_each`: the server will be asked about every object, so neither the schema nor samples decide beforehand.
    """

    selection: Selection
    names: tuple[str, ...] = ()
    policy: Policy = Policy.SKIP
    namespace_map: Mapping[str, str] = field(default_factory=dict)
    registry_map: RegistryMap = field(default_factory=RegistryMap)
    create_namespaces: bool = False
    crd: Manifest | None = None
    validation: str = "Strict"
    restore_status: bool = False
    accept_unmapped: bool = False
    operator: str = ""
    pause_operator: bool = False
    operator_replicas: int | None = None
    from_another_cluster: bool = False
    try_each: bool = False
    left_alone: LeftAlone = lambda _manifest: None


class Restore:
    """One restore: `plan`, then perhaps `apply`. `directory` is where journals lie, `cluster` what names them."""

    def __init__(
        self,
        source: Source,
        wanted: Wanted,
        *,
        kube: KubeClient,
        resource: Resource,
        directory: Path,
        cluster: str,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        self._kube = kube
        self._resource = resource
        self._wanted = wanted
        self._progress = progress
        self._stop = stop
        self._chosen = Chosen(source, wanted.selection, wanted.names, wanted.namespace_map, wanted.registry_map)
        self._journal = RecreateJournal(directory, cluster)
        self._pause_journal = operator_journal(directory, cluster)
        self._validator = Validator(kube, resource, None, wanted.validation)
        self._pause: Pause | None = None
        self._census = Census()

    # ---- plan

    def plan(self) -> Plan:
        """Look at the source and the cluster, and decide; nothing is written."""
        self._progress.begin("reading the backup")
        self._census = taken = census(self._chosen, self._resource.kind)
        to_create, unusable = self._namespaces()
        findings: list[Finding] = []
        operators = self._look_for_operator(findings)
        self._progress.begin("looking at the cluster")
        live = LiveLrs(self._kube, self._resource)
        if self._wanted.crd is None:
            live.read(name for name in taken.namespaces if name not in to_create and name not in unusable)
            self._read_schema()
        rules = self._rules(unusable, operators)
        steps: list[Step] = []
        noticed = preflight.Noticed()
        for place, stored in enumerate(self._chosen):
            steps.append(decide(stored, live, rules))
            noticed.note(place, steps[place], stored)
        steps = with_dependents(steps, self._chosen, live, rules)
        findings += self._preflight(steps, noticed, to_create)
        self._progress.end()
        return Plan(
            source=self._chosen.description,
            target=self._kube.connection.server,
            steps=steps,
            findings=findings,
            namespaces_to_create=to_create,
            install_crd=self._wanted.crd is not None,
            pause_operator=self._pause.operator.key if self._pause else "",
            from_another_cluster=self._wanted.from_another_cluster,
            unmapped=len(taken.unmapped),
        )

    def _namespaces(self) -> tuple[tuple[str, ...], dict[str, str]]:
        """Which namespaces are to be created, and which cannot be used, with the reason."""
        to_create: list[str] = []
        unusable: dict[str, str] = {}
        for name in sorted(self._census.namespaces):
            phase = self._phase(name)
            if phase in ("", "Active"):
                continue
            if self._wanted.create_namespaces:
                to_create.append(name)
            elif phase == "Terminating":
                unusable[name] = f"namespace {name} is being deleted (--create-namespaces waits, and makes it anew)"
            else:
                unusable[name] = f"namespace {name} does not exist (--create-namespaces makes it)"
        return tuple(to_create), unusable

    def _phase(self, namespace: str) -> str:
        """Active, Terminating or Missing; empty where one may not look, which is not an error in itself."""
        try:
            return str(self._kube.get(NAMESPACES, namespace).get("status", {}).get("phase", "Active"))
        except DeniedError:
            return ""
        except NotFoundError:
            return "Missing"

    def _look_for_operator(self, findings: list[Finding]) -> list[Operator]:
        wanted = self._wanted
        try:
            found = find_operators(self._kube, self._census.namespaces, wanted.operator)
        except (ApiError, DeniedError) as error:
            if wanted.pause_operator or wanted.operator:
                raise
            findings.append(preflight.operator_state(None, str(error)))
            return []
        findings += map(preflight.operator_state, found or (None,))
        if wanted.pause_operator:
            findings += self._prepare_pause(only_one(found))
        else:
            findings += self._forgotten_pauses(found)
        return found

    def _prepare_pause(self, operator: Operator) -> Iterator[Finding]:
        self._pause = Pause(self._kube, operator, self._pause_journal, self._wanted.operator_replicas)
        if not may_scale(self._kube, operator):
            yield Finding(
                Severity.ERROR,
                f"you may not patch deployments.apps/scale in namespace {operator.namespace}, which --pause-operator needs",
                "ask for the right, or scale the operator yourself",
                ExitCode.UNREACHABLE,
            )

    def _forgotten_pauses(self, found: list[Operator]) -> Iterator[Finding]:
        for operator in found:
            if operator.replicas == 0 and (noted := noted_replicas(self._pause_journal, operator)) is not None:
                yield Finding(
                    Severity.WARNING,
                    f"operator {operator.key} was paused by another run; it had {noted} replicas",
                    f"if that run is over, put it right with --pause-operator, or kubectl scale; see {self._pause_journal}",
                )

    def _read_schema(self) -> None:
        schema = self._kube.schema(self._resource)
        self._validator = Validator(self._kube, self._resource, schema, self._wanted.validation)

    def _rules(self, unusable: Mapping[str, str], operators: list[Operator]) -> Rules:
        refused = ""
        if self._wanted.pause_operator or any(operator.replicas == 0 for operator in operators):
            refused = "it has finalizers, and the operator that would remove them is paused or at 0 replicas; not recreated"
        return Rules(
            policy=self._wanted.policy,
            skipped_types={kind: f"{WORKLOADS[kind].why}; --type {kind} restores it" for kind in self._wanted.selection.left_out},
            unusable=unusable,
            problems=self._validator.problem if not self._wanted.try_each else lambda _manifest: "",
            normalise=self._validator.normalise,
            recreate_refused=refused,
            left_alone=self._wanted.left_alone,
        )

    def _preflight(self, steps: list[Step], noticed: preflight.Noticed, to_create: tuple[str, ...]) -> list[Finding]:
        wanted = self._wanted
        findings = list(preflight.missing_rights(self._kube, self._needed(steps, to_create)))
        may_write = not any(finding.severity is Severity.ERROR for finding in findings)
        conflicts = [step.key for step in steps if step.action is Action.CONFLICT]
        if wanted.policy is Policy.FAIL and conflicts:
            findings.append(
                Finding(
                    Severity.ERROR, f"{len(conflicts)} LRS exist and differ, or cannot be written: {preflight.names(conflicts)}"
                )
            )
        if wanted.crd is not None:
            findings += preflight.foreign_webhook(wanted.crd)
        elif may_write and not wanted.try_each:
            findings += preflight.refused_samples(
                self._kube, self._resource, noticed, absent=to_create, validation=wanted.validation
            )
        if wanted.crd is None:
            findings += preflight.missing_references(self._kube, noticed, steps)
        findings += preflight.unknown_types(steps)
        findings += self._validator.losses()
        if self._census.unmapped:
            findings.append(_unmapped(self._census.unmapped, self._what_is_mapped, accepted=wanted.accept_unmapped))
        if pending := set(self._journal.pending) - {step.key for step in steps}:
            findings.append(
                Finding(
                    Severity.WARNING,
                    f"deleted by an earlier run and not created again: {preflight.names(pending)}",
                    f"see {self._journal.path}",
                )
            )
        return findings

    @property
    def _what_is_mapped(self) -> str:
        """What the user has mapped, in words."""
        maps = {"namespace": self._wanted.namespace_map, "registry": self._wanted.registry_map}
        return " or ".join(name for name, given in maps.items() if given)

    def _needed(self, steps: list[Step], to_create: tuple[str, ...]) -> Iterator[preflight.Right]:
        """The rights that the plan needs."""
        status = ""
        if self._wanted.restore_status:
            status = "lrs/status" if self._resource.has_status else "lrs"
        yield from preflight.rights_of(steps, status=status)
        if self._pause:
            yield preflight.Right("get", DEPLOYMENTS.plural, self._pause.operator.namespace, DEPLOYMENTS.group)
        if to_create:
            yield preflight.Right("create", "namespaces")
        if self._wanted.crd is not None:
            yield preflight.Right("create", CRDS.plural, group=CRDS.group)

    # ---- apply

    def apply(self, plan: Plan, effort: Effort) -> Report:
        """Do what the plan says, several objects at once; one outcome per step."""
        began = time.monotonic()
        report = Report(source=plan.source, target=plan.target)
        if self._census.unmapped and not self._wanted.accept_unmapped:
            report.undone.append(
                f"{len(self._census.unmapped)} strings still name a {self._what_is_mapped} that was mapped (--accept-unmapped)"
            )
        deadline = Deadline(effort.timeout, self._stop)
        with ExitStack() as stack:
            if plan.install_crd and not effort.dry_run:
                self._install_crd()
            failed = {} if effort.dry_run else self._create_namespaces(plan.namespaces_to_create, deadline)
            if self._pause and not effort.dry_run:
                stack.callback(self._resume, self._pause, report)
                self._begin(self._pause, deadline)
            applier = self._applier(plan, effort, deadline)
            self._write(plan, applier, failed, report, effort)
        check_statuses(self._kube, self._resource, applier.statuses, report)
        if effort.wait and not effort.dry_run and not self._stop.is_set():
            wait_for(self._kube, self._resource, self._chosen, report, Deadline(effort.timeout, self._stop), self._progress)
        report.interrupted = self._stop.is_set()
        report.seconds = time.monotonic() - began
        return report

    def _applier(self, plan: Plan, effort: Effort, deadline: Deadline) -> Applier:
        coming = {(self._resource.kind, s.namespace, s.name) for s in plan.steps if effort.dry_run and s.action is Action.CREATE}
        manner = Manner(
            dry_run=effort.dry_run,
            validation=self._wanted.validation,
            restore_status=self._wanted.restore_status,
            normalise=self._validator.normalise,
        )
        return Applier(self._kube, self._resource, Owners(self._kube, coming), manner, deadline, self._journal)

    def _write(self, plan: Plan, applier: Applier, failed: Mapping[str, str], report: Report, effort: Effort) -> None:
        absent = self._not_there_yet(plan) if effort.dry_run else {}
        reach = Reach(self._kube)

        def work(pair: tuple[Step, StoredLrs]) -> Outcome:
            step, stored = pair
            if step.namespace in failed:
                return Outcome.of(step, Result.FAILED, failed[step.namespace])
            if step.action in WRITES and (why := absent.get(step.namespace)):
                return Outcome.of(step, Result.NOT_CHECKED, why)
            outcome = applier.apply(step, stored) if not reach.lost else reach.not_tried(step)
            reach.judge(outcome.error)
            if outcome.result is not Result.FAILED and not effort.dry_run:
                self._journal.done(step.key)
            return outcome

        self._progress.begin("asking the server" if effort.dry_run else "restoring", len(plan.steps))
        for pairs in self._waves(plan):
            for outcome in for_each(pairs, work, workers=effort.workers, stop=self._stop):
                report.outcomes.append(outcome)
                self._progress.advance()
        self._progress.end()
        if self._stop.is_set():
            report.add_not_tried(plan.steps)

    def _not_there_yet(self, plan: Plan) -> dict[str, str]:
        """Why nothing can be tried in a namespace without making something first."""
        if plan.install_crd:
            return dict.fromkeys(self._census.namespaces, "the CRD is not installed yet")
        return dict.fromkeys(plan.namespaces_to_create, "its namespace does not exist yet")

    def _waves(self, plan: Plan) -> Iterator[Iterator[tuple[Step, StoredLrs]]]:
        """The steps with their objects; an LRS that is owned by another one comes after it."""
        waves = self._census.waves
        for wave in range(1 + max(waves.values(), default=0)):
            pairs = zip(plan.steps, self._chosen, strict=True)
            yield (pair for pair in pairs if waves.get((pair[0].namespace, pair[0].name), 0) == wave)

    def _install_crd(self) -> None:
        crd = self._wanted.crd
        if crd is None:
            return
        self._progress.begin("installing the CRD")
        with suppress(ConflictError):  # somebody else installed it meanwhile
            self._kube.create_object(CRDS, crd)
        deadline = Deadline(SERVED_WITHIN, self._stop)
        while not self._is_served():
            if not deadline.pause(0.2):
                raise LrsError(f"the CRD is installed, but not served after {SERVED_WITHIN:.0f}s")
        self._read_schema()

    def _is_served(self) -> bool:
        """Whether the resource answers; its group, its version and the resource itself are published one after the other."""
        resource = self._resource
        try:
            found = self._kube.discover(resource.group, resource.plural, version=resource.version)
            self._kube.items(resource, next(iter(self._census.namespaces), "default"))
        except NotFoundError:
            return False
        return found is not None and found.version == resource.version

    def _create_namespaces(self, names: tuple[str, ...], deadline: Deadline) -> dict[str, str]:
        """Make the namespaces, after those that are being deleted are gone; those that could not be made, with the reason."""
        failed = {}
        for name in names:
            while self._phase(name) == "Terminating":
                if not deadline.pause(0.3):
                    failed[name] = f"namespace {name} is still being deleted after {deadline.seconds:.0f}s"
                    break
            else:
                try:
                    self._kube.create_object(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
                except ConflictError:  # somebody else made it meanwhile
                    continue
                except LrsError as error:
                    failed[name] = f"namespace {name} could not be created: {error}"
        return failed

    def _begin(self, pause: Pause, deadline: Deadline) -> None:
        """Pause the operator; when the user has had enough meanwhile, that is no failure, and nothing will be written."""
        if self._stop.is_set():
            return
        self._progress.begin(f"pausing the operator {pause.operator.key}")
        try:
            pause.begin(deadline)
        except LrsError:
            if not self._stop.is_set():
                raise

    def _resume(self, pause: Pause, report: Report) -> None:
        try:
            pause.end()
        except LrsError as error:
            # Both: an exception that is under way would keep the report from being shown.
            self._progress.note(f"warning: {error} ({error.hint})")
            report.undone.append(f"{error} ({error.hint})")


def _unmapped(found: list[str], what: str, *, accepted: bool) -> Finding:
    text = f"{len(found)} strings still name a {what} that is mapped, such as {found[0][:160]}"
    if accepted:
        return Finding(Severity.NOTE, f"{text}; accepted")
    return Finding(
        Severity.WARNING,
        text,
        "nothing but images in a spec is rewritten; look at them, and then say --accept-unmapped",
        ExitCode.PARTIAL,
    )
