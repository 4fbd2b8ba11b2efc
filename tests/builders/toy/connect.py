"""The toy's parts of a backup and of a restore."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.places import NamedBy, RestoreTarget
from kubectl_lrs.model.plan import WRITES, Action, ApplyOptions, Step, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.base import BackupContext, Facts, RestoreContext
from tests.builders.toy.flags import BackupOptions, Place, RehearseOptions, RestoreOptions

FILE = "toy.json"


class Toy:
    """What is there."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def read(self) -> dict[str, str]:
        """Text by name."""
        return dict(json.loads(self._path.read_text())) if self._path.exists() else {}

    def put(self, name: str, text: str) -> None:
        """One of them."""
        self._path.write_text(json.dumps({**self.read(), name: text}))


class ToyCollector:
    """Its part of a backup."""

    def __init__(self, toy: Toy) -> None:
        self._toy = toy

    def collect(self, writer: FolderWriter, progress: Progress) -> Facts:
        """All of it."""
        progress.begin("toy")
        data = self._toy.read()
        writer.write(FILE, json.dumps(data).encode())
        return {"texts": len(data), "bytes": sum(map(len, data.values()))}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyStep(Step):
    """One text, and the one that was there when the plan was made."""

    store: ClassVar[str] = "toy"

    text: str
    there: str | None


class ToyRestorer:
    """Its part of a restore."""

    name = "toy"

    def __init__(self, toy: Toy, folder: SealedFolder, existing: Existing, stop: Cancel) -> None:
        self._toy = toy
        self._folder = folder
        self._existing = existing
        self._stop = stop

    def plan(self, progress: Progress) -> StorePlan:
        """Look at each."""
        progress.begin("toy")
        there = self._toy.read()
        with self._folder.reading(FILE) as file:
            saved = json.loads(file.read())
        steps = [self._decide(name, text, there.get(name)) for name, text in sorted(saved.items())]
        replaced = sum(step.action is Action.REPLACE for step in steps)
        effects = (f"replace {replaced} texts",) if replaced else ()
        return StorePlan(store=self.name, target="the toy", steps=steps, effects=effects)

    def _decide(self, name: str, text: str, there: str | None) -> ToyStep:
        otherwise = Action.REPLACE if self._existing is Existing.REPLACE else Action.CONFLICT
        action = Action.CREATE if there is None else Action.UNCHANGED if there == text else otherwise
        return ToyStep(name=name, action=action, text=text, there=there)

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """Write each that is to be written, if what is there is still what was seen."""
        for step in plan.of(ToyStep):
            if self._stop.is_set():
                return
            progress.advance()
            if step.action in WRITES and not options.dry_run:
                if self._toy.read().get(step.name) != step.there:
                    report.add(Outcome.of(step, Result.CONFLICT, "it has changed since the plan was made"))
                    continue
                self._toy.put(step.name, step.text)
            report.add(Outcome.of(step))


class ToyRehearsal(ToyRestorer):
    """Its part of a rehearsal: into another file beside it."""

    how = "written into another file, compared and removed"
    is_timed = True
    aside = 0.0

    def __init__(self, path: str, folder: SealedFolder, stop: Cancel) -> None:
        self._scratch = Path(f"{path}.rehearsal")
        super().__init__(Toy(str(self._scratch)), folder, Existing.SKIP, stop)

    def sweep(self, _progress: Progress) -> Iterator[str]:
        """What a killed one has left."""
        if self._scratch.exists():
            self._scratch.unlink()
            yield f"removed {self._scratch}"

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """Write, compare, remove."""
        try:
            super().apply(plan, options, report, progress)
        finally:
            there = self._toy.read()
            self._scratch.unlink(missing_ok=True)
        wanted = {step.key: step.text for step in plan.of(ToyStep)}
        for place, each in enumerate(report.outcomes):
            if there.get(each.key) != wanted[each.key]:
                report.outcomes[place] = replace(each, result=Result.ALTERED)


def collector(options: BackupOptions, _context: BackupContext) -> ToyCollector:
    """The toy's part of a backup."""
    return ToyCollector(Toy(options.file))


def restorer(options: RestoreOptions, context: RestoreContext) -> ToyRestorer:
    """The toy's part of a restore."""
    return ToyRestorer(Toy(options.file), context.folder, options.existing, context.stop)


def rehearsal(options: RehearseOptions, context: RestoreContext) -> ToyRehearsal:
    """The toy's part of a rehearsal."""
    return ToyRehearsal(options.file, context.folder, context.stop)


def by_environment(_place: Place) -> None:
    """No variable says where it is."""
    return


def place(options: RestoreOptions, _context: RestoreContext) -> RestoreTarget:
    """The file that was named."""
    return RestoreTarget(target=options.file, named_by=NamedBy.FLAG)
