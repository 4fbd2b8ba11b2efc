"""`kubectl lrs activate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from kubectl_lrs import render, wiring
from kubectl_lrs.commands.deployment_options import (
    accounts_of,
    api_options,
    choice_of,
    choice_options,
    count,
    effort_of,
    effort_options,
)
from kubectl_lrs.commands.verb import (
    backup_dir_option,
    confirm,
    output_option,
    quiet_option,
    stop_on_signal,
    verb,
    yes_option,
)
from kubectl_lrs.errors import ExitCode
from kubectl_lrs.operations.deployments import activate, entries_of, journals_for, plan_activation
from kubectl_lrs.tiers.deployments.journal import Journal
from kubectl_lrs.tiers.deployments.planning import DeploymentPlan


@verb(
    "activate",
    examples=[
        ("What would be activated", "@ activate --dry-run=client"),
        ("Everything that deactivate took down, by the journals in the current directory", "@ activate"),
        ("What one journal says", "@ activate --journal lrs_deactivated_2026_11_23_08_16_10.json"),
    ],
    exits=(0, 1, 2, 3, 5, 130),
)
@api_options
@choice_options
@click.option(
    "--journal",
    "named",
    multiple=True,
    metavar="FILE",
    help="The journal of deactivate; else every one in the folder of the backups that is not done.",
)
@effort_options
@yes_option
@backup_dir_option
@output_option("table", "wide", "json", "yaml", "name")
@quiet_option
def command(
    ctx: click.Context, output: str, quiet: bool, yes: bool, dry_run: str, named: tuple[str, ...], **options: Any
) -> ExitCode:
    """Activate the deployments that `deactivate` took down, and nothing else.

    What is to be active again is in the journal that deactivate wrote. A deployment that somebody else has deleted,
    archived or given another model meanwhile is reported, not forced. Run it again after an interruption: it goes on.
    URL and token are found as `deactivate --help` says.
    """
    choice, effort = choice_of(options), effort_of(options)
    directory = wiring.backup_dir(options["backup_dir"]).path
    with journals_for(directory, named, dry_run=dry_run != "none") as journals:
        if not quiet:
            _say_journals(journals, str(directory))
        accounts = accounts_of(ctx, options, quiet=quiet)
        progress = render.progress(quiet=quiet)
        entries, users = entries_of(journals)
        plan = plan_activation(accounts, choice, entries, users, progress)
        if dry_run != "none":
            render.show(render.deployment_plan_view(plan), output)
            return ExitCode.DONE
        _agree_on_another_place(plan, journals, yes=yes)
        stop = stop_on_signal()
        for account in accounts:
            account.client.stop = stop
        report = activate(plan, journals, accounts, effort, progress=progress, stop=stop)
    render.show(render.deployment_report_view(report), output)
    if not quiet:
        for journal in journals:
            render.say(f"journal {journal.path}: {'done' if journal.is_done else 'open; the same command goes on'}")
    return report.exit_code()


def _say_journals(journals: Sequence[Journal], directory: str) -> None:
    for journal in journals:
        render.say(f"journal {journal.path}: {count(len(journal.entries))}, made {journal.created}")
    if not journals:
        render.say(f"no open journal in {directory}")


def _agree_on_another_place(plan: DeploymentPlan, journals: Sequence[Journal], *, yes: bool) -> None:
    """The application may have moved since; that the ids are the same is for the user to say."""
    others = sorted({journal.endpoint for journal in journals if journal.endpoint != plan.endpoint})
    if others and plan.changes:
        confirm(f"Deactivated at {', '.join(others)}; activate {count(len(plan.changes))} at {plan.endpoint}. Go on?", yes=yes)
