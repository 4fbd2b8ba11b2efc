"""`kubectl lrs restore`."""

from __future__ import annotations

import sys
from typing import Any

import click

from kubectl_lrs import render
from kubectl_lrs.commands.command import (
    backup_dir_option,
    confirm,
    exclude_type_option,
    kube_flags,
    output_option,
    quiet_option,
    selector_option,
    split,
    stop_on_signal,
    type_option,
    verb,
    yes_option,
)
from kubectl_lrs.commands.deployment_options import api_options
from kubectl_lrs.commands.restoring import VALIDATIONS, Call, restore_of
from kubectl_lrs.commands.stores import RESOURCES, STORES, restore_options
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.plan import ApplyOptions, Existing, Plan
from kubectl_lrs.model.units import duration
from kubectl_lrs.stores.lrs import connect as wiring
from kubectl_lrs.usecases.restore import Restore

EXISTING = (Existing.SKIP, Existing.UPDATE, Existing.REPLACE, Existing.RECREATE, Existing.FAIL)
"""What can be done with an LRS that is there and differs."""


@verb(
    "restore",
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
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option(
    "--from",
    "from_",
    default="",
    metavar="BACKUP",
    help="The backup that LRS names are taken from; else the newest of this cluster.",
)
@click.option(
    "-f",
    "--filename",
    "files",
    multiple=True,
    metavar="FILE",
    help="Plain manifests in place of a backup: a file, a folder, or -.",
)
@click.option("-R", "--recursive", is_flag=True, help="With -f: folders below folders too.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Objects of all namespaces; overrides -n.")
@type_option
@exclude_type_option
@selector_option
@click.option(
    "--tier",
    "tiers",
    multiple=True,
    metavar="T,...",
    callback=lambda _c, _p, value: split(value),
    help=f"Only these parts: {', '.join((*STORES, RESOURCES))}; else all that a backup holds, {RESOURCES} where LRS are chosen.",
)
@click.option(
    "--existing",
    type=click.Choice([each.value for each in EXISTING]),
    default=Existing.SKIP.value,
    show_default=True,
    help="What to do with an object that is there and differs.",
)
@click.option(
    "--map-namespace",
    "maps",
    multiple=True,
    metavar="OLD=NEW",
    help="Restore what was saved in OLD into NEW; may be repeated. -n and names mean namespaces as they were saved.",
)
@click.option(
    "--accept-unmapped", is_flag=True, help="Take it that something still names a namespace or registry that was mapped."
)
@click.option("--create-namespaces", is_flag=True, help="Make the namespaces that are not there.")
@click.option("--install-crd", is_flag=True, help="Install the CRD that the backup holds, where the cluster has none.")
@click.option("--restore-status", is_flag=True, help="Set the saved status too.")
@click.option(
    "--validate",
    type=click.Choice(list(VALIDATIONS)),
    default="strict",
    show_default=True,
    help="What the server does with fields it does not know.",
)
@click.option("--pause-operator", is_flag=True, help="Scale the LRS operator to 0 while objects are written, and back.")
@click.option(
    "--operator", default="", metavar="NAMESPACE/NAME", help="The operator's Deployment, where it is not found by itself."
)
@click.option(
    "--operator-replicas",
    type=click.IntRange(0),
    metavar="N",
    help="What the operator is scaled to afterwards; needed where it is at 0 now.",
)
@click.option("--wait", is_flag=True, help="Wait until what was ready at backup is ready again, by its conditions.")
@click.option(
    "--timeout", default="5m", show_default=True, metavar="DURATION", help="For what is being deleted to go, and for --wait."
)
@click.option(
    "--parallel", type=click.IntRange(1, 64), default=wiring.DEFAULT_WORKERS, show_default=True, help="Objects written at once."
)
@click.option(
    "--dry-run",
    type=click.Choice(["none", "client", "server"]),
    default="none",
    help="Show the plan, or ask the server about each write.",
)
@click.option(
    "--journal",
    "journals",
    multiple=True,
    metavar="FILE",
    help="Journal of deactivate, beside those in the folder of the backups: what it took down is left to activate.",
)
@click.option(
    "--force", is_flag=True, help="While a deactivation is open: also write LRS of which nothing tells whose deployment they are."
)
@restore_options
@api_options
@yes_option
@backup_dir_option
@output_option("table", "wide", "json", "yaml", "name")
@quiet_option
def command(
    ctx: click.Context, names: tuple[str, ...], output: str, quiet: bool, yes: bool, dry_run: str, **options: Any
) -> ExitCode:
    """Restore a backup, or some LRS out of one.

    NAME is a backup (a name in the folder of the backups, a path, or `latest`), an LRS (`name`, `namespace/name`), or
    the path of what mongodump wrote.
    Sums are checked and the whole plan is made before anything is written. An object that is there and equal is not
    written; one that is there and differs is left alone and reported, unless --existing says otherwise. Where no -n is
    given, all namespaces that the backup holds are meant.

    A whole backup is restored with all that it holds: Mongo collections, images and files first, then the LRS that need
    them. Chosen LRS are restored alone, unless --tier says more.
    """
    flags = kube_flags(ctx)
    how = _apply_options(options, dry_run=dry_run)
    directory = wiring.backup_dir(options["backup_dir"])
    progress = render.progress(quiet=quiet)
    kube = wiring.connect(flags)
    identity = kube.identity()
    call = Call(ctx, options, directory, kube, identity, progress, quiet)
    return _carry_out(restore_of(call, names), call, output, how, yes=yes, plan_only=dry_run == "client")


def _apply_options(options: dict[str, Any], *, dry_run: str) -> ApplyOptions:
    """How the plan is to be applied; UsageError for a flag that says nothing without another one."""
    is_mapped = bool(options["maps"] or options["registry_maps"])
    for flag, is_given, needed, is_there in (
        ("-R", options["recursive"], "-f", bool(options["files"])),
        ("--operator-replicas", options["operator_replicas"] is not None, "--pause-operator", options["pause_operator"]),
        ("--accept-unmapped", options["accept_unmapped"], "--map-namespace or --map-registry", is_mapped),
    ):
        if is_given and not is_there:
            raise UsageError(f"{flag} says nothing without {needed}", hint="leave it out, or give both")
    return ApplyOptions(
        workers=options["parallel"],
        timeout=duration(options["timeout"], what="--timeout").total_seconds(),
        wait=options["wait"],
        dry_run=dry_run == "server",
    )


def _carry_out(restore: Restore, call: Call, output: str, how: ApplyOptions, *, yes: bool, plan_only: bool) -> ExitCode:
    """Plan, ask, apply, report."""
    try:
        plan = restore.plan()
    finally:
        call.progress.end()
    if plan_only:
        return _show_plan(plan, output)
    _say_findings(plan)
    if plan.errors:
        return plan.errors[0].exit_code
    if plan.effects and not how.dry_run:
        if not yes and sys.stderr.isatty():
            render.show(render.plan_view(plan, applied=True), "table", err=True)
        confirm(f"{'; '.join(plan.effects)} on {plan.target}. Go on?", yes=yes)
    stop_on_signal(call.kube.stop)  # not before: as long as nothing is written, a signal ends the run at once
    report = restore.apply(plan, how)
    render.show(render.report_view(report, dry_run=how.dry_run), output)
    return report.exit_code()


def _show_plan(plan: Plan, output: str) -> ExitCode:
    _say_findings(plan)
    render.show(render.plan_view(plan), output)
    return plan.errors[0].exit_code if plan.errors else ExitCode.DONE


def _say_findings(plan: Plan) -> None:
    for line in render.finding_lines(plan.findings):
        render.say(line)
