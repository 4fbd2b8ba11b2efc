"""The flags and the help of `kubectl lrs forget`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import Backups, Silent, Tables, Trusting, Trying, Yes
from kubectl_lrs.model.flags import Source, argument


class Flags(Backups):
    """What goes."""

    names: tuple[str, ...] = argument("names", default=(), metavar="BACKUP...", many=True, source=Source.BACKUP_NAMES)


HELP = """Remove backups that are named.

Only by their names in the folder of the backups: not `latest`, and no paths. A backup that is held is refused, and
so is another user's. Files that other backups share stay with these. What is forgotten of a plain folder is gone for
good; in a pooled repository its objects are condemned, a prune deletes them after the grace time, and until half of
that has passed `unforget` brings it back.
"""


command = lrs_command(
    "forget",
    Flags,
    Trusting,
    Trying,
    Yes,
    Tables,
    Silent,
    help=HELP,
    examples=[
        ("Remove two backups, after a question", "@ forget lrs_backup_2026_11_22_08_16_10 lrs_backup_2026_11_23_08_16_10"),
        ("What would go", "@ forget lrs_backup_2026_11_23_08_16_10 --dry-run=client"),
    ],
    exits=(0, 1, 2, 3, 4, 5, 130),
)
