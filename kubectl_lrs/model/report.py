"""What was done, object by object, and the exit code that follows from it. Pure: the report owns the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from kubectl_lrs.model.errors import ExitCode, LrsError
from kubectl_lrs.model.plan import Action, Item, Step, TierPlan


class Result(str, Enum):
    """What became of one object."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    MERGED = "merged"
    UPDATED = "updated"
    REPLACED = "replaced"
    RECREATED = "recreated"
    SKIPPED = "skipped"
    CONFLICT = "conflict"
    FAILED = "failed"
    NOT_TRIED = "not tried"
    NOT_CHECKED = "not checked"
    NOT_READY = "not ready"


NOT_DONE = frozenset((Result.CONFLICT, Result.FAILED, Result.NOT_TRIED, Result.NOT_READY))
"""What leaves something that was asked for undone; a planned skip is not among them."""

RESULT_OF: dict[Action, Result] = {
    Action.CREATE: Result.CREATED,
    Action.UNCHANGED: Result.UNCHANGED,
    Action.MERGE: Result.MERGED,
    Action.UPDATE: Result.UPDATED,
    Action.REPLACE: Result.REPLACED,
    Action.RECREATE: Result.RECREATED,
    Action.CONFLICT: Result.CONFLICT,
    Action.SKIP: Result.SKIPPED,
}
"""What each planned action becomes when it goes as planned."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One object, what became of it, and why where that is not plain; `error` is what it failed with."""

    namespace: str
    name: str
    type: str
    result: Result
    message: str = ""
    error: LrsError | None = None

    @classmethod
    def of(cls, step: Step, result: Result | None = None, message: str = "", error: LrsError | None = None) -> Outcome:
        """The outcome of a step; without `result`, that it went as planned."""
        return cls(step.namespace, step.name, step.type, result or RESULT_OF[step.action], message or step.reason, error)


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """One thing of a store beside the cluster and what became of it; `counts` of what it consists of, such as documents."""

    tier: str
    name: str
    result: Result
    message: str = ""
    error: LrsError | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        item: Item,
        result: Result | None = None,
        message: str = "",
        error: LrsError | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> ItemOutcome:
        """The outcome of an item; without `result`, that it went as planned."""
        return cls(item.tier, item.name, result or RESULT_OF[item.action], message or item.reason, error, counts or {})


@dataclass(kw_only=True)
class Report:
    """All outcomes of a run; `items` are those of the stores beside the cluster.

    `undone`: what else was asked for and is not so. `interrupted`: it was stopped before its end.
    """

    WRITTEN: ClassVar[frozenset[Result]] = frozenset((Result.CREATED, Result.UPDATED, Result.REPLACED, Result.RECREATED))

    source: str
    target: str
    outcomes: list[Outcome] = field(default_factory=list)
    items: list[ItemOutcome] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    interrupted: bool = False
    seconds: float = 0.0

    def counts(self) -> Counter[Result]:
        """How many outcomes of each result."""
        return Counter(outcome.result for outcome in self.outcomes)

    @property
    def not_done(self) -> list[Outcome | ItemOutcome]:
        """Everything that was asked for and is not so now."""
        everything: list[Outcome | ItemOutcome] = [*self.items, *self.outcomes]
        return [outcome for outcome in everything if outcome.result in NOT_DONE]

    def add_not_tried(self, steps: list[Step], why: str = "interrupted") -> None:
        """The steps that were not begun."""
        begun = {(outcome.namespace, outcome.name) for outcome in self.outcomes}
        rest = [step for step in steps if (step.namespace, step.name) not in begun]
        self.outcomes += [Outcome.of(step, Result.NOT_TRIED, why) for step in rest]

    def add_items_not_tried(self, plan: TierPlan, why: str = "interrupted") -> None:
        """The items of a store that were not begun."""
        begun = {outcome.name for outcome in self.items if outcome.tier == plan.tier}
        rest = [item for item in plan.items if item.name not in begun]
        self.items += [ItemOutcome.of(item, Result.NOT_TRIED, why) for item in rest]

    def exit_code(self) -> ExitCode:
        """0 only if everything asked for was done."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        not_done = self.not_done
        if not not_done:
            return ExitCode.PARTIAL if self.undone else ExitCode.DONE
        if len(not_done) < len(self.outcomes) + len(self.items):
            return ExitCode.PARTIAL
        if {o.error.exit_code for o in not_done if o.error} == {ExitCode.UNREACHABLE}:
            return ExitCode.UNREACHABLE
        return ExitCode.FAILED if all(o.result is Result.FAILED for o in not_done) else ExitCode.PARTIAL
