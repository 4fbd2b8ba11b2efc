"""Set up nightly runs, show how they go, begin one, as `schedule_` is told."""

from __future__ import annotations

import secrets
from contextlib import suppress

from kubectl_lrs import render
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.own_backups import own_backups
from kubectl_lrs.commands.schedule_ import RUN, STATUS, Flags
from kubectl_lrs.commands.schedule_flags import Settings
from kubectl_lrs.commands.schedule_plan import installation_of, plan_of
from kubectl_lrs.commands.shared import Backups, Quiet, Tables
from kubectl_lrs.commands.unused import refuse
from kubectl_lrs.model.errors import ExitCode, InterruptedRunError
from kubectl_lrs.model.nightly import BACKUP
from kubectl_lrs.model.scheduling import BY_DEFAULT, Nightly
from kubectl_lrs.repository import open_repository
from kubectl_lrs.runtime.cancel import CancelledError
from kubectl_lrs.stores.lrs.connect import SYSTEM, connect, require_namespace, uids_of
from kubectl_lrs.usecases.scheduling import apply as scheduling
from kubectl_lrs.usecases.scheduling import running, status
from kubectl_lrs.usecases.scheduling.apply import Report, Whose
from kubectl_lrs.usecases.scheduling.objects import objects_of, optional_role


def run(given: Given) -> ExitCode:
    """The one that was asked for."""
    flags, output = given.of(Flags), given.of(Tables).output
    installation_of(given)
    kube = connect(given.kube, given.cancel)
    require_namespace(kube, kube.connection.namespace)
    if flags.part and flags.what != RUN:
        refuse([flags.part], "but to run", hint="leave it out")
    if flags.what == STATUS:
        return _status(given, kube)
    if flags.what == RUN:
        return _run(given, kube, flags.part or BACKUP)
    if flags.delete:
        return _delete(given, kube, flags.dry_run)
    plan = plan_of(given, kube)
    if flags.dry_run == "server" or (flags.apply and flags.dry_run == "none"):
        return _apply(given, kube, plan, trial=flags.dry_run == "server")
    objects = objects_of(plan)
    render.show_objects(objects, optional_role(plan), output)
    return ExitCode.DONE


def _apply(given: Given, kube: KubeClient, plan: Nightly, *, trial: bool) -> ExitCode:
    objects = objects_of(plan)
    namespaces = {str(each["metadata"]["namespace"]) for each in objects if "namespace" in each["metadata"]}
    whose = Whose(name=plan.name, namespace=plan.namespace, namespaces=frozenset(namespaces))
    if not trial:
        _note(given, kube, f"schedule {plan.name} in {plan.namespace}")
    with kube.warnings.told(render.say):
        report = scheduling.apply(kube, objects, whose, trial=trial)
    return _shown(given, report)


def _delete(given: Given, kube: KubeClient, dry_run: str) -> ExitCode:
    namespace = kube.connection.namespace
    also = installation_of(given).values.get("mongo.namespace", namespace)
    whose = Whose(name=given.of(Settings).name, namespace=namespace, namespaces=frozenset({namespace, str(also)}))
    if dry_run == "none":
        _note(given, kube, f"schedule {whose.name} in {namespace}: removed")
    report = scheduling.remove(kube, whose, trial=dry_run != "none")
    if not report.results:
        render.say(f"nothing of schedule {whose.name!r} is in namespace {namespace}")
    return _shown(given, report)


def _status(given: Given, kube: KubeClient) -> ExitCode:
    flags = given.of(Settings)
    where = given.of(Backups)
    namespace = kube.connection.namespace
    uids = uids_of(kube, [SYSTEM, namespace]).values()
    found = status.look(
        kube,
        name=flags.name,
        wanted=flags.parts or BY_DEFAULT,
        own=own_backups(given, installation_of(given), uids=uids, namespace=namespace),
        backups=lambda: open_repository(*where.where),
    )
    render.show(render.schedule_status_view(found), given.of(Tables).output)
    return found.exit_code()


def _run(given: Given, kube: KubeClient, part: str) -> ExitCode:
    cron_job = running.cron_job_of(kube, given.of(Settings).name, part)
    _note(given, kube, f"{part} by {cron_job['metadata']['name']}")
    job = running.start(kube, cron_job, secrets.token_hex(3))
    name = job["metadata"]["name"]
    render.say(f"Job {name} was made; what it writes:")
    tell = render.say if not given.of(Quiet).quiet else lambda _line: None
    found = None
    with given.cancel.on_signals(), suppress(CancelledError):
        found = running.Follower(kube, job, tell).follow(given.cancel)
    if found is None:
        raise InterruptedRunError(f"Job {name} goes on in the cluster", hint="schedule status tells how it went")
    render.show(render.scheduled_run_view(found), given.of(Tables).output)
    return running.status_of(found)


def _note(given: Given, kube: KubeClient, what: str) -> None:
    identity = kube.identity()
    given.note(identity.uid or identity.server, target=identity.server, what=what)


def _shown(given: Given, report: Report) -> ExitCode:
    if report.error or not given.of(Quiet).quiet or "--output" in given.words:
        render.show(render.schedule_view(report), given.of(Tables).output)
    if report.error:
        render.say(f"error: {report.error}")
        if report.error.hint:
            render.say(f"hint: {report.error.hint}")
    return report.exit_code()
