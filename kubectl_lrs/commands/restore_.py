"""The flags and the help of `kubectl lrs restore`."""

from __future__ import annotations

from collections.abc import Mapping

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import At, Backups, OneApplication, Quiet, Selecting, Tables, Trusting, Yes
from kubectl_lrs.model.flags import Group, Options, Source, argument, flag
from kubectl_lrs.model.stores import RESOURCES, STORES, TIERS
from kubectl_lrs.stores.deployments.flags import ApiOptions
from kubectl_lrs.stores.flags import flags_module
from kubectl_lrs.stores.lrs.flags import RestoreFlags


class SourceFlags(Backups):
    """What is restored."""

    names: tuple[str, ...] = argument("names", default=(), metavar="NAME...", many=True, source=Source.BACKUPS_AND_LRS)
    from_: str = flag(
        "--from",
        default="",
        metavar="BACKUP",
        source=Source.READABLE,
        group=Group.MEANT,
        help="The backup that LRS names are taken from; else the newest of this cluster.",
    )
    files: tuple[str, ...] = flag(
        "-f",
        "--filename",
        default=(),
        metavar="FILE",
        source=Source.FILE,
        group=Group.MEANT,
        help="Plain manifests in place of a backup: a file, a folder, or -.",
    )
    recursive: bool = flag("-R", "--recursive", default=False, group=Group.MEANT, help="With -f: folders below folders too.")
    tiers: tuple[str, ...] = flag(
        "--tier",
        default=(),
        metavar="T,...",
        commas=True,
        offered=TIERS,
        group=Group.MEANT,
        help=f"Only these parts: {', '.join(TIERS)}; else all that a backup holds, {RESOURCES} where LRS are chosen.",
    )
    journals: tuple[str, ...] = flag(
        "--journal",
        default=(),
        metavar="FILE",
        source=Source.FILE,
        group=Group.OUTPUT,
        help="Journal of deactivate, beside those in the folder of the backups: what it took down is left to activate.",
    )


class ApplyFlags(Options):
    """How the plan is applied."""

    wait: bool = flag(
        "--wait",
        key="restore.wait",
        default=False,
        group=Group.HOW,
        help="Wait until what was ready at backup is ready again, by its conditions.",
    )
    timeout: str = flag(
        "--timeout",
        key="restore.timeout",
        default="5m",
        metavar="DURATION",
        shown=True,
        group=Group.HOW,
        help="For what is being deleted to go, and for --wait.",
    )
    dry_run: str = flag(
        "--dry-run",
        default="none",
        alone="client",
        choices=("none", "client", "server"),
        group=Group.HOW,
        help="Show the plan, or ask the server about each write.",
    )


STORE_OPTIONS: Mapping[str, type[Options]] = {name: flags_module(name).RESTORE for name in STORES}

HELP = """Restore a backup, or some LRS out of one.

NAME is a backup (a name in the folder of the backups, a path, or `latest`), an LRS (`name`, `namespace/name`), or
what others saved: a folder of the vendor's script, a file of manifests, a Velero backup, the path of what mongodump
wrote. Of these there are no sums, and what is missing in them is named (exit status 3).
Sums are checked and the whole plan is made before anything is written. An object that is there and equal is not
written; one that is there and differs is left alone and reported, unless --existing says otherwise. Where no -n is
given, all namespaces that the backup holds are meant.

A whole backup is restored with all that it holds: Mongo collections, images and files first, then the LRS that need
them. Chosen LRS are restored alone, unless --tier says more.

With --app, all that belongs to one application is restored and nothing of others: what is not there is made, and
what differs is put back where --mongo-existing replace (document by document), --images-existing, --files-existing
and --existing say so. The plan tells what leads to each thing. What others share is never changed.
"""


command = lrs_command(
    "restore",
    SourceFlags,
    At,
    OneApplication,
    Selecting,
    RestoreFlags,
    ApplyFlags,
    Trusting,
    *STORE_OPTIONS.values(),
    ApiOptions,
    Yes,
    Tables,
    Quiet,
    help=HELP,
    examples=[
        ("Everything in the newest backup of this cluster", "@ restore latest"),
        ("What that would do, object by object and field by field", "@ restore latest --existing update --dry-run=client"),
        ("Two LRS out of a certain backup", "@ restore my-model datarobot/my-app --from lrs_backup_2026_11_23_08_16_10"),
        ("What is missing of one application", "@ restore --app sales-explorer"),
        (
            "One application as it was on Tuesday",
            "@ restore --app sales-explorer --at tuesday --existing replace --mongo-existing replace",
        ),
        (
            "Into another namespace of a new cluster",
            "@ restore ./lrs_backup_2026_11_23_08_16_10 --map-namespace old=new --create-namespaces",
        ),
        ("What the vendor's script saved", "@ restore lrs_backup_2026_11_23_08_16"),
        ("What kubectl get lrs -A -o yaml printed", "@ restore ./all-lrs.yaml"),
        ("The application's collections out of what mongodump wrote", "@ restore ./dump --mongo-uri-file mongo.uri"),
    ],
    exits=(0, 1, 2, 3, 4, 5, 130),
)
