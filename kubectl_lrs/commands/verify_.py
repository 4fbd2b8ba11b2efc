"""The flags and the help of `kubectl lrs verify`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import At, Backups, Selecting, Silent, Tables, Trusting
from kubectl_lrs.model.flags import Options, Source, argument, flag
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.stores.lrs.flags import TargetOptions


class Flags(Options):
    """What is checked."""

    backup: str = argument("backup", default=LATEST, metavar="[BACKUP]", source=Source.READABLE)
    against_cluster: bool = flag(
        "--against-cluster",
        default=False,
        help="Ask the cluster too whether it would take every object; nothing is written.",
    )
    sample: str = flag(
        "--sample",
        default="",
        metavar="PERCENT",
        help="Of a pooled backup, read so many of the contents, chosen at random, such as 5%, and hold them against their sums.",
    )
    full: bool = flag(
        "--full",
        default=False,
        help="Of a pooled backup, read all contents and hold them against their sums; of a plain one that is done anyway.",
    )


CLUSTER_ONLY = (Selecting, TargetOptions, Trusting)
"""The flags that say nothing without --against-cluster; they mean what they mean to restore."""


HELP = """Check that a backup is as it was sealed.

Every file must be there, none altered, none added. BACKUP is a name in the folder of the backups, a path, or
`latest`, which is the default. No cluster is needed.

A plain backup is always read whole. Of a pooled one it is seen that all objects which it needs are there, in their
size, that its index is as it was sealed and agrees with what keeps them; contents are read with --sample or --full,
and otherwise when they are restored. What was not looked at is said.

Of what others saved there are no sums: nobody can tell whether it is as it was written, so that is refused without
--against-cluster (exit status 2).

With --against-cluster it then answers: would `restore`, with the same flags, work here and now? The plan is made
with all its checks, and the API server is asked about every object by a dry run. An object that it would not take
is `refused`; one that cannot be tried (its namespace or the CRD is not there yet, a webhook has side effects) is
`not checked`. It would not work where an object is refused, or the CRD or a namespace is missing and the flag
that makes it is not given; warnings, such as a Secret that a spec names and that is not there, do not count.
`latest` is then the newest backup of that cluster. Without -n, all that the backup holds is asked about.
"""


command = lrs_command(
    "verify",
    Flags,
    At,
    *CLUSTER_ONLY,
    Backups,
    Tables,
    Silent,
    help=HELP,
    examples=[
        ("The newest backup", "@ verify"),
        ("The same with common tools", "cd lrs_backup_2026_11_23_08_16_10 && sha256sum -c SHA256SUMS"),
        ("All contents of a backup on object storage", "@ verify --full --backup-dir s3://backups/lrs"),
        ("Would the newest backup of this cluster restore here, now?", "@ verify --against-cluster"),
        (
            "Before a migration: would it restore into the new cluster?",
            "@ verify ./lrs_backup_2026_11_23_08_16_10 --against-cluster --context new --create-namespaces",
        ),
    ],
    exits=(0, 1, 2, 4, 5, 130),
)
