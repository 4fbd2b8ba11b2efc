"""Clean Spark sessions away: a look gives a plan; the same plan is shown, and then applied."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.plan import Finding, Severity
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.workloads import GROUP, PLURAL
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.lrs.preflight import Right, missing_rights
from kubectl_lrs.stores.spark.apply import NOT_DONE, ApplyOptions, Cleaner, Outcome, Result
from kubectl_lrs.stores.spark.finalizers import asleep, causes
from kubectl_lrs.stores.spark.sessions import Session, Snapshot, sessions_in


@dataclass(frozen=True, kw_only=True)
class SessionSelection:
    """Which sessions are meant. `namespace` None: of all. `older_than` None: whatever their age."""

    namespace: str | None = None
    selector: str = ""
    older_than: timedelta | None = None

    def __post_init__(self) -> None:
        Selection(namespace=self.namespace, selector=self.selector)  # UsageError where one of them is none

    @property
    def scope(self) -> str:
        """Where they are looked for, in words."""
        where = f"namespace {self.namespace}" if self.namespace is not None else "all namespaces"
        return f"{where} with labels {self.selector}" if self.selector else where


@dataclass(frozen=True, kw_only=True)
class CleanPlan:
    """The sessions to delete; `kept` is how many are younger than was asked for."""

    selection: SessionSelection
    target: str
    snapshot: Snapshot
    kept: int
    findings: list[Finding] = field(default_factory=list)
    context: str = ""

    @property
    def cluster(self) -> str:
        """By context and URL."""
        return f"{self.context} ({self.target})" if self.context else self.target

    @property
    def sessions(self) -> list[Session]:
        """All of them, those that are being deleted already among them."""
        return self.snapshot.sessions

    @property
    def errors(self) -> list[Finding]:
        """What keeps it from being applied."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]

    @property
    def to_delete(self) -> list[Session]:
        """Those that nobody has deleted yet."""
        return [session for session in self.sessions if not session.is_going]


@dataclass(kw_only=True)
class CleanReport:
    """What became of each session, and what most likely holds those that are stuck. It owns the exit code."""

    target: str
    outcomes: list[Outcome]
    findings: list[Finding] = field(default_factory=list)
    dry_run: bool = False
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def stuck(self) -> list[Session]:
        """Those that something holds."""
        return [outcome.session for outcome in self.outcomes if outcome.result is Result.STUCK]

    @property
    def not_done(self) -> list[Outcome]:
        """Everything that was asked for and is not so."""
        return [outcome for outcome in self.outcomes if outcome.result in NOT_DONE]

    def exit_code(self) -> ExitCode:
        """0 only if everything asked for was done."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if not self.not_done:
            return ExitCode.DONE
        errors = {outcome.error.exit_code for outcome in self.not_done if outcome.error}
        is_all = len(self.not_done) == len(self.outcomes)
        return ExitCode.UNREACHABLE if is_all and errors == {ExitCode.UNREACHABLE} else ExitCode.PARTIAL


def plan_cleaning(
    kube: KubeClient, resource: Resource, selection: SessionSelection, progress: Progress, operator: str = ""
) -> CleanPlan:
    """Look which sessions there are, and whether they may be deleted; nothing is changed."""
    progress.begin("looking for Spark sessions")
    try:
        snapshot = sessions_in(kube, resource, selection.namespace, selection.selector)
        meant = [each for each in snapshot.sessions if selection.older_than is None or each.age > selection.older_than]
        namespaces = sorted({session.namespace for session in meant if not session.is_going})
        rights = (Right("delete", PLURAL, namespace, GROUP) for namespace in namespaces)
        return CleanPlan(
            selection=selection,
            target=kube.connection.server,
            context=kube.connection.context,
            snapshot=Snapshot(meant, snapshot.resource_version),
            kept=len(snapshot.sessions) - len(meant),
            findings=[*missing_rights(kube, rights), *asleep(kube, meant, operator)],
        )
    finally:
        progress.end()


def clean(
    plan: CleanPlan,
    options: ApplyOptions,
    *,
    kube: KubeClient,
    resource: Resource,
    progress: Progress,
    stop: Cancel,
    operator: str = "",
) -> CleanReport:
    """Do what the plan says; where something is stuck, find out why."""
    began = time.monotonic()
    selected = plan.selection
    cleaner = Cleaner(kube, resource, selected.namespace, options, selector=selected.selector, progress=progress, stop=stop)
    try:
        with kube.warnings.told(progress.note):
            outcomes = cleaner.clean(plan.snapshot)
        report = CleanReport(target=plan.target, outcomes=outcomes, dry_run=options.dry_run)
        report.interrupted = stop.is_set() and any(_is_open(outcome, options) for outcome in outcomes)
        if report.stuck:
            progress.begin("looking at what holds them")
            report.findings += causes(kube, report.stuck, operator)
    finally:
        progress.end()
    report.seconds = time.monotonic() - began
    return report


def _is_open(outcome: Outcome, options: ApplyOptions) -> bool:
    return outcome.result in NOT_DONE or (outcome.result is Result.DELETING and options.wait)


def oldest(sessions: Sequence[Session]) -> timedelta:
    """The age of the oldest one."""
    return max((session.age for session in sessions), default=timedelta())
