"""What every store is to the use cases: something that collects into a backup, and something that restores out of one."""

from __future__ import annotations

from typing import Any, Protocol

from kubectl_lrs.model.plan import ApplyOptions, StorePlan
from kubectl_lrs.model.report import Report
from kubectl_lrs.repository import FolderWriter
from kubectl_lrs.runtime.progress import Progress

Facts = dict[str, Any]
"""What the catalog says of a store's part of a backup: JSON."""


class Collector(Protocol):
    """A store's part of a backup; it writes its own files."""

    def collect(self, writer: FolderWriter, progress: Progress) -> Facts:
        """Write everything into the folder; the facts for the catalog.

        Among them may be `missing`, what the source itself no longer has, and `notes`, what the user should know. An
        LrsError means that there is no backup.
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
