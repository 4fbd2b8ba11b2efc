"""Deployments, their plan, their report and their journal, as people and programs read them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from kubectl_lrs.render.grouped import Next, next_lines
from kubectl_lrs.render.view import View
from kubectl_lrs.stores.deployments.inventory import Account
from kubectl_lrs.stores.deployments.journal import Journal
from kubectl_lrs.stores.deployments.outcome import NOT_DONE, DeploymentReport, Outcome, Result
from kubectl_lrs.stores.deployments.plan import DeploymentPlan, Step
from kubectl_lrs.stores.deployments.statuses import MEANING, OURS, State

CONSEQUENCES = (
    "Predictions of a deactivated deployment fail until it is activated again.",
    "Its service statistics are cleared; they are computed anew when it is activated.",
    "Its custom metric jobs and monitoring jobs fail meanwhile; they catch up afterwards.",
)
"""Source: the vendor's backup page."""

NONE = "<none>"
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _plain(text: str) -> str:
    """Words of the application in one line, without what a terminal would act on."""
    return _UNSEEN.sub("?", text) or NONE


def account_lines(accounts: Sequence[Account]) -> Iterator[str]:
    """Who we are for the application, one line per token."""
    for account in accounts:
        version = f" {account.version}" if account.version else ""
        yield f"DataRobot{version} at {account.client.endpoint} (from {account.client.source}): {_plain(account.description)}"


Names = Mapping[str, str]
"""Organisation's id → its name, where the application gives one."""


def organisation_names(accounts: Sequence[Account]) -> Names:
    """What the application calls the organisations of the tokens."""
    return {account.organisation: account.name for account in accounts if account.name}


def _organisation(identifier: str, names: Names) -> str:
    return _plain(names.get(identifier) or identifier)


def _totals(things: Sequence[Step | Outcome], word: Callable[[Any], str], names: Names) -> Iterator[str]:
    """A line for each organisation, where there are several."""
    counts: dict[str, Counter[str]] = {}
    for thing in things:
        counts.setdefault(thing.organisation, Counter())[word(thing)] += 1
    for identifier, counted in sorted(counts.items()) if len(counts) > 1 else ():
        said = ", ".join(f"{count:,} {each}" for each, count in sorted(counted.items()))
        yield f"organisation {_organisation(identifier, names)}: {said}"


def _spare(things: Sequence[Step | Outcome]) -> tuple[str, ...]:
    """What a narrow terminal can do without: an organisation that is the only one is named above."""
    return ("ORGANISATION",) if len({thing.organisation for thing in things}) == 1 else ()


def deployment_plan_view(
    plan: DeploymentPlan, names: Names = MappingProxyType({}), *, applied: bool = False, then: Sequence[Next] = ()
) -> View:
    """What would be done with each deployment, those of an organisation together. `then`: what to do next."""
    columns = ("LABEL", "ID", "ORGANISATION", "STATUS", "ACTION", "REASON")
    steps = sorted(plan.steps, key=lambda step: step.organisation)
    counts = Counter(step.action.value for step in plan.steps)
    summary = ", ".join(f"{count} {action}" for action, count in sorted(counts.items())) or f"nothing to {plan.direction.verb}"
    return View(
        kind="DeploymentPlan",
        data={
            "endpoint": plan.endpoint,
            "verb": plan.direction.verb,
            "counts": dict(sorted(counts.items())),
            "notes": plan.notes,
            "undone": plan.incomplete,
            "deployments": [_step_data(step) for step in plan.steps],
        },
        columns=columns,
        rows=[_step_row(step, names) for step in steps],
        wide_columns=(*columns, "MODEL", "IMPORTANCE"),
        wide_rows=[(*_step_row(step, names), step.model or NONE, _plain(step.importance)) for step in steps],
        names=[step.id for step in plan.changes],
        before=tuple(f"not certain: {line}" for line in plan.incomplete),
        after=(
            *_totals(steps, lambda step: step.action.value, names),
            f"plan: {summary}{'' if applied else ' (nothing was changed)'}",
            *next_lines(then),
        ),
        spare=_spare(steps),
    )


def _step_row(step: Step, names: Names) -> tuple[str, ...]:
    organisation, reason = _organisation(step.organisation, names), _UNSEEN.sub("?", step.reason)
    return (_plain(step.label), step.id, organisation, _plain(step.before), step.action.value, reason)


def _step_data(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "label": step.label,
        "organisation": step.organisation,
        "model": step.model,
        "importance": step.importance,
        "status": step.before,
        "action": step.action.value,
        "reason": step.reason,
    }


def deployment_report_view(report: DeploymentReport, names: Names = MappingProxyType({}), *, then: Sequence[Next] = ()) -> View:
    """One row per deployment that was asked for, those of an organisation together. `then`: what to do next."""
    columns = ("LABEL", "ID", "ORGANISATION", "BEFORE", "AFTER", "SECONDS", "MESSAGE")
    outcomes = sorted(report.outcomes, key=lambda outcome: outcome.organisation)
    counts = ", ".join(f"{count} {result.value}" for result, count in sorted(report.counts().items())) or "nothing to do"
    summary = f"{report.verb}: {counts} in {report.seconds:.1f}s{'; interrupted' if report.interrupted else ''}"
    return View(
        kind="DeploymentReport",
        data={
            "endpoint": report.endpoint,
            "verb": report.verb,
            "journals": report.journals,
            "interrupted": report.interrupted,
            "seconds": round(report.seconds, 3),
            "counts": {result.value: count for result, count in sorted(report.counts().items())},
            "undone": report.incomplete,
            "deployments": [_outcome_data(outcome) for outcome in report.outcomes],
        },
        columns=columns,
        rows=[_outcome_row(outcome, names) for outcome in outcomes],
        wide_columns=(*columns, "RESULT", "TASK"),
        wide_rows=[(*_outcome_row(outcome, names), outcome.result.value, outcome.task or NONE) for outcome in outcomes],
        names=[outcome.id for outcome in report.outcomes if outcome.result not in NOT_DONE],
        after=(
            *(f"not done: {line}" for line in report.incomplete),
            *_totals(outcomes, lambda outcome: outcome.result.value, names),
            summary,
            *next_lines(then),
        ),
        done=summary,
        spare=_spare(outcomes),
    )


def _outcome_row(outcome: Outcome, names: Names) -> tuple[str, ...]:
    message = outcome.message or ("" if outcome.result in (Result.DEACTIVATED, Result.ACTIVATED) else outcome.result.value)
    return (
        _plain(outcome.label),
        outcome.id,
        _organisation(outcome.organisation, names),
        _plain(outcome.before),
        _plain(outcome.after),
        f"{outcome.seconds:.1f}",
        _UNSEEN.sub("?", message),
    )


def _outcome_data(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "label": outcome.label,
        "organisation": outcome.organisation,
        "before": outcome.before,
        "after": outcome.after,
        "seconds": round(outcome.seconds, 3),
        "result": outcome.result.value,
        "message": outcome.message,
        "task": outcome.task,
    }


def journal_view(journal: Journal) -> View:
    """`show JOURNAL`: how far each deployment is."""
    counts = Counter(entry.state for entry in journal.entries.values())
    columns = ("LABEL", "ID", "BEFORE", "STATE", "STATUS", "UPDATED", "MESSAGE")
    rows = [
        (
            _plain(entry.label),
            entry.id,
            _plain(entry.before),
            entry.state.value,
            _plain(entry.status),
            entry.updated or NONE,
            _UNSEEN.sub("?", entry.message),
        )
        for entry in journal.entries.values()
    ]
    return View(
        kind="DeploymentJournal",
        data={**journal.to_dict(), "path": str(journal.path.resolve())},
        before=(
            f"Journal:        {journal.path.resolve()}",
            f"API:            {journal.endpoint}",
            f"Created:        {journal.created}",
            f"Organisations:  {', '.join(name or NONE for name in journal.users) or NONE}",
            f"State:          {'done' if journal.is_done else 'open'}",
            "",
        ),
        columns=columns,
        rows=rows,
        wide_columns=(*columns, "ORGANISATION", "TASK"),
        wide_rows=[
            (*row, entry.organisation or NONE, entry.task or NONE)
            for row, entry in zip(rows, journal.entries.values(), strict=True)
        ],
        names=[entry.id for entry in journal.entries.values() if entry.state in OURS],
        after=("", *(f"{counts[state]} {state.value}: {MEANING[state]}" for state in State if counts[state])),
    )
