"""The files of a backup → a storage: planned, then applied."""

from __future__ import annotations

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import ApplyOptions, Finding, Severity, StorePlan
from kubectl_lrs.model.report import Outcome, Report
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.stores.files.apply import Writing
from kubectl_lrs.stores.files.plan import FileStep, Planner
from kubectl_lrs.stores.files.saved import TIER, Index
from kubectl_lrs.stores.files.storage import Storage


class FilesRestorer:
    """One restore of files; `plan`, then perhaps `apply`."""

    name = TIER

    def __init__(
        self,
        folder: Backup,
        index: Index,
        storage: Storage,
        *,
        existing: Existing = Existing.SKIP,
        workers: int = 8,
        stop: Cancel,
    ) -> None:
        self._folder = folder
        self._index = index
        self._storage = storage
        self._existing = existing
        self._workers = workers
        self._stop = stop

    def plan(self, progress: Progress) -> StorePlan:
        """Look at the storage and decide; nothing stays written."""
        planner = Planner(self._index, self._storage, existing=self._existing, workers=self._workers, stop=self._stop)
        return planner.plan(progress)

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """Do what the plan says, several files at once. UnreachableError or NoSpaceError where the storage is lost or full."""
        steps = plan.of(FileStep)
        if options.dry_run:
            for step in steps:
                report.add(Outcome.of(step))
            return
        progress.begin("writing files", len(steps))
        writing = Writing(self._folder, self._storage, self._index.folders, workers=self._workers, stop=self._stop)
        try:
            for outcome in writing.outcomes(steps):
                progress.advance()
                report.add(outcome)
        finally:
            for remark in writing.remarks[:NAMED]:
                progress.note(f"warning: files: {remark}")
            if (more := len(writing.remarks) - NAMED) > 0:
                progress.note(f"warning: files: {more} more folders are not as they were saved")


NAMED = 5
"""So many folders that are not as they were saved are named."""


class OnlyListed:
    """The files of a backup that lists them and does not hold them: nothing can be brought back, and that is said."""

    name = TIER

    def __init__(self, index: Index) -> None:
        self._index = index

    def plan(self, progress: Progress) -> StorePlan:  # noqa: ARG002
        """No step."""
        finding = Finding(
            Severity.WARNING,
            f"the backup only lists {len(self._index.entries)} files of {shown(self._index.url)}; it does not hold their content",
            "copy them from where they are; backup --files copy takes them along",
        )
        return StorePlan(store=TIER, target=shown(self._index.url), steps=(), findings=(finding,))

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """Nothing."""
