"""Restore: the stores in order, the LRS last, as they need what is in the others.

All plans are made before the first write. A store that breaks off ends the run: an LRS without its data would start
and fail, or start and look whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from types import MappingProxyType

from kubectl_lrs.model.belonging import Belonging, Belongings
from kubectl_lrs.model.errors import ExitCode, LrsError
from kubectl_lrs.model.places import RestoreTarget
from kubectl_lrs.model.plan import DESTRUCTIVE, WRITES, Action, ApplyOptions, Plan, Step, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.model.stores import RESOURCES
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.base import Restorer


class Restore:
    """A restore of several stores: `plan`, then perhaps `apply`. `places`: of those that are not in the cluster.

    `owner`: of the backup that it is of, where it is of one. `reads`: that backup, where reading it may take long.
    `lacking`: what should be in the source and is not. `only`: what belongs to the one application that is meant, with all who
    share it, which `again` finds out anew. `namespaces`: where those of the source go to.
    """

    def __init__(
        self,
        stores: Sequence[Restorer],
        *,
        source: str,
        target: str,
        from_another_cluster: bool,
        owner: str = "",
        reads: Backup | None = None,
        lacking: Sequence[str] = (),
        only: Belongings | None = None,
        again: Callable[[], Belongings] | None = None,
        namespaces: Mapping[str, str] = MappingProxyType({}),
        context: str = "",
        places: Mapping[str, RestoreTarget] = MappingProxyType({}),
        progress: Progress,
        stop: Cancel,
    ) -> None:
        self._stores = stores
        self._source = source
        self._target = target
        self._from_another_cluster = from_another_cluster
        self._owner = owner
        self._reads = reads
        self._lacking = lacking
        self._only = only
        self._again = again
        self._namespaces = namespaces
        self._context = context
        self._places = places
        self._progress = progress
        self._stop = stop

    def kept(self) -> AbstractContextManager[None]:
        """While the block lasts, what it reads can be read, as far as the place of the backup can keep it."""
        return self._reads.kept(self._progress) if self._reads else nullcontext()

    def plan(self) -> Plan:
        """Look at everything, and decide; nothing is written."""
        try:
            parts = tuple(self._with_reasons(self._with_place(store.plan(self._progress))) for store in self._stores)
        finally:
            self._progress.end()
        return Plan(
            source=self._source,
            target=self._target,
            parts=parts,
            from_another_cluster=self._from_another_cluster,
            owner=self._owner,
            context=self._context,
            lacking=tuple(self._lacking),
        )

    def _with_place(self, part: StorePlan) -> StorePlan:
        """An error more where something would be written to a place that may be another installation's."""
        place = self._places.get(part.store)
        if place is None or not part.has(WRITES):
            return part
        mixture = place.mixture(part.store, from_another_cluster=self._from_another_cluster)
        return replace(part, findings=(mixture, *part.findings)) if mixture else part

    def _with_reasons(self, part: StorePlan) -> StorePlan:
        """Each step with what leads to it, where one application is meant; what others share is left as it is."""
        there = self._things(self._only, part.store)
        if not there:
            return part
        return _sparing(replace(part, steps=tuple(replace(step, because=_because(there, step)) for step in part.steps)), there)

    def _things(self, only: Belongings | None, store: str) -> Mapping[str, Belonging]:
        """Of the one application, by the names that steps have for them."""
        there = only.of(store) if only else {}
        if store != RESOURCES:
            return there
        return {
            f"{self._namespaces.get(space, space)}/{name}": each
            for key, each in there.items()
            for space, _, name in [key.partition("/")]
        }

    def _as_of_now(self, plan: Plan, options: ApplyOptions) -> Sequence[StorePlan]:
        """The parts, as far as it still holds whose the things are: the user may have taken an hour to say yes."""
        changes = plan.has(DESTRUCTIVE)
        if not self._again or not changes or options.dry_run:
            return plan.parts
        now = self._again()
        return [_sparing(part, self._things(now, part.store)) for part in plan.parts]

    def apply(self, plan: Plan, options: ApplyOptions) -> Report:
        """Do what the plan says, store by store; an outcome for each step.

        LrsError where the very first store broke off before anything was tried, or where it cannot be told whose things are.
        """
        began = time.monotonic()
        targets = {part.store: part.target for part in plan.parts}
        report = Report(source=plan.source, target=plan.target, targets=targets, incomplete=list(plan.lacking))
        stores = {store.name: store for store in self._stores}
        broken: str | None = None
        for part in self._as_of_now(plan, options):
            if broken or self._stop.is_set():
                report.add_not_tried(part, f"{broken} broke off" if broken else "interrupted")
            else:
                report.incomplete += part.remains
                if self._is_lost(stores[part.store], part, options, report):
                    broken = part.store
        report.interrupted = self._stop.is_set()
        report.seconds = time.monotonic() - began
        return report

    def _is_lost(self, store: Restorer, part: StorePlan, options: ApplyOptions, report: Report) -> bool:
        """Apply one store's plan; whether the store is lost, so that what comes after it must not be tried.

        It says so by an error, or by steps that failed because it is out of reach, or that it did not try.
        """
        try:
            store.apply(part, options, report, self._progress)
        except LrsError as error:
            if not report.outcomes and len(self._stores) == 1:
                raise
            report.add(Outcome(store=part.store, name=part.target, result=Result.FAILED, message=str(error), error=error))
            report.add_not_tried(part, f"{part.store} broke off")
            self._say_lost(part.store, error)
            return True
        finally:
            self._progress.end()
        if self._stop.is_set():
            report.add_not_tried(part)
            return False
        return self._has_given_up(store, report)

    def _has_given_up(self, store: Restorer, report: Report) -> bool:
        outcome = next((each for each in report.outcomes if each.store == store.name and _tells_of_loss(each)), None)
        if outcome is None or store is self._stores[-1]:
            return False
        self._say_lost(store.name, outcome.error or LrsError(outcome.message))
        return True

    def _say_lost(self, store: str, error: LrsError) -> None:
        self._progress.note(f"error: {store}: {error}{f' ({error.hint})' if error.hint else ''}")


def _sparing(part: StorePlan, there: Mapping[str, Belonging]) -> StorePlan:
    """Without changes of what is not of the one application alone."""

    def spared(step: Step) -> Step:
        found = _belonging(there, step)
        if step.action not in DESTRUCTIVE or not found or not found.others:
            return step
        return replace(step, action=Action.CONFLICT, reason=f"it differs, and is {found.shared}: it is left alone")

    steps = tuple(map(spared, part.steps))
    return replace(part, steps=steps, effects=part.effects if any(step.action in WRITES for step in steps) else ())


def _belonging(there: Mapping[str, Belonging], step: Step) -> Belonging | None:
    """By the name that the backup has for it: it may go elsewhere."""
    return there.get(step.key) or there.get(step.name.partition(" -> ")[0])


def _because(there: Mapping[str, Belonging], step: Step) -> str:
    """Of a whole collection, what leads to its documents."""
    if found := _belonging(there, step):
        return "; ".join(part for part in (found.why, found.shared) if part)
    return "; ".join(dict.fromkeys(each.why for name, each in there.items() if name.startswith(f"{step.name}/")))


def _tells_of_loss(outcome: Outcome) -> bool:
    """Whether nothing more can be done in the store."""
    is_away = outcome.error is not None and outcome.error.exit_code is ExitCode.UNREACHABLE
    return is_away or outcome.result is Result.NOT_TRIED
