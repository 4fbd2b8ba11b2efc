"""Prune and forget: which backups go, planned, and exactly those removed. No cluster is asked.

What the backups' repository cannot believe is kept and counts for nothing; how one is removed is the repository's.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.choice import COUNTED, MANY, group_of, held
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.retention import Candidate, Decision, Rules, decide, removes_most
from kubectl_lrs.repository.pruning import (
    Begun,
    Found,
    Going,
    LeftAlone,
    Looked,
    Outcome,
    PoolFacts,
    Prepared,
    Pruner,
    PruneResult,
    Weight,
)
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.trust import RefusedError

OTHERS = "not meant"
"""Why a backup stays that the rules are not about."""


@dataclass(frozen=True, kw_only=True)
class PruneStep:
    """One backup of ours and what becomes of it."""

    found: Found
    decision: Decision

    @property
    def name(self) -> str:
        """What it is called."""
        return self.found.name

    @property
    def catalog(self) -> Catalog:
        """What it says of itself."""
        return self.found.catalog

    @property
    def is_kept(self) -> bool:
        """Whether it stays."""
        return self.decision.is_kept


@dataclass(frozen=True, kw_only=True)
class PrunePlan:
    """What stays and what goes. `unfinished`: removals that were killed. `unbelieved`: holds that are not ours.

    `is_named`: what goes was named by the user, and not left over by rules. `prepared`: the removal of these very backups.
    """

    location: str
    resolved: str
    prepared: Prepared
    is_named: bool = False
    steps: Sequence[PruneStep]
    left_alone: Sequence[LeftAlone] = ()
    unfinished: Sequence[Begun] = ()
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
            if _is_good(each) and not any(_is_good(other) for other in self.kept_beside(each)):
                last[each.decision.candidate.group] = each
        return list(last.values())

    @property
    def last_holding(self) -> list[tuple[PruneStep, Sequence[str]]]:
        """The newest that goes of each group which holds much of something that all that stay hold nothing of, and what that is.

        Those that stay are good by themselves, and perhaps all of them were made after it was lost.
        """
        last: dict[Hashable, tuple[PruneStep, Sequence[str]]] = {}
        for each in self.to_remove:
            if words := _last_of(each, self.kept_beside(each)):
                last[each.decision.candidate.group] = each, words
        return list(last.values())

    @property
    def going(self) -> list[Going]:
        """What goes, and what must be there for that."""
        return [
            Going(each.found, [] if self.is_named else [kept.found for kept in self.kept_beside(each)]) for each in self.to_remove
        ]

    def weight(self) -> Weight:
        """What it would free."""
        return self.prepared.weight()


@dataclass(kw_only=True)
class PruneReport:
    """All of them, in the order in which they were tried. `pool`: what was done to the objects that backups share."""

    plan: PrunePlan
    outcomes: list[Outcome] = field(default_factory=list)
    interrupted: bool = False
    pool: PoolFacts | None = None

    def exit_code(self) -> ExitCode:
        """0 only if all that was to go is gone."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        removed = [each for each in self.outcomes if each.result is PruneResult.REMOVED]
        undone = bool(self.pool and self.pool.remarks) or len(removed) < len(self.outcomes)
        if not undone:
            return ExitCode.DONE
        some = removed or (self.pool and self.pool.swept.objects + self.pool.condemned.objects)
        return ExitCode.PARTIAL if some else ExitCode.FAILED


def _last_of(step: PruneStep, kept: Sequence[PruneStep]) -> list[str]:
    """What nothing is left of with a backup, in words; where none stays of its group, nobody takes another one for it."""
    believed = [each.catalog for each in kept if not each.decision.candidate.doubt]
    lost = [
        f"{count:,} {what}"
        for tier, (_, what) in COUNTED.items()
        if (count := held(step.catalog, tier) or 0) >= MANY and not any(held(each, tier) for each in believed)
    ]
    return lost if believed else []


# ---- plans


def plan_prune(pruner: Pruner, rules: Rules, is_meant: Callable[[Catalog], bool] = lambda _catalog: True) -> PrunePlan:
    """What the rules keep of the repository, and what goes. UsageError for a name that is none there.

    `is_meant`: which backups the rules are about; all others stay.
    """
    looked = pruner.look()
    _require_names(pruner, rules.names, [*(each.name for each in looked.backups), *(each.name for each in looked.left_alone)])
    steps = _decided(looked.backups, rules, is_meant)
    prepared = pruner.prepare(looked, _gone(steps))
    if prepared.lacking:  # what is damaged takes nobody's place
        looked = replace(looked, backups=_doubted(looked.backups, prepared.lacking))
        steps = _decided(looked.backups, rules, is_meant)
        prepared = pruner.prepare(looked, _gone(steps))
    return _plan(pruner, looked, steps, prepared)


def _gone(steps: Sequence[PruneStep]) -> list[str]:
    return [each.name for each in steps if not each.is_kept]


def _decided(backups: Sequence[Found], rules: Rules, is_meant: Callable[[Catalog], bool]) -> list[PruneStep]:
    by_name = {each.name: each for each in backups}
    decisions = decide((_candidate(each) for each in backups if is_meant(each.catalog)), rules)
    decisions += [Decision(candidate=_candidate(each), reasons=(OTHERS,)) for each in backups if not is_meant(each.catalog)]
    return [PruneStep(found=by_name[each.candidate.name], decision=each) for each in decisions]


def _doubted(backups: Sequence[Found], lacking: Mapping[str, str]) -> list[Found]:
    return [replace(each, doubt=each.doubt or lacking.get(each.name, "")) for each in backups]


def plan_forget(pruner: Pruner, names: Sequence[str]) -> PrunePlan:
    """These backups go. UsageError for one that is not there, is another's, or is held."""
    looked = pruner.look()
    why = {each.name: each.why for each in looked.left_alone}
    _require_names(pruner, names, [*(each.name for each in looked.backups), *why])
    for name in names:
        if name in why:
            raise UsageError(
                f"{pruner.location}/{name}: {why[name]}; nothing was removed", hint="look at it; it can be removed by hand"
            )
    steps = []
    for each in looked.backups:
        if each.name in names and each.hold:
            raise UsageError(
                f"{each.name} is held: {each.hold}; nothing was removed", hint=f"let it go first with: unhold {each.name}"
            )
        reasons = () if each.name in names else ("not named",)
        steps.append(PruneStep(found=each, decision=Decision(candidate=_candidate(each), reasons=reasons)))
    return replace(_plan(pruner, looked, steps, pruner.prepare(looked, names)), is_named=True)


def _plan(pruner: Pruner, looked: Looked, steps: list[PruneStep], prepared: Prepared) -> PrunePlan:
    return PrunePlan(
        location=pruner.location,
        resolved=pruner.resolved,
        prepared=prepared,
        steps=steps,
        left_alone=looked.left_alone,
        unfinished=looked.begun,
        unbelieved=looked.unbelieved,
    )


def _candidate(found: Found) -> Candidate:
    catalog = found.catalog
    return Candidate(
        name=found.name,
        instant=catalog.instant,
        group=group_of(catalog),
        is_whole=not catalog.missing,
        is_empty=catalog.is_empty,
        doubt=found.doubt,
        hold=found.hold,
    )


def _is_good(step: PruneStep) -> bool:
    return not (step.catalog.missing or step.catalog.is_empty or step.found.doubt)


def _require_names(pruner: Pruner, names: Sequence[str] | frozenset[str], there: Sequence[str]) -> None:
    for name in names:
        if name not in there:
            near = get_close_matches(name, there, n=3, cutoff=0.5)
            hint = f"there is {', '.join(near)}" if near else "list shows the names; latest and paths are none here"
            raise UsageError(f"backup {name!r} not found in {pruner.location}; nothing was removed", hint=hint)


# ---- what is done


def apply(plan: PrunePlan, stop: Cancel, progress: Progress) -> PruneReport:
    """Remove what the plan removes, and finish removals that were killed. LrsError where nothing was removed."""
    report = PruneReport(plan=plan)
    progress.begin("removing", len(plan.to_remove))
    try:
        for outcome in plan.prepared.apply(plan.going, stop):
            report.outcomes.append(outcome)
            progress.advance()
    except KeyboardInterrupt:
        stop.set()
    finally:
        progress.end()
    report.pool = plan.prepared.facts()
    report.interrupted = stop.is_set() and report.pool is not None
    tried = {each.found.name for each in report.outcomes if each.found}
    for step in plan.to_remove:
        if step.name not in tried:
            why = "interrupted; what was begun is finished by the next prune"
            report.outcomes.append(Outcome(name=step.name, found=step.found, result=PruneResult.NOT_TRIED, message=why))
            report.interrupted = True
    return report
