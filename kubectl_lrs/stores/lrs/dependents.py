"""What an LRS owns goes with it when it is recreated: the garbage collector takes every object that has no owner left.

So what it owns is recreated too, after it; where that cannot be, the owner is left alone. Its time grows with the number of
owner references and no faster, whatever their shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from kubectl_lrs.model.plan import Action
from kubectl_lrs.stores.lrs.decide import Key, LiveLrs, LrsStep, Owned, Rules
from kubectl_lrs.stores.lrs.owners import Owners
from kubectl_lrs.stores.lrs.saved import StoredLrs

Keeps = Callable[[Key, Owned, "frozenset[str]"], "bool | None"]
"""Whether an object is kept by an owner that is not among these uids, which go; None where that cannot be told."""


class Dependents:
    """Which live objects go when others are deleted. `deleted`: uid → the object that is.

    `takers`: what goes → those that take it along. `doubtful`: what may go, as whether another owner keeps it cannot be told.
    """

    def __init__(self, owned: Mapping[Key, Owned], deleted: Mapping[str, Key], keeps: Keeps) -> None:
        self.takers: dict[Key, tuple[Key, ...]] = {}
        self.doubtful: set[Key] = set()
        self._owned = owned
        self._going = dict(deleted)
        self._keeps = keeps
        self._below: dict[str, list[Key]] = {}
        self._left: dict[Key, int] = {}
        for key, each in owned.items():
            uids = {str(owner["uid"]) for owner in each.owners}
            self._left[key] = len(uids)
            for uid in uids:
                self._below.setdefault(uid, []).append(key)
        self._spread(list(deleted))

    def blamed(self, lost: Iterable[Key]) -> dict[Key, Key]:
        """Everything above what would be lost → the lost object that it is to blame for; each is visited once."""
        blamed: dict[Key, Key] = {}
        waiting = [(key, key) for key in lost]
        while waiting:
            key, cause = waiting.pop()
            for taker in self.takers.get(key, ()):
                if taker not in blamed:
                    blamed[taker] = cause
                    waiting.append((taker, cause))
        return blamed

    def _spread(self, gone: list[str]) -> None:
        """From owner to owned. One that loses some of its owners goes when none of the others is there."""
        touched: set[Key] = set()
        while gone or touched:
            while gone:
                for key in self._below.get(gone.pop(), ()):
                    self._left[key] -= 1
                    if self._left[key]:
                        touched.add(key)
                    else:
                        touched.discard(key)
                        gone += self._take(key)
            if touched:
                key = touched.pop()
                if self._left[key] and key not in self.takers and (kept := self._is_kept(key)) is not True:
                    if kept is None:
                        self.doubtful.add(key)
                    gone += self._take(key)

    def _is_kept(self, key: Key) -> bool | None:
        uids = frozenset(str(owner["uid"]) for owner in self._owned[key].owners) & self._going.keys()
        return self._keeps(key, self._owned[key], uids)

    def _take(self, key: Key) -> Iterator[str]:
        """It goes; its uid, where what it owns has not been looked at yet."""
        if key in self.takers:
            return
        each = self._owned[key]
        uids = dict.fromkeys(str(owner["uid"]) for owner in each.owners)
        self.takers[key] = tuple(self._going[uid] for uid in uids if uid in self._going)
        if each.uid not in self._going:
            self._going[each.uid] = key
            yield each.uid


def with_dependents(
    steps: list[LrsStep], source: Iterable[StoredLrs], owned: Mapping[Key, Owned], rules: Rules, keeps: Keeps
) -> list[LrsStep]:
    """The same steps, changed so that nothing is lost; `source` is read where something would go with what is recreated."""
    there = {(step.namespace, step.name): step for step in steps}
    going = Dependents(owned, recreated(there.values()), keeps)
    if not going.takers:
        return steps
    problems = {
        key: problem
        for stored in source
        if (key := (stored.namespace, stored.name)) in going.takers and (problem := rules.problems(stored.manifest))
    }
    lost = {key: why for key in going.takers if (why := _why_lost(key, there.get(key), owned[key], going, problems, rules))}
    for key, cause in going.blamed(lost).items():
        if there[key].action is Action.RECREATE:
            there[key] = replace(there[key], action=Action.CONFLICT, reason=not_recreated(cause, lost[cause]))
    staying = Dependents(owned, recreated(there.values()), keeps)
    for key, takers in staying.takers.items():
        if there[key].action is Action.UNCHANGED:
            there[key] = _going_with_owner(there[key], owned[key], takers[0][1])
    return list(there.values())


def keeper(live: LiveLrs, owners: Owners) -> Keeps:
    """Whether an owner is there that does not go: another LRS, or an object of any kind, which is looked up."""

    def keeps(key: Key, owned: Owned, going: frozenset[str]) -> bool | None:
        others = [owner for owner in owned.owners if str(owner["uid"]) not in going]
        if any(str(owner["uid"]) in live.uids for owner in others):
            return True
        answers = {owners.lives(owner, key[0]) for owner in others}
        return True if True in answers else None if None in answers else False

    return keeps


def recreated(steps: Iterable[LrsStep]) -> dict[str, Key]:
    """The uids of what is deleted to be recreated → the objects."""
    return {step.uid: (step.namespace, step.name) for step in steps if step.action is Action.RECREATE}


def not_recreated(lost: Key, why: str) -> str:
    """Why an owner is left alone."""
    return f"it owns {lost[1]}, which would be deleted with it and {why}; not recreated"


def _going_with_owner(step: LrsStep, owned: Owned, owner: str) -> LrsStep:
    return replace(
        step,
        action=Action.RECREATE,
        reason=f"{owner}, which owns it, is recreated",
        uid=owned.uid,
        resource_version=owned.resource_version,
        live=owned.fingerprint,
        goes_with_owner=True,
    )


def _why_lost(key: Key, step: LrsStep | None, owned: Owned, going: Dependents, problems: Mapping[Key, str], rules: Rules) -> str:
    """Why an object that goes would not come back; empty where it would."""
    if owned.is_unread:
        return "cannot be read, and so not held against what the backup has"
    if step is None or step.action is Action.SKIP:
        return "is not restored"
    if step.action is Action.CONFLICT:
        return f"cannot be recreated ({step.reason})"
    if step.action is Action.UNCHANGED and (problem := problems.get(key)):
        return f"cannot be recreated ({problem})"
    if key in going.doubtful and step.action is not Action.RECREATE:
        return "has another owner that could not be looked up"
    return "has finalizers that nobody would remove now" if rules.recreate_refused and owned.is_held else ""
