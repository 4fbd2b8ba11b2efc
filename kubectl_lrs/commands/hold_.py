"""`kubectl lrs hold`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kubectl_lrs import render
from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.flags import Backups, Given
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.flags import Group, Source, argument, flag
from kubectl_lrs.repository.directory import BackupDir
from kubectl_lrs.repository.files import disk_error
from kubectl_lrs.repository.holds import MAX_REASON, hold


@dataclass(frozen=True, kw_only=True)
class Flags(Backups):
    """What is held, and why."""

    backup: str = argument("backup", default="", metavar="BACKUP", source=Source.BACKUPS)
    reason: str = flag(
        "--reason", default="", metavar="TEXT", group=Group.MEANT, help="Why it must stay; prune, list and show tell it."
    )


@lrs_command(
    "hold",
    Flags,
    examples=[
        ("Keep what was made before an upgrade", "@ hold lrs_backup_2026_11_23_08_16_10 --reason 'before the upgrade to 11.2'"),
        ("The newest one", "@ hold latest --reason 'audit of 2026, ask Ann'"),
        ("And let it go again", "@ unhold lrs_backup_2026_11_23_08_16_10"),
    ],
    exits=(0, 1, 2, 4),
)
def command(given: Given) -> None:
    """Keep a backup from being removed by `prune` and `forget`.

    The reason stands in a hidden file beside the backup, which itself is not changed. It goes with a backup that is
    renamed; a copy of the whole folder holds it too.
    """
    flags = given.of(Flags)
    if not flags.backup:
        raise UsageError("no backup is named", hint="list shows them")
    if not flags.reason.strip() or len(flags.reason) > MAX_REASON:
        raise UsageError(f"--reason: say in 1 to {MAX_REASON} characters why it must stay", hint="--reason 'before the upgrade'")
    folder = BackupDir(Path(flags.path)).find(flags.backup)
    try:
        hold(folder.path.resolve().parent, folder.catalog, flags.reason.strip())
    except OSError as error:
        raise disk_error(error, folder.path.parent, "nothing is held") from error
    render.say(f"{folder.name} is held: {flags.reason.strip()}")
