"""Back up: each tier collects into a hidden folder, which is sealed under its name when all of them are done."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from kubectl_lrs.model.catalog import TOOL, Catalog, Cluster, Missing
from kubectl_lrs.model.errors import InterruptedRunError, LrsError, NothingFoundError
from kubectl_lrs.model.notes import Note
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.stores import STORES, leave_out
from kubectl_lrs.repository import Writer
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.base import Collector, Confirming, Facts
from kubectl_lrs.usecases.making import Destination, Signals, Uninterrupted, make

RESOURCES = "resources"
"""The tier of the LRS themselves."""

DOCUMENTS = "mongo"
"""The store whose documents speak of LRS, and by which images and files are found."""


def back_up(
    tiers: Mapping[str, Collector],
    *,
    destination: Destination,
    cluster: Cluster,
    selection: Selection,
    profile: str,
    levels: Mapping[str, str],
    progress: Progress,
    signals: Signals = Uninterrupted(),  # noqa: B008  it has no state
    allow_empty: bool = False,
    extras: Collection[str] = (),
) -> tuple[str, Catalog]:
    """Make one backup, whole or not at all; where it is, and its catalog.

    `extras`: the tiers that nobody asked for by name. One that cannot be had is missing in the backup, and ends nothing.

    NothingFoundError: there is nothing that could be saved, or no LRS of the types or labels that were named.
    """

    def fill(writer: Writer, progress: Progress) -> Catalog:
        if not writer.is_locked:
            where = destination.repository.location
            said = "its file system has no locks; let no other run make a backup there meanwhile"
            progress.note(f"warning: {where}: {said}", Note.NO_LOCKS)
        collecting = _Collecting(tiers, writer, progress, extras)
        facts = collecting.run(must_fit=selection.is_narrow and not allow_empty)
        progress.begin("sealing")
        made = Catalog(
            name=writer.name,
            instant=writer.instant,
            finished=_now(),
            tool=TOOL,
            cluster=cluster,
            selection=selection.as_dict(),
            profile=profile,
            levels=levels,
            missing=(*(each for name in facts for each in facts[name].pop("missing", ())), *collecting.missing),
            tiers=facts,
        )
        if made.is_empty and not allow_empty:
            raise NothingFoundError("nothing was found; no backup was made")
        return writer.seal(made)

    return make(destination, fill, progress, signals)


@dataclass(frozen=True)
class _Collecting:
    """Has each tier collect. `missing`: the extras that could not be had."""

    tiers: Mapping[str, Collector]
    writer: Writer
    progress: Progress
    extras: Collection[str]
    missing: list[Missing] = field(default_factory=list)

    def run(self, *, must_fit: bool) -> dict[str, Facts]:
        """The facts of each; where no LRS fits what was named, nothing of the other stores is copied for it."""
        facts: dict[str, Facts] = {}
        for name, tier in self.tiers.items():
            facts |= self._collect(name, tier)
            if must_fit and name == RESOURCES and not facts[name]["objects"]:
                raise NothingFoundError("no LRS fits; no backup was made")
            if name == DOCUMENTS:
                facts |= self._confirmed(facts, take_in=True)
        if facts.keys() & STORES.keys() - {DOCUMENTS}:
            facts |= self._confirmed(facts, take_in=False)
        return facts

    def _collect(self, name: str, tier: Collector) -> dict[str, Facts]:
        """One tier's part, none of an extra that cannot be had; any other failure says how to do without."""
        begun = self.writer.checkpoint()
        try:
            return {name: tier.collect(self.writer, self.progress)}
        except InterruptedRunError:
            raise
        except LrsError as error:
            if name not in self.extras:
                without(error, name)
                raise
            self.writer.rollback(begun)
            self.missing.append(Missing(store=name, reason=str(error)))
            return {}

    def _confirmed(self, facts: Mapping[str, Facts], *, take_in: bool) -> dict[str, Facts]:
        """The facts anew of what may have changed while the stores after it were read.

        Right after the documents, what was made meanwhile is taken in, as they may speak of it, and its images and files
        are found with the others'. Later than that it is of no document of this backup, and only named.
        """
        return {
            name: tier.confirm(self.writer, self.progress, take_in=take_in)
            for name, tier in self.tiers.items()
            if name in facts and isinstance(tier, Confirming)
        }


def without(error: LrsError, tier: str) -> None:
    """Put the flag that leaves the tier out into the error's hint."""
    flag = leave_out(tier)
    if flag and flag not in error.hint:
        error.with_hint(f"{flag} leaves it out")


def _now() -> datetime:
    return datetime.now(timezone.utc)
