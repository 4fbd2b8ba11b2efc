"""What became of each deployment, and the exit code that follows from it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.stores.deployments.plan import Step


class Result(str, Enum):
    """What became of one deployment."""

    DEACTIVATED = "deactivated"
    ACTIVATED = "activated"
    UNCHANGED = "unchanged"
    SENT = "sent"
    LEFT = "left alone"
    FAILED = "failed"
    UNFINISHED = "unfinished"
    NOT_TRIED = "not tried"


CHANGED = frozenset((Result.DEACTIVATED, Result.ACTIVATED, Result.SENT))
"""What an application has done that changes anything at all."""

NOT_DONE = frozenset((Result.LEFT, Result.FAILED, Result.UNFINISHED, Result.NOT_TRIED))
"""What leaves something that was asked for undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One deployment. `before` and `after` are its statuses, `after` the one last seen; `seconds` it took."""

    id: str
    label: str
    organisation: str
    before: str
    after: str
    result: Result
    message: str = ""
    seconds: float = 0.0
    task: str = ""

    @classmethod
    def of(
        cls,
        step: Step,
        result: Result,
        message: str = "",
        *,
        after: str = "",
        before: str = "",
        seconds: float = 0.0,
        task: str = "",
    ) -> Outcome:
        """The outcome of a step; without `after`, that its status is as it was."""
        return cls(
            id=step.id,
            label=step.label,
            organisation=step.organisation,
            before=before or step.before,
            after=after or step.before,
            result=result,
            message=message,
            seconds=seconds,
            task=task,
        )


@dataclass(kw_only=True)
class DeploymentReport:
    """All outcomes of a run. `incomplete`: what else was asked for and is not so. `journals`: the files that tell of it.

    `is_lost`: the application gave nothing but failures in the end.
    """

    verb: str
    endpoint: str
    journals: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    interrupted: bool = False
    is_lost: bool = False
    seconds: float = 0.0

    def counts(self) -> Counter[Result]:
        """How many outcomes of each result."""
        return Counter(outcome.result for outcome in self.outcomes)

    def add_not_tried(self, steps: Iterable[Step]) -> None:
        """The steps that were not begun, after an interruption."""
        begun = {outcome.id for outcome in self.outcomes}
        self.outcomes += [Outcome.of(step, Result.NOT_TRIED, "interrupted") for step in steps if step.id not in begun]

    def exit_code(self) -> ExitCode:
        """0 only if everything asked for was done."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        not_done = [outcome for outcome in self.outcomes if outcome.result in NOT_DONE]
        if not not_done:
            return ExitCode.PARTIAL if self.incomplete else ExitCode.DONE
        if self.is_lost and len(not_done) == len(self.outcomes):
            return ExitCode.UNREACHABLE
        all_failed = len(not_done) == len(self.outcomes) and all(o.result is Result.FAILED for o in not_done)
        return ExitCode.FAILED if all_failed else ExitCode.PARTIAL
