"""Hold a backup, as `hold_` is told."""

from __future__ import annotations

from pathlib import Path

from kubectl_lrs import render
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.hold_ import Flags
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.repository.directory import BackupDir
from kubectl_lrs.repository.files import disk_error
from kubectl_lrs.repository.holds import MAX_REASON, hold


def run(given: Given) -> None:
    """Write the hold beside the backup."""
    flags = given.of(Flags)
    if not flags.backup:
        raise UsageError("no backup is named", hint="list shows them")
    if not flags.reason.strip() or len(flags.reason) > MAX_REASON:
        raise UsageError(f"--reason: say in 1 to {MAX_REASON} characters why it must stay", hint="--reason 'before the upgrade'")
    folder = BackupDir(Path(flags.path)).find(flags.backup)
    try:
        hold(folder.path.resolve().parent, folder.catalog, flags.reason.strip())
    except OSError as error:
        raise disk_error(error, folder.path.parent, "nothing is held") from error
    render.say(f"{folder.name} is held: {flags.reason.strip()}")
