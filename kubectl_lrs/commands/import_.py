"""The flags and the help of `kubectl lrs import`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import NewBackup, Silent, Tables, Trusting
from kubectl_lrs.model.flags import Source, argument


class Flags(NewBackup):
    """What is imported, and where it goes."""

    source: str = argument("source", default="", metavar="SOURCE", source=Source.FILE)


HELP = """Make a sealed backup of what others saved.

SOURCE is a folder of the vendor's script, a file of manifests, a Velero backup (its tarball, its folder in the
object store, or the URL of either), or what mongodump wrote (a folder or an archive). The backup has sums from then
on; what it was before nobody can tell, and its catalog says where it comes from. It is of the instant that the source
is of, and of a cluster that is not known: it is never the latest of a cluster, and is restored by its name.

What is missing in the source, such as an LRS whose file is empty, is listed; the backup is `partial`, and the exit
status 3. No cluster is needed.
"""


command = lrs_command(
    "import",
    Flags,
    Trusting,
    Tables,
    Silent,
    help=HELP,
    examples=[
        ("A folder of the vendor's script", "@ import lrs_backup_2026_11_23_08_16 --name before-upgrade"),
        ("A Velero backup, into a pooled repository", "@ import s3://velero/backups/nightly --backup-dir s3://backups/lrs"),
    ],
    exits=(0, 1, 2, 3, 4, 5, 130),
)
