"""List the backups of a folder, as `list_` is told."""

from __future__ import annotations

from pathlib import Path

from kubectl_lrs import render
from kubectl_lrs.commands.flags import Backups, Given, Tables
from kubectl_lrs.repository.directory import BackupDir, is_of_future
from kubectl_lrs.repository.holds import read_holds


def run(given: Given) -> None:
    """One row for each; what only looks like a backup is a warning."""
    directory, output = BackupDir(Path(given.of(Backups).path)), given.of(Tables).output
    sealed, unsealed = directory.scan()
    holds = read_holds(directory.path)
    render.show(render.listing(sealed, unsealed, output, holds), output)
    if not sealed:
        render.say(f"no sealed backup in {directory.path.resolve()}")
    for folder in sealed:
        if is_of_future(folder.catalog):
            render.say(f"warning: {folder.name} is dated later than now; it is not the latest while there is another")
    for refused in holds.refused:
        render.say(f"warning: a hold is not believed: {refused}")
    for other in unsealed:
        render.say(f"warning: {other.why}")
