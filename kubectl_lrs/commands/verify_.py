"""`kubectl lrs verify`."""

from __future__ import annotations

import click

from kubectl_lrs import render, wiring
from kubectl_lrs.commands.verb import backup_dir_option, output_option, quiet_option, verb
from kubectl_lrs.errors import ExitCode
from kubectl_lrs.names import LATEST
from kubectl_lrs.operations.verify import verify


@verb(
    "verify",
    examples=[
        ("The newest backup", "@ verify"),
        ("The same with common tools", "cd lrs_backup_2026_11_23_08_16_10 && sha256sum -c SHA256SUMS"),
    ],
    exits=(0, 2, 4),
)
@click.argument("backup", default=LATEST, metavar="[BACKUP]")
@backup_dir_option
@output_option("table", "json", "yaml", "name")
@quiet_option
def command(_ctx: click.Context, backup: str, backup_dir: str, output: str, quiet: bool) -> ExitCode:
    """Check that a backup is as it was sealed: every file there, none altered, none added.

    BACKUP is a name in the folder of the backups, a path, or `latest`, which is the default. No cluster is needed.
    """
    folder = wiring.backup_dir(backup_dir).find(backup)
    if backup == LATEST and not quiet:
        render.say(f"latest is {folder.path.name}")
    checked = verify(folder, render.progress(quiet=quiet))
    render.show(render.damage_report(folder.path.name, checked.damages, checked.files, checked.seconds), output)
    return ExitCode.DIFFERENCE if checked.damages else ExitCode.DONE
