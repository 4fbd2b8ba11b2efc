"""One LRS from a source, held against the one that lives in the cluster → what is to happen to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.lists import whole
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.diff import ABSENT
from kubectl_lrs.model.errors import ApiError, CredentialsError, DeniedError, LrsError, NotFoundError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.manifest import Manifest, comparable, fingerprint
from kubectl_lrs.model.plan import Action, Step
from kubectl_lrs.model.recall import Recall
from kubectl_lrs.runtime.parallel import prefetch
from kubectl_lrs.stores.lrs.evidence import differences
from kubectl_lrs.stores.lrs.saved import TIER, StoredLrs

"""What the LRS are called among the stores, in the catalog and by `--tier`."""

Key = tuple[str, str]
LeftAlone = Callable[[Manifest], "tuple[Action, str] | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LrsStep(Step):
    """One LRS and what is to happen to it.

    `sum` tells which object of the source it is about: what is read for it when it is applied must have this fingerprint.
    `uid` and `resource_version` are those of the live object that the plan was made for: a write for another one is
    refused by the server. `live` is the fingerprint of what is compared of it. `after`: the LRS that own it and are
    written first, as `namespace/name`. `goes_with_owner`: it is recreated because the LRS that owns it is.
    """

    store: ClassVar[str] = TIER

    sum: bytes = b""
    uid: str = ""
    resource_version: str = ""
    live: bytes = b""
    after: tuple[str, ...] = ()
    goes_with_owner: bool = False

    @property
    def group(self) -> str:
        """What has the same admission as a rule: what fails for one may fail for all."""
        return f"{self.namespace}/{self.type}"


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
    """What is kept of a live object: enough to tell equal from different, small enough to keep for all of them.

    `fingerprint` None: it has the very text that is saved.
    """

    fingerprint: bytes | None
    terminating: bool


AS_SAVED = Live(None, terminating=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A live object that has owners. `is_held`: it has finalizers. `is_unread`: it is too deep to be read."""

    uid: str
    resource_version: str
    fingerprint: bytes
    is_held: bool
    owners: tuple[Manifest, ...]
    is_unread: bool = False


class LiveLrs:
    """The live LRS of the namespaces that a restore is about.

    `with_owners`: those that have owners are kept in `owned`, and the uids of all that stay in `uids`. `unreadable`:
    namespaces that could not be listed, with the reason. `recall`: the backup, where its objects are to be found by `of`.
    """

    def __init__(self, kube: KubeClient, resource: Resource, *, with_owners: bool = False, recall: Recall | None = None) -> None:
        self._kube = kube
        self._resource = resource
        self._with_owners = with_owners
        self._recall = None if with_owners else recall  # what is not read tells nothing of owners
        self._unchanged: set[bytes] = set()
        self._seen: dict[Key, Live] = {}
        self.owned: dict[Key, Owned] = {}
        self.uids: set[str] = set()
        self.unreadable: dict[str, str] = {}
        self._error: LrsError | None = None
        self._is_any_read = False

    def read(self, namespaces: Iterable[str]) -> None:
        """Look at every LRS of these namespaces. The server's error where not one of them can be listed."""
        for namespace in namespaces:
            self.look(namespace)
        self.require_one()

    def look(self, namespace: str) -> None:
        """Look at every LRS of a namespace, as far as it can be listed."""
        try:
            self._list(namespace)
            self._is_any_read = True
        except CredentialsError:
            raise
        except (ApiError, DeniedError) as error:
            self.unreadable[namespace] = f"namespace {namespace} cannot be listed: {error}"
            self._error = error

    def require_one(self) -> None:
        """The server's error where not one of the namespaces that were looked at can be listed."""
        if self._error and not self._is_any_read:
            raise self._error

    def _list(self, namespace: str) -> None:
        found = whole(self._kube, lambda: self._found(namespace), what=f"the list of namespace {namespace} was whole")
        self._seen |= found.seen
        self._unchanged |= found.unchanged
        self.owned |= found.owned
        self.uids |= found.uids

    def _found(self, namespace: str) -> _Found:
        found = _Found()
        # One that is too deep is not read, and has its turn; whom it belongs to is known.
        for page in prefetch(self._kube.pages(self._resource, namespace, with_too_deep=True, recall=self._recall)):
            found.unchanged.update(page.unchanged.values())
            for number, (_, manifest) in enumerate(page.items):
                if number not in page.unchanged:
                    found.note(manifest, with_owners=self._with_owners)
            for manifest in page.too_deep if self._with_owners else ():
                found.note_owned(manifest["metadata"], b"", is_unread=True)
        return found

    def seen(self, namespace: str, name: str) -> Live | None:
        """What lived under this name when it was read; with `recall` ask `of`."""
        return self._seen.get((namespace, name))

    def of(self, stored: StoredLrs) -> Live | None:
        """What lived under the name of this object of the source; where there is a `recall`, nothing of it may be mapped."""
        return AS_SAVED if stored.sum in self._unchanged else self.seen(stored.namespace, stored.name)

    def fetch(self, namespace: str, name: str) -> Manifest | None:
        """The whole object as it is now."""
        try:
            return self._kube.get(self._resource, name, namespace)
        except NotFoundError:
            return None


@dataclass(frozen=True)
class _Found:
    """What is kept of one list."""

    seen: dict[Key, Live] = field(default_factory=dict)
    unchanged: set[bytes] = field(default_factory=set)
    owned: dict[Key, Owned] = field(default_factory=dict)
    uids: set[str] = field(default_factory=set)

    def note(self, manifest: Manifest, *, with_owners: bool) -> None:
        metadata = manifest["metadata"]
        key = (metadata["namespace"], metadata["name"])
        is_going = "deletionTimestamp" in metadata
        found = fingerprint(comparable(manifest))
        self.seen[key] = Live(found, is_going)
        if with_owners:
            self.note_owned(metadata, found)

    def note_owned(self, metadata: Manifest, found: bytes, *, is_unread: bool = False) -> None:
        """Whose it is, as long as it is not about to go. `found`: its fingerprint."""
        if "deletionTimestamp" in metadata:
            return
        self.uids.add(metadata["uid"])
        if owners := metadata.get("ownerReferences"):
            self.owned[metadata["namespace"], metadata["name"]] = Owned(
                uid=metadata["uid"],
                resource_version=str(metadata["resourceVersion"]),
                fingerprint=found,
                is_held=bool(metadata.get("finalizers")),
                owners=tuple(owners),
                is_unread=is_unread,
            )


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
    seen = live.of(stored)
    if alone := rules.left_alone(stored.manifest):
        is_equal = seen is not None and not seen.terminating and _is_equal(seen, stored, rules.normalise(stored.manifest))
        return step(Action.UNCHANGED) if is_equal else step(*alone)
    if stored.namespace in rules.unusable:
        return step(Action.CONFLICT, rules.unusable[stored.namespace])
    if seen is None:
        problem = rules.problems(stored.manifest)
        return step(Action.CONFLICT, problem) if problem else step(Action.CREATE)
    if seen.terminating:
        return step(Action.CREATE, "when the one that is being deleted is gone")
    wanted = rules.normalise(stored.manifest)
    if _is_equal(seen, stored, wanted):
        return step(Action.UNCHANGED)
    return _differing(stored, comparable(wanted), live, rules)


def _step(stored: StoredLrs, action: Action, reason: str = "") -> LrsStep:
    return LrsStep(
        namespace=stored.namespace,
        name=stored.name,
        type=stored.type,
        action=action,
        reason=reason,
        sum=stored.sum,
    )


def _is_equal(seen: Live, stored: StoredLrs, wanted: Manifest) -> bool:
    """Whether the live object is what is wanted, which is what is stored with the target's defaults."""
    if seen.fingerprint is not None:
        return seen.fingerprint == fingerprint(comparable(wanted))
    return wanted is stored.manifest or fingerprint(comparable(wanted)) == fingerprint(comparable(stored.manifest))


def _differing(stored: StoredLrs, wanted: Manifest, live: LiveLrs, rules: Rules) -> LrsStep:
    try:
        current = live.fetch(stored.namespace, stored.name)
    except ApiError as error:  # charged to this object alone
        return _step(stored, Action.CONFLICT, f"it exists and differs, and cannot be looked at: {error}")
    if current is None:
        return _step(stored, Action.CREATE)
    action, reason, target = _by_policy(rules, current, wanted)
    metadata = current["metadata"]
    diff = tuple(differences(comparable(current), target))
    if not diff or (action is Action.UPDATE and all(change.after is ABSENT for change in diff)):
        action, reason = Action.UNCHANGED, "only the live object has: " + ", ".join(c.field for c in diff) if diff else ""
    elif action in (Action.UPDATE, Action.REPLACE, Action.RECREATE) and (problem := rules.problems(stored.manifest)):
        action, reason = Action.CONFLICT, problem
    return replace(
        _step(stored, action, reason),
        diff=diff,
        uid=metadata["uid"],
        resource_version=str(metadata["resourceVersion"]),
        live=fingerprint(comparable(current)),
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
