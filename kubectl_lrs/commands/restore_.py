"""`kubectl lrs restore`."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import click

from kubectl_lrs import render, wiring
from kubectl_lrs.backupdir import BackupDir
from kubectl_lrs.commands.verb import (
    backup_dir_option,
    exclude_type_option,
    kube_flags,
    output_option,
    quiet_option,
    selector_option,
    type_option,
    verb,
)
from kubectl_lrs.errors import ExitCode, UsageError
from kubectl_lrs.operations.restore import Wanted, apply_plan, plan_restore
from kubectl_lrs.operations.verify import require_intact
from kubectl_lrs.selection import Selection
from kubectl_lrs.tiers.resources.stored import BackupSource


@verb(
    "restore",
    examples=[
        ("Everything in the newest backup of this cluster", "@ restore latest"),
        ("What that would do", "@ restore latest --dry-run=client"),
        (
            "Two LRS out of a certain backup",
            "@ restore my-model datarobot/my-app --from lrs_backup_2026_11_23_08_16_10",
        ),
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
@type_option
@exclude_type_option
@selector_option
@click.option("--create-namespaces", is_flag=True, help="Make the namespaces that are not there.")
@click.option(
    "--dry-run",
    type=click.Choice(["none", "client", "server"]),
    default="none",
    help="Show the plan, or ask the server about each write.",
)
@click.option(
    "--parallel",
    type=click.IntRange(1, 64),
    default=wiring.DEFAULT_WORKERS,
    show_default=True,
    help="Objects written at once.",
)
@backup_dir_option
@output_option("table", "wide", "json", "yaml", "name")
@quiet_option
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    from_: str,
    types: tuple[str, ...],
    excluded: tuple[str, ...],
    selector: str,
    create_namespaces: bool,
    dry_run: str,
    parallel: int,
    backup_dir: str,
    output: str,
    quiet: bool,
) -> ExitCode:
    """Restore a backup, or some LRS out of one.

    NAME is a backup (a name in the folder of the backups, a path, or `latest`), or an LRS (`name`, `namespace/name`).
    Sums are checked before anything is written. An object that is there and equal is not written; one that is there
    and differs is left alone and reported.
    """
    flags = kube_flags(ctx)
    directory = wiring.backup_dir(backup_dir)
    backup, objects = _meaning(names, from_, directory)
    selection = Selection(namespace=flags.namespace or None, types=types, excluded_types=excluded, selector=selector)
    kube = wiring.connect(flags, connections=parallel)
    folder = directory.find(backup) if backup else directory.latest_of(kube.identity())
    render.say(
        f"restoring from {folder.path.name}, taken {render.local(folder.catalog.instant)} of {folder.catalog.cluster.server}"
    )
    progress = render.progress(quiet=quiet)
    require_intact(folder, progress)
    source = BackupSource(folder)
    source.check()
    target = wiring.target(flags, version=str(folder.catalog.tiers["resources"]["version"]), connections=parallel)
    plan, chosen = plan_restore(
        source,
        Wanted(selection=selection, names=objects, create_namespaces=create_namespaces),
        kube=target.kube,
        resource=target.resource,
        progress=progress,
    )
    if dry_run == "client":
        render.show(render.plan_view(plan), output)
        return ExitCode.DONE
    report = apply_plan(
        plan,
        chosen,
        kube=target.kube,
        resource=target.resource,
        progress=progress,
        stop=_stop_on_signal(),
        workers=parallel,
        dry_run=dry_run == "server",
    )
    render.show(render.report_view(report, dry_run=dry_run == "server"), output)
    return report.exit_code()


def _meaning(names: tuple[str, ...], from_: str, directory: BackupDir) -> tuple[str, tuple[str, ...]]:
    """(backup, LRS names): what the arguments mean; backup empty for the newest of the cluster."""
    if not names:
        raise UsageError("restore needs a NAME: an LRS, a backup, or latest", hint="see what there is with: list, show")
    backups = [name for name in names if directory.names_backup(name)]
    if not backups:
        return from_, names
    if len(names) > 1:
        raise UsageError(f"{backups[0]!r} is a backup; it stands alone", hint="name the LRS, and the backup with --from")
    if from_:
        raise UsageError(f"{backups[0]!r} is a backup, and --from names another", hint="give one of the two")
    return ("" if backups[0] == "latest" else backups[0]), ()


def _stop_on_signal() -> threading.Event:
    """Set by the first SIGINT, SIGTERM or SIGHUP, so that what is in flight is finished; the second one ends at once."""
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)
    return stop
