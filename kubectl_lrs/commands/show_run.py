"""Show what one backup or journal holds, as `show_` is told."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kubectl_lrs import render
from kubectl_lrs.commands.application_choice import of_application
from kubectl_lrs.commands.backup_choice import found
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.shared import OneApplication, Tables
from kubectl_lrs.commands.show_ import Flags
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.repository import Repository, open_repository
from kubectl_lrs.repository.holds import NO_HOLDS
from kubectl_lrs.runtime import state
from kubectl_lrs.runtime.trust import NAMED
from kubectl_lrs.sources.manifests import is_object
from kubectl_lrs.sources.place import open_to_read
from kubectl_lrs.stores.deployments.journal import is_journal, load, with_copies
from kubectl_lrs.stores.lrs.saved import index
from kubectl_lrs.usecases.belonging import belongings_in
from kubectl_lrs.usecases.holding import applications_of


def run(given: Given) -> None:
    """The journal, or the catalog and the objects."""
    flags, output = given.of(Flags), given.of(Tables).output
    backup, directory = flags.backup, open_to_read(*flags.where)
    if given.of(OneApplication).app:
        _application(given, directory, backup, output)
        return
    for path in (directory.journals / backup, Path(backup)):
        if is_journal(path) and not is_object(path):
            render.show(render.journal_view(with_copies(load(path, NAMED), state.folders())), output)
            return
    folder = found(given, directory, backup)
    if backup == LATEST:
        render.say_latest(folder, quiet=output not in ("table", "wide"))
    elif folder.warning:
        render.say(f"warning: {folder.warning}")
    holds = NO_HOLDS
    with suppress(OSError):  # of the place that it lies in
        holds = open_repository(folder.parent, flags.reach).holds() if folder.has_sums else NO_HOLDS
    of_each = applications_of(folder, index(folder)) if output in ("wide", "json", "yaml") else {}
    entries = (_with_application(each, of_each) for each in index(folder))
    render.show(render.catalog_view(folder, entries, holds, output), output)


def _application(given: Given, directory: Repository, backup: str, output: str) -> None:
    """What a backup holds of one application."""
    folder, application = of_application(given, directory, backup)
    quiet = output not in ("table", "wide")
    if backup == LATEST:
        render.say_latest(folder, quiet=quiet)
    progress = render.progress(quiet=quiet)
    render.show(render.belongings_view(folder, belongings_in(folder, application, progress)), output)


def _with_application(entry: dict[str, Any], of_each: Mapping[tuple[str, str], tuple[str, str]]) -> dict[str, Any]:
    """Whose it is, too, where that is known."""
    found = of_each.get((str(entry["namespace"]), str(entry["name"])))
    return {**entry, "application": {"id": found[0], "name": found[1]}} if found else entry
