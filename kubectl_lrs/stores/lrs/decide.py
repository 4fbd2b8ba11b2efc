"""One LRS from a source, held against the one that lives in the cluster → what is to happen to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from kubectl_lrs.clients.kubernetes.client import KubeClient, Resource
from kubectl_lrs.model.diff import ABSENT, changes
from kubectl_lrs.model.errors import ExpiredError, NotFoundError, UnreachableError
from kubectl_lrs.model.manifest import Manifest, comparable, fingerprint
from kubectl_lrs.model.plan import Action, Existing, Step
from kubectl_lrs.stores.lrs.saved import StoredLrs

NAME = "resources"
"""What the LRS are called among the stores, in the catalog and by `--tier`."""

Key = tuple[str, str]
LeftAlone = Callable[[Manifest], "tuple[Action, str] | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LrsStep(Step):
    """One LRS and what is to happen to it.

    `sum` tells which object of the source it is about: what is read for it when it is applied must have this fingerprint.
    `uid` and `resource_version` are those of the live object that the plan was made for: a write for another one is
    refused by the server. `after`: the LRS that own it and are written first, as `namespace/name`.
    """

    store: ClassVar[str] = NAME

    sum: bytes = b""
    uid: str = ""
    resource_version: str = ""
    after: tuple[str, ...] = ()


def json_patch(step: LrsStep) -> list[dict[str, Any]]:
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


@dataclass(frozen=True, slots=True)
class Live:
    """What is kept of a live object: enough to tell equal from different, small enough to keep for all of them."""

    fingerprint: bytes
    terminating: bool


@dataclass(frozen=True, slots=True)
class Owned:
    """A live object that has owners: its own uid, and theirs."""

    uid: str
    owners: tuple[str, ...]


class LiveLrs:
    """The live LRS of the namespaces that a restore is about. `owned`: those that have owners."""

    def __init__(self, kube: KubeClient, resource: Resource) -> None:
        self._kube = kube
        self._resource = resource
        self._seen: dict[Key, Live] = {}
        self.owned: dict[Key, Owned] = {}

    def read(self, namespaces: Iterable[str]) -> None:
        """Look at every LRS of these namespaces."""
        for namespace in namespaces:
            self._seen.update(self._list(namespace))

    def _list(self, namespace: str) -> dict[Key, Live]:
        for _ in range(3):
            found: dict[Key, Live] = {}
            owned: dict[Key, Owned] = {}
            try:
                for page in self._kube.pages(self._resource, namespace):
                    found.update(map(_remembered, (manifest for _, manifest in page.items)))
                    owned.update(_owned(manifest for _, manifest in page.items))
            except ExpiredError:
                continue
            self.owned.update(owned)
            return found
        raise UnreachableError(
            f"namespace {namespace}: the API server gave up its snapshot three times before the list was whole"
        )

    def seen(self, namespace: str, name: str) -> Live | None:
        """What lived under this name when it was read."""
        return self._seen.get((namespace, name))

    def fetch(self, namespace: str, name: str) -> Manifest | None:
        """The whole object as it is now."""
        try:
            return self._kube.get(self._resource, name, namespace)
        except NotFoundError:
            return None


def _remembered(manifest: Manifest) -> tuple[Key, Live]:
    metadata = manifest["metadata"]
    live = Live(fingerprint(comparable(manifest)), "deletionTimestamp" in metadata)
    return (metadata["namespace"], metadata["name"]), live


def _owned(manifests: Iterable[Manifest]) -> Iterator[tuple[Key, Owned]]:
    for manifest in manifests:
        metadata = manifest["metadata"]
        owners = metadata.get("ownerReferences")
        if owners and "deletionTimestamp" not in metadata:
            yield (metadata["namespace"], metadata["name"]), Owned(metadata["uid"], tuple(each["uid"] for each in owners))


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What decides beside the objects themselves.

    `skipped_types` names types that are not restored, `unusable` namespaces that cannot be written to, each with the
    reason; `problems` says why the target would refuse a manifest; `normalise` fills in the target's defaults.
    `left_alone` names objects that are somebody else's to bring back: what happens to them instead, and why.
    """

    existing: Existing
    skipped_types: Mapping[str, str] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    problems: Callable[[Manifest], str] = lambda _manifest: ""
    normalise: Callable[[Manifest], Manifest] = lambda manifest: manifest
    recreate_refused: str = ""
    left_alone: LeftAlone = lambda _manifest: None


def decide(stored: StoredLrs, live: LiveLrs, rules: Rules) -> LrsStep:
    """What is to happen to one object."""

    def step(action: Action, reason: str = "") -> LrsStep:
        return _step(stored, action, reason)

    if stored.type in rules.skipped_types:
        return step(Action.SKIP, rules.skipped_types[stored.type])
    seen = live.seen(stored.namespace, stored.name)
    if alone := rules.left_alone(stored.manifest):
        return step(*alone) if seen is None or not _is_equal(seen, stored, rules) else step(Action.UNCHANGED)
    if stored.namespace in rules.unusable:
        return step(Action.CONFLICT, rules.unusable[stored.namespace])
    if seen is None:
        problem = rules.problems(stored.manifest)
        return step(Action.CONFLICT, problem) if problem else step(Action.CREATE)
    if seen.terminating:
        return step(Action.CREATE, "when the one that is being deleted is gone")
    wanted = comparable(rules.normalise(stored.manifest))
    if seen.fingerprint == fingerprint(wanted):
        return step(Action.UNCHANGED)
    return _differing(stored, wanted, live, rules)


def _step(stored: StoredLrs, action: Action, reason: str = "") -> LrsStep:
    return LrsStep(
        namespace=stored.namespace,
        name=stored.name,
        type=stored.type,
        action=action,
        reason=reason,
        sum=stored.sum,
    )


def _is_equal(seen: Live, stored: StoredLrs, rules: Rules) -> bool:
    return not seen.terminating and seen.fingerprint == fingerprint(comparable(rules.normalise(stored.manifest)))


def _differing(stored: StoredLrs, wanted: Manifest, live: LiveLrs, rules: Rules) -> LrsStep:
    current = live.fetch(stored.namespace, stored.name)
    if current is None:
        return _step(stored, Action.CREATE)
    action, reason, target = _by_policy(rules, current, wanted)
    metadata = current["metadata"]
    diff = tuple(changes(comparable(current), target))
    if not diff or (action is Action.UPDATE and all(change.after is ABSENT for change in diff)):
        action, reason = Action.UNCHANGED, "only the live object has: " + ", ".join(c.field for c in diff) if diff else ""
    elif action in (Action.UPDATE, Action.REPLACE, Action.RECREATE) and (problem := rules.problems(stored.manifest)):
        action, reason = Action.CONFLICT, problem
    return replace(
        _step(stored, action, reason),
        diff=diff,
        uid=metadata["uid"],
        resource_version=str(metadata["resourceVersion"]),
    )


def _by_policy(rules: Rules, current: Manifest, wanted: Manifest) -> tuple[Action, str, Manifest]:
    """(action, reason, what the object is to be like afterwards)."""
    if rules.existing is Existing.UPDATE:
        return Action.UPDATE, "", with_finalizers(wanted, current)
    if rules.existing is Existing.REPLACE:
        return Action.REPLACE, "", with_finalizers(wanted, current)
    if rules.existing is Existing.RECREATE:
        if rules.recreate_refused and current["metadata"].get("finalizers"):
            return Action.CONFLICT, rules.recreate_refused, wanted
        return Action.RECREATE, "", wanted
    return Action.CONFLICT, "it exists and differs; left alone", wanted


def with_finalizers(wanted: Manifest, current: Manifest) -> Manifest:
    """The wanted object with the finalizers of both: who waits for one of the live object's must not wait in vain."""
    own: list[str] = wanted["metadata"].get("finalizers") or []
    live: list[str] = current["metadata"].get("finalizers") or []
    if not own and not live:
        return wanted
    return {**wanted, "metadata": {**wanted["metadata"], "finalizers": [*live, *(each for each in own if each not in live)]}}
