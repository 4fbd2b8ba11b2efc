"""What `prune` and `forget` would remove and have removed, and why the rest stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.units import size
from kubectl_lrs.render.backups import age_of, local, scope
from kubectl_lrs.render.view import View
from kubectl_lrs.usecases.prune import PrunePlan, PruneReport, PruneResult, PruneStep

_COLUMNS = ("NAME", "CREATED", "AGE", "STATE")
_WIDE = ("CLUSTER", "SELECTION", "PROFILE")


def prune_plan_view(plan: PrunePlan, freed: int | None) -> View:
    """What goes, what stays, and by which rule. `freed`: bytes that go with it, None where that is not known."""
    columns = (*_COLUMNS, "ACTION", "KEPT BY")
    steps = [step for step in plan.steps if not (plan.is_named and step.is_kept)]
    return View(
        data={
            **_facts(plan),
            "freedBytes": freed,
            "backups": [{**_data(step), "action": _action(step), "reasons": list(step.decision.reasons)} for step in steps],
        },
        columns=columns,
        rows=[(*_row(step), *_end(step)) for step in steps],
        wide_columns=(*columns, *_WIDE),
        wide_rows=[(*_row(step), *_end(step), *_group(step.catalog)) for step in steps],
        names=[step.name for step in plan.to_remove],
        after=(_summary(plan, freed),),
    )


def prune_remarks(plan: PrunePlan) -> Iterable[str]:
    """What the user should know of a plan beside what goes."""
    yield from (f"warning: left alone: {each.name}: {each.why}" for each in plan.left_alone)
    for begun in plan.unfinished:
        if begun.why:
            yield f"warning: left alone: {plan.directory / begun.hidden}: {begun.why}; remove it if nobody needs it"
        else:
            yield f"note: the removal of {begun.name} was broken off, and is finished first"
    yield from (f"warning: a hold is not believed: {error}; {error.hint}" for error in plan.unbelieved)
    for step in plan.steps:
        if step.decision.candidate.is_of_future:
            yield f"warning: {step.name} is dated later than now, and is kept; is a clock wrong?"
    for step in plan.without_whole:
        yield f"warning: with {step.name} goes the last whole backup of {_described(step.catalog)}"


def prune_question(plan: PrunePlan, freed: int | None) -> str:
    """What the user must agree to."""
    gone = plan.to_remove
    room = f", {size(freed)}" if freed is not None else ""
    if plan.is_named:
        return f"Remove {', '.join(step.name for step in gone)} from {plan.directory}{room}?"
    of_most = sum(step.decision.candidate.group in plan.thinned for step in gone)
    return f"Remove {len(gone)} backups from {plan.directory}{room}, {of_most} of them more than half of their group?"


def prune_report_view(report: PruneReport) -> View:
    """What became of each."""
    counts = Counter(each.result for each in report.outcomes)
    said = ", ".join(f"{counts[result]} {result.value}" for result in PruneResult if counts[result]) or "nothing to remove"
    kept = sum(step.is_kept for step in report.plan.steps)
    line = f"{report.plan.directory}: {said}; {kept} stay{'; interrupted' if report.interrupted else ''}"
    rows = [
        (each.name, *(_row(each.step)[1:] if each.step else ("", "", "")), each.result.value, each.message)
        for each in report.outcomes
    ]
    return View(
        data={
            **_facts(report.plan),
            "interrupted": report.interrupted,
            "counts": {result.value: counts[result] for result in PruneResult},
            "backups": [
                {**(_data(each.step) if each.step else {"name": each.name}), "result": each.result.value, "message": each.message}
                for each in report.outcomes
            ],
        },
        columns=(*_COLUMNS, "RESULT", "MESSAGE"),
        rows=rows,
        names=[each.name for each in report.outcomes if each.result is PruneResult.REMOVED],
        after=(line,),
        done=line if counts[PruneResult.REMOVED] else "",
    )


def _facts(plan: PrunePlan) -> dict[str, Any]:
    return {
        "directory": str(plan.directory.resolve()),
        "leftAlone": [{"name": each.name, "why": each.why} for each in plan.left_alone],
        "unfinished": [{"name": each.name, "path": each.hidden, "why": each.why} for each in plan.unfinished],
        "holdsNotBelieved": [str(error) for error in plan.unbelieved],
    }


def _summary(plan: PrunePlan, freed: int | None) -> str:
    gone = len(plan.to_remove)
    room = f", which frees {size(freed)}" if freed else ""
    return f"plan: {gone} to remove{room}, {len(plan.steps) - gone} to keep (nothing was removed)"


def _row(step: PruneStep) -> tuple[str, ...]:
    state = "empty" if step.catalog.is_empty else step.catalog.state
    return (step.name, local(step.catalog.instant), age_of(step.catalog), state)


def _action(step: PruneStep) -> str:
    return "keep" if step.is_kept else "remove"


def _end(step: PruneStep) -> tuple[str, str]:
    return _action(step), ", ".join(step.decision.reasons)


def _group(catalog: Catalog) -> tuple[str, ...]:
    return catalog.cluster.server, scope(catalog), catalog.profile


def _described(catalog: Catalog) -> str:
    return f"{catalog.cluster.server}, {scope(catalog)}, profile {catalog.profile}"


def _data(step: PruneStep) -> dict[str, Any]:
    catalog = step.catalog
    return {
        "name": step.name,
        "instant": catalog.to_dict()["instant"],
        "state": catalog.state,
        "empty": catalog.is_empty,
        "group": {
            "cluster": catalog.cluster.uid,
            "server": catalog.cluster.server,
            "selection": dict(catalog.selection),
            "levels": dict(catalog.levels),
            "profile": catalog.profile,
        },
    }
