"""What can be said of the application's file storage on a command line. Pure data."""

from __future__ import annotations

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.flags import Group, Options, Source, flag
from kubectl_lrs.model.stores import STORES

FILES = Group.FILES
LEVELS = STORES["files"].levels

OTHER_STORAGE = ("--files-url", "LRS_FILES_URL")
"""What names a storage for this call: how another one is reached, and its credentials, are not sent there."""


class StorageOptions(Options):
    """Where the storage is."""

    url: str = flag(
        "--files-url",
        key="files.url",
        variable="LRS_FILES_URL",
        default="",
        metavar="URL",
        group=FILES,
        help="The application's file storage: a path, or s3://BUCKET/PREFIX, gs://, abfs://, webhdfs://HOST:PORT/PATH; "
        "else LRS_FILES_URL.",
    )
    options: str = flag(
        "--files-options",
        key="files.optionsFile",
        variable="LRS_FILES_OPTIONS",
        yields=OTHER_STORAGE,
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=FILES,
        help="JSON or YAML with options and credentials (of S3: docs/files.md; others: fsspec); else LRS_FILES_OPTIONS.",
    )
    endpoint: str = flag(
        "--files-endpoint",
        key="files.endpoint",
        variable="LRS_FILES_ENDPOINT",
        yields=OTHER_STORAGE,
        default="",
        metavar="URL",
        group=FILES,
        help="URL of a storage that speaks S3 and is not AWS; else LRS_FILES_ENDPOINT.",
    )
    ca_file: str = flag(
        "--files-ca-file",
        key="files.caFile",
        yields=OTHER_STORAGE,
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=FILES,
        help="Certificate file of the file storage's authority.",
    )
    workers: int = flag(
        "--files-parallel",
        key="files.parallel",
        default=8,
        least=1,
        most=64,
        metavar="N",
        shown=True,
        group=FILES,
        help="Files in work at once.",
    )


class BackupOptions(StorageOptions):
    """Which files a backup takes."""

    level: str | None = flag(
        "--files",
        key="files.level",
        default=None,
        choices=LEVELS,
        group=FILES,
        help=f"How much of the {STORES['files'].holds} to take; else what --profile says.",
    )
    take_all: bool = flag(
        "--files-all",
        key="files.all",
        default=False,
        group=FILES,
        help="Take every file below the URL, not only those that belong to what is saved.",
    )
    shards: str = flag(
        "--shards",
        default="",
        metavar="N|auto",
        group=FILES,
        help="Have other machines copy the files, by run segment: cut them into about N segments, of 10 GiB at most.",
    )


class CheckOptions(StorageOptions):
    """Whether `check` looks at the storage."""

    wanted: bool | None = flag(
        "--files",
        key="check.files",
        off="--no-files",
        default=None,
        group=FILES,
        help="Look at the files too; by default as --profile says, or where flags name it.",
    )


class RestoreOptions(StorageOptions):
    """What a restore does with the storage."""

    existing: Existing = flag(
        "--files-existing",
        default=Existing.SKIP,
        choices=(Existing.SKIP, Existing.REPLACE),
        shown=True,
        group=FILES,
        help="With a file that is there and differs: leave it, or replace it.",
    )


class RehearseOptions(Options):
    """Where a rehearsal writes files."""

    scratch: str = flag(
        "--files-scratch",
        key="files.scratch",
        default="",
        metavar="DIR",
        source=Source.DIRECTORY,
        group=FILES,
        help="Folder below which files are written to be compared; else TMPDIR, else /tmp.",
    )


BACKUP, RESTORE, CHECK, REHEARSE = BackupOptions, RestoreOptions, CheckOptions, RehearseOptions
