"""`kubectl lrs show`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kubectl_lrs import render
from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.flags import Backups, Given, Tables
from kubectl_lrs.model.flags import Source, argument
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.repository.directory import BackupDir
from kubectl_lrs.repository.holds import NO_HOLDS, read_holds
from kubectl_lrs.runtime.trust import NAMED
from kubectl_lrs.stores.deployments.journal import is_journal, load
from kubectl_lrs.stores.lrs.saved import index


@dataclass(frozen=True, kw_only=True)
class Flags(Backups):
    """What is shown."""

    backup: str = argument("backup", default=LATEST, metavar="[BACKUP|JOURNAL]", source=Source.BACKUPS)


@lrs_command(
    "show",
    Flags,
    Tables,
    examples=[
        ("The newest backup", "@ show"),
        ("Every object of one backup", "@ show lrs_backup_2026_11_23_08_16_10 -o wide"),
        ("Names that restore takes", "@ show -o name"),
        ("How far a deactivation is", "@ show lrs_deactivated_2026_11_23_08_16_10.json"),
    ],
    exits=(0, 2, 4),
)
def command(given: Given) -> None:
    """Show what a backup holds: its cluster, instant, selection, and objects.

    BACKUP is a name in the folder of the backups, a path, or `latest`, which is the default. A JOURNAL of `deactivate`
    is shown with the state of each deployment.
    """
    flags, output = given.of(Flags), given.of(Tables).output
    backup, directory = flags.backup, BackupDir(Path(flags.path))
    for path in (directory.path / backup, Path(backup)):
        if is_journal(path):
            render.show(render.journal_view(load(path, NAMED)), output)
            return
    folder = directory.find(backup)
    if backup == LATEST:
        render.say_latest(folder, quiet=output not in ("table", "wide"))
    holds = NO_HOLDS
    with suppress(OSError):  # of the folder that it lies in
        holds = read_holds(folder.path.resolve().parent)
    render.show(render.catalog_view(folder, list(index(folder)), holds), output)
