"""The flags and the help of `kubectl lrs rehearse`."""

from __future__ import annotations

from collections.abc import Mapping

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import At, Backups, Silent, Tables
from kubectl_lrs.model.flags import Group, Options, Source, argument, flag
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.stores import STORES, TIERS
from kubectl_lrs.stores.flags import flags_module
from kubectl_lrs.stores.lrs.flags import RehearseFlags


class Flags(Options):
    """What is rehearsed."""

    backup: str = argument("backup", default=LATEST, metavar="[BACKUP]", source=Source.READABLE)
    tiers: tuple[str, ...] = flag(
        "--tier",
        default=(),
        metavar="T,...",
        commas=True,
        offered=TIERS,
        group=Group.MEANT,
        help=f"Only these parts: {', '.join(TIERS)}; else all that the backup holds.",
    )
    dry_run: str = flag(
        "--dry-run",
        default="none",
        alone="client",
        choices=("none", "client"),
        group=Group.HOW,
        help="Only show what would be rehearsed, and where.",
    )


STORE_OPTIONS: Mapping[str, type[Options]] = {name: flags_module(name).REHEARSE for name in STORES}

HELP = """Prove that a backup restores, without touching what runs.

BACKUP is a name in the folder of the backups, a path, or `latest`, which is the default: the newest backup of this
cluster. First every file of it is read and held against its sum. Then each part is restored beside what runs,
compared with the backup, and removed again:

LRS: the server is asked by a dry run about the creation of every object; rights, schema, quota and admission judge
it, and what the server would make of it is compared field by field. Nothing is made. With --scratch-namespace they
are created in that namespace, which no operator may watch, read back, compared and removed.

MongoDB: the collections come into a database `lrs_rehearsal_...`, with their options, validators and indexes; count
and content of each are held against the backup, and the database goes again. There must be room for it.

Images: manifests and blobs are held against their digests. With --scratch-repository each is pushed into that
repository of a registry, under a tag of its own, read back, compared and removed; a repository that the backup's
images or an LRS uses is refused.

Exit status 0 means that all of it was proved. 4: something is damaged, is refused, or comes back as something else;
3: something could not be proved, and the answer says what. At the end stands how long a recovery would take.

Whatever ends it, what it made is removed. What a killed rehearsal has left is found and removed by the next one, by
the mark that it made first; nothing else ever is.
"""

command = lrs_command(
    "rehearse",
    Flags,
    At,
    RehearseFlags,
    *STORE_OPTIONS.values(),
    Backups,
    Tables,
    Silent,
    help=HELP,
    examples=[
        ("Does the newest backup of this cluster restore?", "@ rehearse"),
        ("What that would do, and where", "@ rehearse --dry-run"),
        ("With every LRS created for real", "@ rehearse --scratch-namespace lrs-rehearsal"),
        ("With every image pushed", "@ rehearse --scratch-repository registry.example.com/lrs-rehearsal"),
        ("MongoDB alone, on another server", "@ rehearse --tier mongo --mongo-uri-file scratch.uri"),
    ],
    exits=(0, 1, 2, 3, 4, 5, 130),
)
