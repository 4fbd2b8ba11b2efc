"""The flags and the help of `kubectl lrs export`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import At, Backups, Quiet, Tables, Trusting
from kubectl_lrs.model.flags import Source, argument, flag


class Flags(Backups):
    """Which backup, and where to."""

    backup: str = argument("backup", default="", metavar="BACKUP", source=Source.BACKUPS)
    directory: str = argument("directory", default="", metavar="DIR", source=Source.DIRECTORY)
    format_version: str | None = flag(
        "--format",
        default=None,
        choices=("1", "2"),
        help="Format of the folder: 1, which alone version 0.1.0 reads, or 2; by default as it was made.",
    )


HELP = """Write a backup as a plain folder, for other tools.

kubectl, mongorestore, skopeo and sha256sum work on it, and nothing of the plugin is needed to read it. BACKUP is a
name, a path, or `latest`; DIR is the folder that is made, and must not be there. Each content is held against its sum
on the way.
"""


command = lrs_command(
    "export",
    Flags,
    At,
    Trusting,
    Tables,
    Quiet,
    help=HELP,
    examples=[
        ("Out of a bucket, to look at with other tools", "@ export latest ./out --backup-dir s3://backups/lrs"),
        ("For version 0.1.0 of this plugin", "@ export lrs_backup_2026_11_23_08_16_10 /mnt/old --format 1"),
    ],
    exits=(0, 1, 2, 4, 5, 130),
)
