"""What an LRS owns goes with it when it is recreated: the garbage collector takes every object that has no owner left.

So what it owns is recreated too, after it; where that cannot be, the owner is left alone. Pure, but for looks at `live`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.plan import Action
from kubectl_lrs.stores.lrs.decide import Key, LiveLrs, LrsStep, Rules
from kubectl_lrs.stores.lrs.saved import StoredLrs


def with_dependents(steps: list[LrsStep], source: Iterable[StoredLrs], live: LiveLrs, rules: Rules) -> list[LrsStep]:
    """The same steps, changed so that nothing is lost; `source` is read where there is something to recreate."""
    if not live.owned or not any(step.action is Action.RECREATE for step in steps):
        return steps
    return _Cascade(steps, live, rules).apply(source)


class _Cascade:
    """Finds what would go together, and decides for all of it."""

    def __init__(self, steps: list[LrsStep], live: LiveLrs, rules: Rules) -> None:
        self._steps = {(step.namespace, step.name): step for step in steps}
        self._live = live
        self._rules = rules
        self._seen: dict[Key, Manifest | None] = {}
        self._problems: dict[Key, str] = {}

    def apply(self, source: Iterable[StoredLrs]) -> list[LrsStep]:
        for stored in source:
            key = (stored.namespace, stored.name)
            if key in self._live.owned and (problem := self._rules.problems(stored.manifest)):
                self._problems[key] = problem
        while self._refuse(doomed := self._doomed()):
            pass
        for key, (_, owner) in doomed.items():
            metadata = (self._fetch(key) or {}).get("metadata")
            if self._steps[key].action is Action.UNCHANGED and metadata:
                self._steps[key] = replace(
                    self._steps[key],
                    action=Action.RECREATE,
                    reason=f"{owner}, which owns it, is recreated",
                    uid=metadata["uid"],
                    resource_version=str(metadata["resourceVersion"]),
                )
        return list(self._steps.values())

    def _doomed(self) -> dict[Key, tuple[frozenset[Key], str]]:
        """What goes with what is recreated: (the planned steps that are to blame, the name of an owner)."""
        planned = {key: step for key, step in self._steps.items() if step.action is Action.RECREATE}
        blame = {step.uid: frozenset((key,)) for key, step in planned.items()}
        names = {step.uid: step.name for step in planned.values()}
        doomed: dict[Key, tuple[frozenset[Key], str]] = {}
        found = True
        while found:
            found = False
            for key, owned in self._live.owned.items():
                if key in planned or key in doomed or not all(uid in blame for uid in owned.owners):
                    continue
                found = True
                blame[owned.uid] = frozenset().union(*(blame[uid] for uid in owned.owners))
                names[owned.uid] = key[1]
                doomed[key] = (blame[owned.uid], names[owned.owners[0]])
        return doomed

    def _refuse(self, doomed: dict[Key, tuple[frozenset[Key], str]]) -> bool:
        """Leave alone whatever would take with it what cannot be made again; whether there is such a thing."""
        refused = False
        for key, (culprits, _) in doomed.items():
            if why := self._why_lost(key):
                refused = True
                for culprit in culprits:
                    reason = f"it owns {key[1]}, which would be deleted with it and {why}; not recreated"
                    self._steps[culprit] = replace(self._steps[culprit], action=Action.CONFLICT, reason=reason)
        return refused

    def _why_lost(self, key: Key) -> str:
        """Why an object that goes would not come back; empty where it would."""
        step = self._steps.get(key)
        if step is None or step.action is Action.SKIP:
            return "is not restored"
        if step.action is Action.CONFLICT:
            return f"cannot be recreated ({step.reason})"
        if step.action is Action.UNCHANGED and (problem := self._problems.get(key)):
            return f"cannot be recreated ({problem})"
        live = self._fetch(key) if self._rules.recreate_refused else None
        if live is not None and live["metadata"].get("finalizers"):
            return "has finalizers that nobody would remove now"
        return ""

    def _fetch(self, key: Key) -> Manifest | None:
        if key not in self._seen:
            self._seen[key] = self._live.fetch(*key)
        return self._seen[key]
