"""What a restore would do, as data: one step per object. Pure; the same plan is shown, and then applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from kubectl_lrs.model.diff import ABSENT, Change
from kubectl_lrs.model.errors import ExitCode


class Policy(str, Enum):
    """What to do with an object that is there already and differs."""

    SKIP = "skip"
    UPDATE = "update"
    REPLACE = "replace"
    RECREATE = "recreate"
    FAIL = "fail"


class Action(str, Enum):
    """What is to happen to one object."""

    CREATE = "create"
    UNCHANGED = "unchanged"
    MERGE = "merge"
    UPDATE = "update"
    REPLACE = "replace"
    RECREATE = "recreate"
    CONFLICT = "conflict"
    SKIP = "skip"


DATA_WRITES = frozenset((Action.CREATE, Action.MERGE, Action.REPLACE))
WRITES = frozenset((Action.CREATE, Action.UPDATE, Action.REPLACE, Action.RECREATE))
DESTRUCTIVE = frozenset((Action.UPDATE, Action.REPLACE, Action.RECREATE))

VERBS: Mapping[Action, tuple[str, ...]] = {
    Action.CREATE: ("create",),
    Action.UPDATE: ("patch",),
    Action.REPLACE: ("update",),
    Action.RECREATE: ("delete", "create"),
}
"""The rights on `lrs` that an action needs, besides get and list."""


@dataclass(frozen=True, slots=True)
class Step:
    """One object and what is to happen to it.

    `reason` says why, where it is not plain. `diff` is what differs, live before, backup after; a change whose `after`
    is ABSENT is a field that only the live object has. `uid` and `resource_version` are those of the live object that
    the plan was made for: a write for another one is refused by the server.
    """

    namespace: str
    name: str
    type: str
    action: Action
    reason: str = ""
    diff: tuple[Change, ...] = ()
    uid: str = ""
    resource_version: str = ""

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    @property
    def kept(self) -> tuple[str, ...]:
        """The fields that only the live object has."""
        return tuple(change.field for change in self.diff if change.after is ABSENT)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a store beside the cluster (a collection, an image, a file) and what is to happen to it; `bytes` of data."""

    tier: str
    name: str
    action: Action
    reason: str = ""
    bytes: int = 0


class Severity(str, Enum):
    """How much a finding matters: an error keeps the plan from being applied."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that was found before the first write, what it means, and what to do."""

    severity: Severity
    message: str
    hint: str = ""
    exit_code: ExitCode = ExitCode.FAILED


@dataclass(frozen=True, kw_only=True)
class TierPlan:
    """What a restore would do to one store beside the cluster.

    `target` says where it goes, without secrets. `stakes`: what the user must agree to, in words.
    """

    tier: str
    target: str
    items: list[Item]
    findings: list[Finding] = field(default_factory=list)
    stakes: tuple[str, ...] = ()

    def counts(self) -> Counter[Action]:
        """How many items of each action."""
        return Counter(item.action for item in self.items)


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How a plan is applied. `timeout` (seconds): for what is being deleted to go, and again for what must become ready."""

    workers: int
    timeout: float
    wait: bool = False
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps in the order in which they are applied, what must be made before them, and what was found.

    `data`: the plans of the stores beside the cluster, which are applied before the steps.
    """

    source: str
    target: str
    steps: list[Step]
    data: tuple[TierPlan, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    namespaces_to_create: tuple[str, ...] = ()
    install_crd: bool = False
    pause_operator: str = ""
    from_another_cluster: bool = False
    unmapped: int = 0

    def counts(self) -> Counter[Action]:
        """How many steps of each action."""
        return Counter(step.action for step in self.steps)

    @property
    def all_findings(self) -> list[Finding]:
        """What was found in every store, the cluster last."""
        return [finding for part in self.data for finding in part.findings] + self.findings

    @property
    def errors(self) -> list[Finding]:
        """What keeps it from being applied."""
        return [finding for finding in self.all_findings if finding.severity is Severity.ERROR]

    @property
    def stakes(self) -> list[str]:
        """What the user must agree to, in words; empty where the plan only creates."""
        counts = self.counts()
        said = [stake for part in self.data for stake in part.stakes]
        said += [f"{action.value} {counts[action]} LRS" for action in Action if action in DESTRUCTIVE and counts[action]]
        if self.pause_operator:
            said.append(f"pause the operator {self.pause_operator} meanwhile")
        writes = any(step.action in WRITES for step in self.steps) or any(
            item.action in DATA_WRITES for part in self.data for item in part.items
        )
        if self.from_another_cluster and writes:
            said.append("restore from a backup of another cluster")
        return said


def json_patch(step: Step) -> list[dict[str, Any]]:
    """The plan's differences as a JSON Patch (RFC 6902): what only the live object has is not touched.

    A merge patch would not do: it cannot set a field to null. The resource version makes the server answer 409 when
    the object has changed since the plan was made.
    """
    operations: list[dict[str, Any]] = [{"op": "replace", "path": "/metadata/resourceVersion", "value": step.resource_version}]
    for change in step.diff:
        if change.after is ABSENT:
            continue
        path = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in change.path)
        operations.append({"op": "add" if change.before is ABSENT else "replace", "path": path, "value": change.after})
    return operations
