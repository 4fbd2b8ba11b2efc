"""Spark sessions, the plan to delete them and its report, as people and programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubectl_lrs.model.plan import Finding
from kubectl_lrs.model.units import age
from kubectl_lrs.render.grouped import Next, next_lines
from kubectl_lrs.render.restore import finding_data
from kubectl_lrs.render.view import View
from kubectl_lrs.stores.spark.apply import NOT_DONE, Outcome, counted
from kubectl_lrs.stores.spark.sessions import Session
from kubectl_lrs.usecases.clean_spark import CleanPlan, CleanReport, oldest

COLUMNS = ("NAMESPACE", "NAME", "AGE", "STATE")
WIDE = ("CREATED", "FINALIZERS", "UID")


def spark_plan_view(plan: CleanPlan, *, applied: bool = False, then: Sequence[Next] = ()) -> View:
    """The sessions that would be deleted. `then`: what to do next."""
    return View(
        kind="CleanPlan",
        data={
            "target": plan.target,
            "scope": plan.selection.scope,
            "olderThanSeconds": plan.selection.older_than.total_seconds() if plan.selection.older_than is not None else None,
            "younger": plan.kept,
            "findings": _findings(plan.findings),
            "sessions": [_data(session) for session in plan.sessions],
        },
        columns=COLUMNS,
        rows=[_row(session) for session in plan.sessions],
        wide_columns=(*COLUMNS, *WIDE),
        wide_rows=[(*_row(session), *_wide(session)) for session in plan.sessions],
        names=[session.key for session in plan.sessions],
        after=(_planned(plan, applied=applied), *next_lines(then)),
    )


def _planned(plan: CleanPlan, *, applied: bool) -> str:
    if not plan.sessions:
        return nothing_to_clean(plan)
    going = len(plan.sessions) - len(plan.to_delete)
    parts = [f"{len(plan.to_delete)} to delete"] if plan.to_delete else []
    parts += [f"{going} being deleted already"] if going else []
    parts += [f"{plan.kept} younger, kept"] if plan.kept else []
    return f"plan: {', '.join(parts)}{'' if applied else ' (nothing was deleted)'}"


def nothing_to_clean(plan: CleanPlan) -> str:
    """Why there is nothing to do."""
    where = plan.selection.scope.replace("all namespaces", "any namespace")
    if plan.kept and plan.selection.older_than is not None:
        than = age(plan.selection.older_than.total_seconds())
        return f"nothing to clean: no Spark session older than {than} in {where}, {plan.kept} younger"
    return f"nothing to clean: no Spark session in {where}"


def spark_effects(plan: CleanPlan) -> str:
    """What the user must agree to."""
    number, namespaces = len(plan.to_delete), sorted({session.namespace for session in plan.to_delete})
    where = f"namespace {namespaces[0]}" if len(namespaces) == 1 else f"{len(namespaces)} namespaces"
    eldest = age(oldest(plan.to_delete).total_seconds())
    return f"Delete {number} Spark session{'' if number == 1 else 's'} (oldest: {eldest}) in {where} on {plan.cluster}"


def spark_report_view(report: CleanReport) -> View:
    """What became of each session."""
    columns = (*COLUMNS, "RESULT", "MESSAGE")
    counts = ", ".join(f"{number} {result.value}" for result, number in counted(report.outcomes)) or "nothing to do"
    dry = " (server dry run: nothing was deleted)" if report.dry_run else ""
    summary = f"clean-spark: {counts} in {report.seconds:.1f}s{dry}{'; interrupted' if report.interrupted else ''}"
    return View(
        kind="CleanReport",
        data={
            "target": report.target,
            "dryRun": report.dry_run,
            "interrupted": report.interrupted,
            "seconds": round(report.seconds, 3),
            "counts": {result.value: number for result, number in counted(report.outcomes)},
            "findings": _findings(report.findings),
            "sessions": [
                {**_data(each.session), "result": each.result.value, "message": each.message} for each in report.outcomes
            ],
        },
        columns=columns,
        rows=[(*_row(each.session), *_end(each)) for each in report.outcomes],
        wide_columns=(*columns, *WIDE),
        wide_rows=[(*_row(each.session), *_end(each), *_wide(each.session)) for each in report.outcomes],
        names=[each.session.key for each in report.outcomes if each.result not in NOT_DONE],
        after=(summary,),
        done="" if report.dry_run else summary,
    )


def _row(session: Session) -> tuple[str, ...]:
    return (session.namespace, session.name, age(session.age.total_seconds()), session.state)


def _wide(session: Session) -> tuple[str, ...]:
    return (session.created, ",".join(session.finalizers) or "<none>", session.uid)


def _end(outcome: Outcome) -> tuple[str, str]:
    return (outcome.result.value, outcome.message)


def _data(session: Session) -> dict[str, Any]:
    return {
        "namespace": session.namespace,
        "name": session.name,
        "uid": session.uid,
        "created": session.created,
        "ageSeconds": int(session.age.total_seconds()),
        "state": session.state,
        "finalizers": list(session.finalizers),
    }


def _findings(findings: list[Finding]) -> list[dict[str, Any]]:
    return list(map(finding_data, findings))
