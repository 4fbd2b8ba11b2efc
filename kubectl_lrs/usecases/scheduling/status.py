"""How nightly runs go: the last and the next of each part, the newest backup, and what is wrong. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import CRONJOBS, JOBS, PODS
from kubectl_lrs.model import cron
from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.errors import ExitCode, LrsError, UsageError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.nightly import BACKUP
from kubectl_lrs.model.scheduling import COMPONENT, selector
from kubectl_lrs.repository import Repository
from kubectl_lrs.usecases.nightly import Own
from kubectl_lrs.usecases.scheduling.objects import STARTS_WITHIN
from kubectl_lrs.usecases.scheduling.runs import Run, RunState, newest_of, run_of

LATE = timedelta(seconds=STARTS_WITHIN)


@dataclass(frozen=True, kw_only=True)
class PartStatus:
    """One part. `next`: when it begins, None where that cannot be told or it is suspended."""

    part: str
    cron_job: str
    schedule: str
    time_zone: str
    is_suspended: bool
    last_scheduled: str
    last_success: str
    next: datetime | None
    run: Run | None


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that is wrong, and what to do."""

    part: str
    message: str
    hint: str = ""
    code: ExitCode = ExitCode.DIFFERENCE


@dataclass(frozen=True, kw_only=True)
class Status:
    """All of it. `is_looked_at`: whether the backups could be."""

    name: str
    namespace: str
    parts: Sequence[PartStatus]
    newest: Catalog | None = None
    is_looked_at: bool = True
    wrong: Sequence[Trouble] = field(default=())

    def exit_code(self) -> ExitCode:
        """Whether anything is wrong; that something could not be looked at goes first."""
        codes = {each.code for each in self.wrong}
        others = sorted(codes - {ExitCode.DIFFERENCE})
        return others[0] if others else ExitCode.DIFFERENCE if codes else ExitCode.DONE


def look(kube: KubeClient, *, name: str, wanted: Sequence[str], own: Own, backups: Callable[[], Repository]) -> Status:
    """Ask the cluster and the place of the backups. `own`: tells those that its runs make."""
    namespace = kube.connection.namespace
    asked = selector(name, namespace)
    there = {_part(each): each for each in kube.items(CRONJOBS, namespace, selector=asked)}
    jobs, pods = kube.items(JOBS, namespace, selector=asked), kube.items(PODS, namespace, selector=asked)
    now = kube.now()
    parts = [_status(part, each, jobs, pods, now) for part, each in there.items()]
    wrong = [trouble for each in parts for trouble in _troubles(each, there[each.part], now)]
    wrong += [
        Trouble(part=part, message=f"there is no CronJob of {part}", hint="schedule --apply makes it")
        for part in wanted
        if part not in there
    ]
    newest, is_looked_at = None, False
    try:
        newest = _newest(backups(), own)
        is_looked_at = True
        wrong += _of_backups(newest, there.get(BACKUP), now)
    except LrsError as error:
        message = f"the backups cannot be looked at: {error}"
        wrong.append(Trouble(part=BACKUP, message=message, hint=error.hint, code=error.exit_code))
    return Status(name=name, namespace=namespace, parts=parts, newest=newest, is_looked_at=is_looked_at, wrong=wrong)


def _part(cron_job: Manifest) -> str:
    return str(cron_job["metadata"]["labels"].get(COMPONENT, ""))


def _status(part: str, cron_job: Manifest, jobs: Sequence[Manifest], pods: Sequence[Manifest], now: datetime) -> PartStatus:
    spec, status = cron_job["spec"], cron_job.get("status") or {}
    job = newest_of(jobs, part, COMPONENT)
    return PartStatus(
        part=part,
        cron_job=str(cron_job["metadata"]["name"]),
        schedule=str(spec["schedule"]),
        time_zone=str(spec.get("timeZone") or ""),
        is_suspended=bool(spec.get("suspend")),
        last_scheduled=str(status.get("lastScheduleTime") or ""),
        last_success=str(status.get("lastSuccessfulTime") or ""),
        next=None if spec.get("suspend") else next(_due(cron_job, now), None),
        run=run_of(job, pods, now) if job else None,
    )


def _due(cron_job: Manifest, since: datetime) -> Iterator[datetime]:
    """When it begins from then on; nothing where that cannot be told, as somebody else may have written its schedule."""
    spec = cron_job["spec"]
    try:
        found = cron.parse(str(spec["schedule"]), what="its schedule")
        zone = cron.zone_of(str(spec.get("timeZone") or "Etc/UTC"), what="its time zone")
    except UsageError:
        return
    yield from found.all_after(since, zone)


# ---- what is wrong


def _troubles(part: PartStatus, cron_job: Manifest, now: datetime) -> Iterator[Trouble]:
    if part.is_suspended:
        yield Trouble(part=part.part, message=f"{part.cron_job} is suspended", hint="somebody has set spec.suspend")
    elif missed := _missed(cron_job, now):
        hint = "does the controller of CronJobs run? kubectl describe cronjob tells"
        yield Trouble(part=part.part, message=f"{part.cron_job} was due at {_shown(missed)}, and did not begin", hint=hint)
    run = part.run
    if run and run.state is RunState.FAILED:
        status = "" if run.status is None else f" with {run.status}"
        yield Trouble(part=part.part, message=f"{run.job} failed{status}: {run.message or 'nothing is told'}")
    if run and run.state is RunState.SUCCEEDED and run.status:
        hint = f"its report tells what was not: kubectl logs job/{run.job}"
        yield Trouble(part=part.part, message=f"{run.job} was done in part: {run.message}", hint=hint)
    if run and run.waits:
        yield Trouble(part=part.part, message=f"{run.job} does not begin: {run.waits}")


def _missed(cron_job: Manifest, now: datetime) -> datetime | None:
    """When it should have begun, and is too late to begin by now."""
    told = (cron_job.get("status") or {}).get("lastScheduleTime") or cron_job["metadata"].get("creationTimestamp")
    if not told:
        return None
    due = next(_due(cron_job, datetime.fromisoformat(str(told).replace("Z", "+00:00"))), None)
    return due if due and due + LATE < now else None


def _newest(repository: Repository, own: Own) -> Catalog | None:
    """The newest backup of these runs: one of another namespace, or that was made by hand of less, is none of them."""
    return next((each.catalog for each in repository.newest_first() if own.has(each.catalog)), None)


def _of_backups(newest: Catalog | None, cron_job: Manifest | None, now: datetime) -> Iterator[Trouble]:
    if cron_job is None:
        return
    if newest is None:
        if (cron_job.get("status") or {}).get("lastScheduleTime"):
            yield Trouble(
                part=BACKUP, message="there is no sealed backup of what the installation file says", hint="schedule run makes one"
            )
        return
    if newest.is_after(now):
        message = f"the newest sealed backup, {newest.name}, is dated later than now: nothing tells when the last one was made"
        yield Trouble(part=BACKUP, message=message, hint="is a clock wrong? forget removes it, once there is another one")
        return
    due = _due(cron_job, newest.instant)
    _, second = next(due, None), next(due, None)
    if second and second + LATE < now:
        message = f"the newest sealed backup, {newest.name}, is of {_shown(newest.instant)}: two later ones were due"
        yield Trouble(part=BACKUP, message=message, hint="kubectl logs of the last Job tells why; schedule run begins one now")


def _shown(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
