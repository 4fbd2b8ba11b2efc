"""Back up: each tier collects into a hidden folder, which is sealed under its name when all of them are done."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from kubectl_lrs import __version__
from kubectl_lrs.catalog import Catalog, Cluster
from kubectl_lrs.errors import InterruptedRunError, UsageError
from kubectl_lrs.folder import FolderWriter, clear_abandoned, disk_error
from kubectl_lrs.names import backup_name, is_backup_name
from kubectl_lrs.progress import Progress
from kubectl_lrs.selection import Selection


class Tier(Protocol):
    """What a backup consists of; each tier writes its own files."""

    def collect(self, writer: FolderWriter, progress: Progress) -> dict[str, Any]:
        """Write everything into the folder; the facts for the catalog."""


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
    tiers: Mapping[str, Tier],
    *,
    destination: Destination,
    cluster: Cluster,
    selection: Selection,
    profile: str,
    progress: Progress,
) -> tuple[Path, Catalog]:
    """Make one backup, whole or not at all; where it is, and its catalog."""
    directory = destination.directory
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in clear_abandoned(directory):
            progress.note(f"removed the remains of an interrupted backup: {name}")
        writer, instant = _open(destination)
    except OSError as error:
        raise disk_error(error, directory) from error
    try:
        facts = {name: tier.collect(writer, progress) for name, tier in tiers.items()}
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
                tiers=facts,
            )
        )
    except OSError as error:
        writer.discard()
        raise disk_error(error, directory) from error
    except KeyboardInterrupt as error:
        writer.discard()
        if writer.is_sealed:
            raise InterruptedRunError(f"interrupted just after the backup was sealed: {writer.final}") from error
        raise InterruptedRunError("interrupted; no backup was made") from error
    except BaseException:
        writer.discard()
        raise
    finally:
        progress.end()
    return writer.final, catalog


def _open(destination: Destination) -> tuple[FolderWriter, datetime]:
    """The folder of this run, and the instant it is named after."""
    if destination.name:
        try:
            return FolderWriter(destination.directory, destination.name), _now()
        except FileExistsError as error:
            raise UsageError(f"{error.filename}: {error.strerror}", hint="choose another --name") from error
    while True:
        instant = _now()
        try:
            return FolderWriter(destination.directory, backup_name(instant)), instant
        except FileExistsError:  # another run began in this second
            time.sleep(1 - _now().microsecond / 1e6)


def _now() -> datetime:
    return datetime.now(timezone.utc)
