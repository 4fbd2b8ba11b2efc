"""Let a backup go that is held, as `unhold_` is told."""

from __future__ import annotations

from pathlib import Path

from kubectl_lrs import render
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.unhold_ import Flags
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.repository.directory import BackupDir
from kubectl_lrs.repository.files import disk_error
from kubectl_lrs.repository.holds import unhold


def run(given: Given) -> None:
    """Remove the hold."""
    flags = given.of(Flags)
    if not flags.backup:
        raise UsageError("no backup is named", hint="show tells which are held")
    folder = BackupDir(Path(flags.path)).find(flags.backup)
    try:
        unhold(folder.path.resolve().parent, folder.catalog)
    except FileNotFoundError as error:
        raise UsageError(f"{folder.name} is not held") from error
    except OSError as error:
        raise disk_error(error, folder.path.parent, "it is still held") from error
    render.say(f"{folder.name} is not held any more")
