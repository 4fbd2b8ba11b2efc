"""`kubectl lrs list`."""

from __future__ import annotations

import click

from kubectl_lrs import render
from kubectl_lrs.commands.command import backup_dir_option, output_option, verb
from kubectl_lrs.stores.lrs import connect as wiring


@verb(
    "list",
    examples=[
        ("The backups in the current directory", "@ list"),
        ("With namespace, size and cluster", "@ list --backup-dir /var/backups/lrs -o wide"),
    ],
)
@backup_dir_option
@output_option("table", "wide", "json", "yaml", "name")
def command(_ctx: click.Context, backup_dir: str, output: str) -> None:
    """List the backups in a folder, oldest first."""
    directory = wiring.backup_dir(backup_dir)
    sealed, unsealed = directory.survey()
    render.show(render.listing(sealed, unsealed), output)
    if not sealed:
        render.say(f"no sealed backup in {directory.path.resolve()}")
    for other in unsealed:
        render.say(f"warning: {other.why}")
