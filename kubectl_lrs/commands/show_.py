"""The flags and the help of `kubectl lrs show`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import At, Backups, OneApplication, Tables
from kubectl_lrs.model.flags import Source, argument
from kubectl_lrs.model.names import LATEST


class Flags(Backups):
    """What is shown."""

    backup: str = argument("backup", default=LATEST, metavar="[BACKUP|JOURNAL]", source=Source.READABLE)


HELP = """Show what a backup holds: its cluster, instant, selection, and objects.

BACKUP is a name in the folder of the backups, a path, or `latest`, which is the default. A JOURNAL of `deactivate`
is shown with the state of each deployment. What others saved is shown as far as it tells: see `help restore`.

With --app, what the backup holds of one application is shown: its LRS, documents, images and files, what leads to
each of them, and who shares it. Of backups that are not named it is the newest that knows the application.
"""


command = lrs_command(
    "show",
    Flags,
    At,
    OneApplication,
    Tables,
    help=HELP,
    examples=[
        ("The newest backup", "@ show"),
        ("Every object of one backup", "@ show lrs_backup_2026_11_23_08_16_10 -o wide"),
        ("Names that restore takes", "@ show -o name"),
        ("All that belongs to one application", "@ show --app sales-explorer"),
        ("How far a deactivation is", "@ show lrs_deactivated_2026_11_23_08_16_10.json"),
    ],
    exits=(0, 1, 2, 4, 5),
)
