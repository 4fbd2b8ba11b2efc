"""The flags and the help of `kubectl lrs backup`."""

from __future__ import annotations

from collections.abc import Mapping

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import NewBackup, Selecting, Silent, Tables, Trusting
from kubectl_lrs.model.flags import Group, Options, flag, setting
from kubectl_lrs.model.stores import PROFILES, STORES
from kubectl_lrs.stores.deployments.flags import AlsoOptions
from kubectl_lrs.stores.flags import flags_module
from kubectl_lrs.stores.spark.flags import CleanFirst


class Flags(NewBackup, Selecting):
    """What is taken, and where it goes. What is chosen may be a setting here; a restore chooses for itself."""

    all_namespaces: bool = setting(Selecting.all_namespaces, "allNamespaces", yields=("--namespace",))
    types: tuple[str, ...] = setting(Selecting.types, "backup.types")
    excluded: tuple[str, ...] = setting(Selecting.excluded, "backup.excludeTypes")
    selector: str = setting(Selecting.selector, "backup.selector")

    allow_empty: bool = flag(
        "--allow-empty",
        default=False,
        group=Group.HOW,
        help="Make a backup although nothing was found; it is never latest.",
    )
    trust_previous: bool = flag(
        "--trust-previous",
        default=False,
        group=Group.HOW,
        help="Link files of earlier backups without reading them again; one that has rotted is then in each later backup too.",
    )
    profile: str = flag(
        "--profile",
        key="profile",
        default="lrs",
        choices=PROFILES,
        shown=True,
        group=Group.MEANT,
        help="How much to take: the LRS alone, or the vendor's minimum or complete recovery of custom applications.",
    )


STORE_OPTIONS: Mapping[str, type[Options]] = {name: flags_module(name).BACKUP for name in STORES}


HELP = """Back up LRS into a folder that plain kubectl can restore from.

Takes every LRS but Spark sessions, running and failed alike, in one consistent snapshot. The folder gets its name
when all of it is on the disk; before that it does not look like a backup.

With --profile minimum or complete, custom applications can be brought back too: their Mongo collections, images
and files are saved beside the LRS. Where one of these stores cannot be had, no backup is made, and the message
names the flag that leaves it out. What a store itself no longer has is listed, and the backup is `partial`; so is one
without the status of deployments, where these are not asked for by --deployments and cannot be had.

Where nothing is found, no backup is made, and it is said what there is; the exit status is 3.
"""


command = lrs_command(
    "backup",
    Flags,
    *STORE_OPTIONS.values(),
    AlsoOptions,
    CleanFirst,
    Trusting,
    Tables,
    Silent,
    help=HELP,
    examples=[
        ("Everything in the context's namespace, into the current directory", "@ backup"),
        ("Every namespace, into a folder of backups", "@ backup -A --backup-dir /var/backups/lrs"),
        ("The vendor's procedure: stale Spark sessions first, then the backup", "@ backup -n datarobot --clean-spark"),
        (
            "All that custom applications need: collections, images and files too",
            "@ backup -n datarobot --profile complete --files-url s3://datarobot/storage",
        ),
        ("Custom models of one namespace only", "@ backup -n datarobot --type deployment"),
    ],
    exits=(0, 1, 2, 3, 4, 5, 130),
)
