"""The files of a backup → a storage: planned, then applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import ApplyOptions, Finding, Severity, StorePlan
from kubectl_lrs.model.report import NOT_DONE, Outcome, Report, Result
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.runtime.sorting import Sorted, Waiting
from kubectl_lrs.stores.files.apply import Writing
from kubectl_lrs.stores.files.plan import Planner, steps_of
from kubectl_lrs.stores.files.saved import TIER, Index
from kubectl_lrs.stores.files.storage import Storage


class FilesRestorer:
    """One restore of files; `plan`, then perhaps `apply`. `shared`: files that are another's too, by path, and whose."""

    name = TIER

    def __init__(
        self,
        folder: Backup,
        index: Index,
        storage: Storage,
        *,
        existing: Existing = Existing.SKIP,
        workers: int = 8,
        shared: Mapping[str, str] = MappingProxyType({}),
        stop: Cancel,
    ) -> None:
        self._shared = shared
        self._folder = folder
        self._index = index
        self._storage = storage
        self._existing = existing
        self._workers = workers
        self._stop = stop

    def plan(self, progress: Progress) -> StorePlan:
        """Look at the storage and decide; nothing stays written."""
        planner = Planner(
            self._index, self._storage, existing=self._existing, workers=self._workers, shared=self._shared, stop=self._stop
        )
        return planner.plan(progress)

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """Do what the plan says, several files at once. UnreachableError or NoSpaceError where the storage is lost or full."""
        steps = steps_of(plan)
        keep = _keeping(report)
        if options.dry_run:
            for step in steps:
                keep(Outcome.of(step))
            return
        progress.begin("writing files", len(steps))
        writing = Writing(self._folder, self._storage, self._index.folders, workers=self._workers, stop=self._stop)
        try:
            for outcome in writing.outcomes(steps):
                progress.advance()
                keep(outcome)
        finally:
            for remark in writing.remarks[:NAMED]:
                progress.note(f"warning: files: {remark}")
            if (more := len(writing.remarks) - NAMED) > 0:
                progress.note(f"warning: files: {more} more folders are not as they were saved")


HELD = 10_000
"""So many outcomes are in memory; of more, those that leave nothing undone wait on the disk."""


class Done(Waiting[Outcome]):
    """Outcomes of files that leave nothing undone. `is_full`: no more can wait there."""

    store = TIER

    def __init__(self) -> None:
        self._done: Sorted[tuple[int, str, str, str]] = Sorted()
        super().__init__(self._done, _outcome_of)
        self._counts: Counter[Result] = Counter()
        self.is_full = False

    def add(self, outcome: Outcome) -> None:
        """One more; where there is no room on the disk it is in memory all the same."""
        self._counts[outcome.result] += 1
        try:
            self._done.add((len(self._done), outcome.name, outcome.result.value, outcome.message))
        except LrsError:
            self.is_full = True

    def counts(self) -> Counter[Result]:
        """How many of each result."""
        return self._counts


def _outcome_of(row: tuple[int, str, str, str]) -> Outcome:
    return Outcome(store=TIER, name=row[1], result=Result(row[2]), message=row[3])


def _keeping(report: Report) -> Callable[[Outcome], None]:
    """What puts an outcome into the report."""
    done = Done()
    report.apart.append(done)

    def keep(outcome: Outcome) -> None:
        is_plain = outcome.error is None and not outcome.counts and outcome.result not in NOT_DONE
        if is_plain and len(report.outcomes) >= HELD and not done.is_full:
            done.add(outcome)
        else:
            report.add(outcome)

    return keep


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
