"""What others saved, as a `Backup`: every verb that reads one takes it. It has files, a catalog that was made up, and no sums."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Protocol

from kubectl_lrs import __version__
from kubectl_lrs.model.catalog import NEWEST, OLDEST, UNKNOWN_CLUSTER, Catalog, Origin, can_be
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.stores import RESOURCES
from kubectl_lrs.repository.base import ALL, Damage, Original
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.trust import user_name
from kubectl_lrs.stores.base import Collector

NO_SUMS = "there are no sums, so nothing tells whether it is as it was written"


class Part(Collector, Protocol):
    """What a source holds of one tier."""

    @property
    def tier(self) -> str:
        """As in the catalog."""

    @property
    def facts(self) -> dict[str, Any]:
        """What a catalog says of it, what it lacks (`missing`) included."""

    def paths(self) -> list[str]:
        """The files that a backup of ours would have of it."""

    def reading(self, path: str) -> AbstractContextManager[BinaryIO] | None:
        """One of them; None where it has no such."""

    def lines(self, path: str) -> Iterator[str] | None:
        """Those of a packed list; None where it has no such."""


NO_LRS = {
    "group": "",
    "version": "",
    "kind": "",
    "plural": "",
    "resourceVersion": "",
    "objects": 0,
    "bytes": 0,
    "types": {},
    "namespaces": {},
    "skipped": [],
    "crd": None,
    "crdNote": "it holds no LRS",
}
"""What a catalog says of the LRS where the source holds nothing but data."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which source it is. `location`: as it can be named from any directory; `uid`: whose it is, -1 where that is not known."""

    name: str
    location: str
    origin: Origin
    instant: datetime
    uid: int = -1


class OthersBackup:
    """One source. `parts`: one for each tier that it holds something of."""

    has_sums = False
    reads_all = True

    def __init__(self, identity: Identity, parts: Sequence[Part], *, levels: dict[str, str] | None = None) -> None:
        self.identity_of_source = identity
        self.parts = {part.tier: part for part in parts}
        self.warning = ""
        self.catalog = _catalog(identity, parts, levels or {})

    @property
    def name(self) -> str:
        """What it is called."""
        return self.identity_of_source.name

    @property
    def location(self) -> str:
        """Where it is."""
        return self.identity_of_source.location

    @property
    def parent(self) -> str:
        """What it lies in."""
        return self.location.rpartition("/")[0] or "/"

    def describe(self, relative: str = "") -> str:
        """It, or one of its files, for a person."""
        return f"{self.location}: {relative}" if relative else self.location

    @property
    def identity(self) -> str:
        """None: there are no sums."""
        return ""

    @property
    def unique_bytes(self) -> int | None:
        """That cannot be told."""
        return None

    @property
    def owner(self) -> str:
        """Whose the file is, where the storage tells."""
        return user_name(self.identity_of_source.uid) if self.identity_of_source.uid >= 0 else ""

    @property
    def is_foreign(self) -> bool:
        """Whether it is surely neither this user's nor root's."""
        return self.identity_of_source.uid not in (-1, os.geteuid(), 0)

    def in_use(self) -> OthersBackup:
        """The same: nobody here removes what others saved."""
        return self

    def kept(self, progress: Progress) -> AbstractContextManager[None]:  # noqa: ARG002
        """Nothing has to be done for that."""
        return nullcontext()

    def original(self) -> Original | None:
        """None: it was sealed by nobody."""
        return None

    def sums(self) -> Iterator[tuple[str, str]]:
        """Never: there are none."""
        self._refuse()

    def damages(self, on_file: Callable[[int], None] = lambda _size: None, *, share: float = ALL) -> Iterator[Damage]:  # noqa: ARG002
        """Never: nobody can tell."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise UsageError(
            f"{self.catalog.origin}: {NO_SUMS}",
            hint="verify --against-cluster asks whether it would restore; import makes a backup with sums of it",
        )

    def unread(self, share: float = ALL) -> str:  # noqa: ARG002
        """That there is nothing to hold it against."""
        return NO_SUMS

    def paths(self, prefix: str = "") -> list[str]:
        """The files that a backup of ours would have, whose path begins so."""
        return [path for part in self.parts.values() for path in part.paths() if path.startswith(prefix)]

    @contextmanager
    def reading(self, relative: str) -> Iterator[BinaryIO]:
        """One of them."""
        opened = next((found for part in self.parts.values() if (found := part.reading(relative)) is not None), None)
        if opened is None:
            raise DamageError(f"{self.describe(relative)}: there is none")
        with opened as file:
            yield file

    def lines(self, relative: str) -> Iterator[str]:
        """Those of a packed list; none where it holds nothing of that tier."""
        return next((found for part in self.parts.values() if (found := part.lines(relative)) is not None), iter(()))


def _catalog(identity: Identity, parts: Sequence[Part], levels: dict[str, str]) -> Catalog:
    """What a catalog would say, as far as anything is known."""
    tiers = {RESOURCES: dict(NO_LRS)} | {part.tier: dict(part.facts) for part in parts}
    missing = tuple(each for facts in tiers.values() for each in facts.pop("missing", ()))
    return Catalog(
        name=identity.name,
        instant=identity.instant,
        finished=identity.instant,
        tool=f"kubectl-lrs {__version__}",
        cluster=UNKNOWN_CLUSTER,
        selection=Selection().as_dict() | {"leftOutByDefault": []},
        profile="lrs",
        tiers=tiers,
        levels=levels,
        missing=missing,
        origin=identity.origin,
    )


BY_FILES = "by the time of its files"


def of_path(path: Path, program: str, instant: datetime | None = None, dated: str = "") -> Identity:
    """A source of this machine; where nothing better tells that can be true, it is as old as its newest file."""
    found = path.stat()
    instant = instant if instant and can_be(instant) else None
    location = str(path.resolve())
    name = path.resolve().name
    return Identity(
        name=name,
        location=location,
        origin=Origin(program=program, location=location, dated=dated if instant else BY_FILES),
        instant=instant or _newest(path),
        uid=found.st_uid,
    )


def _newest(path: Path) -> datetime:
    times = [path.stat().st_mtime] if path.is_file() else []
    if not times:
        with os.scandir(path) as entries:
            times = [entry.stat(follow_symlinks=False).st_mtime for entry in entries]
    return of_time(max(times, default=0.0))


def of_time(seconds: float) -> datetime:
    """The time of a file, whatever it says, or the nearest one that a catalog may be of."""
    return datetime.fromtimestamp(min(max(seconds, OLDEST.timestamp()), NEWEST.timestamp()), timezone.utc)
