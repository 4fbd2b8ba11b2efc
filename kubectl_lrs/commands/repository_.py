"""The flags and the help of `kubectl lrs repository`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import Backups, Quiet, Tables
from kubectl_lrs.model.flags import Source, argument, flag

INIT, SHOW, CHECK = "init", "show", "check"


class Flags(Backups):
    """What is done, and where."""

    what: str | None = argument("what", default=None, metavar="init|show|check", choices=(INIT, SHOW, CHECK))
    place: str = argument("place", default="", metavar="[DIR|URL]", source=Source.DIRECTORY)
    adopt: bool = flag(
        "--adopt",
        default=False,
        help="With check: take in backups of a repository that was replicated by other means, which count for little until then.",
    )


HELP = """Make, show or check a place of backups.

A plain folder of backups needs no init: `backup` makes one. `init` makes the pooled form, which serves object storage,
or a share that many machines write to: each content is stored once, however many backups hold it. It is made only
where nothing is yet. The place is DIR or URL, else what --backup-dir or LRS_BACKUP_DIR names.

`show` tells form, backups, objects and bytes. `check` reads every seal, reference, hold and list of a pooled one, sees
that all objects are there, and tries what the credentials may do, with an object of its own that it removes: whether
they can overwrite and delete, and whether the storage keeps what is deleted.

A repository that was replicated by other means than `copy` has all its objects later than they say. Its backups count
as long as all of them is seen to be there, and keep nothing from being deleted that was condemned. `check --adopt`
seals those anew that are whole, and removes the seals that came late.

S3 is reached as the AWS tools do it: credentials by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the
machine's role; AWS_REGION. LRS_BACKUP_ENDPOINT names a storage that is not AWS (else AWS_ENDPOINT_URL),
LRS_BACKUP_CA_FILE the certificate of its authority, and LRS_BACKUP_OPTIONS a JSON or YAML file with options and
credentials, as --files-options has it. Google Cloud Storage (gs://) is reached as Google's tools do it, by
GOOGLE_APPLICATION_CREDENTIALS or the machine's account; Azure (az://) by AZURE_STORAGE_CONNECTION_STRING, or
AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or a login to Entra ID.
"""


command = lrs_command(
    "repository",
    Flags,
    Tables,
    Quiet,
    help=HELP,
    examples=[
        ("Once", "@ repository init s3://backups/lrs"),
        ("Then every night", "@ backup -A --profile complete --backup-dir s3://backups/lrs"),
        ("On a share", "@ repository init /mnt/share/lrs"),
        ("How much there is, and how much waits to be deleted", "@ repository show s3://backups/lrs"),
        ("Is everything there? What may these credentials do?", "@ repository check s3://backups/lrs"),
        ("Take in what was replicated to another bucket", "@ repository check --adopt s3://replica/lrs"),
    ],
    exits=(0, 1, 2, 4, 5, 130),
)
