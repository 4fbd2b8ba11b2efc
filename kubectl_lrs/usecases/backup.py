"""Back up: each tier collects into a hidden folder, which is sealed under its name when all of them are done."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from kubectl_lrs import __version__
from kubectl_lrs.model.catalog import Catalog, Cluster, Missing
from kubectl_lrs.model.errors import InterruptedRunError, LrsError, NothingFoundError, UsageError
from kubectl_lrs.model.names import backup_name, is_backup_name
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.stores import STORES, leave_out
from kubectl_lrs.repository import NO_SPACE, Earlier, FolderWriter, Leftover, disk_error, open_earlier, take_abandoned
from kubectl_lrs.repository.directory import BackupDir
from kubectl_lrs.runtime.progress import BestEffort, Progress
from kubectl_lrs.runtime.safe_files import make_folder
from kubectl_lrs.runtime.trust import OWN, Trust
from kubectl_lrs.stores.base import Collector, Confirming, Facts

RESOURCES = "resources"
"""The tier of the LRS themselves."""

DOCUMENTS = "mongo"
"""The store whose documents speak of LRS, and by which images and files are found."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """The folder of the backups, and the new one's name; empty: after the instant. `trust`: whose left-overs are used.

    `trust_previous`: files of earlier backups are linked without being read.
    """

    directory: Path
    name: str = ""
    trust: Trust = OWN
    trust_previous: bool = False

    def __post_init__(self) -> None:
        if self.name and not is_backup_name(self.name):
            raise UsageError(
                f"--name {self.name!r}: letters, digits, '.', '_' and '-' only, not beginning with '.', not 'latest'"
            )


class Signals(Protocol):
    """When an interruption counts. Whoever handles signals makes it; it arrives as KeyboardInterrupt."""

    def hold(self) -> None:
        """What comes from now on waits."""

    def release(self) -> None:
        """What came counts now, and what comes counts at once; more than once is as good as once."""


class Uninterrupted:
    """Nobody interrupts."""

    def hold(self) -> None:
        """Nothing."""

    def release(self) -> None:
        """Nothing."""


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
) -> tuple[Path, Catalog]:
    """Make one backup, whole or not at all; where it is, and its catalog.

    `extras`: the tiers that nobody asked for by name. One that cannot be had is missing in the backup, and ends nothing.

    NothingFoundError: there is nothing that could be saved, or no LRS of the types or labels that were named.
    """
    progress = BestEffort(progress)
    directory = destination.directory
    with _translated(directory):
        make_folder(directory)
        leftovers = _leftovers(destination, progress)
        earlier = _earlier(destination)
    signals.hold()
    try:
        with _translated(directory):
            writer, instant = _open(destination, leftovers, earlier)
        with _put_away_unless_sealed(writer, leftovers, directory, progress):
            signals.release()
            if not writer.is_locked:
                progress.note(
                    f"warning: {directory}: its file system has no locks; let no other run make a backup there meanwhile"
                )
            collecting = _Collecting(tiers, writer, progress, extras)
            facts = collecting.run(must_fit=selection.is_narrow and not allow_empty)
            progress.begin("sealing")
            made = Catalog(
                name=writer.final.name,
                instant=instant,
                finished=_now(),
                tool=f"kubectl-lrs {__version__}",
                cluster=cluster,
                selection=selection.as_dict(),
                profile=profile,
                levels=levels,
                missing=(*(each for name in facts for each in facts[name].pop("missing", ())), *collecting.missing),
                tiers=facts,
            )
            if made.is_empty and not allow_empty:
                raise NothingFoundError("nothing was found; no backup was made")
            catalog = writer.seal(made)
            for leftover in leftovers:
                _finish(leftover, progress)
            for line in earlier.remarks():
                progress.note(f"warning: {line}")
    finally:
        signals.release()
        earlier.close()
    return writer.final, catalog


@contextmanager
def _translated(directory: Path) -> Iterator[None]:
    """What the disk refuses, as an error of ours."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, directory) from error


@contextmanager
def _put_away_unless_sealed(
    writer: FolderWriter, leftovers: Sequence[Leftover], directory: Path, progress: Progress
) -> Iterator[None]:
    """After a failure in the block: what another run can take over stays, under its hidden name; nothing else does."""
    try:
        yield
    except OSError as error:
        _put_away(writer, leftovers, progress, keep=error.errno not in NO_SPACE)
        if writer.is_sealed:
            raise LrsError(f"{writer.final}: the backup is sealed, and then: {error.strerror or error}") from error
        if isinstance(error, FileExistsError):
            raise LrsError(f"{error.filename}: {error.strerror}; no backup was made", hint="see who else writes there") from error
        raise disk_error(error, directory) from error
    except KeyboardInterrupt as error:
        _put_away(writer, leftovers, progress)
        if writer.is_sealed:
            raise InterruptedRunError(f"interrupted just after the backup was sealed: {writer.final}") from error
        raise InterruptedRunError("interrupted; no backup was made") from error
    except BaseException:
        _put_away(writer, leftovers, progress)
        raise
    finally:
        progress.end()


@dataclass(frozen=True)
class _Collecting:
    """Has each tier collect. `missing`: the extras that could not be had."""

    tiers: Mapping[str, Collector]
    writer: FolderWriter
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


def _leftovers(destination: Destination, progress: Progress) -> list[Leftover]:
    """What interrupted runs have left and this one may take over; the rest is removed, or named where it is not ours."""
    abandoned, refused = take_abandoned(destination.directory, destination.trust)
    for error in refused:
        progress.note(f"warning: left alone: {error}; {error.hint}")
    kept = [leftover for leftover in abandoned if leftover.is_worth_keeping]
    for leftover in abandoned:
        if leftover in kept:
            progress.note(f"an interrupted backup has left files that are used where they fit: {leftover.path.name}")
        else:
            name = leftover.path.name
            if _finish(leftover, progress):
                progress.note(f"removed the remains of an interrupted backup: {name.removeprefix('.')}")
    return kept


def _finish(leftover: Leftover, progress: Progress) -> bool:
    """It is of no more use; whether it is gone. What could not be believed, or is not ours to remove, is named."""
    for path, why in list(leftover.refused.items())[:3]:
        progress.note(f"warning: not taken over: {leftover.path}/{path}: {why}")
    left = leftover.remove()
    if not leftover.is_ours:
        progress.note(f"warning: {leftover.path} is not surely from a run of yours, and stays; remove it if nobody needs it")
        return False
    for path in left[:3]:
        progress.note(f"warning: left alone, as no backup made it: {leftover.path}/{path}")
    return not left


def _put_away(writer: FolderWriter, leftovers: Sequence[Leftover], progress: Progress, *, keep: bool = True) -> None:
    kept = writer.abandon() if keep else writer.discard()
    kept += sum(leftover.keep() for leftover in leftovers)
    if kept:
        progress.note(f"{kept} files that were copied are kept in {writer.path} for the next backup")


def _earlier(destination: Destination) -> Earlier:
    """The sealed backups that are there already, whose files the new one shares."""
    sealed, _ = BackupDir(destination.directory).scan()
    return open_earlier(destination.directory, reversed(sealed), is_believed=destination.trust_previous)


def _open(destination: Destination, leftovers: Sequence[Leftover], earlier: Earlier) -> tuple[FolderWriter, datetime]:
    """The folder of this run, and the instant it is named after."""
    if destination.name:
        for leftover in leftovers:
            if leftover.path.name == f".{destination.name}":
                leftover.move_aside()
        try:
            return FolderWriter(destination.directory, destination.name, leftovers, earlier), _now()
        except FileExistsError as error:
            raise UsageError(f"{error.filename}: {error.strerror}", hint="choose another --name") from error
    while True:
        instant = _now()
        try:
            return FolderWriter(destination.directory, backup_name(instant), leftovers, earlier), instant
        except FileExistsError:  # another run began in this second
            time.sleep(1 - _now().microsecond / 1e6)


def _now() -> datetime:
    return datetime.now(timezone.utc)
