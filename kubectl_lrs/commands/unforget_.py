"""The flags and the help of `kubectl lrs unforget`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import Backups, Tables
from kubectl_lrs.model.flags import argument


class Flags(Backups):
    """What comes back."""

    backup: str = argument("backup", default="", metavar="BACKUP")


HELP = """Bring back a backup that prune or forget has removed from a pooled repository.

That works as long as nothing that it refers to may have been deleted: for half of the repository's grace time (24 of
48 hours) after it was forgotten. It is refused with the reason where it does not. A plain folder that was removed is
gone from the disk. Of several that were forgotten under one name, name one as NAME.SESSION.
"""


command = lrs_command(
    "unforget",
    Flags,
    Tables,
    help=HELP,
    examples=[("Back again", "@ unforget lrs_backup_2026_11_23_08_16_10")],
    exits=(0, 1, 2, 4, 5),
)
