"""A whole restore: the stores beside the cluster first, then the LRS that need what is in them.

All plans are made before the first write. A store that breaks off ends the run: an LRS without its data would start
and fail, or start and look whole.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from kubectl_lrs.model.errors import ExitCode, LrsError
from kubectl_lrs.model.plan import Effort, Plan, TierPlan
from kubectl_lrs.model.report import ItemOutcome, Report, Result
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.lrs.restore import Restore


class DataTier(Protocol):
    """A store beside the cluster, and what a backup holds of it."""

    @property
    def name(self) -> str:
        """As in the catalog: mongo, images, files."""

    def plan(self, progress: Progress) -> TierPlan:
        """Look at the backup and the store, and decide; nothing is written."""

    def apply(self, plan: TierPlan, effort: Effort, progress: Progress) -> Iterator[ItemOutcome]:
        """Do what the plan says, one outcome per item; an LrsError where the store is lost, which ends the run."""


def _tells_of_loss(outcome: ItemOutcome) -> bool:
    """Whether nothing more can be done in the store that an item is of."""
    is_away = outcome.error is not None and outcome.error.exit_code is ExitCode.UNREACHABLE
    return is_away or outcome.result is Result.NOT_TRIED


class Recovery:
    """A restore of several tiers: `plan`, then perhaps `apply`. `resources` is None where the LRS are left alone."""

    def __init__(
        self,
        data: Sequence[DataTier],
        resources: Restore | None,
        *,
        source: str,
        target: str,
        from_another_cluster: bool,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        self._data = data
        self._resources = resources
        self._bare = Plan(source=source, target=target, steps=[], from_another_cluster=from_another_cluster)
        self._progress = progress
        self._stop = stop

    def plan(self) -> Plan:
        """Look at everything, and decide; nothing is written."""
        data = tuple(tier.plan(self._progress) for tier in self._data)
        plan = self._resources.plan() if self._resources else self._bare
        self._progress.end()
        return replace(plan, data=data)

    def apply(self, plan: Plan, effort: Effort) -> Report:
        """Do what the plan says, store by store; one outcome per item and step."""
        began = time.monotonic()
        items = Report(source=plan.source, target=plan.target)
        broken = ""
        for tier, part in zip(self._data, plan.data, strict=True):
            if broken or self._stop.is_set():
                items.add_items_not_tried(part, broken or "interrupted")
            else:
                broken = self._apply(tier, part, effort, items)
        report = self._apply_steps(plan, effort, broken, is_first=not items.items)
        report.items = items.items
        report.undone = items.undone + report.undone
        report.interrupted = self._stop.is_set()
        report.seconds = time.monotonic() - began
        return report

    def _apply(self, tier: DataTier, part: TierPlan, effort: Effort, report: Report) -> str:
        """Apply one store's plan; why what comes after it must not be tried, empty where it may.

        A store that is lost says so by an error, or by items that failed because it is out of reach, or that it did not try.
        """
        before = len(report.items)
        try:
            for outcome in tier.apply(part, effort, self._progress):
                report.items.append(outcome)
        except LrsError as error:
            report.items.append(ItemOutcome(tier.name, part.target, Result.FAILED, str(error), error))
            report.add_items_not_tried(part, f"{tier.name} broke off")
            self._progress.note(f"error: {tier.name}: {error}{f' ({error.hint})' if error.hint else ''}")
            return f"{tier.name} broke off"
        finally:
            self._progress.end()
        if self._stop.is_set():
            report.add_items_not_tried(part)
            return ""
        lost = next((each for each in report.items[before:] if _tells_of_loss(each)), None)
        if lost:
            hint = f" ({lost.error.hint})" if lost.error and lost.error.hint else ""
            self._progress.note(f"error: {tier.name}: {lost.message}{hint}")
        return f"{tier.name} broke off" if lost else ""

    def _apply_steps(self, plan: Plan, effort: Effort, broken: str, *, is_first: bool) -> Report:
        """The LRS. A cluster that is lost then must not hide what was done in the stores before."""
        report = Report(source=plan.source, target=plan.target)
        if broken:
            report.add_not_tried(plan.steps, broken)
        elif self._stop.is_set():
            report.add_not_tried(plan.steps)
        elif self._resources:
            try:
                return self._resources.apply(plan, effort)
            except LrsError as error:
                if is_first:
                    raise
                report.add_not_tried(plan.steps, str(error))
                report.undone.append(f"the LRS were not restored: {error}{f' ({error.hint})' if error.hint else ''}")
        return report
