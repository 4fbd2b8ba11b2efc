"""`kubectl lrs deactivate`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from kubectl_lrs import render
from kubectl_lrs.commands.accounts import accounts_of, apply_options, choice_of, count, refuse_token
from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.confirm import confirm
from kubectl_lrs.commands.flags import Backups, Given, Quiet, Tables, Trusting, Yes
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.flags import Group, Source, flag
from kubectl_lrs.stores.deployments.flags import ApiOptions, ChangeOptions, ChoiceOptions
from kubectl_lrs.stores.deployments.journal import Journal
from kubectl_lrs.stores.deployments.plan import DeploymentPlan
from kubectl_lrs.stores.deployments.statuses import State
from kubectl_lrs.usecases.deployments import deactivate, journal_for, plan_deactivation


@dataclass(frozen=True, kw_only=True)
class Flags(Backups):
    """What is meant, and where it is noted."""

    every: bool = flag(
        "--all", default=False, group=Group.MEANT, help="Every active deployment that the token sees, not custom models alone."
    )
    journal: str = flag(
        "--journal",
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=Group.OUTPUT,
        help="Where it is noted what was active; lrs_deactivated_ and the UTC time in the folder of the backups if not given.",
    )


@lrs_command(
    "deactivate",
    ApiOptions,
    ChoiceOptions,
    Flags,
    Trusting,
    ChangeOptions,
    Yes,
    Tables,
    Quiet,
    examples=[
        ("What would be deactivated", "@ deactivate --dry-run=client"),
        ("Every active custom model, with the journal in the current directory", "@ deactivate"),
        (
            "Two organisations, sixteen deployments at once",
            "@ deactivate --url https://dr.example.com --org-token-file one.token --org-token-file two.token --parallel 16",
        ),
        ("Some of them, without a question", "@ deactivate --include 'churn-*' --exclude 65f0c0ffee65f0c0ffee65f0 --yes"),
        ("And back again", "@ activate"),
    ],
    exits=(0, 1, 2, 3, 5, 130),
)
def command(given: Given) -> ExitCode:
    """Deactivate deployments, and note what each one was before.

    By default every active deployment of a custom model. Goes through the application's API and needs no cluster. Each
    deployment's status is in the journal before anything is changed; `activate` brings back exactly those. A run that
    was interrupted, or did not wait, is continued by the same command.

    URL and token always come from one source, the first of: --org-token-file with --url, or a file that holds endpoint:
    and token:; --url and a prompt; LRS_DATAROBOT_URL and LRS_DATAROBOT_API_TOKEN; DATAROBOT_ENDPOINT and
    DATAROBOT_API_TOKEN; the file that DATAROBOT_CONFIG_FILE names; ~/.config/datarobot/drconfig.yaml.
    """
    refuse_token(given)
    flags, quiet, yes = given.of(Flags), given.of(Quiet).quiet, given.of(Yes).yes
    change, output = given.of(ChangeOptions), given.of(Tables).output
    choice, options = choice_of(given.of(ChoiceOptions), every=flags.every), apply_options(change)
    directory = Path(flags.path)
    accounts = accounts_of(given, given.of(ApiOptions))
    progress = render.progress(quiet=quiet)
    endpoint = accounts[0].client.endpoint
    dry_run, trust = change.dry_run != "none", given.of(Trusting).trust
    with journal_for(directory, flags.journal, endpoint=endpoint, dry_run=dry_run, trust=trust) as journal:
        _say_continued(journal, quiet=quiet)
        plan = plan_deactivation(accounts, choice, journal, progress)
        for note in plan.notes:
            render.say(f"note: {note}")
        if change.dry_run != "none":
            render.show(render.deployment_plan_view(plan), output)
            return ExitCode.DONE
        if plan.changes:
            _agree(plan, yes=yes, quiet=quiet)
            if not quiet:
                render.say(f"journal: {journal.path}")
        report = deactivate(plan, journal, accounts, options, progress=progress, stop=given.stop_on_signals())
    render.show(render.deployment_report_view(report), output)
    if report.interrupted or not options.wait:
        render.say(f"the same command goes on where this one ended; see how far it is with: show {journal.path}")
    return report.exit_code()


def _say_continued(journal: Journal, *, quiet: bool) -> None:
    if journal.is_unfinished and not quiet:
        done = sum(entry.state is State.DEACTIVATED for entry in journal.entries.values())
        render.say(f"continuing {journal.path}: {done} of {count(len(journal.entries))} deactivated so far")


def _agree(plan: DeploymentPlan, *, yes: bool, quiet: bool) -> None:
    if not yes and sys.stderr.isatty():
        render.show(render.deployment_plan_view(plan, applied=True), "table", err=True)
    if not quiet:
        for line in render.CONSEQUENCES:
            render.say(line)
    confirm(f"Deactivate {count(len(plan.changes))} on {plan.endpoint}. Go on?", yes=yes)
