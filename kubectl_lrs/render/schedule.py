"""Nightly runs as people and programs read them: the objects that they need, and what became of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model.catalog import stamp
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.render.backups import local
from kubectl_lrs.render.output import answer
from kubectl_lrs.render.view import View, show
from kubectl_lrs.usecases.scheduling.apply import Report, Result
from kubectl_lrs.usecases.scheduling.runs import Run
from kubectl_lrs.usecases.scheduling.status import PartStatus, Status, Trouble

NOT_MADE = (
    "Not made by --apply, as no Role can give it, and a backup does without: that the uid of kube-system can be read, by",
    "which the cluster is known whatever becomes of its namespace, and the CRD, so that the backup has crd.yaml. Bind it to",
    "the service account of the backup with a ClusterRoleBinding.",
)
"""What is said of the ClusterRole that is printed as a comment."""


def show_objects(objects: Sequence[Manifest], optional: Manifest, output: str) -> None:
    """What would be made. As YAML for kubectl, unless a form for programs is asked for."""
    if output in ("table", "wide"):
        text = "---\n".join(map(dump, objects))
        answer(text + "".join(f"# {line}\n" for line in (*NOT_MADE, "---", *dump(optional).splitlines())), is_data=True)
        return
    data = {"objects": [*objects], "notMade": [optional]}
    show(View(kind="Schedule", data=data, names=[_slashed(_key(each)) for each in objects]), output)


def _key(manifest: Mapping[str, Any]) -> tuple[str, str]:
    return str(manifest["kind"]), str(manifest["metadata"]["name"])


def _slashed(key: tuple[str, str]) -> str:
    return f"{key[0].lower()}/{key[1]}"


def schedule_view(report: Report) -> View:
    """One row for each object."""
    return View(
        kind="ScheduleReport",
        data={"dryRun": report.is_trial, "objects": [_data(each) for each in report.results]},
        columns=("KIND", "NAMESPACE", "NAME", "RESULT", "MESSAGE"),
        rows=[(each.kind, each.namespace, each.name, each.state.value, each.message) for each in report.results],
        names=[_slashed((each.kind, each.name)) for each in report.results],
        after=tuple(_summary(report)),
        done="" if report.is_trial else ", ".join(_summary(report)),
    )


def _summary(report: Report) -> Iterator[str]:
    counts: dict[str, int] = {}
    for each in report.results:
        counts[each.state.value] = counts.get(each.state.value, 0) + 1
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    if said:
        yield f"{said}{' (server dry run)' if report.is_trial else ''}"


def _data(result: Result) -> dict[str, str]:
    return {
        "kind": result.kind,
        "namespace": result.namespace,
        "name": result.name,
        "result": result.state.value,
        "message": result.message,
    }


# ---- how it goes


def schedule_status_view(status: Status) -> View:
    """One row for each part; below it the newest backup, and what is wrong."""
    newest = status.newest
    none = "none" if status.is_looked_at else "not known"
    told = f"newest backup: {f'{newest.name}, {local(newest.instant)}, {newest.state}' if newest else none}"
    wrong = [line for each in status.wrong for line in _wrong(each)]
    data = {
        "name": status.name,
        "namespace": status.namespace,
        "parts": [_part_data(each) for each in status.parts],
        "newest": {"name": newest.name, "instant": stamp(newest.instant), "state": newest.state} if newest else None,
        "wrong": [{"part": each.part, "message": each.message, "hint": each.hint} for each in status.wrong],
    }
    return View(
        kind="ScheduleStatus",
        data=data,
        columns=("PART", "SCHEDULE", "LAST RUN", "RESULT", "NEXT RUN", "MESSAGE"),
        rows=[_part_row(each) for each in status.parts],
        names=[each.cron_job for each in status.parts],
        after=(told, *(wrong or ["nothing is wrong"])),
    )


def _wrong(trouble: Trouble) -> Iterator[str]:
    yield f"{trouble.part}: {trouble.message}"
    if trouble.hint:
        yield f"  {trouble.hint}"


def _part_row(part: PartStatus) -> tuple[str, ...]:
    run = part.run
    schedule = f"{part.schedule} {part.time_zone}".strip()
    upcoming = "suspended" if part.is_suspended else local(part.next) if part.next else "not known"
    if run is None:
        return (part.part, schedule, "none", "", upcoming, "")
    return (part.part, schedule, _instant(run.began), _outcome(run), upcoming, run.waits or _last_line(run.message))


def _outcome(run: Run) -> str:
    return run.state.value if run.status in (None, 0) else f"{run.state.value} ({run.status})"


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]


def _instant(stamped: str) -> str:
    return local(datetime.fromisoformat(stamped.replace("Z", "+00:00"))) if stamped else ""


def _part_data(part: PartStatus) -> dict[str, Any]:
    return {
        "part": part.part,
        "cronJob": part.cron_job,
        "schedule": part.schedule,
        "timeZone": part.time_zone,
        "suspended": part.is_suspended,
        "lastScheduled": part.last_scheduled or None,
        "lastSuccess": part.last_success or None,
        "next": stamp(part.next) if part.next else None,
        "run": _run_data(part.run) if part.run else None,
    }


def _run_data(run: Run) -> dict[str, Any]:
    return {
        "job": run.job,
        "state": run.state.value,
        "began": run.began or None,
        "ended": run.ended or None,
        "exitStatus": run.status,
        "message": run.message,
        "waits": run.waits,
    }


def scheduled_run_view(run: Run) -> View:
    """What became of a run that was started here."""
    said = f"Job {run.job}: {_outcome(run)}"
    return View(
        kind="ScheduledRun",
        data=_run_data(run),
        names=[run.job],
        before=(f"{said}: {_last_line(run.message)}" if run.message else said,),
        done=said,
    )
