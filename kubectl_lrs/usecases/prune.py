"""Prune and forget: which backups go, planned, and exactly those removed. No cluster is asked.

A backup of somebody else, or one that others may write, is left alone and counts for nothing: else planted ones could
push ours out. Before each removal it is seen that nobody holds the backup by now, and that what the plan keeps of its
group is still there, so that two runs with different rules do not remove each other's rest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from enum import Enum
from pathlib import Path

from kubectl_lrs.model.catalog import SUMS_FILE, Catalog
from kubectl_lrs.model.errors import ExitCode, LrsError, UsageError
from kubectl_lrs.model.retention import Candidate, Decision, Rules, decide, removes_most
from kubectl_lrs.model.stores import NONE
from kubectl_lrs.repository import Backup
from kubectl_lrs.repository.base import is_of_future
from kubectl_lrs.repository.holds import Holds
from kubectl_lrs.repository.plain.holds import read_holds
from kubectl_lrs.repository.plain.removal import ChangedError, InUseError, Seen, Unfinished, finish, own, remove, unfinished
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.lock import have_alone
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.safe_files import Directory
from kubectl_lrs.runtime.trust import OWN, SEALED, RefusedError, Trust


@dataclass(frozen=True, kw_only=True)
class PruneStep:
    """One backup of ours and what becomes of it. `seen`: which folder it is."""

    name: str
    catalog: Catalog
    seen: Seen
    decision: Decision

    @property
    def is_kept(self) -> bool:
        """Whether it stays."""
        return self.decision.is_kept


@dataclass(frozen=True, kw_only=True)
class LeftAlone:
    """What lies among the backups and is not judged, with the reason."""

    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class PrunePlan:
    """What stays and what goes. `unfinished`: removals that were killed. `unbelieved`: holds that are not ours.

    `is_named`: what goes was named by the user, and not left over by rules.
    """

    directory: Path
    trust: Trust = OWN
    is_named: bool = False
    steps: Sequence[PruneStep]
    left_alone: Sequence[LeftAlone] = ()
    unfinished: Sequence[Unfinished] = ()
    unbelieved: Sequence[RefusedError] = ()

    @property
    def to_remove(self) -> list[PruneStep]:
        """What goes, the oldest first."""
        return sorted((each for each in self.steps if not each.is_kept), key=lambda each: each.catalog.instant)

    @property
    def thinned(self) -> list[Hashable]:
        """The groups of which more than half go."""
        return removes_most([each.decision for each in self.steps])

    def kept_beside(self, step: PruneStep) -> list[PruneStep]:
        """What stays of its group."""
        return [each for each in self.steps if each.is_kept and each.decision.candidate.group == step.decision.candidate.group]

    @property
    def without_whole(self) -> list[PruneStep]:
        """The newest that goes of each group of which no whole backup would be left."""
        last: dict[Hashable, PruneStep] = {}
        for each in self.to_remove:
            if _is_good(each.catalog) and not any(_is_good(other.catalog) for other in self.kept_beside(each)):
                last[each.decision.candidate.group] = each
        return list(last.values())


class PruneResult(str, Enum):
    """What became of a backup that was to go."""

    REMOVED = "removed"
    KEPT = "kept"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, kw_only=True)
class PruneOutcome:
    """One backup that was to go, or the rest of one, what became of it, and why where that is not plain."""

    name: str
    result: PruneResult
    step: PruneStep | None = None
    message: str = ""


@dataclass(kw_only=True)
class PruneReport:
    """All of them, in the order in which they were tried."""

    plan: PrunePlan
    outcomes: list[PruneOutcome] = field(default_factory=list)
    interrupted: bool = False

    def exit_code(self) -> ExitCode:
        """0 only if all that was to go is gone."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        removed = [each for each in self.outcomes if each.result is PruneResult.REMOVED]
        if len(removed) == len(self.outcomes):
            return ExitCode.DONE
        return ExitCode.PARTIAL if removed else ExitCode.FAILED


# ---- plans


def plan_prune(directory: Path, rules: Rules, trust: Trust = OWN) -> PrunePlan:
    """What the rules keep of the folder, and what goes. UsageError for a name that is none there."""
    ours, left_alone, holds = _look(directory, trust)
    _require_names(directory, rules.names, [*(name for name, _, _ in ours), *(each.name for each in left_alone)])
    candidates = {name: _candidate(name, catalog, holds) for name, catalog, _ in ours}
    decisions = {each.candidate.name: each for each in decide(candidates.values(), rules)}
    found = {name: PruneStep(name=name, catalog=catalog, seen=seen, decision=decisions[name]) for name, catalog, seen in ours}
    steps = [found[name] for name in decisions]
    return _plan(directory, trust, steps, left_alone, holds)


def plan_forget(directory: Path, names: Sequence[str], trust: Trust = OWN) -> PrunePlan:
    """These backups go. UsageError for one that is not there, is another's, or is held."""
    ours, left_alone, holds = _look(directory, trust)
    why = {each.name: each.why for each in left_alone}
    _require_names(directory, names, [*(name for name, _, _ in ours), *why])
    for name in names:
        if name in why:
            raise UsageError(
                f"{directory / name}: {why[name]}; nothing was removed", hint="look at it; it can be removed by hand"
            )
    steps = []
    for name, catalog, seen in ours:
        candidate = _candidate(name, catalog, holds)
        if name in names and candidate.hold:
            raise UsageError(
                f"{name} is held: {candidate.hold}; nothing was removed", hint=f"let it go first with: unhold {name}"
            )
        reasons = () if name in names else ("not named",)
        steps.append(PruneStep(name=name, catalog=catalog, seen=seen, decision=Decision(candidate=candidate, reasons=reasons)))
    return replace(_plan(directory, trust, steps, left_alone, holds), is_named=True)


Ours = list[tuple[str, Catalog, Seen]]


def _look(directory: Path, trust: Trust) -> tuple[Ours, list[LeftAlone], Holds]:
    """The backups of ours, what else lies there, and the holds."""
    sealed, unsealed = PlainRepository(directory).scan()
    left_alone = [LeftAlone(name=each.name, why=each.why) for each in unsealed]
    ours: Ours = []
    with _opened(directory) as parent:
        for each in sealed:
            try:
                ours.append((each.name, each.catalog, _seen(parent, each)))
            except LrsError as error:
                left_alone.append(LeftAlone(name=each.name, why=getattr(error, "why", str(error))))
        return ours, left_alone, read_holds(directory, trust)


def _seen(parent: Directory, sealed: Backup) -> Seen:
    try:
        with own(parent, sealed.name) as folder:
            seen = Seen.of(folder)
            if folder.look(SUMS_FILE) is None:
                raise ChangedError(f"it is damaged: it has no {SUMS_FILE}")
    except OSError as error:
        raise ChangedError(f"it cannot be read: {error.strerror}") from error
    if seen.catalog != sealed.catalog.sha256:
        raise ChangedError("it changed while it was looked at")
    return seen


def _plan(directory: Path, trust: Trust, steps: list[PruneStep], left_alone: list[LeftAlone], holds: Holds) -> PrunePlan:
    with _opened(directory) as parent:
        begun = list(unfinished(parent))
    return PrunePlan(
        directory=directory, trust=trust, steps=steps, left_alone=left_alone, unfinished=begun, unbelieved=holds.refused
    )


def _candidate(name: str, catalog: Catalog, holds: Holds) -> Candidate:
    held = holds.of(catalog)
    return Candidate(
        name=name,
        instant=catalog.instant,
        group=group_of(catalog),
        is_whole=not catalog.missing,
        is_empty=catalog.is_empty,
        is_of_future=is_of_future(catalog),
        hold=held.reason or "no reason was given" if held else "",
    )


def group_of(catalog: Catalog) -> Hashable:
    """What backups of one group have in common: cluster, and all that says what was asked for."""
    cluster = catalog.cluster
    levels = {name: level for name, level in catalog.levels.items() if level != NONE}
    return (
        cluster.uid or (cluster.server, cluster.ca_sha256),
        json.dumps([catalog.selection, levels], sort_keys=True),
        catalog.profile,
    )


def _is_good(catalog: Catalog) -> bool:
    return not (catalog.missing or catalog.is_empty)


def _require_names(directory: Path, names: Sequence[str] | frozenset[str], there: Sequence[str]) -> None:
    for name in names:
        if name not in there:
            near = get_close_matches(name, there, n=3, cutoff=0.5)
            hint = f"there is {', '.join(near)}" if near else "list shows the names; latest and paths are none here"
            raise UsageError(f"backup {name!r} not found in {directory}; nothing was removed", hint=hint)


# ---- what is done


def apply(plan: PrunePlan, stop: Cancel, progress: Progress) -> PruneReport:
    """Remove what the plan removes, and finish removals that were killed. LrsError where another run is at it."""
    report = PruneReport(plan=plan)
    with _opened(plan.directory) as parent, _alone(parent):
        progress.begin("removing", len(plan.to_remove))
        try:
            for outcome in _outcomes(parent, plan, stop):
                report.outcomes.append(outcome)
                progress.advance()
        except KeyboardInterrupt:
            stop.set()
        finally:
            progress.end()
    tried = {each.step.name for each in report.outcomes if each.step}
    for step in plan.to_remove:
        if step.name not in tried:
            why = "interrupted; what was begun is finished by the next prune"
            report.outcomes.append(PruneOutcome(name=step.name, step=step, result=PruneResult.NOT_TRIED, message=why))
            report.interrupted = True
    return report


def _outcomes(parent: Directory, plan: PrunePlan, stop: Cancel) -> Iterator[PruneOutcome]:
    """Each as it is done, up to the one that was in work when the run was stopped; first what was begun before."""
    for each in plan.unfinished:
        if not each.why and not stop.is_set():
            result, message = _finished(parent, each)
            yield PruneOutcome(name=each.name, result=result, message=message)
    for step in plan.to_remove:
        if not stop.is_set():
            result, message = _removed(parent, plan, step)
            yield PruneOutcome(name=step.name, step=step, result=result, message=message)


def _removed(parent: Directory, plan: PrunePlan, step: PruneStep) -> tuple[PruneResult, str]:
    try:
        if why := _why_not(parent, plan, step):
            return PruneResult.KEPT, why
        left = remove(parent, step.name, step.seen)
    except InUseError:
        return PruneResult.KEPT, "another run reads it; prune again when that is done"
    except FileNotFoundError:
        return PruneResult.FAILED, "it is gone already; another run or program removed it"
    except (OSError, LrsError) as error:
        return PruneResult.FAILED, _said(error)
    return (PruneResult.FAILED, _left(left)) if left else (PruneResult.REMOVED, "")


def _why_not(parent: Directory, plan: PrunePlan, step: PruneStep) -> str:
    """What has come since the plan was made, that keeps a backup from being removed; empty where nothing does."""
    if held := read_holds(plan.directory, plan.trust).of(step.catalog):
        return f"held by now: {held.reason}"
    kept = [] if plan.is_named else plan.kept_beside(step)
    gone = next((each.name for each in kept if not each.seen.is_at(parent, each.name)), "")
    return f"{gone}, which the plan keeps, is gone by now; prune again" if gone else ""


def _said(error: OSError | LrsError) -> str:
    if isinstance(error, RefusedError):
        return error.why
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _finished(parent: Directory, each: Unfinished) -> tuple[PruneResult, str]:
    try:
        left = finish(parent, each)
    except FileNotFoundError:
        return PruneResult.REMOVED, "another run finished its removal"
    except (OSError, RefusedError) as error:
        return PruneResult.FAILED, _said(error)
    return (PruneResult.FAILED, _left(left)) if left else (PruneResult.REMOVED, "its removal had been broken off")


def _left(paths: Sequence[str]) -> str:
    return f"left alone, as it is another's, or no backup made it: {', '.join(paths[:3])}{' and more' if len(paths) > 3 else ''}"


@contextmanager
def _opened(directory: Path) -> Iterator[Directory]:
    """The folder of the backups; what lies in it must be ours."""
    try:
        folder = Directory.named(directory, SEALED)
    except OSError as error:
        raise UsageError(f"{directory}: cannot be opened: {error.strerror}") from error
    with folder:
        yield folder


@contextmanager
def _alone(parent: Directory) -> Iterator[None]:
    """While the block lasts no other run removes here; where the file system has no locks, each removal looks for itself."""
    if not have_alone(parent):
        raise LrsError(f"{parent.path}: another run removes backups there; nothing was removed", hint="wait for it")
    yield


def freed(plan: PrunePlan) -> int | None:
    """Bytes that go with what goes: of files that have no other name; None where that cannot be told."""
    names: dict[tuple[int, int], int] = {}
    total = 0
    try:
        for step in plan.to_remove:
            for found in SealedFolder(plan.directory / step.name, step.catalog, os.geteuid()).files():
                key = (found.st_dev, found.st_ino)
                names[key] = names.get(key, 0) + 1
                total += found.st_size if names[key] == found.st_nlink else 0
    except OSError:
        return None
    return total
