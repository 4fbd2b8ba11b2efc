"""What every store is to the use cases: something that collects into a backup, and something that restores out of one."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from kubectl_lrs.model.belonging import Belongings
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.places import RestoreTarget
from kubectl_lrs.model.plan import ApplyOptions, StorePlan
from kubectl_lrs.model.report import Report
from kubectl_lrs.model.stores import STORES
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress

if TYPE_CHECKING:
    from kubectl_lrs.clients.kubernetes.client import KubeClient
    from kubectl_lrs.model.flags import Options
    from kubectl_lrs.repository import Backup, Writer

Facts = dict[str, Any]
"""What the catalog says of a store's part of a backup: JSON."""


class Collector(Protocol):
    """A store's part of a backup; it writes its own files."""

    def collect(self, writer: Writer, progress: Progress) -> Facts:
        """Write everything into the folder; the facts for the catalog.

        Among them may be `missing`, what the source itself no longer has (`Missing` each), and `notes`, what the user
        should know. An LrsError means that there is no backup.
        """


class Unavailable:
    """A store's part of a backup that cannot even be begun; for one that the backup is made without."""

    def __init__(self, why: LrsError) -> None:
        self._why = why

    def collect(self, _writer: Writer, _progress: Progress) -> Facts:
        """Never: the reason why not is raised."""
        raise self._why


@runtime_checkable
class Confirming(Collector, Protocol):
    """A collector whose things may change while other stores are read, which it can find out afterwards."""

    def confirm(self, writer: Writer, progress: Progress, *, take_in: bool) -> Facts:
        """Look once more at what was collected; the facts anew, with what was made, changed and deleted meanwhile.

        `take_in`: what was made meanwhile becomes part of the backup. It may be called more than once. What cannot be told
        or had is among `missing`; it is no error.
        """


class Restorer(Protocol):
    """A store's part of a restore."""

    @property
    def name(self) -> str:
        """As in the catalog: mongo, images, files, resources."""

    def plan(self, progress: Progress) -> StorePlan:
        """Look at the backup and the store, and decide; nothing stays written."""

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """Do what the plan says and nothing else, and add an outcome for each step to the report as it is known.

        It may be another object than the one that made the plan. An LrsError where the store is lost: what was not begun
        has no outcome then. A step that fails by itself is an outcome, no error.
        """


class Rehearsal(Restorer, Protocol):
    """A store's part of a rehearsal: a restore to somewhere beside what runs, which is compared and removed again.

    An outcome says `created` only of what came back and is as the backup has it. What is made is marked as ours before it is
    made. `apply` removes all of it, however it ends, and says in the report what it could not remove.
    """

    @property
    def how(self) -> str:
        """What is done, in words, such as `restored into a scratch database`."""

    @property
    def is_timed(self) -> bool:
        """Whether `apply` does all that takes time in a recovery."""

    @property
    def aside(self) -> float:
        """The seconds of `apply` that a recovery would not take: comparing and removing."""

    def sweep(self, progress: Progress) -> Iterator[str]:
        """Remove what killed rehearsals have left; what was removed and what was not, in words."""


@dataclass(frozen=True, kw_only=True)
class BackupContext:
    """What a store's part of a backup is made in. `namespace`: where the application runs.

    `carriers`: who copies what can be copied by others; None where this process does all of it.
    """

    level: str
    kube: KubeClient
    namespace: str
    carriers: Carriers | None = None


class Carriers(Protocol):
    """Who copies segments. `shards`: into about so many the work is cut, None for as few as may be."""

    @property
    def shards(self) -> int | None:
        """See above."""

    def carry(self, names: Sequence[str], marked: Callable[[], set[int]], progress: Progress) -> None:
        """All that are named are done when this returns. LrsError where they will not be."""


@dataclass(frozen=True, kw_only=True)
class RestoreContext:
    """What a store's part of a restore is made in. `namespace`: where the application is to run.

    `namespaces`: where those of the backup go to, as far as they go elsewhere. `only`: what belongs to the one application
    that is meant, None where all of the backup is. `journals`, `state`: where journals lie.
    """

    folder: Backup
    kube: KubeClient
    namespace: str
    namespaces: Mapping[str, str]
    stop: Cancel
    journals: Path = Path()
    state: Path | None = None
    only: Belongings | None = None


class Connect(Protocol):
    """A store's module `connect`: its parts, made from their options."""

    def collector(self, options: Options, context: BackupContext, /) -> Collector:
        """Its part of a backup."""

    def restorer(self, options: Options, context: RestoreContext, /) -> Restorer:
        """Its part of a restore."""

    def rehearsal(self, options: Options, context: RestoreContext, /) -> Rehearsal:
        """Its part of a rehearsal."""

    def by_environment(self, options: Options, /) -> tuple[str, str] | None:
        """(where it is without secrets, the variable that says so), None where the environment does not say it."""

    def place(self, options: Options, context: RestoreContext, /) -> RestoreTarget:
        """Where a restore writes, and who says so. Nothing is asked yet."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a store in a backup. `sum`: of its content, empty where the backup does not tell; `size` -1 likewise."""

    key: bytes
    sum: bytes
    size: int = -1


class Compare(Protocol):
    """A store's module `compare`: what two backups hold of it, held against each other thing by thing."""

    def groups(self, folder: Backup, /) -> dict[str, int]:
        """Group of things → how many of them a backup holds; what only one of two holds is not compared."""

    def items(self, folder: Backup, groups: frozenset[str], only: Collection[str] | None = None, /) -> Iterator[Item]:
        """The things of these groups, in any order, each key once; `only`: of these names, as `Belonging` has them."""

    def shown(self, key: bytes, /) -> str:
        """A thing's name, for people."""


def compare_module(name: str) -> Compare:
    """What compares the store of this name, or the deployments."""
    package = STORES[name].package if name in STORES else f"kubectl_lrs.stores.{name}"
    return cast("Compare", importlib.import_module(f"{package}.compare"))


def connect_module(name: str) -> Connect:
    """What makes the parts of the store of this name."""
    return cast("Connect", importlib.import_module(f"{STORES[name].package}.connect"))
