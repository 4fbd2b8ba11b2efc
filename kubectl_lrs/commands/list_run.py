"""List the backups of a folder, as `list_` is told."""

from __future__ import annotations

from kubectl_lrs import render
from kubectl_lrs.commands.flags import Backups, Given, Tables
from kubectl_lrs.repository import open_repository
from kubectl_lrs.repository.base import is_of_future


def run(given: Given) -> None:
    """One row for each; what only looks like a backup is a warning."""
    directory, output = open_repository(given.of(Backups).path), given.of(Tables).output
    sealed, unsealed = directory.scan()
    holds = directory.holds()
    render.show(render.listing(sealed, unsealed, output, holds), output)
    if not sealed:
        render.say(f"no sealed backup in {directory.resolved}")
    for folder in sealed:
        if is_of_future(folder.catalog):
            render.say(f"warning: {folder.name} is dated later than now; it is not the latest while there is another")
    for refused in holds.refused:
        render.say(f"warning: a hold is not believed: {refused}")
    for other in unsealed:
        render.say(f"warning: {other.why}")
