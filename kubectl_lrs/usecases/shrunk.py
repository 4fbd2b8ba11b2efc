"""A backup that holds much less than the one before it that was asked for the same: said when it is made.

Whatever took it away (a database that was emptied, a mount that is another one, a right that shows nothing) looks to every
tier as if there were no more. Only catalogs are read.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.choice import Fewer, fewer, group_of
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository import Backup, Repository


@dataclass(frozen=True, kw_only=True)
class Shrunk:
    """What a new backup has less than the one `before` it. `why_not`: why that is not known; empty where it is."""

    before: str = ""
    counts: tuple[Fewer, ...] = ()
    why_not: str = ""

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left of something of which there was much."""
        return any(each.is_gone for each in self.counts)


def shrunk(repository: Repository, made: Catalog) -> Shrunk:
    """What a backup that was just sealed there has less. It is sealed, whatever this comes to: nothing is raised."""
    try:
        before = _before(repository, made)
        return Shrunk(before=before.name, counts=tuple(fewer(made, before.in_use().catalog))) if before else Shrunk()
    except (LrsError, OSError) as error:
        return Shrunk(why_not=str(error))


def _before(repository: Repository, made: Catalog) -> Backup | None:
    """The newest before it of the same cluster that was asked for the same; one without anything is none."""
    mine = (each for each in repository.newest_first() if group_of(each.catalog) == group_of(made))
    return next((each for each in mine if each.catalog.instant < made.instant), None)
