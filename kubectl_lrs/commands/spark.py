"""Cleaning Spark sessions away, as `clean-spark` does it and `backup --clean-spark` before its own work."""

from __future__ import annotations

import sys

from kubectl_lrs import render
from kubectl_lrs.commands.confirm import confirm
from kubectl_lrs.model.errors import InterruptedRunError, LrsError, UsageError
from kubectl_lrs.model.units import duration
from kubectl_lrs.stores.lrs.connect import Target
from kubectl_lrs.stores.spark.apply import ApplyOptions
from kubectl_lrs.stores.spark.flags import DEFAULT_TIMEOUT, DEFAULT_WORKERS
from kubectl_lrs.usecases.clean_spark import CleanPlan, CleanReport, SessionSelection, clean, plan_cleaning

LOST = "Work that runs in a Spark session is lost when it is deleted; the application makes new sessions."


def plan_of(target: Target, selection: SessionSelection, *, quiet: bool, operator: str = "") -> CleanPlan:
    """Which sessions there are."""
    return plan_cleaning(target.kube, target.resource, selection, render.progress(quiet=quiet), operator)


def require_rights(plan: CleanPlan) -> None:
    """Say what was found; an error where the user may not delete them."""
    errors = plan.errors
    for line in render.finding_lines([finding for finding in plan.findings if finding not in errors]):
        render.say(line)
    if errors:
        raise LrsError("; ".join(each.message for each in errors), hint=errors[0].hint, exit_code=errors[0].exit_code)


def agree(plan: CleanPlan, *, yes: bool, quiet: bool, trial: str = "--dry-run") -> None:
    """Show them, and ask; those that are being deleted already need no yes. `trial`: what shows them."""
    if not plan.to_delete:
        return
    if not yes and sys.stderr.isatty():
        render.show(render.spark_plan_view(plan, applied=True), "table", err=True)
    if not quiet:
        render.say(LOST)
    confirm(f"{render.spark_effects(plan)}. Go on?", yes=yes, trial=trial)


def apply(target: Target, plan: CleanPlan, options: ApplyOptions, *, operator: str, quiet: bool) -> CleanReport:
    """Delete them; meanwhile a signal lets what is in flight be finished."""
    with target.kube.stop.on_signals() as stop:
        return clean(
            plan,
            options,
            kube=target.kube,
            resource=target.resource,
            progress=render.progress(quiet=quiet),
            stop=stop,
            operator=operator,
        )


def show(report: CleanReport, output: str, *, err: bool = False) -> None:
    """What became of them, and after that what holds those that are stuck."""
    render.show(render.spark_report_view(report), output, err=err)
    for line in render.finding_lines(report.findings):
        render.say(line)


def apply_options(*, parallel: int, timeout: str, wait: bool, dry_run: bool = False) -> ApplyOptions:
    """How they are deleted."""
    seconds = duration(timeout, what="--timeout").total_seconds()
    if seconds <= 0:
        raise UsageError("--timeout must be more than 0", hint="--no-wait does not wait until they are gone")
    return ApplyOptions(workers=parallel, timeout=seconds, wait=wait, dry_run=dry_run)


def clean_first(target: Target, selection: SessionSelection, *, yes: bool, quiet: bool) -> bool:
    """The step before a backup, told on stderr; whether all of it was done."""
    plan = plan_of(target, selection, quiet=quiet)
    require_rights(plan)
    if not plan.sessions:
        if not quiet:
            render.say(render.nothing_to_clean(plan))
        return True
    agree(plan, yes=yes, quiet=quiet, trial="clean-spark --dry-run")
    options = apply_options(parallel=DEFAULT_WORKERS, timeout=DEFAULT_TIMEOUT, wait=True)
    report = apply(target, plan, options, operator="", quiet=quiet)
    if report.not_done or not quiet:
        show(report, "table", err=True)
    if target.kube.stop.is_set():
        raise InterruptedRunError("interrupted while Spark sessions were deleted; no backup was made")
    if report.not_done:
        render.say("warning: not all Spark sessions are gone; the backup goes on without them")
    return not report.not_done
