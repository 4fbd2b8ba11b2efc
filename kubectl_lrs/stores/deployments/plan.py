"""Which deployments are to be taken down or up, and why the others are not. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from fnmatch import fnmatchcase

from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.stores.deployments.inventory import Deployment
from kubectl_lrs.stores.deployments.journal import JournalledDeployment
from kubectl_lrs.stores.deployments.statuses import ACTIVE, ARCHIVED, DOWN, INACTIVE, OURS, STAYS_DOWN, UP, Direction, State

_ID = re.compile(r"[0-9a-fA-F]{24}")


class Action(str, Enum):
    """What is to happen to one deployment."""

    DEACTIVATE = "deactivate"
    ACTIVATE = "activate"
    UNCHANGED = "unchanged"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One deployment and what is to happen to it.

    `before` is its status when the plan was made. `is_ours`: an earlier run may have asked for the change already.
    `closes`: how the journal's entry ends, where nothing is to be done and nothing is left. `pending`: the task of the
    opposite change, which may still be under way; empty where its task is not known, None where there is none.
    """

    id: str
    label: str
    organisation: str
    before: str
    action: Action
    reason: str = ""
    model: str = ""
    importance: str = ""
    is_ours: bool = False
    closes: State | None = None
    pending: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeploymentPlan:
    """The steps, and what is said beside them. `incomplete`: what was asked for and cannot even be planned."""

    direction: Direction
    endpoint: str
    steps: list[Step]
    notes: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)

    @property
    def changes(self) -> list[Step]:
        """The steps that change something."""
        return [step for step in self.steps if step.action in (Action.DEACTIVATE, Action.ACTIVATE)]

    def exit_code(self) -> ExitCode:
        """What carrying it out ends with at best."""
        is_all = not self.incomplete and all(step.action is not Action.LEAVE for step in self.steps)
        return ExitCode.DONE if is_all else ExitCode.PARTIAL


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which deployments the user means. Patterns are of labels (`*`, `?`, `[...]`), or ids; `ids` come from a file."""

    all: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    ids: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for identifier in self.ids or ():
            if not _ID.fullmatch(identifier):
                raise UsageError(f"{identifier!r} is not the id of a deployment: 24 hexadecimal digits")

    def named_ids(self) -> list[str]:
        """The ids that the user wrote out, each once."""
        return list(dict.fromkeys(each.lower() for each in (*(self.ids or ()), *self.include) if _ID.fullmatch(each)))

    def matches(self, identifier: str, label: str) -> bool:
        """Whether it is among what is included, and not among what is excluded."""
        if any(_names(pattern, identifier, label) for pattern in self.exclude):
            return False
        if self.ids is None and not self.include:
            return True
        wanted = {each.lower() for each in self.ids or ()}
        return identifier.lower() in wanted or any(_names(pattern, identifier, label) for pattern in self.include)


def _names(pattern: str, identifier: str, label: str) -> bool:
    if _ID.fullmatch(pattern):
        return pattern.lower() == identifier.lower()
    return fnmatchcase(label, pattern)


def parse_ids(text: str, *, where: str) -> tuple[str, ...]:
    """One id a line, what follows it on the line and lines with # aside; UsageError where a line is none, or all are."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].split()[:1]
        if word and not _ID.fullmatch(word[0]):
            raise UsageError(f"{where}: line {number}: {word[0][:40]!r} is not the id of a deployment (24 hexadecimal digits)")
        found += word
    if not found:
        raise UsageError(f"{where}: no id in it", hint="what should have written it may have failed")
    return tuple(found)


def _step(deployment: Deployment, action: Action, reason: str = "", *, is_ours: bool = False) -> Step:
    return Step(
        id=deployment.id,
        label=deployment.label,
        organisation=deployment.organisation,
        before=deployment.status,
        action=action,
        reason=reason or (deployment.remark if action is not Action.UNCHANGED else ""),
        model=deployment.model,
        importance=deployment.importance,
        is_ours=is_ours,
    )


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The deployments as they are now, None for one that is gone. `users`: whose token there is, by organisation.

    An application that does not tell organisations has one user, under the empty name.
    """

    deployments: Mapping[str, Deployment | None]
    users: Mapping[str, str]

    def sees_any_of(self, organisation: str) -> bool:
        """Whether a deployment of this organisation is seen at all."""
        return any(each is not None and each.organisation == organisation for each in self.deployments.values())

    def has_token_of(self, organisation: str) -> bool:
        """Whether a deployment of this organisation can be looked at."""
        return not organisation or organisation in self.users or "" in self.users


# ---- down


def plan_down(
    snapshot: Snapshot, choice: Choice, begun: Mapping[str, JournalledDeployment], *, users: Mapping[str, str], endpoint: str
) -> DeploymentPlan:
    """What to deactivate. `begun`: the entries of the journal that is continued, `users` by organisation who made it.

    By default active custom models, those with `all` of any kind, and those that were named by id whatever they are. One of
    these that is on its way to a status, or says none that is known, may be active in a moment: it is left alone, and said.
    """
    found = {identifier: each for identifier, each in snapshot.deployments.items() if each is not None}
    _require_matches([each.label for each in found.values()], choice, "fits the label of no deployment")
    named = set(choice.named_ids())
    steps = [
        _continued(entry, snapshot, users.get(entry.organisation, ""))
        for entry in begun.values()
        if entry.state is State.DEACTIVATING
    ]
    done = {step.id for step in steps}
    others = 0
    for deployment in found.values():
        if deployment.id in done or not choice.matches(deployment.id, deployment.label):
            continue
        is_named = deployment.id.lower() in named
        is_meant = deployment.is_custom or choice.all or is_named
        if deployment.status == ACTIVE and not is_meant:
            others += 1
        elif deployment.status == ACTIVE:
            steps.append(_step(deployment, Action.DEACTIVATE))
        elif is_named or (is_meant and deployment.status not in STAYS_DOWN):
            steps.append(_not_active(deployment, begun.get(deployment.id)))
    steps += _missing(named, [*found, *done])
    notes = [f"active deployments of other models, left alone: {others} (--all takes them too)"] if others else []
    return DeploymentPlan(direction=DOWN, endpoint=endpoint, steps=steps, notes=notes)


def _continued(entry: JournalledDeployment, snapshot: Snapshot, then: str) -> Step:
    """An earlier run asked for it, or was about to."""
    now = snapshot.deployments.get(entry.id)
    if now is None:
        return _not_in_snapshot(entry, snapshot, then)
    if now.status == ARCHIVED:
        return _archived(now)
    return _step(now, Action.DEACTIVATE, "begun by an earlier run", is_ours=True)


def _archived(deployment: Deployment) -> Step:
    return replace(_step(deployment, Action.LEAVE, "archived by somebody else meanwhile"), closes=State.GONE)


def _not_in_snapshot(entry: JournalledDeployment, snapshot: Snapshot, then: str) -> Step:
    """404 means deleted, or not visible to this user; only for the user who saw it before, and who still sees others, can it
    mean nothing but deleted: who has lost a right sees none."""
    if not snapshot.has_token_of(entry.organisation):
        return _entry_step(entry, f"there is no token of its organisation, {entry.organisation}")
    user = snapshot.users.get(entry.organisation, "")
    if not then or user != then or not snapshot.sees_any_of(entry.organisation):
        return _entry_step(entry, f"it is deleted, or {f'user {user}' if user else 'this user'} does not see it")
    return replace(_entry_step(entry, "deleted by somebody else meanwhile"), closes=State.GONE)


def _entry_step(entry: JournalledDeployment, reason: str) -> Step:
    return Step(
        id=entry.id,
        label=entry.label,
        organisation=entry.organisation,
        before=entry.status,
        action=Action.LEAVE,
        reason=reason,
        model=entry.model,
    )


def _not_active(deployment: Deployment, entry: JournalledDeployment | None) -> Step:
    if deployment.status == INACTIVE:
        ours = entry is not None and entry.state is State.DEACTIVATED
        return _step(deployment, Action.UNCHANGED, "deactivated by an earlier run" if ours else "already inactive")
    again = "" if deployment.status in STAYS_DOWN else "; run again when it is active or inactive"
    return _step(deployment, Action.LEAVE, f"it is {deployment.status or 'of no status'}, not active; left alone{again}")


def _missing(named: Iterable[str], found: Iterable[str]) -> Iterator[Step]:
    there = {identifier.lower() for identifier in found}
    for identifier in sorted(set(named) - there):
        yield Step(
            id=identifier,
            label="",
            organisation="",
            before="",
            action=Action.LEAVE,
            reason="there is no such deployment, or the token does not see it",
        )


def _require_matches(labels: Collection[str], choice: Choice, lacking: str) -> None:
    """A pattern that fits nothing is a slip; to do nothing and say done would hide it. `lacking`: what there is none of."""
    for flag, patterns in (("--include", choice.include), ("--exclude", choice.exclude)):
        for pattern in patterns:
            if not _ID.fullmatch(pattern) and not any(fnmatchcase(label, pattern) for label in labels):
                raise UsageError(f"{flag} {pattern!r} {lacking}", hint="* stands for anything, as in 'churn*'; case counts")


# ---- up


def plan_up(
    entries: Iterable[JournalledDeployment], snapshot: Snapshot, choice: Choice, *, users: Mapping[str, str], endpoint: str
) -> DeploymentPlan:
    """What to activate again: what a journal says was active, and was changed by us.

    `users`: by organisation, the user who saw the deployments when they were taken down. Where nothing was taken down there
    is nothing that a pattern could miss.
    """
    entries = list(entries)
    if entries:
        _require_matches([entry.label for entry in entries], choice, "fits the label of nothing that was taken down")
    wanted = [entry for entry in entries if entry.state in OURS and choice.matches(entry.id, entry.label)]
    steps = [_up(entry, snapshot, users.get(entry.organisation, "")) for entry in wanted]
    named = set(choice.named_ids())
    steps += (
        replace(step, reason="no open journal says that it was taken down")
        for step in _missing(named, [entry.id for entry in wanted])
    )
    return DeploymentPlan(direction=UP, endpoint=endpoint, steps=steps)


def on_their_way(
    entries: Iterable[JournalledDeployment], snapshot: Snapshot, choice: Choice, users: Mapping[str, str]
) -> Iterator[Step]:
    """Of what was becoming something when a backup was made nobody knows whether it was to run: it is left alone, and said."""
    for entry in entries:
        now = snapshot.deployments.get(entry.id)
        if not choice.matches(entry.id, entry.label):
            continue
        if now is None:
            yield _not_in_snapshot(entry, snapshot, users.get(entry.organisation, ""))
        elif now.status != ACTIVE:
            then = f"it was {entry.before or 'of no status'} when the backup was made, not active"
            yield _step(now, Action.LEAVE, f"{then}; left alone: if it is to run, activate it in the application")


def _up(entry: JournalledDeployment, snapshot: Snapshot, then: str) -> Step:
    now = snapshot.deployments.get(entry.id)
    if now is None:
        return _not_in_snapshot(entry, snapshot, then)
    if now.status == ARCHIVED:
        return _archived(now)
    if now.status == ACTIVE and entry.state is not State.DEACTIVATING:
        reason = "active again" if entry.state is State.ACTIVATING else "activated by somebody else meanwhile"
        return replace(_step(now, Action.UNCHANGED, reason), closes=State.ACTIVATED)
    if entry.model and now.model and now.model != entry.model:
        return _step(now, Action.LEAVE, "its model was replaced by somebody else meanwhile; activate it in the application")
    pending = entry.task if entry.state is State.DEACTIVATING else None
    return replace(_step(now, Action.ACTIVATE, is_ours=entry.state is State.ACTIVATING), pending=pending)
