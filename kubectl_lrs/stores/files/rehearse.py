"""A rehearsal of files: they come into a folder that is made for it, are compared with the backup, and go again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.model.plan import Action, ApplyOptions, Finding, Severity, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.model.units import size
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime import scratch
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.files.plan import FileStep, FileSteps, steps_of
from kubectl_lrs.stores.files.restore import FilesRestorer
from kubectl_lrs.stores.files.saved import TIER, Index, SavedFile
from kubectl_lrs.stores.files.storage import Storage


class FilesRehearsal:
    """One rehearsal of files, below a folder that is there. `parent`: that folder."""

    name = TIER
    how = "restored into a scratch folder, compared and removed"
    is_timed = True

    def __init__(self, folder: Backup, index: Index, parent: Path, *, workers: int, stop: Cancel) -> None:
        self._folder = folder
        self._index = index
        self._parent = parent
        self._workers = workers
        self._stop = stop
        self.aside = 0.0

    def sweep(self, progress: Progress) -> Iterator[str]:
        """The folders of killed rehearsals there."""
        progress.begin("looking for what earlier rehearsals have left")
        return scratch.sweep(self._parent)

    def plan(self, progress: Progress) -> StorePlan:  # noqa: ARG002
        """All files that the backup holds; whether there is room for them."""
        steps = FileSteps(map(_step, self._index.entries))
        needed, free = steps.to_write, shutil.disk_usage(self._parent).free
        findings: tuple[Finding, ...] = ()
        if free < needed:
            why = f"{size(needed)} are to be written below {self._parent}, and {size(free)} are free: nothing was rehearsed"
            findings = (Finding(Severity.ERROR, why, "name another folder: --files-scratch DIR"),)
        return StorePlan(store=TIER, target=str(self._parent), steps=steps, findings=findings)

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """Write them, look at what is there, remove it."""
        for step in steps_of(plan).having((Action.CONFLICT,)):
            report.add(Outcome.of(step))
        if self._stop.is_set() or not plan.has((Action.CREATE,)):
            return
        with scratch.scratch(self._parent, report.incomplete) as made:
            self._into(made, options, report, progress)

    def _into(self, made: Path, options: ApplyOptions, report: Report, progress: Progress) -> None:
        storage = Storage(open_backend(StorageLocation(url=str(made), workers=self._workers)))
        restorer = FilesRestorer(self._folder, self._index, storage, workers=self._workers, stop=self._stop)
        written = Report(source=report.source, target=report.target)
        try:
            restorer.apply(restorer.plan(progress), options, written, progress)
        finally:
            began = time.monotonic()
            found = {} if self._stop.is_set() else {step.name: step for step in restorer.plan(progress).of(FileStep)}
            report.outcomes += [_compared(each, found.get(each.name)) for each in written.every()]
            self.aside += time.monotonic() - began


def _step(entry: SavedFile) -> FileStep:
    held = bool(entry.file)
    return FileStep(
        name=entry.path,
        action=Action.CREATE if held else Action.CONFLICT,
        reason="" if held else "the backup only lists it",
        bytes=entry.size,
        entry=entry,
    )


def _compared(outcome: Outcome, found: FileStep | None) -> Outcome:
    """An outcome of the write, after a look at what is there."""
    if outcome.result is not Result.CREATED:
        return outcome
    if found is None:
        return replace(outcome, result=Result.NOT_CHECKED, message="it was not compared")
    if found.action is Action.UNCHANGED:
        return outcome
    return replace(outcome, result=Result.ALTERED, message=found.reason or "it is not there")
