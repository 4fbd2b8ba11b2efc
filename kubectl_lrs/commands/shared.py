"""The options that several commands have: output, the place of the backups, what is selected, whom to believe."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.flags import Group, Options, Source, flag

if TYPE_CHECKING:
    from kubectl_lrs.model.selection import Selection
    from kubectl_lrs.repository import Reach
    from kubectl_lrs.runtime.trust import Trust


def output_flag(*formats: str) -> str:
    """`-o`, one of the formats; the first is the default."""
    return flag(
        "-o",
        "--output",
        default=formats[0],
        metavar="FORMAT",
        choices=formats,
        group=Group.OUTPUT,
        help=f"Output format: {', '.join(formats)}.",
    )


TABLES = ("table", "wide", "json", "yaml", "name")
"""The formats of nearly all commands."""


class Tables(Options):
    """How the answer is printed."""

    output: str = output_flag(*TABLES)


class Quiet(Options):
    """How much is said beside the answer."""

    quiet: bool = flag("-q", "--quiet", default=False, group=Group.OUTPUT, help="Results, warnings and errors only.")


class Silent(Quiet):
    """The same, of a command that stands in every night's script."""

    quiet: bool = flag(
        "-q",
        "--quiet",
        default=False,
        group=Group.OUTPUT,
        help="Nothing where all went well, unless -o asks for it; warnings and errors.",
    )


class Yes(Options):
    """Whether questions are asked."""

    yes: bool = flag("-y", "--yes", default=False, group=Group.HOW, help="Do not ask; go on with what the plan says.")


OTHER_PLACE = ("--backup-dir", "LRS_BACKUP_DIR", "place")
"""What names a place of backups for this call: how another one is reached, and its credentials, are not sent there."""


class Backups(Options):
    """Where the backups are, and how a storage is reached."""

    backup_dir: str = flag(
        "--backup-dir",
        key="repository.url",
        variable="LRS_BACKUP_DIR",
        yields=OTHER_PLACE,
        default="",
        metavar="DIR|URL",
        source=Source.DIRECTORY,
        group=Group.OUTPUT,
        help="Where the backups are: a folder, or s3://BUCKET/PREFIX, webhdfs://, gs://, az://; else LRS_BACKUP_DIR, else the "
        "current directory.",
    )

    backup_options: str = flag(
        "--backup-options",
        key="repository.optionsFile",
        variable="LRS_BACKUP_OPTIONS",
        yields=OTHER_PLACE,
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=Group.STORAGE,
        help="JSON or YAML with options and credentials (of S3: docs/files.md; others: fsspec); else LRS_BACKUP_OPTIONS.",
    )
    backup_endpoint: str = flag(
        "--backup-endpoint",
        key="repository.endpoint",
        variable="LRS_BACKUP_ENDPOINT",
        yields=OTHER_PLACE,
        default="",
        metavar="URL",
        group=Group.STORAGE,
        help="URL of a storage (S3, gs://, az://) that is not at its own provider; else LRS_BACKUP_ENDPOINT.",
    )
    backup_ca_file: str = flag(
        "--backup-ca-file",
        key="repository.caFile",
        variable="LRS_BACKUP_CA_FILE",
        yields=OTHER_PLACE,
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=Group.STORAGE,
        help="Certificate file of the storage's authority; else LRS_BACKUP_CA_FILE.",
    )

    @property
    def path(self) -> str:
        """The place that was named, by the flag, the environment or the file; the current directory where none was."""
        return self.backup_dir or os.environ.get("LRS_BACKUP_DIR") or "."

    @property
    def label(self) -> str:
        """The place as metrics name it: alike from whichever folder it is called, and without a secret. Nothing is opened."""
        from kubectl_lrs.repository.place import path_of
        from kubectl_lrs.runtime.paths import is_url
        from kubectl_lrs.runtime.redact import shown

        where = path_of(self.path)
        return shown(where).rstrip("/") if is_url(where) else os.path.realpath(where)

    @property
    def where(self) -> tuple[str, Reach]:
        """Both."""
        return self.path, self.reach

    @property
    def reach(self) -> Reach:
        """How a storage is reached, as far as this call says it."""
        from dataclasses import replace

        from kubectl_lrs.repository import Reach

        found = Reach(options=self.backup_options, endpoint=self.backup_endpoint, ca_file=self.backup_ca_file)
        if "--backup-dir" not in self.configured:
            return found
        by_call = Reach(
            options="" if "--backup-options" in self.configured else found.options,
            endpoint="" if "--backup-endpoint" in self.configured else found.endpoint,
            ca_file="" if "--backup-ca-file" in self.configured else found.ca_file,
        )
        return replace(found, of=self.backup_dir, elsewhere=by_call)


class NewBackup(Backups):
    """Where a new backup goes, and what it is called."""

    name: str = flag(
        "--name",
        default="",
        metavar="NAME",
        group=Group.OUTPUT,
        help="Name of the backup; lrs_backup_ and the UTC time where it is not given.",
    )

    def __post_init__(self) -> None:
        from kubectl_lrs.model.names import is_backup_name

        if self.name and not is_backup_name(self.name):
            why = "letters, digits, '.', '_' and '-' only, not beginning with '.', not 'latest'"
            raise UsageError(f"--name {self.name!r}: {why}")


class At(Options):
    """Of which time a backup is meant."""

    at: str = flag(
        "--at",
        default="",
        metavar="DATE",
        group=Group.MEANT,
        help="The newest backup that is not later than this, in place of the latest: 2026-11-24 (its end), '2026-11-24 08:00',"
        " tuesday, yesterday, 2d (ago).",
    )


class OneApplication(Options):
    """Whether one application alone is meant."""

    app: str = flag(
        "--app",
        default="",
        metavar="NAME|ID",
        source=Source.APPLICATIONS,
        group=Group.MEANT,
        help="Only this application: its LRS, documents, images and files.",
    )


class Trying(Options):
    """Whether anything is removed."""

    dry_run: str = flag(
        "--dry-run",
        default="none",
        alone="client",
        choices=("none", "client"),
        group=Group.HOW,
        help="Only show what would be removed.",
    )


class Trusting(Options):
    """Whose files in the folder of the backups are believed."""

    accept_owners: tuple[str, ...] = flag(
        "--accept-owner",
        default=(),
        metavar="USER,...",
        commas=True,
        group=Group.OUTPUT,
        help="Believe what this user has left in the folder of the backups too: journals, holds, files of interrupted backups.",
    )

    @property
    def trust(self) -> Trust:
        """These users beside the one who calls, and root."""
        from kubectl_lrs.runtime.trust import Trust, user_id

        return Trust(frozenset(map(user_id, self.accept_owners)))


class Selecting(Options):
    """Which objects are meant."""

    all_namespaces: bool = flag("-A", "--all-namespaces", default=False, group=Group.MEANT, help="All namespaces; overrides -n.")
    types: tuple[str, ...] = flag(
        "--type",
        default=(),
        metavar="T,...",
        commas=True,
        group=Group.MEANT,
        source=Source.TYPES,
        help="Only these workload types.",
    )
    excluded: tuple[str, ...] = flag(
        "--exclude-type",
        default=(),
        metavar="T,...",
        commas=True,
        group=Group.MEANT,
        source=Source.TYPES,
        help="Not these workload types.",
    )
    selector: str = flag(
        "-l",
        "--selector",
        default="",
        metavar="SELECTOR",
        group=Group.MEANT,
        help="Only objects with these labels (app=web,tier!=cache).",
    )

    def selection(self, namespace: str | None) -> Selection:
        """As a selection in this namespace, unless all are meant."""
        from kubectl_lrs.model.selection import Selection

        return Selection(
            namespace=None if self.all_namespaces else namespace or None,
            types=self.types,
            excluded_types=self.excluded,
            selector=self.selector,
        )

    @property
    def selects_some(self) -> bool:
        """Whether types or labels leave some objects out."""
        return bool(self.types or self.selector)
