"""The flags and the help of `kubectl lrs diff`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import TABLES, At, Backups, OneApplication, Quiet, Selecting, output_flag
from kubectl_lrs.model.flags import Options, Source, argument
from kubectl_lrs.stores.files.flags import StorageOptions
from kubectl_lrs.stores.images.flags import RegistryOptions
from kubectl_lrs.stores.lrs.flags import Mapping as NamespaceMapping
from kubectl_lrs.stores.mongo.flags import DatabaseOptions

LIVE = "live"


class Flags(Options):
    """What is compared, and how it is shown."""

    before: str = argument("before", default="", metavar="A", source=Source.READABLE)
    after: str = argument("after", default=LIVE, metavar="[B|live]", source=Source.BACKUPS_OR_LIVE)
    output: str = output_flag(TABLES[0], TABLES[1], "diff", *TABLES[2:])


HELP = """Show what differs between two backups, or a backup and the cluster.

It does so object by object and field by field. A is before, B is after: an object that only A has is `removed`, one
that only B has is `added`. A is a backup (a name in the folder of the backups, a path, or `latest`), B is another
one, or `live`, the cluster, which is the default. A backup that is called live is named by its path. With --at, A
need not be named. Without -n, all that A was taken for is compared.

Compared is what a backup restores: not what the server sets, not owners, not status; against the cluster, after
the defaults of its schema. An object that one side was not taken for (another namespace, a type that was left
out, other labels) is not compared, but counted; so is one that others' manifests lack, as nobody knows what they
chose to save. Values are shown as they are, as kubectl diff does: LRS can carry credentials.

Of two backups all else that both hold is compared too: Mongo documents by their _id and their bytes, images by
digest, files by sum, the status of deployments. What was not compared is named, and "nothing differs" means all.

With --app it is about all that belongs to one application on either side, and nothing of others, against the cluster
too: then MongoDB, the registries and the file storage are looked at, which the last flags name. A need not be named.
"""


command = lrs_command(
    "diff",
    Flags,
    At,
    OneApplication,
    Selecting,
    NamespaceMapping,
    Backups,
    Quiet,
    DatabaseOptions,
    RegistryOptions,
    StorageOptions,
    help=HELP,
    examples=[
        ("What has changed in the cluster since the newest backup of it", "@ diff latest"),
        ("What has changed since Tuesday", "@ diff --at tuesday"),
        ("One application, and all that belongs to it, since Tuesday", "@ diff --app sales-explorer --at tuesday"),
        ("The same as kubectl diff shows it", "@ diff latest live -o diff"),
        ("What changed from one backup to the next", "@ diff lrs_backup_2026_11_22_08_16_10 lrs_backup_2026_11_23_08_16_10"),
        (
            "After a migration into another namespace of a new cluster",
            "@ diff ./lrs_backup_2026_11_23_08_16_10 --map-namespace old=new",
        ),
    ],
    exits=(0, 1, 2, 4, 5, 130),
)
