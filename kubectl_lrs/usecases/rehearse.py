"""Rehearse: does a backup restore? Each store restores its part beside what runs, compares it, and removes it again.

Nothing that runs is touched. What a store makes for this is marked as ours before it is made, so that it is gone afterwards,
or is found by the next rehearsal; nothing else is ever removed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from kubectl_lrs.model.errors import ExitCode, LrsError
from kubectl_lrs.model.plan import ApplyOptions, StorePlan, errors_of
from kubectl_lrs.model.rehearsal import PartProof, Rehearsed
from kubectl_lrs.model.report import Report
from kubectl_lrs.model.units import printable
from kubectl_lrs.repository import Backup
from kubectl_lrs.repository.base import ALL
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.base import Rehearsal
from kubectl_lrs.usecases.verify import verify

SHOWN = 20
"""Damages that are named before they are only counted."""


class Rehearse:
    """A rehearsal of several parts of a backup: `plan`, or `prove`. `left_out`: parts of it that were not asked for."""

    def __init__(
        self, folder: Backup, stores: Sequence[Rehearsal], *, left_out: Sequence[str] = (), progress: Progress, stop: Cancel
    ) -> None:
        self._folder = folder
        self._stores = stores
        self._left_out = left_out
        self._progress = progress
        self._stop = stop

    def plan(self) -> list[tuple[Rehearsal, StorePlan]]:
        """What would be rehearsed, and where; nothing is written, and nothing of killed runs removed."""
        try:
            return [(store, store.plan(self._progress)) for store in self._stores]
        finally:
            self._progress.end()

    def prove(self, options: ApplyOptions, begins: Callable[[], object] = lambda: None) -> Rehearsed:
        """All of it: the backup is read to its end, then store by store. A store that fails leaves the others alone.

        `begins` is called before anything is written. UsageError for what the call asks for and cannot be, before all else.
        """
        began = time.monotonic()
        self._ask_first()
        found = Rehearsed(backup=self._folder.name, left_out=list(self._left_out), lacking=list(self._lacking()))
        self._read(found)
        begins()
        found.removed = list(self._swept())
        with self._kept():
            for store in self._stores if not found.damages else ():
                if self._stop.is_set():
                    break
                found.parts.append(self._part(store, options))
        found.interrupted = self._stop.is_set()
        found.seconds = time.monotonic() - began
        return found

    def _ask_first(self) -> None:
        """What a store will refuse to do at all; what else keeps it from its part is said when that begins."""
        for store in self._stores:
            try:
                store.plan(self._progress)
            except LrsError as error:
                if error.exit_code is ExitCode.USAGE:
                    raise
            finally:
                self._progress.end()

    def _kept(self) -> AbstractContextManager[None]:
        return self._folder.kept(self._progress) if self._folder.has_sums else nullcontext()

    def _lacking(self) -> Iterator[str]:
        """What no rehearsal of this backup can prove."""
        yield from (f"the backup lacks {each.sentence}" for each in self._folder.catalog.missing)
        if not self._folder.has_sums:
            yield "there are no sums: nobody can tell whether it is as it was written"

    def _swept(self) -> Iterator[str]:
        """What became of what killed rehearsals have left; a store that is away says so again when its part begins."""
        for store in self._stores:
            try:
                yield from (f"{store.name}: {each}" for each in store.sweep(self._progress))
            except LrsError as error:
                yield f"{store.name}: whether an earlier rehearsal has left something could not be looked at: {error}"
            finally:
                self._progress.end()

    def _read(self, found: Rehearsed) -> None:
        """Every file of it, held against its sum."""
        if not self._folder.has_sums:
            return
        checked = verify(self._folder, self._progress, share=ALL)
        found.reading = checked.seconds
        found.damages = [f"{printable(each.path)}: {each.what}" for each in checked.damages[:SHOWN]]
        if len(checked.damages) > SHOWN:
            found.damages.append(f"and {len(checked.damages) - SHOWN} more")

    def _part(self, store: Rehearsal, options: ApplyOptions) -> PartProof:
        part = PartProof(store=store.name, how=store.how)
        try:
            plan = store.plan(self._progress)
            part.target, part.findings = plan.target, plan.findings
            part.incomplete += plan.remains
            if not errors_of(plan.findings):
                self._prove(store, plan, options, part)
        except LrsError as error:
            part.error = error
        finally:
            self._progress.end()
        return part

    def _prove(self, store: Rehearsal, plan: StorePlan, options: ApplyOptions, part: PartProof) -> None:
        report = Report(source=self._folder.name, target=plan.target)
        began = time.monotonic()
        try:
            store.apply(plan, options, report, self._progress)
        finally:
            part.outcomes = report.outcomes
            part.incomplete += report.incomplete
            part.findings += tuple(report.findings)
        seconds = time.monotonic() - began - store.aside
        report.add_not_tried(plan, "interrupted" if self._stop.is_set() else "it was not tried")
        part.seconds = max(0.0, seconds) if store.is_timed and not self._stop.is_set() else None
