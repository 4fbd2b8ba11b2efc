"""Activate, as `activate_` is told: by journals, or by what a backup says was active."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from kubectl_lrs import render
from kubectl_lrs.commands import again
from kubectl_lrs.commands.accounts import accounts_of, apply_options, choice_of, count, refuse_token
from kubectl_lrs.commands.activate_ import Flags
from kubectl_lrs.commands.backup_choice import found
from kubectl_lrs.commands.confirm import confirm
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.shared import Quiet, Tables, Trusting, Yes
from kubectl_lrs.commands.state import application, state_folder
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.repository import Backup, Repository, open_repository
from kubectl_lrs.runtime.trust import Trust
from kubectl_lrs.stores.deployments.flags import ApiOptions, ChangeOptions, ChoiceOptions
from kubectl_lrs.stores.deployments.journal import Journal
from kubectl_lrs.stores.deployments.plan import DeploymentPlan
from kubectl_lrs.stores.deployments.statuses import OURS
from kubectl_lrs.usecases.deployments import (
    Origin,
    activate,
    journals_for,
    origin_of_backup,
    origin_of_journals,
    plan_activation,
)


def run(given: Given) -> ExitCode:
    """Plan, ask where the application may have moved, activate, report."""
    refuse_token(given)
    flags, quiet, yes = given.of(Flags), given.of(Quiet).quiet, given.of(Yes).yes
    change, output = given.of(ChangeOptions), given.of(Tables).output
    if flags.from_ and flags.journals:
        raise UsageError("--from is for when the journal is lost, and --journal names one", hint="give one of the two")
    choice, options = choice_of(given.of(ChoiceOptions)), apply_options(change)
    directory = open_repository(flags.path, flags.reach)
    backup = found(given, directory, flags.from_) if flags.from_ else None
    progress = render.progress(quiet=quiet)
    dry_run, trust = change.dry_run != "none", given.of(Trusting).trust
    accounts = accounts_of(given, given.of(ApiOptions))
    state = state_folder(application(accounts[0].client.endpoint), make=not dry_run)
    with _origin(directory, backup, flags.journals, dry_run=dry_run, trust=trust, state=state) as (journals, origin):
        if not quiet:
            _say_origin(journals, origin, directory.location)
        names = render.organisation_names(accounts)
        plan = plan_activation(accounts, choice, origin, progress)
        for note in plan.notes:
            render.say(f"note: {note}")
        if change.dry_run != "none":
            then = [("carry it out", again.this(given, without=again.TRIAL))] if plan.changes else []
            render.show(render.deployment_plan_view(plan, names, then=then), output)
            return plan.exit_code()
        _agree(plan, origin, names, yes=yes)
        if plan.changes:
            given.note(application(plan.endpoint), target=plan.endpoint, what=count(len(plan.changes)))
        report = activate(plan, journals, accounts, options, progress=progress, stop=given.stop_on_signals())
    is_open = report.exit_code() is not ExitCode.DONE
    then = [("go on where this one ended", again.this(given, without=("--output",)))] if is_open else []
    render.show(render.deployment_report_view(report, names, then=then), output)
    if not quiet:
        for journal in journals:
            render.say(f"journal {journal.path}: {'done' if journal.is_done else 'open; the same command goes on'}")
    return report.exit_code()


@contextmanager
def _origin(
    directory: Repository, folder: Backup | None, named: Sequence[str], *, dry_run: bool, trust: Trust, state: Path | None
) -> Iterator[tuple[list[Journal], Origin]]:
    """The journals, held while the block lasts, and what they say; or what a backup says."""
    if folder:
        for line in render.backup_warnings(folder):
            render.say(f"warning: {line}")
        yield [], origin_of_backup(folder)
        return
    with journals_for(directory.journals, named, dry_run=dry_run, trust=trust, state=state) as journals:
        yield journals, origin_of_journals(journals)


def _say_origin(journals: Sequence[Journal], origin: Origin, directory: str) -> None:
    for journal in journals:
        render.say(f"journal {journal.path}: {count(len(journal.entries))}, made {journal.created}")
    if origin.backup:
        active = sum(each.state in OURS for each in origin.entries)
        render.say(f"backup {origin.backup}: {count(active, 'active deployment')} at {origin.instant}")
    elif not journals:
        render.say(f"no open journal in {directory}")


def _agree(plan: DeploymentPlan, origin: Origin, names: Mapping[str, str], *, yes: bool) -> None:
    """The application may have moved since; and of a backup nobody knows what was taken down on purpose since."""
    others = sorted(endpoint for endpoint in origin.endpoints if endpoint != plan.endpoint)
    if not plan.changes or not (others or origin.backup):
        return
    if not yes and sys.stderr.isatty():
        render.show(render.deployment_plan_view(plan, names, applied=True), "table", err=True)
    since = f"Active in backup {origin.backup}, and not now" if origin.backup else "Deactivated"
    place = f" at {', '.join(others)}" if others else ""
    confirm(f"{since}{place}: activate {count(len(plan.changes))} at {plan.endpoint}. Go on?", yes=yes)
