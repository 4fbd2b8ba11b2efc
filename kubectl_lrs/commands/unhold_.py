"""The flags and the help of `kubectl lrs unhold`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import At, Backups, Tables
from kubectl_lrs.model.flags import Source, argument


class Flags(Backups):
    """What is let go."""

    backup: str = argument("backup", default="", metavar="BACKUP", source=Source.BACKUPS)


HELP = """Let a backup go that `hold` keeps. Nothing is removed by that."""


command = lrs_command(
    "unhold",
    Flags,
    At,
    Tables,
    help=HELP,
    examples=[("The rules of prune decide again", "@ unhold lrs_backup_2026_11_23_08_16_10")],
    exits=(0, 1, 2, 4, 5),
)
