"""The files of a backup → a storage: what is missing is written, what is equal is left, what differs is a conflict."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from kubectl_lrs.backends.base import CHUNK, FullError, GoneError, Storage, Stored, TakenError, shown
from kubectl_lrs.model.errors import DamageError, DeniedError, ExitCode, LrsError, UnreachableError
from kubectl_lrs.model.plan import Action, Effort, Finding, Item, Severity, TierPlan
from kubectl_lrs.model.report import ItemOutcome, Result
from kubectl_lrs.model.units import size
from kubectl_lrs.repository import SealedFolder
from kubectl_lrs.runtime.parallel import for_each
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.files.saved import TIER, Entry, Index

SKIP, REPLACE = "skip", "replace"
"""What is done with a file that is there and differs."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """One file of the backup, what is there in its place, and what is to happen."""

    entry: Entry
    there: Stored | None
    item: Item


class FilesRestore:
    """One restore of files; `plan`, then perhaps `apply`."""

    name = TIER

    def __init__(
        self,
        folder: SealedFolder,
        index: Index,
        storage: Storage,
        *,
        existing: str = SKIP,
        workers: int = 8,
        stop: threading.Event,
    ) -> None:
        self._folder = folder
        self._index = index
        self._storage = storage
        self._existing = existing
        self._workers = workers
        self._stop = stop
        self._planned: list[_Planned] = []

    # ---- plan

    def plan(self, progress: Progress) -> TierPlan:
        """Look at the storage and decide; nothing stays written."""
        entries = [entry for entry in self._index.entries if entry.file]
        progress.begin("listing the file storage")
        there = self._there({entry.path for entry in entries}, progress)
        progress.begin("comparing files", len(entries))
        self._planned = []
        pairs = ((entry, there.get(entry.path)) for entry in entries)
        for planned in for_each(pairs, self._decide, workers=self._workers, stop=self._stop):
            self._planned.append(planned)
            progress.advance()
        self._planned.sort(key=lambda planned: planned.entry.path)
        items = [planned.item for planned in self._planned]
        return TierPlan(
            tier=TIER, target=self._storage.url, items=items, findings=list(self._findings(items)), stakes=self._stakes(items)
        )

    def _there(self, wanted: set[str], progress: Progress) -> dict[str, Stored]:
        """Those of the wanted paths that are there."""
        found: dict[str, Stored] = {}
        for stored in self._storage.listing() if wanted else ():
            progress.advance()
            if stored.path in wanted:
                found[stored.path] = stored
        return found

    def _decide(self, pair: tuple[Entry, Stored | None]) -> _Planned:
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
        action = Action.REPLACE if self._existing == REPLACE else Action.CONFLICT
        return self._as(entry, there, action, f"another file is there: {difference}")

    def _as(self, entry: Entry, there: Stored | None, action: Action, reason: str = "") -> _Planned:
        return _Planned(entry, there, Item(TIER, entry.path, action, reason, entry.size))

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

    def _findings(self, items: list[Item]) -> Iterator[Finding]:
        if self._index.url != self._storage.url and items:
            message = f"the files were in {shown(self._index.url)} and go to {self._storage.url}"
            yield Finding(Severity.NOTE, message, "documents that name the old place in full are not rewritten")
        writes = [item for item in items if item.action in (Action.CREATE, Action.REPLACE)]
        if writes:
            yield from self._room(sum(item.bytes for item in writes))
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

    def _stakes(self, items: list[Item]) -> tuple[str, ...]:
        count = sum(item.action is Action.REPLACE for item in items)
        return (f"replace {count} file{'' if count == 1 else 's'} in {self._storage.url}",) if count else ()

    # ---- apply

    def apply(self, plan: TierPlan, effort: Effort, progress: Progress) -> Iterator[ItemOutcome]:
        """Do what the plan says, several files at once. UnreachableError or FullError where the storage is lost or full."""
        if effort.dry_run:
            yield from (ItemOutcome.of(item) for item in plan.items)
            return
        self._storage.prepare(self._index.folders)
        broken: list[LrsError] = []

        def work(planned: _Planned) -> ItemOutcome | None:
            if broken:
                return None
            outcome = self._written(planned)
            if isinstance(outcome.error, (UnreachableError, FullError)):
                broken.append(outcome.error)
            return outcome

        progress.begin("writing files", len(self._planned))
        for outcome in for_each(self._planned, work, workers=self._workers, stop=self._stop):
            if outcome:
                progress.advance()
                yield outcome
        if broken:
            raise broken[0]

    def _written(self, planned: _Planned) -> ItemOutcome:
        item, entry = planned.item, planned.entry
        if item.action not in (Action.CREATE, Action.REPLACE):
            return ItemOutcome.of(item)
        try:
            if item.action is Action.REPLACE and not self._is_as_planned(planned):
                return ItemOutcome.of(item, Result.CONFLICT, "it has changed since the plan was made")
            source = _Source(self._folder, entry)
            unset = self._storage.write(
                entry.path, entry.size, source.chunks(), entry.attributes, replace=item.action is Action.REPLACE
            )
            self._verify(entry, source)
        except TakenError as error:
            return ItemOutcome.of(item, Result.CONFLICT, str(error))
        except LrsError as error:
            return ItemOutcome.of(item, Result.FAILED, str(error), error)
        return ItemOutcome.of(item, message=f"could not be set: {', '.join(unset)}" if unset else "")

    def _is_as_planned(self, planned: _Planned) -> bool:
        now = self._storage.look(planned.entry.path)
        there = planned.there
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

    def plan(self, progress: Progress) -> TierPlan:  # noqa: ARG002
        """No item."""
        finding = Finding(
            Severity.WARNING,
            f"the backup only lists {len(self._index.entries)} files of {shown(self._index.url)}; it does not hold their content",
            "copy them from where they are; backup --files copy takes them along",
        )
        return TierPlan(tier=TIER, target=shown(self._index.url), items=[], findings=[finding])

    def apply(self, plan: TierPlan, effort: Effort, progress: Progress) -> Iterator[ItemOutcome]:  # noqa: ARG002
        """Nothing."""
        return iter(())
