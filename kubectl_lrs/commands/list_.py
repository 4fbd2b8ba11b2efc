"""The flags and the help of `kubectl lrs list`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.flags import Backups, Tables

HELP = """List the backups in a folder or a repository, oldest first."""


command = lrs_command(
    "list",
    Backups,
    Tables,
    help=HELP,
    examples=[
        ("The backups in the current directory", "@ list"),
        ("With namespace, size and cluster", "@ list --backup-dir /var/backups/lrs -o wide"),
        ("On object storage", "@ list --backup-dir s3://backups/lrs"),
    ],
    exits=(0, 1, 2, 4, 5),
)
