"""What can be said of the toy on a command line."""

from __future__ import annotations

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.flags import Options, flag
from tests.builders.toy import TOY


class Place(Options):
    """Where it is."""

    file: str = flag("--toy-file", default="", metavar="FILE", help="The file of the toy.")


class BackupOptions(Place):
    """How much of it is taken."""

    level: str | None = flag("--toy", default=None, choices=TOY.levels, help="How much of the toy to take.")


class RestoreOptions(Place):
    """What becomes of what is there."""

    existing: Existing = flag("--toy-existing", default=Existing.SKIP, choices=(Existing.SKIP, Existing.REPLACE), help="Or not.")


class CheckOptions(Place):
    """Whether it is looked at."""

    wanted: bool | None = flag("--toy", off="--no-toy", default=None, help="Look at the toy.")


class RehearseOptions(Place):
    """Beside which file it is rehearsed."""


BACKUP, RESTORE, CHECK, REHEARSE = BackupOptions, RestoreOptions, CheckOptions, RehearseOptions
