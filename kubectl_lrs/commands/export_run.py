"""Write a backup as a plain folder, as `export_` is told."""

from __future__ import annotations

from kubectl_lrs import render
from kubectl_lrs.commands.backup_choice import found
from kubectl_lrs.commands.confirm import HeldSignals
from kubectl_lrs.commands.export_ import Flags
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.shared import Quiet, Tables, Trusting
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.repository import open_repository
from kubectl_lrs.repository.place import folder_of
from kubectl_lrs.usecases.copy import export


def run(given: Given) -> None:
    """Find it, and write it."""
    flags, quiet = given.of(Flags), given.of(Quiet).quiet
    if not flags.backup or not flags.directory:
        raise UsageError("export needs a BACKUP and a DIR", hint="export latest ./out")
    backup = found(given, open_repository(flags.path, flags.reach), flags.backup)
    if flags.backup == LATEST:
        render.say_latest(backup, quiet=quiet)
    location, catalog = export(
        backup,
        folder_of(flags.directory, what="DIR"),
        format_version=int(flags.format_version) if flags.format_version else None,
        progress=render.progress(quiet=quiet),
        signals=HeldSignals(),
        trust=given.of(Trusting).trust,
    )
    render.show(render.exported(backup.name, location, catalog), given.of(Tables).output)
