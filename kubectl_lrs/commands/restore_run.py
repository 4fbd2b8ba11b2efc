"""Restore, as `restore_` is told: the plan, the question, the report. What a call means is found out by `restore_call`."""

from __future__ import annotations

import sys

from kubectl_lrs import render
from kubectl_lrs.commands.confirm import confirm
from kubectl_lrs.commands.flags import Given, Tables, Yes
from kubectl_lrs.commands.restore_ import ApplyFlags
from kubectl_lrs.commands.restore_call import Call, restore_of
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.plan import ApplyOptions, Plan
from kubectl_lrs.model.units import duration
from kubectl_lrs.stores.lrs.flags import RestoreFlags
from kubectl_lrs.usecases.restore import Restore


def run(given: Given) -> ExitCode:
    """Plan, ask, apply, report."""
    options = _apply_options(given)
    call = Call.of(given)
    restore = restore_of(call)
    try:
        plan = restore.plan()
    finally:
        call.progress.end()
    for line in render.finding_lines(plan.findings, all_details=given.of(Tables).output == "wide"):
        render.say(line)
    if given.of(ApplyFlags).dry_run == "client":
        render.show(render.plan_view(plan), given.of(Tables).output)
    if plan.errors or given.of(ApplyFlags).dry_run == "client":
        return plan.errors[0].exit_code if plan.errors else ExitCode.DONE
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
            render.show(render.plan_view(plan, applied=True), "table", err=True)
        confirm(render.restore_question(plan), yes=yes)
    if not options.dry_run:
        given.note(call.identity.uid or call.identity.server, target=plan.target, what=plan.source)
    given.stop_on_signals()  # not before: as long as nothing is written, a signal ends the run at once
    report = restore.apply(plan, options)
    render.show(render.report_view(report, dry_run=options.dry_run), given.of(Tables).output)
    return report.exit_code()
