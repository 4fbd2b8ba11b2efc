"""The flags and the help of `kubectl lrs list`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import Backups, Tables
from kubectl_lrs.model.flags import Group, Options, flag

ORDERS = ("created", "name", "objects", "size", "profile", "state")


class Listing(Options):
    """How they are listed."""

    order: str = flag(
        "--sort-by",
        default="created",
        choices=ORDERS,
        shown=True,
        group=Group.OUTPUT,
        help="What they are sorted by, smallest first.",
    )
    holding: str = flag(
        "--holding",
        default="",
        metavar="NAME",
        group=Group.MEANT,
        help="Only those that hold this LRS, or that of the application of this name or id.",
    )
    no_headers: bool = flag("--no-headers", default=False, group=Group.OUTPUT, help="A table without its headings.")


HELP = """List the backups in a folder or a repository, oldest first.

Below them what was begun and is not done, by the journals beside the backups and in your own state: deployments that
wait for activate, LRS that a restore has deleted and not created again, an operator that is paused.
"""


command = lrs_command(
    "list",
    Backups,
    Listing,
    Tables,
    help=HELP,
    examples=[
        ("The backups in the current directory", "@ list"),
        ("With namespace, size and cluster", "@ list --backup-dir /var/backups/lrs -o wide"),
        ("On object storage", "@ list --backup-dir s3://backups/lrs"),
        ("Those out of which an application can be restored", "@ list --holding sales-dashboard"),
        ("The largest one", "@ list --sort-by=size --no-headers | tail -1"),
    ],
    exits=(0, 1, 2, 4, 5),
)
