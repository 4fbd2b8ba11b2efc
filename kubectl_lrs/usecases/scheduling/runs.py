"""Runs of a schedule as Kubernetes tells of them: Jobs, their pods, and with what these ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.nightly import status_said
from kubectl_lrs.model.scheduling import CONTAINER

JOB_NAME = "batch.kubernetes.io/job-name"
USUAL = frozenset(("ContainerCreating", "PodInitializing"))
"""Why every pod waits for a moment."""

OVER = ("Failed", "Succeeded")
"""Phases of a pod that was; one that was evicted tells nothing of its container."""

BEGINS = timedelta(minutes=10)
"""What has not begun by then waits for something. Of a volume's Secret that is not there, or a pod that may not be made, no
status tells."""


class RunState(str, Enum):
    """How a run is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One Job. `status`: what its run came to, None where that is not told; `waits`: why its pod does not begin."""

    job: str
    state: RunState
    began: str
    ended: str = ""
    status: int | None = None
    message: str = ""
    waits: str = ""


def run_of(job: Manifest, pods: Iterable[Manifest], now: datetime) -> Run:
    """A Job, with its pods among these. `now`: by the clock of the server."""
    own = [each for each in pods if (each["metadata"].get("labels") or {}).get(JOB_NAME) == job["metadata"]["name"]]
    own.sort(key=lambda each: str(each["metadata"].get("creationTimestamp") or ""))
    finished = finish_of(job)
    ends = [end for each in own if (end := container_state(each).get("terminated"))]
    last: Mapping[str, Any] = ends[-1] if ends else {}
    why = str((finished or {}).get("message") or "") if (finished or {}).get("type") == "Failed" else ""
    return Run(
        job=str(job["metadata"]["name"]),
        state=_state(finished),
        began=str((job.get("status") or {}).get("startTime") or job["metadata"].get("creationTimestamp") or ""),
        ended=str((finished or {}).get("lastTransitionTime") or ""),
        status=_status(last),
        message=str(last.get("message") or "").strip() or why,
        waits="" if finished else (waiting(own[-1]) if own else "") or _held_up(job, own, now),
    )


def _held_up(job: Manifest, own: list[Manifest], now: datetime) -> str:
    """What takes longer than it takes, and of which nothing says why; empty where nothing does."""
    state = container_state(own[-1]) if own else {}
    if "running" in state or (own and own[-1]["metadata"].get("deletionTimestamp")):
        return ""
    made = own[-1]["metadata"].get("creationTimestamp") if own else (job.get("status") or {}).get("startTime")
    told = (state.get("terminated") or {}).get("finishedAt") or made or job["metadata"].get("creationTimestamp")
    since = datetime.fromisoformat(str(told).replace("Z", "+00:00"))
    if now - since < BEGINS:
        return ""
    at = f"{since:%Y-%m-%d %H:%M} UTC"
    is_over = "terminated" in state or (bool(own) and (own[-1].get("status") or {}).get("phase") in OVER)
    if own and not is_over:
        return f"its pod is made ready since {at}: kubectl describe pod {own[-1]['metadata']['name']} tells for what it waits"
    return (
        f"no pod of it was made since {at}: kubectl describe job {job['metadata']['name']} tells why, as a quota or an admission"
    )


def _status(end: Mapping[str, Any]) -> int | None:
    """With what a pod ended. One that ended with 0 may say 3, with which no Job would be complete."""
    code: int | None = end.get("exitCode")
    told = status_said(str(end.get("message") or "").rstrip().rpartition("\n")[2])
    return told if code == 0 and told is not None else code


def _state(finished: Mapping[str, Any] | None) -> RunState:
    if finished is None:
        return RunState.RUNNING
    return RunState.SUCCEEDED if finished["type"] == "Complete" else RunState.FAILED


def finish_of(job: Manifest) -> Mapping[str, Any] | None:
    """What says that a Job is over; None while it is not."""
    for each in (job.get("status") or {}).get("conditions") or ():
        if each.get("type") in ("Complete", "Failed") and each.get("status") == "True":
            return dict(each)
    return None


def container_state(pod: Manifest) -> Mapping[str, Any]:
    """`running`, `waiting` or `terminated` of the container, with what is told of it; empty where none is told."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return next((each.get("state") or {} for each in statuses if each.get("name") == CONTAINER), {})


def waiting(pod: Manifest) -> str:
    """Why a pod does not begin, beyond what every pod waits for."""
    held = container_state(pod).get("waiting") or {}
    if held.get("reason") in USUAL and not held.get("message"):
        held = {}
    for each in (pod.get("status") or {}).get("conditions") or () if not held else ():
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            held = each
    return ": ".join(str(held[key]) for key in ("reason", "message") if held.get(key))


def newest_of(jobs: Iterable[Manifest], part: str, component: str) -> Manifest | None:
    """The Job of a part that was made last."""
    own = [each for each in jobs if (each["metadata"].get("labels") or {}).get(component) == part]
    return max(own, key=lambda each: str(each["metadata"].get("creationTimestamp") or ""), default=None)
