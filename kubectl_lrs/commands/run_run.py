"""Run what is done unattended, as `run_` is told: its trace is there before anything is looked at, and whole at the end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from kubectl_lrs import render
from kubectl_lrs.clients.kubernetes.kubeconfig import load, pod_namespace
from kubectl_lrs.commands import backup_
from kubectl_lrs.commands.confirm import HeldSignals
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.own_backups import own_backups
from kubectl_lrs.commands.run_ import NIGHTLY, SEGMENT, Flags, Notify
from kubectl_lrs.commands.shared import Backups, Quiet, Tables
from kubectl_lrs.commands.variables import name_settings
from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.errors import ExitCode, LrsError, UsageError
from kubectl_lrs.model.nightly import PARTS, NightlyReport, Outcome
from kubectl_lrs.model.settings import Installation
from kubectl_lrs.render.documents import document
from kubectl_lrs.repository import open_repository
from kubectl_lrs.runtime import state
from kubectl_lrs.stores.files.flags import StorageOptions
from kubectl_lrs.stores.lrs.connect import connect
from kubectl_lrs.usecases import segments
from kubectl_lrs.usecases.channels import CronJobEvent, Heartbeats, Pushgateway, TerminationMessage
from kubectl_lrs.usecases.nightly import Night, Task
from kubectl_lrs.usecases.notify import STATE_FILE, Channel, MetricsFile, Notifier

CRONJOB = "LRS_CRONJOB"
"""The variable that names the CronJob whose pod this is."""


def run(given: Given) -> ExitCode:
    """The one that there is."""
    what = given.of(Flags).what
    if what == SEGMENT:
        return _segment(given)
    if what != NIGHTLY:
        raise UsageError("nothing says what is to be run", hint="run nightly")
    installation = given.installation
    if installation is None:
        raise UsageError(
            "run nightly does what an installation file says, and there is none",
            hint="make one with config init, and name it with --config or LRS_CONFIG",
        )
    return _nightly(given, installation)


def _segment(given: Given) -> ExitCode:
    from kubectl_lrs.stores.files.connect import storage  # nothing else here needs the libraries of storages

    name, place = given.of(Flags).segment, given.of(StorageOptions)
    if not name:
        raise UsageError("nothing says which segment", hint="name it with --segment; backup --shards says what they are called")
    files = storage(place, otherwise="the files are read there")
    repository = open_repository(*given.of(Backups).where)
    quiet = given.of(Quiet).quiet
    done = segments.copy(repository, name, files, workers=place.workers, progress=render.progress(quiet=quiet))
    if not quiet:
        render.say(render.segment_line(name, done))
    return ExitCode.DONE


def _nightly(given: Given, installation: Installation) -> ExitCode:
    from kubectl_lrs.commands.nightly_steps import Steps  # with all commands

    _ = installation.guard  # UsageError where the file does not say of which cluster it is
    report = NightlyReport(
        cluster=installation.cluster,
        namespace=_namespace(given),
        profile=given.of(backup_.Flags).profile,
        repository=given.of(Backups).label,
        parts=(),
        began=datetime.now(timezone.utc),
    )
    steps = Steps(given=given, installation=installation, report=report, asked=given.of(Flags).parts)
    report.parts = tuple(part for part in PARTS if not steps.why_not(part))
    notifier = _notifier(given, installation)
    night = Night(report, given.cancel, steps.end)
    try:
        _warn(notifier.began(report))
        night.run([_by_settings(each, given) for each in steps.tasks()])
        night.close(steps.remember)
    except KeyboardInterrupt:
        night.interrupted()
    held = HeldSignals()
    held.hold()  # the first signal has ended the steps; whoever was to be told is told, which takes a limited time
    try:
        _warn(notifier.ended(report, line=render.nightly_line(report), whole=_whole(report)))
        return _told(given, night)
    finally:
        held.release()


def _by_settings(task: Task, given: Given) -> Task:
    """The same, whose errors say which settings they are about."""
    act = task.do
    if act is None:
        return task

    def do() -> Outcome:
        try:
            return act()
        except LrsError as error:
            name_settings(error, given)
            raise

    return replace(task, do=do)


def _namespace(given: Given) -> str:
    """That of the LRS, by what is on this machine; empty for all of them, and where nothing tells."""
    if given.of(backup_.Flags).all_namespaces:
        return ""
    found = given.installation
    with suppress(LrsError):
        return load(replace(given.kube_alone, default_namespace=found.namespace if found else ""), os.environ).namespace
    return found.namespace if found else ""


def _warn(troubles: Iterable[str]) -> None:
    for each in troubles:
        render.say(f"warning: {each}")


def _whole(report: NightlyReport) -> str:
    return render.as_json(document("NightlyReport", render.nightly_data(report)))


def _told(given: Given, night: Night) -> ExitCode:
    if night.bug is not None:
        raise night.bug
    code = night.report.exit_code()
    if code is not ExitCode.DONE or not given.is_silent:
        render.show(render.nightly_view(night.report), given.of(Tables).output)
    if code is ExitCode.PARTIAL and os.environ.get(CRONJOB):
        render.say(f"note: {CRONJOB} is set, so this ends with 0: a Job would have failed with 3, which metrics and Event tell")
        return ExitCode.DONE
    return code


def _notifier(given: Given, installation: Installation) -> Notifier:
    def catalogs() -> Iterator[Catalog]:
        own = own_backups(given, installation)
        yield from (each.catalog for each in open_repository(*given.of(Backups).where).scan()[0] if own.has(each.catalog))

    return Notifier(channels=[*_state(installation), *_channels(given)], catalogs=catalogs)


def _state(installation: Installation) -> Iterator[Channel]:
    """What `metrics` reads, where a state can be kept."""
    with suppress(LrsError):
        if folder := state.made_or_why(installation.cluster)[0]:
            yield MetricsFile(folder / STATE_FILE)


def _channels(given: Given) -> Iterator[Channel]:
    options = given.of(Notify)
    if options.metrics_file:
        yield MetricsFile(Path(options.metrics_file))
    if options.pushgateway_file:
        yield Pushgateway(options.pushgateway_file)
    hooks = options.heartbeat_start_file, options.heartbeat_success_file, options.heartbeat_failure_file
    if any(hooks):
        yield Heartbeats(start=hooks[0], success=hooks[1], failure=hooks[2])
    if options.events and (cronjob := os.environ.get(CRONJOB, "")):
        flags = given.kube_alone
        yield CronJobEvent(cronjob=cronjob, namespace=pod_namespace(os.environ), connect=lambda: connect(flags))
    if named := os.environ.get("LRS_TERMINATION_LOG", ""):
        yield TerminationMessage(path=named, must_be=True)
    elif os.environ.get("KUBERNETES_SERVICE_HOST"):
        yield TerminationMessage(path="/dev/termination-log")
