"""One planned step → the API server, and what became of it. Nothing is ever forced, and the answer decides, not the plan."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from kubectl_lrs.clients.kubernetes.client import FIELD_MANAGER
from kubectl_lrs.model.diff import ABSENT, Change, same
from kubectl_lrs.model.errors import LrsError, NoDryRunError, NotFoundError
from kubectl_lrs.model.manifest import Manifest, comparable, fingerprint
from kubectl_lrs.model.plan import Action
from kubectl_lrs.model.report import RESULT_OF, Outcome, Result
from kubectl_lrs.runtime.cancel import Deadline
from kubectl_lrs.runtime.retry import Policy, Settled, contend, insist
from kubectl_lrs.stores.common.deleting import POLICY, Doubt
from kubectl_lrs.stores.common.readiness import Before, Key
from kubectl_lrs.stores.lrs.decide import LrsStep, with_finalizers
from kubectl_lrs.stores.lrs.evidence import alterations, altered, patched, status_alterations
from kubectl_lrs.stores.lrs.request import Requests, is_of_terminating_namespace
from kubectl_lrs.stores.lrs.saved import StoredLrs

POLL = 0.2
"""Seconds between two looks at an object that is being deleted."""

BY_SOMEBODY = "changed by somebody else since it was planned; left alone; run again"
PERHAPS_OURS = "the write was not answered, and the object is not as it was sent; look at it, and run again"


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """How steps are written. `normalise` fills in the target's defaults. `is_awaited`: it is waited for what is written."""

    restore_status: bool = False
    is_awaited: bool = False
    normalise: Callable[[Manifest], Manifest] = lambda manifest: manifest


class Writer:
    """Writes steps. Safe to use from several threads; every failure of an object is its outcome, not an exception.

    `statuses`: the fingerprints of those that were set; `before`: how what was written was when it was, where it is waited for.
    """

    def __init__(self, requests: Requests, options: WriteOptions, deadline: Deadline) -> None:
        self._requests = requests
        self._kube = requests.kube
        self._resource = requests.resource
        self._options = options
        self._deadline = deadline
        self._lock = threading.Lock()
        self.statuses: dict[Key, bytes] = {}
        self.before: dict[Key, Before] = {}
        self._writers = {Action.CREATE: self.create, Action.UPDATE: self._update, Action.REPLACE: self._replace}

    def write(self, step: LrsStep, stored: StoredLrs) -> Outcome:
        """Do what the step says."""
        writer = self._writers.get(step.action)
        return self.guarded(step, lambda: writer(step, stored)) if writer else Outcome.of(step)

    def guarded(self, step: LrsStep, act: Callable[[], Outcome]) -> Outcome:
        """The outcome of an act; its failure is one too."""
        try:
            return act()
        except NoDryRunError as error:
            return Outcome.of(step, Result.NOT_CHECKED if self._requests.dry_run else Result.FAILED, str(error), error)
        except LrsError as error:
            return Outcome.failed(step, error)

    # ---- create

    def create(self, step: LrsStep, stored: StoredLrs) -> Outcome:
        """Create the object; LrsError where that fails."""
        manifest, note = self._requests.creation(stored)
        made = self._create_or_settle(step, stored, manifest)
        if isinstance(made, Outcome):
            return made
        self._requests.owners.forget(made)
        found = alterations(manifest, made, self._options.normalise)
        return self.finish(step, stored, note, found, ({**made, "status": None}, made))

    def _create_or_settle(self, step: LrsStep, stored: StoredLrs, manifest: Manifest) -> Manifest | Outcome:
        """What the server made of it, by its answer or by a look afterwards; or the outcome where it is not ours."""
        doubt = Doubt()

        def look(failed: Exception | None) -> Manifest | Settled[Manifest | Outcome]:
            found = self._settled(step, stored, manifest, ours=doubt.is_unsure) if failed else None
            return manifest if found is None else Settled(found)

        return contend(look, self._send_create, policy=POLICY, cancel=self._kube.stop, may_pass=doubt)

    def _send_create(self, manifest: Manifest) -> Manifest | Outcome:
        """Create it; while its namespace is being deleted, wait and try again."""
        return insist(
            lambda _attempt: self._requests.create(manifest),
            policy=Policy.every(5 * POLL),
            cancel=self._kube.stop,
            deadline=self._deadline,
            may_pass=is_of_terminating_namespace,
        )

    def _settled(self, step: LrsStep, stored: StoredLrs, sent: Manifest, *, ours: bool) -> Manifest | Outcome | None:
        """What the cluster says of an object that may have been made; None when it is not there, so that it can be made.

        `ours`: a request of ours may have made it, else somebody else did.
        """
        live = self.gone_or_live(stored, uid="")
        if live is None:
            return None
        if "deletionTimestamp" in live["metadata"]:
            raise LrsError(f"the old one is still being deleted after {self._deadline.seconds:.0f}s; {held_by(live)}")
        if ours and (_is_by_this_program(live) or not alterations(sent, live, self._options.normalise)):
            return live
        if self._is_wanted(live, stored.manifest):
            return Outcome.of(step, Result.UNCHANGED, "made meanwhile by somebody else")
        return Outcome.of(step, Result.CONFLICT, "made meanwhile by somebody else, and differs; left alone")

    # ---- change

    def _update(self, step: LrsStep, stored: StoredLrs) -> Outcome:
        note = f"kept, only the live object has it: {', '.join(step.kept)}" if step.kept else ""

        def send(live: Manifest) -> tuple[Manifest, Manifest]:
            return patched(live, step.diff), self._requests.update(step)

        return self._change(step, stored, send, note)

    def _replace(self, step: LrsStep, stored: StoredLrs) -> Outcome:
        def send(live: Manifest) -> tuple[Manifest, Manifest]:
            whole = self._requests.replacement(step, stored, live)
            return whole, self._requests.replace(step, whole)

        return self._change(step, stored, send, "")

    def _change(
        self, step: LrsStep, stored: StoredLrs, send: Callable[[Manifest], tuple[Manifest, Manifest]], note: str
    ) -> Outcome:
        """Send a write that the server refuses when the object is not the one that the plan was made for.

        `send` gives what the object is to be, and what the server made of it.
        """
        before: Manifest | None = None
        doubt = Doubt()

        def look(_failed: Exception | None) -> Manifest | Settled[_Written | Outcome]:
            nonlocal before
            live = self._kube.get(self._resource, stored.name, stored.namespace)
            if (live["metadata"]["uid"], live["metadata"]["resourceVersion"]) != (step.uid, step.resource_version):
                return Settled(self._after_change(step, stored, live, note, before if doubt.is_unsure else None))
            before = live
            return live

        def write(live: Manifest) -> _Written | Outcome:
            return _Written(live, *send(live))

        made = contend(look, write, policy=POLICY, cancel=self._kube.stop, may_pass=doubt)
        if isinstance(made, Outcome):
            return made
        found = alterations(made.sent, made.answer, self._options.normalise)
        return self.finish(step, stored, note, found, (made.before, made.answer))

    def _after_change(self, step: LrsStep, stored: StoredLrs, live: Manifest, note: str, before: Manifest | None) -> Outcome:
        """The object is another than the plan was made for. `before`: as it was when a write of ours got no answer."""
        if not self._is_as_planned(step, stored, live):
            return Outcome.of(step, Result.CONFLICT, BY_SOMEBODY if before is None else PERHAPS_OURS)
        if before is None:
            return Outcome.of(step, Result.UNCHANGED, "changed meanwhile by somebody else; equal now")
        return self.finish(step, stored, note, [], (before, live))

    def _is_as_planned(self, step: LrsStep, stored: StoredLrs, live: Manifest) -> bool:
        if step.action is Action.REPLACE:  # what only the live object had must be gone too
            return self._is_wanted(live, with_finalizers(stored.manifest, live))
        return all(_holds(live, change.path, change.after) for change in step.diff)

    # ---- looks

    def gone_or_live(self, stored: StoredLrs, *, uid: str) -> Manifest | None:
        """The object as it is, None when it is gone; one that is being deleted (or has this uid) is waited for."""
        while True:
            try:
                live = self._kube.get(self._resource, stored.name, stored.namespace)
            except NotFoundError:
                return None
            going = "deletionTimestamp" in live["metadata"] or live["metadata"]["uid"] == uid
            if not going or not self._deadline.pause(POLL):
                return live

    def _is_wanted(self, live: Manifest, manifest: Manifest) -> bool:
        return fingerprint(comparable(live)) == fingerprint(comparable(self._options.normalise(manifest)))

    # ---- the end of a write

    def finish(
        self, step: LrsStep, stored: StoredLrs, note: str, found: list[Change], written: tuple[Manifest, Manifest]
    ) -> Outcome:
        """The saved status, where that is asked for; then the outcome by what the server made of it all.

        `written`: the object before the write and after it.
        """
        try:
            answer = self._set_status(step, stored)
        except LrsError as error:
            message = f"{RESULT_OF[step.action].value}, but its status could not be set: {error}"
            return Outcome.of(step, Result.FAILED, f"{message}; {altered(found)}" if found else message, error)
        if answer is not None:
            found = [*found, *status_alterations(stored.status, answer, self._options.normalise)]
        if self._options.is_awaited:
            before = Before.of(*written)
            with self._lock:
                self.before[stored.namespace, stored.name] = before.with_status_of(answer) if answer is not None else before
        if found:
            message = f"{RESULT_OF[step.action].value}, {altered(found)}"
            return Outcome.of(step, Result.ALTERED, "; ".join(filter(None, (message, note))))
        return Outcome.of(step, message=note)

    def _set_status(self, step: LrsStep, stored: StoredLrs) -> Manifest | None:
        """A create drops the status where there is a status subresource, and it is not in the manifest anyway.

        What is not there cannot be tried.
        """
        if not self._options.restore_status or stored.status is None:
            return None
        if self._requests.dry_run and step.action in (Action.CREATE, Action.RECREATE):
            return None
        answer = self._requests.set_status(step, stored.status)
        if not self._requests.dry_run:
            with self._lock:
                self.statuses[stored.namespace, stored.name] = fingerprint({"status": answer.get("status")})
        return answer


@dataclass(frozen=True, slots=True)
class _Written:
    """An object as it was before a write, as it was to be, and what the server made of it."""

    before: Manifest
    sent: Manifest
    answer: Manifest


def held_by(live: Manifest) -> str:
    """What keeps an object that is being deleted."""
    return f"its finalizers: {', '.join(live['metadata'].get('finalizers') or ('none',))}"


def _is_by_this_program(live: Manifest) -> bool:
    """Whether the object says that it was written by this program, be it by another run of it."""
    entries = live["metadata"].get("managedFields") or ()
    return any(entry.get("manager") == FIELD_MANAGER for entry in entries)


def _holds(manifest: Manifest, path: tuple[str | int, ...], value: object) -> bool:
    current: object = manifest
    for part in path:
        try:
            current = current[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return value is ABSENT
    return value is ABSENT or same(current, value)
