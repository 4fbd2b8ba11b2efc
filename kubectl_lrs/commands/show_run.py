"""Show what one backup or journal holds, as `show_` is told."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from kubectl_lrs import render
from kubectl_lrs.commands.backup_choice import found, open_to_read
from kubectl_lrs.commands.flags import Given, Tables
from kubectl_lrs.commands.show_ import Flags
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.repository import open_repository
from kubectl_lrs.repository.holds import NO_HOLDS
from kubectl_lrs.runtime import state
from kubectl_lrs.runtime.trust import NAMED
from kubectl_lrs.sources.manifests import is_object
from kubectl_lrs.stores.deployments.journal import is_journal, load, with_copies
from kubectl_lrs.stores.lrs.saved import index


def run(given: Given) -> None:
    """The journal, or the catalog and the objects."""
    flags, output = given.of(Flags), given.of(Tables).output
    backup, directory = flags.backup, open_to_read(*flags.where)
    for path in (directory.journals / backup, Path(backup)):
        if is_journal(path) and not is_object(path):
            render.show(render.journal_view(with_copies(load(path, NAMED), state.folders())), output)
            return
    folder = found(given, directory, backup)
    if backup == LATEST:
        render.say_latest(folder, quiet=output not in ("table", "wide"))
    holds = NO_HOLDS
    with suppress(OSError):  # of the place that it lies in
        holds = open_repository(folder.parent, flags.reach).holds() if folder.has_sums else NO_HOLDS
    render.show(render.catalog_view(folder, list(index(folder)), holds), output)
