"""What became of one backup, for whoever asked: a line for a person, the backup as it is now for a program."""

from __future__ import annotations

from kubectl_lrs import render
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.shared import Tables
from kubectl_lrs.repository import Backup, open_repository
from kubectl_lrs.repository.place import Reach


def show(given: Given, backup: Backup, reach: Reach, done: str) -> None:
    """Tell it. The place that the backup lies in is looked at again."""
    output = given.of(Tables).output
    if output in ("table", "wide"):
        render.say(done)
        return
    render.show(render.changed_view(backup, open_repository(backup.parent, reach).holds(), done), output)
