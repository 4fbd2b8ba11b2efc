"""`kubectl lrs unhold`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kubectl_lrs import render
from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.flags import Backups, Given
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.flags import Source, argument
from kubectl_lrs.repository.directory import BackupDir
from kubectl_lrs.repository.files import disk_error
from kubectl_lrs.repository.holds import unhold


@dataclass(frozen=True, kw_only=True)
class Flags(Backups):
    """What is let go."""

    backup: str = argument("backup", default="", metavar="BACKUP", source=Source.BACKUPS)


@lrs_command(
    "unhold",
    Flags,
    examples=[("The rules of prune decide again", "@ unhold lrs_backup_2026_11_23_08_16_10")],
    exits=(0, 1, 2, 4),
)
def command(given: Given) -> None:
    """Let a backup go that `hold` keeps. Nothing is removed by that."""
    flags = given.of(Flags)
    if not flags.backup:
        raise UsageError("no backup is named", hint="show tells which are held")
    folder = BackupDir(Path(flags.path)).find(flags.backup)
    try:
        unhold(folder.path.resolve().parent, folder.catalog)
    except FileNotFoundError as error:
        raise UsageError(f"{folder.name} is not held") from error
    except OSError as error:
        raise disk_error(error, folder.path.parent, "it is still held") from error
    render.say(f"{folder.name} is not held any more")
