"""Deactivate, as `deactivate_` is told, and note it in a journal first."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from kubectl_lrs import render
from kubectl_lrs.commands import again
from kubectl_lrs.commands.accounts import accounts_of, apply_options, choice_of, count, refuse_token
from kubectl_lrs.commands.confirm import confirm
from kubectl_lrs.commands.deactivate_ import Flags
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.shared import Quiet, Tables, Trusting, Yes
from kubectl_lrs.commands.state import application, state_folder
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.repository import open_repository
from kubectl_lrs.runtime.state import require_lasting
from kubectl_lrs.stores.deployments.flags import ApiOptions, ChangeOptions, ChoiceOptions
from kubectl_lrs.stores.deployments.journal import Journal
from kubectl_lrs.stores.deployments.outcome import Result
from kubectl_lrs.stores.deployments.plan import DeploymentPlan
from kubectl_lrs.stores.deployments.statuses import State
from kubectl_lrs.usecases.deployments import deactivate, journal_for, plan_deactivation


def run(given: Given) -> ExitCode:
    """Plan, ask, deactivate, report."""
    refuse_token(given)
    flags, quiet, yes = given.of(Flags), given.of(Quiet).quiet, given.of(Yes).yes
    change, output = given.of(ChangeOptions), given.of(Tables).output
    choice, options = choice_of(given.of(ChoiceOptions), every=flags.every), apply_options(change)
    directory = open_repository(flags.path, flags.reach).journals
    accounts = accounts_of(given, given.of(ApiOptions))
    progress, names = render.progress(quiet=quiet), render.organisation_names(accounts)
    endpoint = accounts[0].client.endpoint
    dry_run, trust = change.dry_run != "none", given.of(Trusting).trust
    if not dry_run:
        require_lasting(Path(flags.journal).parent if flags.journal else directory)
    state = state_folder(application(endpoint), make=not dry_run)
    with journal_for(directory, flags.journal, endpoint=endpoint, dry_run=dry_run, trust=trust, state=state) as journal:
        _say_continued(journal, quiet=quiet)
        plan = plan_deactivation(accounts, choice, journal, progress)
        for note in plan.notes:
            render.say(f"note: {note}")
        if change.dry_run != "none":
            then = [("carry it out", again.this(given, without=again.TRIAL))] if plan.changes else []
            render.show(render.deployment_plan_view(plan, names, then=then), output)
            return plan.exit_code()
        if plan.changes:
            _agree(plan, names, yes=yes, quiet=quiet)
            if not quiet:
                render.say(f"journal: {journal.path}")
            given.note(application(endpoint), target=endpoint, what=f"{count(len(plan.changes))}, noted in {journal.path}")
        report = deactivate(plan, journal, accounts, options, progress=progress, stop=given.stop_on_signals())
    is_open = report.interrupted or report.exit_code() is not ExitCode.DONE
    back = again.other(given, "activate", *([f"--journal={flags.journal}"] if flags.journal else []))
    then = [("go on where this one ended", again.this(given, without=("--output",)))] if is_open else []
    then += [("bring them back afterwards", back)] if any(each.result is Result.DEACTIVATED for each in report.outcomes) else []
    render.show(render.deployment_report_view(report, names, then=then), output)
    if report.interrupted or not options.wait:
        render.say(f"the same command goes on where this one ended; see how far it is with: show {journal.path}")
    return report.exit_code()


def _say_continued(journal: Journal, *, quiet: bool) -> None:
    if journal.is_unfinished and not quiet:
        done = sum(entry.state is State.DEACTIVATED for entry in journal.entries.values())
        render.say(f"continuing {journal.path}: {done} of {count(len(journal.entries))} deactivated so far")


def _agree(plan: DeploymentPlan, names: Mapping[str, str], *, yes: bool, quiet: bool) -> None:
    if not yes and sys.stderr.isatty():
        render.show(render.deployment_plan_view(plan, names, applied=True), "table", err=True)
    if not quiet:
        for line in render.CONSEQUENCES:
            render.say(line)
    confirm(f"Deactivate {count(len(plan.changes))} on {plan.endpoint}. Go on?", yes=yes)
