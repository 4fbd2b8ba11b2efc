"""A plan applied by one store alone, for tests that look at its outcomes."""

from __future__ import annotations

from kubectl_lrs.model.plan import ApplyOptions, StorePlan
from kubectl_lrs.model.report import Outcome, Report
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.base import Restorer


def applied(store: Restorer, plan: StorePlan, options: ApplyOptions, progress: Progress) -> list[Outcome]:
    """The outcomes, as they came."""
    report = Report(source="", target="")
    store.apply(plan, options, report, progress)
    return report.outcomes
