"""A plan and a report, as people and programs read them: one table for the things of all stores."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar

from kubectl_lrs.model.diff import ABSENT, Change
from kubectl_lrs.model.each import Each
from kubectl_lrs.model.plan import WRITES, Action, Finding, Plan, Preparation, Prepare, Severity, Step, StorePlan
from kubectl_lrs.model.report import BEGUN, NOT_DONE, Outcome, Report, Result
from kubectl_lrs.model.units import size
from kubectl_lrs.render.grouped import Next, and_more, capped, grouped, next_lines
from kubectl_lrs.render.output import is_acknowledged
from kubectl_lrs.render.view import View

T = TypeVar("T")
Column = tuple[str, Callable[[T], str]]

MANY = 50
"""Things of a store beside the cluster that are listed one by one; of more, only those that are not as asked for."""

LRS = "resources"
"""The store whose things are objects of the cluster, which a person tells by namespace and name alone."""

FIRST: Mapping[Prepare, str] = {
    Prepare.INSTALL_CRD: "install the CRD {source} holds",
    Prepare.CREATE_NAMESPACE: "create namespace {name}",
    Prepare.PAUSE_OPERATOR: "pause the operator {name}",
}


DETAILS = 10
"""Of what a finding counts, so many are listed; `-o wide` lists all."""


def finding_lines(findings: Iterable[Finding], *, all_details: bool = False) -> Iterator[str]:
    """What was found before the first write, errors first, one line each with its hint, and below it what it counts.

    Not what is acknowledged; an error cannot be.
    """
    found = [each for each in findings if each.severity is Severity.ERROR or not is_acknowledged(each.note)]
    for severity in Severity:
        for finding in found:
            if finding.severity is severity:
                yield f"{severity.value}: {finding.message}{f' ({finding.hint})' if finding.hint else ''}"
                most = len(finding.details) if all_details else DETAILS
                yield from (f"  {each}" for each in capped(finding.details, most))


# ---- the plan

STEP_COLUMNS: tuple[Column[Step], ...] = (
    ("TIER", lambda step: step.store),
    ("NAMESPACE", lambda step: step.namespace),
    ("NAME", lambda step: step.name),
    ("TYPE", lambda step: step.type),
    ("ACTION", lambda step: step.action.value),
    ("SIZE", lambda step: size(step.bytes) if step.bytes else ""),
    ("REASON", lambda step: step.reason or _fields(step)),
    ("BECAUSE", lambda step: step.because),
)


DIFFS = 10
"""Differences that a plan shows field by field; `-o wide` shows all."""


WIDE = ("", "wide")
"""Outputs that need a row of each thing; all others are made while they are written."""


def plan_view(plan: Plan, *, applied: bool = False, then: Sequence[Next] = (), output: str = "") -> View:
    """The plan: what would be made first, each step that changes something, and what differs field by field.

    `applied`: it is about to be. `then`: what to do next. `output`: the one that is wanted, empty where all may be.
    """
    steps = plan.steps
    columns, rows = _tabled(STEP_COLUMNS, (step for step in steps if step.action is not Action.UNCHANGED), _alike)
    wide_columns, wide_rows = _tabled(STEP_COLUMNS, steps) if output in WIDE else ((), [])
    counts = _counted(plan.counts())
    below = (
        *(f"will not be done: {line}" for line in plan.incomplete),
        *_part_counts(plan),
        f"plan: {counts}{'' if applied else ' (nothing was written)'}",
        *next_lines(then),
    )
    return View(
        kind="RestorePlan",
        data=_plan_data(plan),
        before=tuple(f"first: {_first(each, plan)}" for part in plan.parts for each in part.preparations),
        columns=columns,
        rows=rows,
        wide_columns=wide_columns,
        wide_rows=wide_rows,
        names=Each(lambda: map(_name, steps)),
        after=(*_diff_lines(steps, DIFFS), *below),
        wide_after=(*_diff_lines(steps, len(steps)), *below) if output in WIDE else None,
        spare=_constant(columns, rows),
    )


def restore_question(plan: Plan) -> str:
    """What the user must agree to, and every place that is written."""
    written = [part for part in plan.parts if part.store != LRS and part.has(WRITES)]
    also = "".join(f", {part.store} on {part.target}" for part in written)
    return f"{'; '.join(plan.effects)} on {plan.cluster}{also}. Go on?"


def _alike(thing: Step | Outcome) -> Hashable:
    """What rows have in common that say the same of many things."""
    if isinstance(thing, Step):
        return thing.store, thing.namespace, thing.type, thing.action, thing.reason or bool(thing.diff), thing.because
    return thing.store, thing.namespace, thing.type, thing.result, thing.message.replace(thing.name, "")


def _constant(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Of the columns that a narrow terminal can do without, those in which all rows say the same."""
    return tuple(title for place, title in enumerate(columns) if title in SPARE and len({row[place] for row in rows}) == 1)


SPARE = frozenset(("NAMESPACE", "TIER"))


def _tabled(
    columns: Sequence[Column[T]], things: Iterable[T], kind: Callable[[T], Hashable] | None = None
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """(headings, rows): without the columns in which nothing stands, and without the store where there is only one.

    With `kind`, of many that are alike the first few stand for all.
    """
    rows = []
    for thing, more in grouped(things, kind) if kind else ((thing, 0) for thing in things):
        rows.append(tuple(text(thing) for _, text in columns))
        if more:
            rows.append(
                tuple(and_more(more) if title == "NAME" else cell for (title, _), cell in zip(columns, rows[-1], strict=True))
            )
    filled = [place for place, (title, _) in enumerate(columns) if _says_something(title, {row[place] for row in rows})]
    return tuple(columns[place][0] for place in filled), [tuple(row[place] for place in filled) for row in rows]


def _says_something(title: str, values: set[str]) -> bool:
    return values - {""} != set() and (title != "TIER" or values != {LRS})


def _first(each: Preparation, plan: Plan) -> str:
    return FIRST[each.prepare].format(name=each.name, source=plan.source)


def _name(thing: Step | Outcome) -> str:
    return thing.key if thing.store == LRS else f"{thing.store}/{thing.name}"


def _part_counts(plan: Plan) -> Iterator[str]:
    for part in plan.parts:
        if part.store != LRS or len(plan.parts) > 1:
            yield f"{part.store}: {_counted(part.counts())}, on {plan.cluster if part.store == LRS else part.target}"


def _counted(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{count:,} {_word(what)}" for what, count in sorted(counts.items())) or "nothing to do"


def _word(what: Enum) -> str:
    return str(what.value)


def _fields(step: Step) -> str:
    count = len(step.diff)
    return f"{count} field{'' if count == 1 else 's'} differ{'s' * (count == 1)}" if count else ""


def _diff_lines(steps: Sequence[Step], most: int) -> Iterator[str]:
    """Field by field, once for all objects of which the same differs."""
    first: dict[tuple[str, ...], str] = {}
    alike: Counter[tuple[str, ...]] = Counter()
    for step in steps:
        if step.diff:
            what = (step.action.value, *(_change_line(change, step.action) for change in step.diff))
            first.setdefault(what, step.key)
            alike[what] += 1
    shown = list(first)[: len(first) if len(first) <= most + 1 else most]
    for what in shown:
        action, *changes = what
        yield ""
        yield f"{first[what]} ({action}){_others(alike[what] - 1)}:"
        yield from (f"  {change}" for change in changes)
    if more := alike.total() - sum(alike[what] for what in shown):
        yield ""
        yield f"what differs: {and_more(more)}"
    if alike:
        yield ""


def _others(count: int) -> str:
    return f", and in {count:,} other{'s' * (count > 1)} the same" if count else ""


def _change_line(change: Change, action: Action) -> str:
    if change.after is ABSENT:
        kept = "" if action in (Action.REPLACE, Action.RECREATE) else "   (only the live object has it; kept)"
        return f"- {change.field}: {_short(change.before)}{kept}"
    if change.before is ABSENT:
        return f"+ {change.field}: {_short(change.after)}"
    return f"~ {change.field}: {_short(change.before)} -> {_short(change.after)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _plan_data(plan: Plan) -> dict[str, Any]:
    return {
        "source": plan.source,
        "owner": plan.owner,
        "target": plan.target,
        "fromAnotherCluster": plan.from_another_cluster,
        "findings": [finding_data(finding) for finding in plan.findings],
        "counts": _counts_data(plan.counts()),
        "undone": plan.incomplete,
        "tiers": [_part_data(part) for part in plan.parts],
        "steps": Each(lambda: map(_step_data, plan.steps)),
    }


def finding_data(finding: Finding) -> dict[str, Any]:
    """As `-o json` has it."""
    details = {"details": list(finding.details)} if finding.details else {}
    said = {"severity": finding.severity.value, "note": finding.note.value if finding.note else ""}
    return {**said, "message": finding.message, "hint": finding.hint, **details}


def _counts_data(counts: Mapping[Any, int]) -> dict[str, int]:
    return {_word(what): count for what, count in sorted(counts.items())}


def _part_data(part: StorePlan) -> dict[str, Any]:
    return {
        "tier": part.store,
        "target": part.target,
        "first": [{"action": each.prepare.value, "name": each.name} for each in part.preparations],
        "counts": _counts_data(part.counts()),
    }


def _step_data(step: Step) -> dict[str, Any]:
    return {
        "tier": step.store,
        "namespace": step.namespace,
        "name": step.name,
        "type": step.type,
        "action": step.action.value,
        "reason": step.reason,
        "bytes": step.bytes,
        "because": step.because,
        "diff": [_change_data(change) for change in step.diff],
    }


def _change_data(change: Change) -> dict[str, Any]:
    sides = {"live": change.before, "backup": change.after}
    return {"field": change.field, **{side: value for side, value in sides.items() if value is not ABSENT}}


# ---- the report

DONE = frozenset(Result) - NOT_DONE - {Result.SKIPPED}

OUTCOME_COLUMNS: tuple[Column[Outcome], ...] = (
    ("TIER", lambda outcome: outcome.store),
    ("NAMESPACE", lambda outcome: outcome.namespace),
    ("NAME", lambda outcome: outcome.name),
    ("TYPE", lambda outcome: outcome.type),
    ("RESULT", lambda outcome: outcome.result.value),
    ("MESSAGE", lambda outcome: _message(outcome)),
)


def report_view(report: Report, *, dry_run: bool, then: Sequence[Next] = (), output: str = "") -> View:
    """The end of a restore: what is not as asked for, then the counts, and what to do next. `output`: as of a plan."""
    columns, rows = _tabled(OUTCOME_COLUMNS, _notable(report), _alike)
    wide_columns, wide_rows = _tabled(OUTCOME_COLUMNS, list(report.every())) if output in WIDE else ((), [])
    dry = " (server dry run: nothing was written)" if dry_run else ""
    end = f"in {report.seconds:.1f}s{dry}{'; interrupted' if report.interrupted else ''}"
    summary = f"{report.source}: {_counted(report.counts())} {end}"
    return View(
        kind="RestoreReport",
        data=_report_data(report, dry_run=dry_run),
        columns=columns,
        rows=rows,
        wide_columns=wide_columns,
        wide_rows=wide_rows,
        names=Each(lambda: (_name(each) for each in report.every() if each.result in DONE)),
        after=(
            *(f"not done: {line}" for line in report.incomplete),
            *_store_counts(report),
            *_left_lines(report),
            summary,
            *next_lines(then),
        ),
        spare=_constant(columns, rows),
        done="" if dry_run else summary,
    )


def _notable(report: Report) -> Iterator[Outcome]:
    """What a person must see: of LRS what is not plain; of the other stores all, as long as that is a list to read.

    Of those that are apart it is not.
    """
    few = {store for store in report.stores if store != LRS and report.counts(store).total() <= MANY}
    for outcome in report.outcomes:
        if outcome.result is Result.NOT_TRIED and report.interrupted and not outcome.message.startswith(BEGUN):
            continue
        if outcome.store in few or outcome.result in NOT_DONE or (outcome.store == LRS and outcome.message):
            yield outcome


def _left_lines(report: Report) -> Iterator[str]:
    """What an interrupted run did not begin, in one line."""
    left = Counter(outcome.store for outcome in report.outcomes if outcome.result is Result.NOT_TRIED)
    if report.interrupted and left:
        said = ", ".join(f"{count:,} {THINGS.get(store, store)}" for store, count in left.items())
        yield f"interrupted: {said} {'is' if left.total() == 1 else 'are'} left; the same command goes on"


THINGS: Mapping[str, str] = {LRS: "LRS", "mongo": "collections", "images": "images", "files": "files"}


def _message(outcome: Outcome) -> str:
    counted = ", ".join(f"{count:,} {what}" for what, count in outcome.counts.items())
    return "; ".join(part for part in (counted, outcome.message) if part)


def _store_counts(report: Report) -> Iterator[str]:
    stores = report.stores
    for store in stores if stores != [LRS] else ():
        where = f", on {report.targets[store]}" if store in report.targets else ""
        yield f"{store}: {_counted(report.counts(store))}{where}"


def _report_data(report: Report, *, dry_run: bool) -> dict[str, Any]:
    return {
        "source": report.source,
        "target": report.target,
        "targets": dict(report.targets),
        "dryRun": dry_run,
        "interrupted": report.interrupted,
        "seconds": round(report.seconds, 3),
        "counts": _counts_data(report.counts()),
        "undone": report.incomplete,
        "outcomes": Each(lambda: map(_outcome_data, report.every())),
    }


def _outcome_data(outcome: Outcome) -> dict[str, Any]:
    return {
        "tier": outcome.store,
        "namespace": outcome.namespace,
        "name": outcome.name,
        "type": outcome.type,
        "result": outcome.result.value,
        "message": outcome.message,
        "counts": dict(outcome.counts),
    }
