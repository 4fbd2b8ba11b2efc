"""`kubectl lrs restore`."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from kubectl_lrs import render
from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.confirm import confirm
from kubectl_lrs.commands.flags import Given, Quiet, Selecting, Tables, Trusting, Yes
from kubectl_lrs.commands.restore_call import Call, SourceFlags, restore_of
from kubectl_lrs.commands.restore_parts import STORE_OPTIONS
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.flags import Group, Options, flag
from kubectl_lrs.model.plan import ApplyOptions, Plan
from kubectl_lrs.model.units import duration
from kubectl_lrs.stores.deployments.flags import ApiOptions
from kubectl_lrs.stores.lrs.flags import RestoreFlags
from kubectl_lrs.usecases.restore import Restore


@dataclass(frozen=True, kw_only=True)
class ApplyFlags(Options):
    """How the plan is applied."""

    wait: bool = flag(
        "--wait",
        default=False,
        group=Group.HOW,
        help="Wait until what was ready at backup is ready again, by its conditions.",
    )
    timeout: str = flag(
        "--timeout",
        default="5m",
        metavar="DURATION",
        shown=True,
        group=Group.HOW,
        help="For what is being deleted to go, and for --wait.",
    )
    dry_run: str = flag(
        "--dry-run",
        default="none",
        choices=("none", "client", "server"),
        group=Group.HOW,
        help="Show the plan, or ask the server about each write.",
    )


@lrs_command(
    "restore",
    SourceFlags,
    Selecting,
    RestoreFlags,
    ApplyFlags,
    Trusting,
    *STORE_OPTIONS.values(),
    ApiOptions,
    Yes,
    Tables,
    Quiet,
    examples=[
        ("Everything in the newest backup of this cluster", "@ restore latest"),
        ("What that would do, object by object and field by field", "@ restore latest --existing update --dry-run=client"),
        ("Two LRS out of a certain backup", "@ restore my-model datarobot/my-app --from lrs_backup_2026_11_23_08_16_10"),
        (
            "Into another namespace of a new cluster",
            "@ restore ./lrs_backup_2026_11_23_08_16_10 --map-namespace old=new --create-namespaces",
        ),
        ("What the vendor's script or kubectl get -o yaml saved", "@ restore -f lrs_backup_2026_11_23_08_16/"),
        ("The application's collections out of what mongodump wrote", "@ restore ./dump --mongo-uri-file mongo.uri"),
    ],
    exits=(0, 1, 2, 3, 4, 5, 130),
)
def command(given: Given) -> ExitCode:
    """Restore a backup, or some LRS out of one.

    NAME is a backup (a name in the folder of the backups, a path, or `latest`), an LRS (`name`, `namespace/name`), or
    the path of what mongodump wrote.
    Sums are checked and the whole plan is made before anything is written. An object that is there and equal is not
    written; one that is there and differs is left alone and reported, unless --existing says otherwise. Where no -n is
    given, all namespaces that the backup holds are meant.

    A whole backup is restored with all that it holds: Mongo collections, images and files first, then the LRS that need
    them. Chosen LRS are restored alone, unless --tier says more.
    """
    options = _apply_options(given)
    call = Call.of(given)
    restore = restore_of(call)
    try:
        plan = restore.plan()
    finally:
        call.progress.end()
    for line in render.finding_lines(plan.findings):
        render.say(line)
    if given.of(ApplyFlags).dry_run == "client":
        render.show(render.plan_view(plan), given.of(Tables).output)
    if plan.errors or given.of(ApplyFlags).dry_run == "client":
        return plan.errors[0].exit_code if plan.errors else ExitCode.DONE
    return _carry_out(restore, plan, options, given)


def _apply_options(given: Given) -> ApplyOptions:
    """How the plan is to be applied."""
    lrs, flags = given.of(RestoreFlags), given.of(ApplyFlags)
    timeout = duration(flags.timeout, what="--timeout").total_seconds()
    return ApplyOptions(workers=lrs.parallel, timeout=timeout, wait=flags.wait, dry_run=flags.dry_run == "server")


def _carry_out(restore: Restore, plan: Plan, options: ApplyOptions, given: Given) -> ExitCode:
    """Ask, apply, report."""
    yes = given.of(Yes).yes
    if plan.effects and not options.dry_run:
        if not yes and sys.stderr.isatty():
            render.show(render.plan_view(plan, applied=True), "table", err=True)
        confirm(render.restore_question(plan), yes=yes)
    given.stop_on_signals()  # not before: as long as nothing is written, a signal ends the run at once
    report = restore.apply(plan, options)
    render.show(render.report_view(report, dry_run=options.dry_run), given.of(Tables).output)
    return report.exit_code()
