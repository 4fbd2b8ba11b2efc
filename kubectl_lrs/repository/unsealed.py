"""What lies among backups and cannot be read as one: it may be one all the same, and the newest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from kubectl_lrs.model.catalog import CLOCKS
from kubectl_lrs.model.errors import UnreachableError

if TYPE_CHECKING:
    from kubectl_lrs.model.catalog import Catalog

NAMED = 3


@dataclass(frozen=True)
class Unsealed:
    """What is named like a backup or holds a catalog, and cannot be read as one.

    `until`: it is of no later instant than this, as its storage says; None where nothing tells. `is_untold`: the storage did
    not give it, so that it may be whole.
    """

    name: str
    location: str
    why: str
    until: datetime | None = None
    is_untold: bool = False

    def may_be_newer(self, than: Catalog) -> bool:
        """Whether it may be a backup that is newer than that one."""
        return self.until is None or self.until + CLOCKS > than.instant


def doubts(newest: Catalog | None, unsealed: Sequence[Unsealed], is_others: Callable[[str], bool]) -> list[str]:
    """What else may be the newest, and cannot be read. `is_others`: of a name, whether another program saved what has it.

    UnreachableError where the storage did not give one, as another time it may. `newest`: None where there is no other.
    """
    newer = [each for each in unsealed if (newest is None or each.may_be_newer(newest)) and not is_others(each.name)]
    if untold := next((each for each in newer if each.is_untold), None):
        what = f"{newest.name} is the newest" if newest else "it is the one that is meant"
        raise UnreachableError(
            f"{untold.name} cannot be read, so nothing tells whether {what}: {untold.why}",
            hint="try again later, or name the one that you mean",
        )
    return [f"{each.name} cannot be read, and may be newer: {each.why}" for each in newer[:NAMED]]
