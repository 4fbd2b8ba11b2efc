"""What every form of a repository is to those who remove backups from it. Which ones go is not decided here.

What is looked at, what is made ready and what is done are three calls: what the first two found is in what they return.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from kubectl_lrs.model.catalog import Catalog
    from kubectl_lrs.repository.count import Count
    from kubectl_lrs.runtime.cancel import Cancel
    from kubectl_lrs.runtime.trust import RefusedError


@dataclass(frozen=True, kw_only=True)
class Found:
    """A backup that may be removed. `hold`: why it must stay, empty where nobody said so. `doubt`: what of it cannot be
    believed, so that it is kept and counts for nothing. `which`: what the form knows it by."""

    name: str
    catalog: Catalog
    hold: str = ""
    doubt: str = ""
    which: object


@dataclass(frozen=True, kw_only=True)
class LeftAlone:
    """What lies among the backups and is not judged, with the reason. `is_unread`: it looks like one, and cannot be read."""

    name: str
    why: str
    is_unread: bool = False


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A removal of the backup `name` that was killed; `why` it cannot be told to be ours, empty where it is."""

    name: str
    where: str
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What is there. `unbelieved`: holds that are not ours."""

    backups: Sequence[Found]
    left_alone: Sequence[LeftAlone] = ()
    begun: Sequence[Begun] = ()
    unbelieved: Sequence[RefusedError] = ()


@dataclass(frozen=True, kw_only=True)
class Weight:
    """What a plan would free: `bytes` at once, None where that cannot be told. In a pool: what is `swept` at once, and what is
    `condemned`, to be deleted `grace` seconds later."""

    bytes: int | None
    swept: Count | None = None
    condemned: Count | None = None
    grace: float = 0


class Going(NamedTuple):
    """A backup that goes, and those of its group that stay: where one of them is gone by now, it stays too."""

    found: Found
    kept: Sequence[Found]


class PruneResult(str, Enum):
    """What became of a backup that was to go."""

    REMOVED = "removed"
    KEPT = "kept"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One backup that was to go, or the rest of one, what became of it, and why where that is not plain."""

    name: str
    result: PruneResult
    found: Found | None = None
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class PoolFacts:
    """What was done to the pool that backups share. `matures`: when what is condemned now may go, by the storage's clock.
    `remarks`: what was not done, and why. `kept_at`: the URL of a storage that keeps what was deleted, as versions or for a
    time; empty where none does, or nothing was."""

    swept: Count
    condemned: Count
    matures: datetime | None = None
    remarks: Sequence[str] = field(default_factory=list)
    kept_at: str = ""


class Prepared(Protocol):
    """A removal that is made ready. `lacking`: backups that turned out to be damaged, by name, and how."""

    lacking: Mapping[str, str]

    def weight(self) -> Weight:
        """What it would free."""

    def apply(self, going: Iterable[Going], stop: Cancel) -> Iterator[Outcome]:
        """Remove them, each outcome as it is there; what was begun before comes first. LrsError where nothing was removed."""

    def facts(self) -> PoolFacts | None:
        """What was done beside, after that; None where nothing is shared."""


class Pruner(Protocol):
    """A repository that backups are removed from."""

    @property
    def location(self) -> str:
        """As the user named it."""

    @property
    def resolved(self) -> str:
        """As it can be named from any directory."""

    def look(self) -> Looked:
        """What is there. UsageError, DamageError."""

    def prepare(self, looked: Looked, going: Collection[str]) -> Prepared:
        """Make ready for that these go. Nothing is changed."""
