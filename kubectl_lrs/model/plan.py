"""What a restore would do, as data: a part for each store, in it a step for each thing. Pure; what is shown is what is applied.

A step holds all that applying it needs beside what the store was made with: a plan from which steps were taken does
less, and any store object of the same making applies it alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

from kubectl_lrs.model.diff import ABSENT, Change
from kubectl_lrs.model.each import Each
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.notes import Note


class Action(str, Enum):
    """What is to happen to one thing."""

    CREATE = "create"
    UNCHANGED = "unchanged"
    MERGE = "merge"
    UPDATE = "update"
    REPLACE = "replace"
    RECREATE = "recreate"
    CONFLICT = "conflict"
    SKIP = "skip"


WRITES = frozenset((Action.CREATE, Action.MERGE, Action.UPDATE, Action.REPLACE, Action.RECREATE))
DESTRUCTIVE = frozenset((Action.UPDATE, Action.REPLACE, Action.RECREATE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing of a store and what is to happen to it; each store has a step of its own, with what applying it needs.

    `namespace` and `type` where the store has such. `reason` says why, where it is not plain. `bytes`: of data. `diff` is
    what differs, live before, backup after; a change whose `after` is ABSENT is a field that only the live thing has.
    `because`: what leads to it, where one application is restored.
    """

    store: ClassVar[str] = ""

    namespace: str = ""
    name: str
    type: str = ""
    action: Action
    reason: str = ""
    bytes: int = 0
    diff: tuple[Change, ...] = ()
    because: str = ""

    @property
    def key(self) -> str:
        """`namespace/name`, or the name where it is in no namespace: one of its kind in its store."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def kept(self) -> tuple[str, ...]:
        """The fields that only the live thing has."""
        return tuple(change.field for change in self.diff if change.after is ABSENT)


S = TypeVar("S", bound=Step)


@runtime_checkable
class Counted(Protocol):
    """Steps of which it is known how many there are of each action: they may be very many, and not in memory."""

    def counts(self) -> Counter[Action]:
        """Of each that there is at least one of."""


class Severity(str, Enum):
    """How much a finding matters: an error keeps the plan from being applied."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that was found before the first write, what it means, and what to do. `details`: all that it counts.

    `note`: as what it can be acknowledged, where it is no error.
    """

    severity: Severity
    message: str
    hint: str = ""
    exit_code: ExitCode = ExitCode.FAILED
    details: tuple[str, ...] = ()
    note: Note | None = None


class Prepare(str, Enum):
    """What has to be done before the steps of a store."""

    INSTALL_CRD = "install-crd"
    CREATE_NAMESPACE = "create-namespace"
    PAUSE_OPERATOR = "pause-operator"


@dataclass(frozen=True)
class Preparation:
    """Something that is done first; `name` of the CRD, the namespace, the operator (`namespace/name`)."""

    prepare: Prepare
    name: str


@dataclass(frozen=True, kw_only=True)
class StorePlan:
    """What a restore would do to one store.

    `target` says where it goes, without secrets. `effects`: what is lost or taken from somebody, in words, to which the
    user must agree. `remains`: what was asked for and will not be so, even where each step goes as planned.
    """

    store: str
    target: str
    steps: Sequence[Step]
    preparations: tuple[Preparation, ...] = ()
    findings: tuple[Finding, ...] = ()
    effects: tuple[str, ...] = ()
    remains: tuple[str, ...] = ()

    def counts(self) -> Counter[Action]:
        """How many steps of each action."""
        if isinstance(self.steps, Counted):
            return self.steps.counts()
        return Counter(step.action for step in self.steps)

    def has(self, actions: Collection[Action]) -> bool:
        """Whether there is a step of one of these."""
        return any(action in actions for action in self.counts())

    def of(self, kind: type[S]) -> list[S]:
        """The steps, which are of this store's own kind; TypeError where one is not: that is a bug."""
        steps = []
        for step in self.steps:
            if not isinstance(step, kind):
                raise TypeError(f"{step!r} is no {kind.__name__}")
            steps.append(step)
        return steps

    def first(self, prepare: Prepare) -> list[str]:
        """The names of what is to be prepared in this way."""
        return [each.name for each in self.preparations if each.prepare is prepare]


@dataclass(frozen=True, kw_only=True)
class ApplyOptions:
    """How a plan is applied. `timeout` (seconds): for what is being deleted to go, and again for what must become ready."""

    workers: int
    timeout: float
    wait: bool = False
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to happen in each store, in the order in which the stores are written. `target`: the URL of the cluster,
    `context`: of the kubeconfig.

    `owner`: who has written the backup, by what its file system says; empty where it is none. `lacking`: what should be in the
    source and is not.
    """

    source: str
    target: str
    parts: tuple[StorePlan, ...]
    from_another_cluster: bool = False
    owner: str = ""
    context: str = ""
    lacking: tuple[str, ...] = ()

    @property
    def cluster(self) -> str:
        """It by context and URL."""
        return f"{self.context} ({self.target})" if self.context else self.target

    @property
    def steps(self) -> Sequence[Step]:
        """Those of all stores."""
        return Each(lambda: (step for part in self.parts for step in part.steps))

    def counts(self) -> Counter[Action]:
        """How many steps of each action, in all stores."""
        return sum((part.counts() for part in self.parts), Counter())

    def has(self, actions: Collection[Action]) -> bool:
        """Whether there is a step of one of these in any of them."""
        return any(part.has(actions) for part in self.parts)

    @property
    def findings(self) -> list[Finding]:
        """What was found in every store."""
        return [finding for part in self.parts for finding in part.findings]

    @property
    def errors(self) -> list[Finding]:
        """What keeps it from being applied."""
        return errors_of(self.findings)

    @property
    def incomplete(self) -> list[str]:
        """What is asked for and will not be so, even where each step goes as planned."""
        return [*self.lacking, *(each for part in self.parts for each in part.remains)]

    def exit_code(self) -> ExitCode:
        """What carrying it out ends with at best."""
        if errors := self.errors:
            return errors[0].exit_code
        is_open = self.incomplete or self.has((Action.CONFLICT,))
        return ExitCode.PARTIAL if is_open else ExitCode.DONE

    @property
    def effects(self) -> list[str]:
        """What the user must agree to, in words; empty where the plan only creates."""
        said = [effect for part in self.parts for effect in part.effects]
        if self.from_another_cluster and self.has(WRITES):
            said.append("restore from a backup of another cluster")
        return said


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """Those that keep a plan from being applied."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]
