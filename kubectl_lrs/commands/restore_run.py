"""Restore, as `restore_` is told: the plan, the question, the report. What a call means is found out by `restore_call`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext

from kubectl_lrs import render
from kubectl_lrs.commands import again
from kubectl_lrs.commands.confirm import confirm
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.restore_ import ApplyFlags
from kubectl_lrs.commands.restore_call import Call, restore_of
from kubectl_lrs.commands.shared import Tables, Yes
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.plan import WRITES, Action, ApplyOptions, Plan
from kubectl_lrs.model.report import Report, Result
from kubectl_lrs.model.units import duration
from kubectl_lrs.stores.lrs.flags import RestoreFlags
from kubectl_lrs.usecases.restore import Restore


def run(given: Given) -> ExitCode:
    """Plan, ask, apply, report."""
    options = _apply_options(given)
    call = Call.of(given)
    restore = restore_of(call)
    with restore.kept() if given.of(ApplyFlags).dry_run == "none" else nullcontext():
        return _planned(restore, options, call)


def _planned(restore: Restore, options: ApplyOptions, call: Call) -> ExitCode:
    given = call.given
    try:
        plan = restore.plan()
    finally:
        call.progress.end()
    for line in render.finding_lines(plan.findings, all_details=given.of(Tables).output == "wide"):
        render.say(line)
    if given.of(ApplyFlags).dry_run == "client":
        output = given.of(Tables).output
        render.show(render.plan_view(plan, then=list(_after_plan(plan, given)), output=output), output)
    if plan.errors or given.of(ApplyFlags).dry_run == "client":
        return plan.exit_code()
    return _carry_out(restore, plan, options, call)


def _apply_options(given: Given) -> ApplyOptions:
    """How the plan is to be applied."""
    lrs, flags = given.of(RestoreFlags), given.of(ApplyFlags)
    timeout = duration(flags.timeout, what="--timeout").total_seconds()
    return ApplyOptions(workers=lrs.parallel, timeout=timeout, wait=flags.wait, dry_run=flags.dry_run == "server")


def _carry_out(restore: Restore, plan: Plan, options: ApplyOptions, call: Call) -> ExitCode:
    """Ask, apply, report."""
    given = call.given
    yes = given.of(Yes).yes
    if plan.effects and not options.dry_run:
        if not yes and sys.stderr.isatty():
            render.show(render.plan_view(plan, applied=True, output="table"), "table", err=True)
        confirm(render.restore_question(plan), yes=yes)
    if not options.dry_run:
        whom = call.identity.uid or call.identity.server
        given.note(whom, target=plan.target, what=plan.source, by=call.kube.whoami())
    given.stop_on_signals()  # not before: as long as nothing is written, a signal ends the run at once
    report = restore.apply(plan, options)
    then, output = list(_after_report(report, options, given, plan)), given.of(Tables).output
    render.show(render.report_view(report, dry_run=options.dry_run, then=then, output=output), output)
    return report.exit_code()


def _after_plan(plan: Plan, given: Given) -> Iterator[tuple[str, str]]:
    """What to do when the plan was only shown."""
    if plan.has((Action.CONFLICT,)):
        yield from _about_conflicts(given, plan)
    if plan.has(WRITES):
        yield "carry it out", again.this(given, without=again.TRIAL, instead={LATEST: plan.source})


def _after_report(report: Report, options: ApplyOptions, given: Given, plan: Plan) -> Iterator[tuple[str, str]]:
    """What to do with what is left."""
    results = report.counts()
    if options.dry_run:
        if not report.not_done:
            yield "carry it out", again.this(given, without=again.TRIAL, instead={LATEST: report.source})
        return
    if results[Result.CONFLICT]:
        yield from _about_conflicts(given, plan)
    if any(results[each] for each in (Result.FAILED, Result.NOT_TRIED, Result.NOT_READY)):
        yield "do what is left", again.this(given, without=("--output",), instead={LATEST: report.source})


def _about_conflicts(given: Given, plan: Plan) -> Iterator[tuple[str, str]]:
    """Where something differs: a namespace that is not there, for one, has no fields to look at."""
    held = [step for step in plan.steps if step.action is Action.CONFLICT]
    if given.of(RestoreFlags).existing is Existing.SKIP and (not held or any(step.diff for step in held)):
        seen = again.this(given, without=(*again.TRIAL, "--existing", "--yes"), instead={LATEST: plan.source})
        yield "see field by field what differs", f"{seen} --existing=update --dry-run"
