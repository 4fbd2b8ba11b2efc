"""The flags and the help of `kubectl lrs check`."""

from __future__ import annotations

from collections.abc import Mapping

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import TABLES, At, Backups, Silent, output_flag
from kubectl_lrs.model.flags import Group, Options, Source, argument, flag
from kubectl_lrs.model.stores import PROFILES, STORES
from kubectl_lrs.stores.deployments.flags import AlsoOptions
from kubectl_lrs.stores.flags import flags_module


class Flags(Backups):
    """What is looked at."""

    applications: tuple[str, ...] = argument(
        "applications", default=(), metavar="[APPLICATION]...", many=True, source=Source.APPLICATIONS
    )
    all_namespaces: bool = flag(
        "-A",
        "--all-namespaces",
        key="allNamespaces",
        yields=("--namespace",),
        default=False,
        group=Group.MEANT,
        help="LRS of all namespaces; overrides -n.",
    )
    from_: str = flag(
        "--from",
        default="",
        metavar="BACKUP",
        source=Source.READABLE,
        group=Group.MEANT,
        help="Check what a backup holds, or what others saved, not the cluster.",
    )
    spark_older_than: str = flag(
        "--spark-older-than",
        key="check.sparkOlderThan",
        default="24h",
        metavar="DURATION",
        shown=True,
        group=Group.MEANT,
        help="How old a Spark session must be to be called stale.",
    )
    output: str = output_flag(*TABLES, "html")


class LiveFlags(Options):
    """What must be looked at, of a cluster."""

    profile: str = flag(
        "--profile",
        key="profile",
        default="lrs",
        choices=PROFILES,
        shown=True,
        group=Group.MEANT,
        help="Which stores must be looked at, as in backup.",
    )


STORE_OPTIONS: Mapping[str, type[Options]] = {name: flags_module(name).CHECK for name in STORES}


HELP = """Check that applications, LRS, MongoDB, images, files and deployments agree.

Each custom application has one document in longrunningservices and, while it runs, one LRS, both under its id; the
images and files that they name must be there; an active deployment has an LRS. Whatever breaks that is a finding,
with why it matters and what to do. APPLICATION is an id or a name: then only its findings are shown.

A store that was not given or cannot be had is said to be unchecked, with the flag that changes that. Encryption
keys are held against the newest backup of this cluster. With --from, a backup is held against itself: did all agree
when it was made? Nothing is written. What changes while it is looked at may seem wrong: check again.

Exit status 4 means that there is an error among the findings; warnings alone give 0.
"""


command = lrs_command(
    "check",
    Flags,
    At,
    LiveFlags,
    *STORE_OPTIONS.values(),
    AlsoOptions,
    Silent,
    help=HELP,
    examples=[
        ("The LRS and their Spark sessions, and what the environment names", "@ check -n datarobot"),
        (
            "Everything, before a backup and after a restore",
            "@ check -n datarobot --profile complete --files-url s3://bucket/storage",
        ),
        ("A page to sign off with", "@ check -n datarobot --profile complete -o html > check.html"),
        ("One application that is temporarily unavailable", "@ check -n datarobot --mongo 65f0c0ffee0123456789abcd"),
        ("Did everything agree when the newest backup was made?", "@ check --from latest"),
        ("And on Tuesday?", "@ check --from latest --at tuesday"),
    ],
    exits=(0, 1, 2, 4, 5, 130),
)
