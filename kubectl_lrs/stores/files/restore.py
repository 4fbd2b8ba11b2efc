"""The files of a backup → a storage: what is missing is written, what is equal is left, what differs is a conflict."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from kubectl_lrs.backends.base import CHUNK, FullError, GoneError, Storage, Stored, TakenError
from kubectl_lrs.model.errors import DamageError, DeniedError, ExitCode, LrsError, UnreachableError
from kubectl_lrs.model.plan import WRITES, Action, ApplyOptions, Existing, Finding, Severity, Step, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.model.units import size
from kubectl_lrs.repository import SealedFolder
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.stores.files.saved import TIER, Entry, Index


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStep(Step):
    """One file of the backup, what is there in its place, and what is to happen."""

    store: ClassVar[str] = TIER

    entry: Entry
    there: Stored | None = None


class FilesRestorer:
    """One restore of files; `plan`, then perhaps `apply`."""

    name = TIER

    def __init__(
        self,
        folder: SealedFolder,
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

    # ---- plan

    def plan(self, progress: Progress) -> StorePlan:
        """Look at the storage and decide; nothing stays written."""
        entries = [entry for entry in self._index.entries if entry.file]
        progress.begin("listing the file storage")
        there = self._there({entry.path for entry in entries}, progress)
        progress.begin("comparing files", len(entries))
        steps: list[FileStep] = []
        pairs = ((entry, there.get(entry.path)) for entry in entries)
        for step in map_unordered(pairs, self._decide, workers=self._workers, stop=self._stop):
            steps.append(step)
            progress.advance()
        steps.sort(key=lambda step: step.name)
        return StorePlan(
            store=TIER,
            target=self._storage.url,
            steps=steps,
            findings=tuple(self._findings(steps)),
            effects=self._effects(steps),
        )

    def _there(self, wanted: set[str], progress: Progress) -> dict[str, Stored]:
        """Those of the wanted paths that are there."""
        found: dict[str, Stored] = {}
        for stored in self._storage.listing() if wanted else ():
            progress.advance()
            if stored.path in wanted:
                found[stored.path] = stored
        return found

    def _decide(self, pair: tuple[Entry, Stored | None]) -> FileStep:
        entry, there = pair
        problem = self._storage.problem(entry.path)
        if problem:
            return self._as(entry, there, Action.CONFLICT, f"it cannot be there: {problem}")
        if there is None:
            return self._as(entry, there, Action.CREATE)
        try:
            difference = self._difference(entry, there)
        except GoneError:
            return self._as(entry, None, Action.CREATE)
        except DeniedError as error:
            return self._as(entry, there, Action.CONFLICT, f"a file is there that cannot be read: {error}")
        if not difference:
            return self._as(entry, there, Action.UNCHANGED)
        action = Action.REPLACE if self._existing is Existing.REPLACE else Action.CONFLICT
        return self._as(entry, there, action, f"another file is there: {difference}")

    def _as(self, entry: Entry, there: Stored | None, action: Action, reason: str = "") -> FileStep:
        return FileStep(name=entry.path, action=action, reason=reason, bytes=entry.size, entry=entry, there=there)

    def _difference(self, entry: Entry, there: Stored) -> str:
        """How it differs, empty where it is the same: by size, then by sum."""
        if there.size != entry.size:
            return f"{there.size} bytes, {entry.size} in the backup"
        if there.marker == entry.marker and self._storage.tells_content(there.marker):
            return ""
        return "" if self._sum(there) == entry.sha256 else "of equal size, with other content"

    def _sum(self, stored: Stored) -> str:
        """The SHA-256 of what is in the storage; empty where it does not stand still."""
        digest = hashlib.sha256()
        _, is_steady = self._storage.read(stored, digest.update)
        return digest.hexdigest() if is_steady else ""

    def _findings(self, steps: list[FileStep]) -> Iterator[Finding]:
        if self._index.url != self._storage.url and steps:
            message = f"the files were in {shown(self._index.url)} and go to {self._storage.url}"
            yield Finding(Severity.NOTE, message, "documents that name the old place in full are not rewritten")
        writes = [step for step in steps if step.action in WRITES]
        if writes:
            yield from self._room(sum(step.bytes for step in writes))
            yield from self._rights()

    def _room(self, needed: int) -> Iterator[Finding]:
        free = self._storage.free()
        if free is not None and free < needed:
            message = f"{self._storage.url}: {size(needed)} are to be written, and there is room for {size(free)}"
            yield Finding(Severity.ERROR, message, "make room there")

    def _rights(self) -> Iterator[Finding]:
        try:
            self._storage.probe()
        except DeniedError as error:
            yield Finding(Severity.ERROR, f"may not write: {error}", error.hint, ExitCode.UNREACHABLE)
        except FullError as error:
            yield Finding(Severity.ERROR, str(error), error.hint)

    def _effects(self, steps: list[FileStep]) -> tuple[str, ...]:
        count = sum(step.action is Action.REPLACE for step in steps)
        return (f"replace {count} file{'' if count == 1 else 's'} in {self._storage.url}",) if count else ()

    # ---- apply

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """Do what the plan says, several files at once. UnreachableError or FullError where the storage is lost or full."""
        steps = plan.of(FileStep)
        if options.dry_run:
            for step in steps:
                report.add(Outcome.of(step))
            return
        self._storage.prepare(self._index.folders)
        progress.begin("writing files", len(steps))
        self._write_all(steps, report, progress)

    def _write_all(self, steps: list[FileStep], report: Report, progress: Progress) -> None:
        broken: list[LrsError] = []

        def work(step: FileStep) -> Outcome | None:
            if broken:
                return None
            outcome = self._written(step)
            if isinstance(outcome.error, (UnreachableError, FullError)):
                broken.append(outcome.error)
            return outcome

        for outcome in map_unordered(steps, work, workers=self._workers, stop=self._stop):
            if outcome:
                progress.advance()
                report.add(outcome)
        if broken:
            raise broken[0]

    def _written(self, step: FileStep) -> Outcome:
        entry, replaces = step.entry, step.action is Action.REPLACE
        if step.action not in WRITES:
            return Outcome.of(step)
        try:
            if replaces and not self._is_as_planned(step):
                return Outcome.of(step, Result.CONFLICT, "it has changed since the plan was made")
            source = _Source(self._folder, entry)
            unset = self._storage.write(entry.path, entry.size, source.chunks(), entry.attributes, replace=replaces)
            self._verify(entry, source)
        except TakenError as error:
            return Outcome.of(step, Result.CONFLICT, str(error))
        except LrsError as error:
            return Outcome.failed(step, error)
        return Outcome.of(step, message=f"could not be set: {', '.join(unset)}" if unset else "")

    def _is_as_planned(self, step: FileStep) -> bool:
        now = self._storage.look(step.entry.path)
        there = step.there
        return now is None or (there is not None and (now.size, now.marker) == (there.size, there.marker))

    def _verify(self, entry: Entry, source: _Source) -> None:
        """What is there now is what the sums say: by the storage's own sum where it has one, else by reading it."""
        now = self._storage.look(entry.path)
        if now is None or now.size != entry.size:
            raise LrsError(f"{self._storage.url}: {shown(entry.path)}: not there, or of another size, after it was written")
        if now.marker == source.md5 and self._storage.tells_content(now.marker):
            return
        if self._sum(now) != entry.sha256:
            raise LrsError(f"{self._storage.url}: {shown(entry.path)}: what is there is not what was written")


class _Source:
    """The content of one file in the backup; its last piece is given only when the sum of all of it is right."""

    def __init__(self, folder: SealedFolder, entry: Entry) -> None:
        self._folder = folder
        self._entry = entry
        self.md5 = ""

    def chunks(self) -> Iterator[bytes]:
        """Piece by piece; DamageError where it is not what was sealed."""
        digest, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        with self._folder.reading(self._entry.file) as file:
            held = file.read(CHUNK >> 1)
            while True:
                digest.update(held)
                md5.update(held)
                following = file.read(CHUNK >> 1) if held else b""
                if not following:
                    break
                yield held
                held = following
        if digest.hexdigest() != self._entry.sha256:
            raise DamageError(f"{self._folder.path / self._entry.file}: altered: its sum does not match")
        self.md5 = md5.hexdigest()
        if held:
            yield held


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
