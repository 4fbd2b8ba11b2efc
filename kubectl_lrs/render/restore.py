"""A plan and a report, as people and programs read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kubectl_lrs.diff import ABSENT, Change
from kubectl_lrs.plan import Action, Finding, Plan, Severity, Step
from kubectl_lrs.render.view import View
from kubectl_lrs.report import NOT_DONE, Outcome, Report, Result


def finding_lines(findings: list[Finding]) -> Iterator[str]:
    """What was found before the first write, errors first, one line each with its hint."""
    for severity in Severity:
        for finding in findings:
            if finding.severity is severity:
                yield f"{severity.value}: {finding.message}{f' ({finding.hint})' if finding.hint else ''}"


def plan_view(plan: Plan, *, applied: bool = False) -> View:
    """The plan: what would be made first, each step, and what differs field by field."""
    counts = ", ".join(f"{count} {action.value}" for action, count in sorted(plan.counts().items())) or "nothing to do"
    first = [f"install the CRD {plan.source} holds"] if plan.install_crd else []
    first += [f"create namespace {name}" for name in plan.namespaces_to_create]
    first += [f"pause the operator {plan.pause_operator}"] if plan.pause_operator else []
    return View(
        data=_plan_data(plan),
        before=tuple(f"first: {line}" for line in first),
        columns=("NAMESPACE", "NAME", "TYPE", "ACTION", "REASON"),
        rows=[(s.namespace, s.name, s.type, s.action.value, s.reason or _summary(s)) for s in plan.steps],
        names=[s.key for s in plan.steps],
        after=(*_diff_lines(plan), f"plan: {counts}{'' if applied else ' (nothing was written)'}"),
    )


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
        "findings": [{"severity": f.severity.value, "message": f.message, "hint": f.hint} for f in plan.findings],
        "counts": {action.value: count for action, count in sorted(plan.counts().items())},
        "steps": [_step_data(step) for step in plan.steps],
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
            "outcomes": [_outcome_data(outcome) for outcome in report.outcomes],
        },
        columns=columns,
        rows=[_outcome_row(outcome) for outcome in notable],
        wide_columns=columns,
        wide_rows=[_outcome_row(outcome) for outcome in report.outcomes],
        names=[f"{o.namespace}/{o.name}" for o in report.outcomes if o.result not in NOT_DONE and o.result is not Result.SKIPPED],
        after=(
            *(f"not done: {line}" for line in report.undone),
            f"{report.source}: {counts} in {report.seconds:.1f}s{dry}{'; interrupted' if report.interrupted else ''}",
        ),
    )


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
