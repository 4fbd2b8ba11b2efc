"""A rehearsal without a namespace of its own: the server is asked about the creation of every object, and makes none.

It judges each by the very request: rights, schema, defaults, quota, admission. Of an object that is there now it is asked
under another name, as its own is taken; what the answer holds is compared with what was sent, field by field.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.errors import ApiError, ConflictError, CredentialsError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.plan import WRITES, Action, ApplyOptions, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.retry import PASSING
from kubectl_lrs.stores.common.circuit_breaker import CircuitBreaker, breaker_of
from kubectl_lrs.stores.lrs import preflight
from kubectl_lrs.stores.lrs.decide import LiveLrs, LrsStep
from kubectl_lrs.stores.lrs.evidence import alterations, altered
from kubectl_lrs.stores.lrs.options import RestoreOptions
from kubectl_lrs.stores.lrs.owners import Owners
from kubectl_lrs.stores.lrs.prepare import unfit_namespaces
from kubectl_lrs.stores.lrs.request import Requests, says_nothing
from kubectl_lrs.stores.lrs.saved import TIER, Source, StoredLrs
from kubectl_lrs.stores.lrs.selected import Selected, summary
from kubectl_lrs.stores.lrs.validate import Published, Validator


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStep(LrsStep):
    """`is_there`: its name is taken."""

    is_there: bool = False


class LrsTrial:
    """One rehearsal of LRS that makes nothing."""

    name = TIER
    how = "each tried on the server by a dry run"
    aside = 0.0
    is_timed = True

    def __init__(self, source: Source, options: RestoreOptions, *, kube: KubeClient, resource: Resource, stop: Cancel) -> None:
        self._kube = kube
        self._resource = resource
        self._options = options
        self._stop = stop
        self._selected = Selected(source, options.selection, options.names, options.namespace_map)

    def sweep(self, _progress: Progress) -> Iterator[str]:
        """It leaves nothing."""
        return iter(())

    def plan(self, progress: Progress) -> StorePlan:
        """Which objects are asked about."""
        progress.begin("reading the backup")
        taken = summary(self._selected, self._resource.kind)
        _, unusable = unfit_namespaces(self._kube, taken.namespaces, create=False)
        live = LiveLrs(self._kube, self._resource)
        progress.begin("looking at the cluster")
        live.read([name for name in taken.namespaces if name not in unusable])
        left = dict.fromkeys(self._options.selection.left_out, "left out by default, as by restore")
        unusable |= live.unreadable
        steps = [
            step_of(stored, left, unusable, is_there=live.seen(stored.namespace, stored.name) is not None)
            for stored in self._selected
        ]
        findings = [*preflight.missing_rights(self._kube, preflight.rights_of(steps, status=""))]
        findings += Published.by(self._kube, self._resource).findings()
        return StorePlan(store=TIER, target=self._kube.connection.server, steps=steps, findings=tuple(findings))

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """Ask about each."""
        steps = {step.key: step for step in plan.of(TrialStep)}
        progress.begin("asking the server", len(steps))
        asker = _Asker(self._requests(steps), self._validator(), breaker_of(self._kube))
        pairs = self._pairs(steps)
        with self._kube.warnings.told(progress.note):
            for outcome in map_unordered(pairs, asker.ask, workers=options.workers, stop=self._stop):
                report.add(outcome)
                progress.advance()

    def _pairs(self, steps: Mapping[str, TrialStep]) -> Iterator[tuple[TrialStep, StoredLrs]]:
        for stored in self._selected:
            step = steps.get(f"{stored.namespace}/{stored.name}")
            if step is not None and step.sum == stored.sum:
                yield step, stored

    def _requests(self, steps: Mapping[str, LrsStep]) -> Requests:
        coming = {(self._resource.kind, s.namespace, s.name) for s in steps.values() if s.action is Action.CREATE}
        owners = Owners(self._kube, coming)
        return Requests(
            kube=self._kube, resource=self._resource, owners=owners, validation=self._options.validation, dry_run=True
        )

    def _validator(self) -> Validator:
        schema = Published.by(self._kube, self._resource).schema
        return Validator(self._kube, self._resource, schema, self._options.validation)


def step_of(stored: StoredLrs, left_out: Mapping[str, str], unusable: Mapping[str, str], *, is_there: bool = False) -> TrialStep:
    """A creation, wherever that may be tried: whatever is there now would be gone when it is restored."""
    action, reason = Action.CREATE, ""
    if stored.type in left_out:
        action, reason = Action.SKIP, left_out[stored.type]
    elif stored.namespace in unusable:
        action, reason = Action.CONFLICT, unusable[stored.namespace]
    return TrialStep(
        namespace=stored.namespace,
        name=stored.name,
        type=stored.type,
        action=action,
        reason=reason,
        sum=stored.sum,
        is_there=is_there,
    )


class _Asker:
    """Asks about one object. Safe to use from several threads."""

    def __init__(self, requests: Requests, validator: Validator, breaker: CircuitBreaker) -> None:
        self._requests = requests
        self._normalise = validator.normalise
        self._breaker = breaker

    def ask(self, pair: tuple[TrialStep, StoredLrs]) -> Outcome:
        """What the server says of it."""
        step, stored = pair
        if step.action not in WRITES:
            return Outcome.of(step)
        if why := self._breaker.why_not(step.group):
            return Outcome.of(step, Result.NOT_TRIED, why)
        began = time.monotonic()
        try:
            outcome = self._asked(step, stored)
        except LrsError as error:
            self._breaker.judge(error, step.group, began=began)
            return refused(step, error)
        self._breaker.judge(None)
        return outcome

    def _asked(self, step: TrialStep, stored: StoredLrs) -> Outcome:
        manifest, note = self._requests.creation(stored)
        made = self._made(step, manifest)
        if found := alterations(manifest, made, self._normalise):
            return Outcome.of(step, Result.ALTERED, altered(found))
        return Outcome.of(step, message=note)

    def _made(self, step: TrialStep, manifest: Manifest) -> Manifest:
        if not step.is_there:
            try:
                return self._requests.create(manifest)
            except ConflictError:  # somebody has made one since
                pass
        return self._requests.try_creation(manifest)


def refused(step: LrsStep, error: LrsError) -> Outcome:
    """The server would not take it: its word, where it is about the object. The rights of the user were looked at before."""
    is_passing = isinstance(error, ApiError) and error.status in PASSING
    if is_passing or (says_nothing(error) and not isinstance(error, (UnreachableError, CredentialsError))):
        return Outcome.of(step, Result.NOT_CHECKED, str(error))
    if not isinstance(error, DeniedError):
        return Outcome.failed(step, error)
    if isinstance(step, TrialStep) and step.is_there and "exceeded quota" in str(error):  # the API has no other word for it
        why = f"the quota of its namespace is used up, by itself too: {error}"
        return Outcome.of(step, Result.NOT_CHECKED, why)
    return Outcome.of(step, Result.FAILED, str(error), LrsError(str(error), hint=error.hint))
