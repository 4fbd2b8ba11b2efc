"""Restore of some documents of a backup: those of one application, or that were named. Never a whole collection.

A collection that is not there is made with these documents alone; in one that is there each document is a step by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kubectl_lrs.formats.bson_batches import split
from kubectl_lrs.formats.bson_documents import id_text
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.plan import Action, ApplyOptions, StorePlan
from kubectl_lrs.model.report import Outcome, Report
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.mongo.differing import DocumentStep, decide
from kubectl_lrs.stores.mongo.flags import RestoreOptions
from kubectl_lrs.stores.mongo.load import BATCH_BYTES
from kubectl_lrs.stores.mongo.plan import MongoStep
from kubectl_lrs.stores.mongo.replaced import ReplacedJournal
from kubectl_lrs.stores.mongo.restore import MongoRestorer
from kubectl_lrs.stores.mongo.rewrite import Rewriter
from kubectl_lrs.stores.mongo.saved import TIER, StoredDump
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.persist import Persist


class DocumentsRestorer:
    """The documents of a dump that is narrowed. `whole`: restores collections that are not there.

    `shared`: with whom a document is shared, by `collection/_id`: it is never replaced.
    """

    name = TIER

    def __init__(
        self,
        mongo: Mongo,
        dump: StoredDump,
        options: RestoreOptions,
        *,
        whole: MongoRestorer,
        shared: Mapping[str, str],
        journal: ReplacedJournal,
        stop: Cancel,
    ) -> None:
        self._mongo = mongo
        self._dump = dump
        self._options = options
        self._whole = whole
        self._shared = shared
        self._journal = journal
        self._stop = stop

    def plan(self, progress: Progress) -> StorePlan:
        """Hold each document against what is there; nothing is written. The documents that are meant are held in memory."""
        plan = self._whole.plan(progress)
        steps: list[MongoStep | DocumentStep] = []
        for step in plan.of(MongoStep):
            steps += self._each(step, progress) if step.action is Action.MERGE else [step]
        self._require_found(steps)
        return replace(plan, steps=tuple(steps), effects=_effects(steps))

    def _each(self, step: MongoStep, progress: Progress) -> list[DocumentStep]:
        saved = [each for batch in self._dump.batches(step.stored, BATCH_BYTES) for each in split(batch)]
        writer = Rewriter(self._mongo, Persist(self._mongo, self._stop), stop=self._stop, progress=progress)
        there: dict[bytes, bytes] = {}
        for chosen in _some(saved):
            there |= writer.there(step.database, step.name, chosen)
        return decide(step, saved, there, existing=self._options.existing, shared=self._shared)

    def _require_found(self, steps: Sequence[MongoStep | DocumentStep]) -> None:
        """UsageError where a document that was named is not in the backup, whether its collection is there or is made."""
        made = {step.name for step in steps if isinstance(step, DocumentStep)}
        for step in steps if self._options.ids else ():
            if isinstance(step, MongoStep) and step.stored.data:
                batches = self._dump.batches(step.stored, BATCH_BYTES)
                made |= {f"{step.name}/{id_text(each)}" for batch in batches for each in split(batch)}
        lost = [each for each in self._options.ids if each not in made]
        if lost:
            raise UsageError(f"{self._dump.folder.name} holds no document {lost[0]!r}", hint="write it as COLLECTION/ID")

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """The journal, collections that are not there, then document by document; LrsError where the server is lost."""
        whole = [step for step in plan.steps if isinstance(step, MongoStep)]
        steps = [step for step in plan.steps if isinstance(step, DocumentStep)]
        if not options.dry_run:
            self._note(steps, progress)
        if whole:
            self._whole.apply(replace(plan, steps=tuple(whole)), options, report, progress)
        if options.dry_run:
            for step in steps:
                report.add(Outcome.of(step))
            return
        writer = Rewriter(self._mongo, Persist(self._mongo, self._stop), stop=self._stop, progress=progress)
        for outcome in writer.outcomes(steps):
            report.add(outcome)

    def _note(self, steps: Sequence[DocumentStep], progress: Progress) -> None:
        """What is to be replaced, on the disk before the first of it is."""
        replaced = [step for step in steps if step.action is Action.REPLACE]
        if replaced and not self._stop.is_set():
            olds = ((step.collection, step.there) for step in replaced)
            path = self._journal.write(self._mongo.describe(), replaced[0].database, olds)
            progress.note(f"what is replaced is kept as it was in {path}")


def _some(documents: list[bytes], most: int = 1000) -> Iterator[list[bytes]]:
    for begin in range(0, len(documents), most):
        yield documents[begin : begin + most]


def _effects(steps: Sequence[MongoStep | DocumentStep]) -> tuple[str, ...]:
    replaced = [step for step in steps if isinstance(step, DocumentStep) and step.action is Action.REPLACE]
    if not replaced:
        return ()
    listed = ", ".join(step.name for step in replaced[:SHOWN]) + (f" and {len(replaced) - SHOWN} more" * (len(replaced) > SHOWN))
    return (f"replace {len(replaced)} document{'s' * (len(replaced) > 1)} of {replaced[0].database}: {listed}",)


SHOWN = 10
