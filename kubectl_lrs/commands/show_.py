"""`kubectl lrs show`."""

from __future__ import annotations

from pathlib import Path

import click

from kubectl_lrs import render
from kubectl_lrs.commands.command import backup_dir_option, output_option, verb
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.stores.deployments.journal import is_journal, load
from kubectl_lrs.stores.lrs import connect as wiring
from kubectl_lrs.stores.lrs.saved import index


@verb(
    "show",
    examples=[
        ("The newest backup", "@ show"),
        ("Every object of one backup", "@ show lrs_backup_2026_11_23_08_16_10 -o wide"),
        ("Names that restore takes", "@ show -o name"),
        ("How far a deactivation is", "@ show lrs_deactivated_2026_11_23_08_16_10.json"),
    ],
    exits=(0, 2, 4),
)
@click.argument("backup", default=LATEST, metavar="[BACKUP|JOURNAL]")
@backup_dir_option
@output_option("table", "wide", "json", "yaml", "name")
def command(_ctx: click.Context, backup: str, backup_dir: str, output: str) -> None:
    """Show what a backup holds: its cluster, instant, selection, and objects.

    BACKUP is a name in the folder of the backups, a path, or `latest`, which is the default. A JOURNAL of `deactivate`
    is shown with the state of each deployment.
    """
    directory = wiring.backup_dir(backup_dir)
    for path in (directory.path / backup, Path(backup)):
        if is_journal(path):
            render.show(render.journal_view(load(path)), output)
            return
    folder = directory.find(backup)
    if backup == LATEST and output in ("table", "wide"):
        render.say(f"latest is {folder.path.name}")
    render.show(render.catalog_view(str(folder.path.resolve()), folder.catalog, list(index(folder))), output)
