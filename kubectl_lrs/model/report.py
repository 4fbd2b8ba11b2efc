"""What was done, thing by thing, and the exit code that follows from it. Pure: the report owns the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import Protocol

from kubectl_lrs.model.errors import ExitCode, LrsError
from kubectl_lrs.model.plan import Action, Finding, Step, StorePlan


class Result(str, Enum):
    """What became of one thing. `ALTERED`: it was written, and what the server holds is not what it was sent."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    MERGED = "merged"
    UPDATED = "updated"
    REPLACED = "replaced"
    RECREATED = "recreated"
    ALTERED = "altered"
    SKIPPED = "skipped"
    CONFLICT = "conflict"
    FAILED = "failed"
    NOT_TRIED = "not tried"
    NOT_CHECKED = "not checked"
    NOT_READY = "not ready"


WRITTEN = frozenset((Result.CREATED, Result.UPDATED, Result.REPLACED, Result.RECREATED))

NOT_DONE = frozenset((Result.ALTERED, Result.CONFLICT, Result.FAILED, Result.NOT_TRIED, Result.NOT_READY))
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


BEGUN = "interrupted: "
"""How the message of what was not tried begins where a part of it was: behind it is what is there now."""

_NONE: Mapping[str, int] = {}
"""The counts of all that have none: there may be very many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One thing, what became of it, and why where that is not plain.

    `error` is what it failed with; `counts` of what it consists of, such as documents.
    """

    store: str
    namespace: str = ""
    name: str
    type: str = ""
    result: Result
    message: str = ""
    error: LrsError | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        step: Step,
        result: Result | None = None,
        message: str = "",
        error: LrsError | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> Outcome:
        """The outcome of a step; without `result`, that it went as planned."""
        return cls(
            store=step.store,
            namespace=step.namespace,
            name=step.name,
            type=step.type,
            result=result or RESULT_OF[step.action],
            message=message or step.reason,
            error=error,
            counts=counts or _NONE,
        )

    @classmethod
    def failed(cls, step: Step, error: LrsError, *, counts: Mapping[str, int] | None = None) -> Outcome:
        """The step failed with this."""
        return cls.of(step, Result.FAILED, str(error), error, counts)

    @property
    def key(self) -> str:
        """As that of its step."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Apart(Protocol):
    """Outcomes of one store that left nothing undone, of which there may be very many, and that are not in memory."""

    store: str

    def __iter__(self) -> Iterator[Outcome]:
        """Each."""

    def __len__(self) -> int:
        """How many."""

    def counts(self) -> Counter[Result]:
        """How many of each result: none of NOT_DONE, and none with an error."""


@dataclass(kw_only=True)
class Report:
    """All outcomes of a run, in the order in which they came; those that are `apart` come after the others.

    `targets`: where each store is, without secrets. `incomplete`: what else was asked for and is not so. `findings`: what else
    should be known of it. `interrupted`: it was stopped before its end.
    """

    source: str
    target: str
    targets: Mapping[str, str] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    apart: list[Apart] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    interrupted: bool = False
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """One more."""
        self.outcomes.append(outcome)

    def every(self) -> Iterator[Outcome]:
        """All of them."""
        return chain(self.outcomes, *self.apart)

    def of(self, store: str) -> Iterator[Outcome]:
        """Those of one store."""
        return (outcome for outcome in self.every() if outcome.store == store)

    def counts(self, store: str = "") -> Counter[Result]:
        """How many outcomes of each result, of one store or of all."""
        found = Counter(outcome.result for outcome in self.outcomes if store in ("", outcome.store))
        return sum((each.counts() for each in self.apart if store in ("", each.store)), found)

    @property
    def stores(self) -> list[str]:
        """Those that have outcomes, in their order."""
        apart = (each.store for each in self.apart if len(each))
        return list(dict.fromkeys(chain((outcome.store for outcome in self.outcomes), apart)))

    @property
    def not_done(self) -> list[Outcome]:
        """Everything that was asked for and is not so now."""
        return [outcome for outcome in self.outcomes if outcome.result in NOT_DONE]

    def add_not_tried(self, part: StorePlan, why: str = "interrupted") -> None:
        """The steps of a store that were not begun."""
        begun = {outcome.key for outcome in self.of(part.store)}
        self.outcomes += [Outcome.of(step, Result.NOT_TRIED, why) for step in part.steps if step.key not in begun]

    def exit_code(self) -> ExitCode:
        """0 only if everything asked for was done."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        not_done = self.not_done
        if not not_done:
            return ExitCode.PARTIAL if self.incomplete else ExitCode.DONE
        if len(not_done) < len(self.outcomes) or any(map(len, self.apart)):
            return ExitCode.PARTIAL
        if {o.error.exit_code for o in not_done if o.error} == {ExitCode.UNREACHABLE}:
            return ExitCode.UNREACHABLE
        return ExitCode.FAILED if all(o.result is Result.FAILED for o in not_done) else ExitCode.PARTIAL
