"""What a nightly run came to, as people and programs read it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kubectl_lrs.model.catalog import stamp
from kubectl_lrs.model.nightly import PROVE, SAYS, NightlyReport, State, Step
from kubectl_lrs.model.units import age
from kubectl_lrs.render.view import View

COLUMNS = ("STEP", "STATE", "TIME", "WHAT")


def nightly_view(report: NightlyReport) -> View:
    """One row for each step; the last line says all of it in one."""
    return View(
        kind="NightlyReport",
        data=nightly_data(report),
        columns=COLUMNS,
        rows=[_row(step) for step in report.steps],
        names=[step.name for step in report.steps if step.outcome.status],
        after=(*(f"{step.name}: {step.outcome.hint}" for step in report.steps if step.outcome.hint), nightly_line(report)),
        done=nightly_line(report),
    )


def nightly_line(report: NightlyReport) -> str:
    """All of it in one line."""
    counts = Counter(step.outcome.state for step in report.steps)
    said = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    worst = [step for step in report.steps if step.outcome.status and step.outcome.status is report.exit_code()]
    why = f"; {worst[0].name}: {worst[0].outcome.message}" if worst else ""
    none = "" if report.parts == (PROVE,) else "; no backup"
    made = f"; backup {report.backup.name} ({report.backup.state})" if report.backup else none
    proof = "".join(
        f"; {step.outcome.message}" for step in report.steps if step.part == PROVE and step.outcome.state is State.DONE
    )
    return f"{SAYS}{int(report.exit_code())}: {said}{made}{proof}{why}"


def _row(step: Step) -> tuple[str, ...]:
    took = age(step.seconds) if step.outcome.state not in (State.NOT_HERE, State.LEFT_OUT) else ""
    return (step.name, step.outcome.state.value, took, step.outcome.message)


def nightly_data(report: NightlyReport) -> dict[str, Any]:
    """For programs."""
    return {
        "cluster": report.cluster,
        "namespace": report.namespace,
        "profile": report.profile,
        "repository": report.repository,
        "parts": list(report.parts),
        "began": stamp(report.began),
        "ended": stamp(report.ended) if report.ended else None,
        "exitStatus": int(report.exit_code()),
        "backup": report.backup.name if report.backup else None,
        "backupState": report.backup.state if report.backup else None,
        "steps": [
            {
                "step": step.name,
                "part": step.part,
                "state": step.outcome.state.value,
                "exitStatus": int(step.outcome.status),
                "seconds": round(step.seconds, 3),
                "message": step.outcome.message,
                "hint": step.outcome.hint,
            }
            for step in report.steps
        ],
        "summary": nightly_line(report),
    }
