"""List the backups of a folder, as `list_` is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kubectl_lrs import render
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.list_ import Listing
from kubectl_lrs.commands.shared import Backups, Tables
from kubectl_lrs.repository import Backup, Repository
from kubectl_lrs.repository.base import is_of_future
from kubectl_lrs.sources.place import open_to_read
from kubectl_lrs.usecases.open_journals import OpenJournal, open_journals

ORDER: Mapping[str, Callable[[Backup], Any]] = {
    "created": lambda backup: backup.catalog.instant,
    "name": lambda backup: backup.name,
    "objects": lambda backup: backup.catalog.objects,
    "size": lambda backup: backup.catalog.size,
    "profile": lambda backup: backup.catalog.profile,
    "state": lambda backup: backup.catalog.state,
}
"""By --sort-by; of equal ones the older stands first."""


def _holds(backup: Backup, name: str) -> bool:
    """Whether it is to be listed; the list of objects is read only where a name was given."""
    if not name:
        return True
    from kubectl_lrs.usecases.holding import holds

    return holds(backup, [name])


def run(given: Given) -> None:
    """One row for each; what only looks like a backup is a warning."""
    directory, output = open_to_read(*given.of(Backups).where), given.of(Tables).output
    listing = given.of(Listing)
    there, unsealed = directory.scan()
    sealed = sorted((each for each in there if _holds(each, listing.holding)), key=ORDER[listing.order])
    holds = directory.holds()
    journals, unreadable = open_journals(directory.journals)
    view = render.listing(sealed, unsealed, output, holds, journals)
    render.show(replace(view, has_headings=not listing.no_headers), output)
    for line in (*map(_open, journals), *_remarks(sealed, listing.holding, directory)):
        render.say(line)
    if listing.holding and there and not any("mongo" in each.catalog.tiers for each in there):
        render.say("hint: none of them has the documents that tell names of applications; an id or the name of an LRS will do")
    others = [each.name for each in unsealed if directory.elsewhere is not None and directory.elsewhere.has(each.name)]
    for warning in (
        *(f"a hold is not believed: {each}" for each in holds.refused),
        *unreadable,
        *(each.why for each in unsealed if each.name not in others),
    ):
        render.say(f"warning: {warning}")
    for name in others:
        render.say(f"note: {name} was saved by others; restore, show and diff take it, import makes a backup of it")


def _open(journal: OpenJournal) -> str:
    made = f" (made {journal.created})" if journal.created else ""
    return f"open journal: {journal.path}: {journal.what}; what goes on with it: {journal.waits_for}{made}"


def _remarks(sealed: Sequence[Backup], holding: str, directory: Repository) -> Iterator[str]:
    if not sealed:
        where = directory.resolved
        yield f"no backup in {where} holds {holding!r}" if holding else f"no sealed backup in {where}"
    for folder in sealed:
        if is_of_future(folder.catalog):
            yield f"warning: {folder.name} is dated later than now; it is not the latest while there is another"
