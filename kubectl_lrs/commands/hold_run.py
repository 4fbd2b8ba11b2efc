"""Hold a backup, as `hold_` is told."""

from __future__ import annotations

from kubectl_lrs.commands import changed
from kubectl_lrs.commands.backup_choice import found
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.hold_ import Flags
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.repository import open_repository
from kubectl_lrs.repository.holds import MAX_REASON


def run(given: Given) -> None:
    """Write the hold beside the backup."""
    flags = given.of(Flags)
    if not flags.backup:
        raise UsageError("no backup is named", hint="list shows them")
    if not flags.reason.strip() or len(flags.reason) > MAX_REASON:
        raise UsageError(f"--reason: say in 1 to {MAX_REASON} characters why it must stay", hint="--reason 'before the upgrade'")
    backup = found(given, open_repository(flags.path, flags.reach), flags.backup)
    open_repository(backup.parent, flags.reach).hold(backup, flags.reason.strip())
    changed.show(given, backup, flags.reach, f"{backup.name} is held: {flags.reason.strip()}")
