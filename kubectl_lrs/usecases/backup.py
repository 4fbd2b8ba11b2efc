"""Back up: each tier collects into a hidden folder, which is sealed under its name when all of them are done."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from kubectl_lrs import __version__
from kubectl_lrs.model.catalog import Catalog, Cluster
from kubectl_lrs.model.errors import InterruptedRunError, LrsError, UsageError
from kubectl_lrs.model.names import backup_name, is_backup_name
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.stores import leave_out
from kubectl_lrs.repository import NO_SPACE, FolderWriter, Leftover, disk_error, take_abandoned
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.base import Collector

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, kw_only=True)
class Destination:
    """The folder of the backups, and the new one's name; empty: after the instant."""

    directory: Path
    name: str = ""

    def __post_init__(self) -> None:
        if self.name and not is_backup_name(self.name):
            raise UsageError(
                f"--name {self.name!r}: letters, digits, '.', '_' and '-' only, not beginning with '.', not 'latest'"
            )


def back_up(
    tiers: Mapping[str, Collector],
    *,
    destination: Destination,
    cluster: Cluster,
    selection: Selection,
    profile: str,
    levels: Mapping[str, str],
    progress: Progress,
) -> tuple[Path, Catalog]:
    """Make one backup, whole or not at all; where it is, and its catalog."""
    directory = destination.directory
    with _translated(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        leftovers = _worth_keeping(take_abandoned(directory), progress)
    with _Postponed() as signals:
        with _translated(directory):
            writer, instant = _open(destination, leftovers)
        try:
            signals.release()
            facts = {name: _collect(name, tier, writer, progress) for name, tier in tiers.items()}
            progress.begin("sealing")
            catalog = writer.seal(
                Catalog(
                    name=writer.final.name,
                    instant=instant,
                    finished=_now(),
                    tool=f"kubectl-lrs {__version__}",
                    cluster=cluster,
                    selection=selection.as_dict(),
                    profile=profile,
                    levels=levels,
                    missing=tuple(f"{name}: {each}" for name in facts for each in facts[name].pop("missing", ())),
                    tiers=facts,
                )
            )
            for leftover in leftovers:
                leftover.remove()
        except OSError as error:
            _put_away(writer, leftovers, progress, keep=error.errno not in NO_SPACE)
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
    return writer.final, catalog


@contextmanager
def _translated(directory: Path) -> Iterator[None]:
    """What the disk refuses, as an error of ours."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, directory) from error


class _Postponed:
    """A signal that comes before `release` counts from then on: a folder is either not there yet or is put away.

    Where it does not run in the main thread, no signal comes and nothing is done.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._came: list[int] = []

    def __enter__(self) -> _Postponed:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._handlers[number] = signal.signal(number, lambda number, _frame: self._came.append(number))
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Signals count again, and so does what came."""
        while self._handlers:
            signal.signal(*self._handlers.popitem())
        if self._came:
            number = self._came[-1]
            self._came.clear()
            signal.raise_signal(number)


def _collect(name: str, tier: Collector, writer: FolderWriter, progress: Progress) -> dict[str, Any]:
    """One tier's part; a failure says how to do without it."""
    try:
        return tier.collect(writer, progress)
    except LrsError as error:
        without(error, name)
        raise


def without(error: LrsError, tier: str) -> None:
    """Put the flag that leaves the tier out into the error's hint."""
    flag = leave_out(tier)
    if flag and flag not in error.hint:
        error.hint = f"{error.hint}; {flag} leaves it out" if error.hint else f"{flag} leaves it out"


def _worth_keeping(abandoned: Sequence[Leftover], progress: Progress) -> list[Leftover]:
    """What interrupted runs have left and this one may take over; the rest is removed."""
    kept = [leftover for leftover in abandoned if leftover.is_worth_keeping]
    for leftover in abandoned:
        if leftover not in kept:
            leftover.remove()
            progress.note(f"removed the remains of an interrupted backup: {leftover.path.name.removeprefix('.')}")
        else:
            progress.note(f"an interrupted backup has left files that are used where they fit: {leftover.path.name}")
    return kept


def _put_away(writer: FolderWriter, leftovers: Sequence[Leftover], progress: Progress, *, keep: bool = True) -> None:
    """After a failure: what another run can take over stays, under its hidden name; nothing else does."""
    kept = writer.abandon() if keep else writer.discard()
    kept += sum(leftover.keep() for leftover in leftovers)
    if kept:
        progress.note(f"{kept} files that were copied are kept in {writer.path} for the next backup")


def _open(destination: Destination, leftovers: Sequence[Leftover]) -> tuple[FolderWriter, datetime]:
    """The folder of this run, and the instant it is named after."""
    if destination.name:
        for leftover in leftovers:
            if leftover.path.name == f".{destination.name}":
                leftover.move_aside()
        try:
            return FolderWriter(destination.directory, destination.name, leftovers), _now()
        except FileExistsError as error:
            raise UsageError(f"{error.filename}: {error.strerror}", hint="choose another --name") from error
    while True:
        instant = _now()
        try:
            return FolderWriter(destination.directory, backup_name(instant), leftovers), instant
        except FileExistsError:  # another run began in this second
            time.sleep(1 - _now().microsecond / 1e6)


def _now() -> datetime:
    return datetime.now(timezone.utc)
