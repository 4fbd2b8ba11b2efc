"""The flags and the help of `kubectl lrs hold`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import At, Backups, Tables
from kubectl_lrs.model.flags import Group, Source, argument, flag


class Flags(Backups):
    """What is held, and why."""

    backup: str = argument("backup", default="", metavar="BACKUP", source=Source.BACKUPS)
    reason: str = flag(
        "--reason", default="", metavar="TEXT", group=Group.MEANT, help="Why it must stay; prune, list and show tell it."
    )


HELP = """Keep a backup from being removed by `prune` and `forget`.

The reason stands in a hidden file beside the backup, which itself is not changed. It goes with a backup that is
renamed; a copy of the whole folder holds it too.
"""


command = lrs_command(
    "hold",
    Flags,
    At,
    Tables,
    help=HELP,
    examples=[
        ("Keep what was made before an upgrade", "@ hold lrs_backup_2026_11_23_08_16_10 --reason 'before the upgrade to 11.2'"),
        ("The newest one", "@ hold latest --reason 'audit of 2026, ask Ann'"),
        ("That of Tuesday", "@ hold latest --at tuesday --reason 'before the upgrade'"),
        ("And let it go again", "@ unhold lrs_backup_2026_11_23_08_16_10"),
    ],
    exits=(0, 1, 2, 4, 5),
)
