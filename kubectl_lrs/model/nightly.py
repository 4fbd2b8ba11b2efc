"""A nightly run: its parts and steps, what became of each, and what all of it comes to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from kubectl_lrs.model.errors import ExitCode

if TYPE_CHECKING:
    from kubectl_lrs.model.catalog import Catalog

BACKUP, PRUNE, PROVE = "backup", "prune", "prove"
PARTS = (BACKUP, PRUNE, PROVE)
"""What may run with credentials of its own."""

ALL = ""
"""The part of what befalls all of them."""

SAYS = "nightly run: exit status "
"""What the line begins with that says all of a run, and that is what its pod leaves: it ends with 0 in place of 3."""

WITHOUT_WHOLE = timedelta(days=14)
"""A group of backups of which none was whole for so long is an error by itself."""

SEVERITY = (ExitCode.FAILED, ExitCode.UNREACHABLE, ExitCode.DIFFERENCE, ExitCode.PARTIAL, ExitCode.DONE)
"""The worst first. What ends a run goes before all of them."""

ENDS = (ExitCode.INTERRUPTED, ExitCode.USAGE)
"""What ends a run at once."""


class State(str, Enum):
    """What became of a step. `LEFT_OUT`: what it needs was not done; `NOT_HERE`: its credentials are with another run."""

    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    FOUND = "findings"
    LEFT_OUT = "left out"
    NOT_HERE = "not here"
    INTERRUPTED = "interrupted"


GOOD = frozenset((State.DONE, State.PARTIAL))
"""What another step may build on."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a step has come to. `status`: what it does to that of the run."""

    state: State = State.DONE
    status: ExitCode = ExitCode.DONE
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step that was come to."""

    name: str
    part: str
    outcome: Outcome
    seconds: float = 0.0


@dataclass(kw_only=True)
class NightlyReport:
    """A run. `cluster`, `namespace`, `profile`, `repository` tell its installation from others: the uid by the installation file,
    the namespace of the LRS, empty for all, what is asked for, and where it goes. `backup`: what was made, or what a prune by
    itself goes by.
    """

    cluster: str
    namespace: str = ""
    profile: str
    repository: str = ""
    parts: tuple[str, ...]
    began: datetime
    ended: datetime | None = None
    steps: list[Step] = field(default_factory=list)
    backup: Catalog | None = None

    def exit_code(self) -> ExitCode:
        """The worst of all steps."""
        return worst(step.outcome.status for step in self.steps)

    def status_of(self, part: str) -> ExitCode:
        """The worst of one part; where a step of it was left out, what kept it from being done counts too."""
        mine = [step.outcome for step in self.steps if step.part in (part, ALL)]
        kept = any(
            each.state is State.LEFT_OUT and each.status is ExitCode.DONE for each in mine
        )  # by another, as it says nothing
        because = [self.exit_code()] if kept else []
        return worst([*(each.status for each in mine), *because])

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.began).total_seconds() if self.ended else 0.0


def worst(statuses: Iterable[ExitCode]) -> ExitCode:
    """The one that counts."""
    there = set(statuses)
    return next((each for each in (*ENDS, *SEVERITY) if each in there), ExitCode.DONE)


def status_said(line: str) -> int | None:
    """The exit status that a line says which begins with SAYS; None where it is none."""
    found = re.match(rf"{SAYS}(\d+)\b", line)
    return int(found[1]) if found else None
