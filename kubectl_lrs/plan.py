"""What a restore would do, as data: one step per object. Pure; the same plan is shown, and then applied."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from kubectl_lrs.diff import Change


class Action(str, Enum):
    """What is to happen to one object."""

    CREATE = "create"
    UNCHANGED = "unchanged"
    UPDATE = "update"
    REPLACE = "replace"
    RECREATE = "recreate"
    CONFLICT = "conflict"
    SKIP = "skip"


WRITES = frozenset((Action.CREATE, Action.UPDATE, Action.REPLACE, Action.RECREATE))
DESTRUCTIVE = frozenset((Action.UPDATE, Action.REPLACE, Action.RECREATE))


@dataclass(frozen=True, slots=True)
class Step:
    """One object and what is to happen to it. `reason` says why, where it is not plain; `diff` what would change."""

    namespace: str
    name: str
    type: str
    action: Action
    reason: str = ""
    diff: tuple[Change, ...] = ()
    dropped_owners: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps in the order in which they are applied, what must be made before them, and what the user should know."""

    source: str
    target: str
    steps: list[Step]
    namespaces_to_create: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def counts(self) -> Counter[Action]:
        """How many steps of each action."""
        return Counter(step.action for step in self.steps)
