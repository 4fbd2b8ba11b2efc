"""Let a backup go that is held, as `unhold_` is told."""

from __future__ import annotations

from kubectl_lrs.commands import changed
from kubectl_lrs.commands.backup_choice import found
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.unhold_ import Flags
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.repository import open_repository


def run(given: Given) -> None:
    """Remove the hold."""
    flags = given.of(Flags)
    if not flags.backup:
        raise UsageError("no backup is named", hint="show tells which are held")
    backup = found(given, open_repository(flags.path, flags.reach), flags.backup)
    open_repository(backup.parent, flags.reach).unhold(backup)
    changed.show(given, backup, flags.reach, f"{backup.name} is not held any more")
