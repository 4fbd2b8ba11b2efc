"""A plan and a report, as people and programs read them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from kubectl_lrs.model.diff import ABSENT, Change
from kubectl_lrs.model.plan import Action, Finding, Plan, Severity, Step, TierPlan
from kubectl_lrs.model.report import NOT_DONE, ItemOutcome, Outcome, Report, Result
from kubectl_lrs.model.units import size
from kubectl_lrs.render.view import View, table


def finding_lines(findings: list[Finding]) -> Iterator[str]:
    """What was found before the first write, errors first, one line each with its hint."""
    for severity in Severity:
        for finding in findings:
            if finding.severity is severity:
                yield f"{severity.value}: {finding.message}{f' ({finding.hint})' if finding.hint else ''}"


def plan_view(plan: Plan, *, applied: bool = False) -> View:
    """The plan: what would be made first, each step, and what differs field by field.

    `applied`: it is about to be, so before the question stands only what is not as it is to be.
    """
    counts = ", ".join(f"{count} {action.value}" for action, count in sorted(plan.counts().items())) or "nothing to do"
    first = [f"install the CRD {plan.source} holds"] if plan.install_crd else []
    first += [f"create namespace {name}" for name in plan.namespaces_to_create]
    first += [f"pause the operator {plan.pause_operator}"] if plan.pause_operator else []
    shown = [step for step in plan.steps if not applied or step.action is not Action.UNCHANGED]
    return View(
        data=_plan_data(plan),
        before=(*_data_lines(plan), *(f"first: {line}" for line in first)),
        columns=("NAMESPACE", "NAME", "TYPE", "ACTION", "REASON"),
        rows=[(s.namespace, s.name, s.type, s.action.value, s.reason or _summary(s)) for s in shown],
        names=[s.key for s in plan.steps],
        after=(*_diff_lines(plan), *_data_counts(plan), f"plan: {counts}{'' if applied else ' (nothing was written)'}"),
    )


def _data_lines(plan: Plan) -> Iterator[str]:
    """The items of the stores beside the cluster, as a table of their own."""
    rows = [(i.tier, i.name, i.action.value, size(i.bytes) if i.bytes else "", i.reason) for p in plan.data for i in p.items]
    yield from table(("TIER", "NAME", "ACTION", "SIZE", "REASON"), rows)
    if rows and plan.steps:
        yield ""


def _data_counts(plan: Plan) -> Iterator[str]:
    for part in plan.data:
        counts = ", ".join(f"{count} {action.value}" for action, count in sorted(part.counts().items())) or "nothing to do"
        yield f"{part.tier}: {counts}, on {part.target}"


def _summary(step: Step) -> str:
    return f"{len(step.diff)} field{'' if len(step.diff) == 1 else 's'} differ{'s' * (len(step.diff) == 1)}" if step.diff else ""


def _diff_lines(plan: Plan) -> Iterator[str]:
    for step in plan.steps:
        if step.diff:
            yield ""
            yield f"{step.key} ({step.action.value}):"
            yield from (f"  {_change_line(change, step.action)}" for change in step.diff)
    if any(step.diff for step in plan.steps):
        yield ""


def _change_line(change: Change, action: Action) -> str:
    if change.after is ABSENT:
        kept = "" if action in (Action.REPLACE, Action.RECREATE) else "   (only the live object has it; kept)"
        return f"- {change.field}: {_short(change.before)}{kept}"
    if change.before is ABSENT:
        return f"+ {change.field}: {_short(change.after)}"
    return f"~ {change.field}: {_short(change.before)} -> {_short(change.after)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _plan_data(plan: Plan) -> dict[str, Any]:
    return {
        "source": plan.source,
        "target": plan.target,
        "installCrd": plan.install_crd,
        "namespacesToCreate": list(plan.namespaces_to_create),
        "pauseOperator": plan.pause_operator or None,
        "fromAnotherCluster": plan.from_another_cluster,
        "findings": [{"severity": f.severity.value, "message": f.message, "hint": f.hint} for f in plan.all_findings],
        "counts": {action.value: count for action, count in sorted(plan.counts().items())},
        "data": [_part_data(part) for part in plan.data],
        "steps": [_step_data(step) for step in plan.steps],
    }


def _part_data(part: TierPlan) -> dict[str, Any]:
    return {
        "tier": part.tier,
        "target": part.target,
        "counts": {action.value: count for action, count in sorted(part.counts().items())},
        "items": [{"name": i.name, "action": i.action.value, "reason": i.reason, "bytes": i.bytes} for i in part.items],
    }


def _step_data(step: Step) -> dict[str, Any]:
    return {
        "namespace": step.namespace,
        "name": step.name,
        "type": step.type,
        "action": step.action.value,
        "reason": step.reason,
        "diff": [_change_data(change) for change in step.diff],
    }


def _change_data(change: Change) -> dict[str, Any]:
    sides = {"live": change.before, "backup": change.after}
    return {"field": change.field, **{side: value for side, value in sides.items() if value is not ABSENT}}


def report_view(report: Report, *, dry_run: bool) -> View:
    """The end of a restore: what is not as asked for, then the counts."""
    columns = ("NAMESPACE", "NAME", "TYPE", "RESULT", "MESSAGE")
    notable = [o for o in report.outcomes if o.result in NOT_DONE or o.message]
    counts = ", ".join(f"{count} {result.value}" for result, count in sorted(report.counts().items())) or "nothing to do"
    dry = " (server dry run: nothing was written)" if dry_run else ""
    return View(
        data={
            "source": report.source,
            "target": report.target,
            "dryRun": dry_run,
            "interrupted": report.interrupted,
            "seconds": round(report.seconds, 3),
            "counts": {result.value: count for result, count in sorted(report.counts().items())},
            "undone": report.undone,
            "items": [_item_data(item) for item in report.items],
            "outcomes": [_outcome_data(outcome) for outcome in report.outcomes],
        },
        before=tuple(_item_lines(report, has_outcomes=bool(notable))),
        columns=columns,
        rows=[_outcome_row(outcome) for outcome in notable],
        wide_columns=columns,
        wide_rows=[_outcome_row(outcome) for outcome in report.outcomes],
        names=[
            *(f"{i.tier}/{i.name}" for i in report.items if i.result not in NOT_DONE and i.result is not Result.SKIPPED),
            *(f"{o.namespace}/{o.name}" for o in report.outcomes if o.result not in NOT_DONE and o.result is not Result.SKIPPED),
        ],
        after=(
            *(f"not done: {line}" for line in report.undone),
            *_item_counts(report),
            f"{report.source}: {counts} in {report.seconds:.1f}s{dry}{'; interrupted' if report.interrupted else ''}",
        ),
    )


MANY = 50
"""Items of a store that are listed one by one; of more, only those that are not as asked for."""


def _item_lines(report: Report, *, has_outcomes: bool) -> Iterator[str]:
    shown = [item for item in report.items if len(report.items) <= MANY or item.result in NOT_DONE]
    rows = [(item.tier, item.name, item.result.value, _item_message(item)) for item in shown]
    yield from table(("TIER", "NAME", "RESULT", "MESSAGE"), rows)
    if rows and has_outcomes:
        yield ""


def _item_message(item: ItemOutcome) -> str:
    counted = ", ".join(f"{count:,} {what}" for what, count in item.counts.items())
    return "; ".join(part for part in (counted, item.message) if part)


def _item_counts(report: Report) -> Iterator[str]:
    counts: dict[str, Counter[Result]] = {}
    for item in report.items:
        counts.setdefault(item.tier, Counter())[item.result] += 1
    for tier, results in counts.items():
        yield f"{tier}: {', '.join(f'{count} {result.value}' for result, count in sorted(results.items()))}"


def _item_data(item: ItemOutcome) -> dict[str, Any]:
    return {
        "tier": item.tier,
        "name": item.name,
        "result": item.result.value,
        "message": item.message,
        "counts": dict(item.counts),
    }


def _outcome_row(outcome: Outcome) -> tuple[str, ...]:
    return (outcome.namespace, outcome.name, outcome.type, outcome.result.value, outcome.message)


def _outcome_data(outcome: Outcome) -> dict[str, Any]:
    return {
        "namespace": outcome.namespace,
        "name": outcome.name,
        "type": outcome.type,
        "result": outcome.result.value,
        "message": outcome.message,
    }
