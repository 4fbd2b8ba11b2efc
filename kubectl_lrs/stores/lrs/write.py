"""One planned step → the API server, and what became of it. Nothing is ever forced."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient, Resource
from kubectl_lrs.model.diff import ABSENT, same
from kubectl_lrs.model.errors import ApiError, ConflictError, DeniedError, LrsError, NotFoundError
from kubectl_lrs.model.manifest import Manifest, comparable, fingerprint
from kubectl_lrs.model.plan import Action
from kubectl_lrs.model.report import RESULT_OF, Outcome, Result
from kubectl_lrs.runtime.cancel import Deadline
from kubectl_lrs.stores.common.deleting import PAUSE, TRIES, delete_this, may_be_done
from kubectl_lrs.stores.lrs.decide import LrsStep, json_patch, with_finalizers
from kubectl_lrs.stores.lrs.journal import RecreateJournal
from kubectl_lrs.stores.lrs.owners import Owners
from kubectl_lrs.stores.lrs.saved import StoredLrs

POLL = 0.2
"""Seconds between two looks at an object that is being deleted."""

TERMINATING = "because it is being terminated"
NO_DRY_RUN = "does not support dry run"
"""What the API server says of a namespace that goes, and of a webhook with side effects."""


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """How steps are written."""

    dry_run: bool = False
    validation: str = "Strict"
    restore_status: bool = False
    normalise: Callable[[Manifest], Manifest] = lambda manifest: manifest


class Writer:
    """Writes steps. Safe to use from several threads; every failure of an object is its outcome, not an exception."""

    def __init__(
        self,
        kube: KubeClient,
        resource: Resource,
        owners: Owners,
        options: WriteOptions,
        deadline: Deadline,
        journal: RecreateJournal,
    ) -> None:
        self._kube = kube
        self._resource = resource
        self._owners = owners
        self._options = options
        self._deadline = deadline
        self._journal = journal
        self._lock = threading.Lock()
        self.statuses: dict[tuple[str, str], bytes] = {}
        self._writers = {
            Action.CREATE: self._create,
            Action.UPDATE: self._update,
            Action.REPLACE: self._replace,
            Action.RECREATE: self._recreate,
        }

    def write(self, step: LrsStep, stored: StoredLrs) -> Outcome:
        """Do what the step says."""
        writer = self._writers.get(step.action)
        if writer is None:
            return Outcome.of(step)
        try:
            return writer(step, stored)
        except LrsError as error:
            if self._options.dry_run and NO_DRY_RUN in str(error):
                return Outcome.of(step, Result.NOT_CHECKED, str(error))
            return Outcome.of(step, Result.FAILED, str(error), error)

    # ---- the four writes

    def _create(self, step: LrsStep, stored: StoredLrs) -> Outcome:
        manifest, note = self._owners.relink(stored)
        settled = self._create_or_settle(step, stored, _json(manifest))
        if settled is not None and settled.result is not RESULT_OF[step.action]:
            return settled
        return self._finish(step, stored, note)

    def _create_or_settle(self, step: LrsStep, stored: StoredLrs, body: bytes) -> Outcome | None:
        """None when it was created by an answered request; else what became of it."""
        unsure = False
        for attempt in range(1, TRIES + 1):
            try:
                self._send_create(stored, body)
            except LrsError as error:
                unsure = unsure or may_be_done(error)
                if not (unsure or isinstance(error, ConflictError)):
                    raise
                settled = self._settled(step, stored, ours=unsure or attempt > 1)
                if settled is None and attempt == TRIES:
                    raise
            else:
                return None
            if settled is not None:
                return settled
            self._kube.stop.wait(PAUSE * attempt)
        raise AssertionError("the last attempt returns or raises")

    def _send_create(self, stored: StoredLrs, body: bytes) -> None:
        """Create it; while its namespace is being deleted, wait and try again."""
        while True:
            try:
                self._kube.create(
                    self._resource, body, stored.namespace, dry_run=self._options.dry_run, validation=self._options.validation
                )
            except DeniedError as error:
                if TERMINATING not in str(error) or not self._deadline.pause(5 * POLL):
                    raise
            else:
                return

    def _settled(self, step: LrsStep, stored: StoredLrs, *, ours: bool) -> Outcome | None:
        """What the cluster says of an object that may have been made; None when it is not there, so that it can be made.

        `ours`: a request of ours may have made it, else somebody else did.
        """
        live = self._gone_or_live(stored, uid="")
        if live is None:
            return None
        if "deletionTimestamp" in live["metadata"]:
            finalizers = ", ".join(live["metadata"].get("finalizers") or ("none",))
            raise LrsError(
                f"the old one is still being deleted after {self._deadline.seconds:.0f}s; its finalizers: {finalizers}"
            )
        if self._is_wanted(live, stored.manifest):
            return Outcome.of(step, None if ours else Result.UNCHANGED, "" if ours else "made meanwhile by somebody else")
        return Outcome.of(step, Result.CONFLICT, "made meanwhile by somebody else, and differs; left alone")

    def _update(self, step: LrsStep, stored: StoredLrs) -> Outcome:
        body = _json(json_patch(step))
        note = f"kept, only the live object has it: {', '.join(step.kept)}" if step.kept else ""
        return self._change(step, stored, "PATCH", lambda _live: body, note)

    def _replace(self, step: LrsStep, stored: StoredLrs) -> Outcome:
        def body(live: Manifest) -> bytes:
            manifest = with_finalizers(stored.manifest, live)
            carried = {"resourceVersion": step.resource_version, "uid": step.uid}
            if owners := live["metadata"].get("ownerReferences"):
                carried["ownerReferences"] = owners
            whole = {**manifest, "metadata": {**manifest["metadata"], **carried}}
            if not self._resource.has_status and "status" in live:
                whole["status"] = live["status"]
            return _json(whole)

        return self._change(step, stored, "PUT", body, "")

    def _change(self, step: LrsStep, stored: StoredLrs, method: str, body: Callable[[Manifest], bytes], note: str) -> Outcome:
        """Send a write that the server refuses when the object is not the one that the plan was made for."""
        unsure = False
        for attempt in range(1, TRIES + 1):
            live = self._kube.get(self._resource, stored.name, stored.namespace)
            if (live["metadata"]["uid"], live["metadata"]["resourceVersion"]) != (step.uid, step.resource_version):
                return self._after_change(step, stored, live, note, ours=unsure)
            try:
                self._kube.change(
                    self._resource,
                    method,
                    body(live),
                    stored.namespace,
                    stored.name,
                    dry_run=self._options.dry_run,
                    validation=self._options.validation,
                )
            except LrsError as error:
                unsure = unsure or may_be_done(error)
                if attempt == TRIES or not (unsure or isinstance(error, ConflictError)):
                    raise
                self._kube.stop.wait(PAUSE * attempt)
                continue
            return self._finish(step, stored, note)
        raise AssertionError("the last attempt returns or raises")

    def _after_change(self, step: LrsStep, stored: StoredLrs, live: Manifest, note: str, *, ours: bool) -> Outcome:
        """The object is another than the plan was made for: planned anew, and reported. `ours`: our write may have made it so."""
        if self._is_as_planned(step, stored, live):
            if ours:
                return self._finish(step, stored, note)
            return Outcome.of(step, Result.UNCHANGED, "changed meanwhile by somebody else; equal now")
        return Outcome.of(step, Result.CONFLICT, "changed by somebody else since it was planned; left alone; run again")

    def _is_as_planned(self, step: LrsStep, stored: StoredLrs, live: Manifest) -> bool:
        if step.action is Action.REPLACE:  # what only the live object had must be gone too
            return self._is_wanted(live, with_finalizers(stored.manifest, live))
        return all(_holds(live, change.path, change.after) for change in step.diff)

    def _recreate(self, step: LrsStep, stored: StoredLrs) -> Outcome:
        if self._options.dry_run:
            self._kube.delete(self._resource, stored.namespace, stored.name, uid=step.uid, dry_run=True)
            return Outcome.of(step)
        with self._journal.entry(step, stored):
            try:
                delete_this(self._kube, self._resource, stored.namespace, stored.name, uid=step.uid)
            except ConflictError:
                return Outcome.of(step, Result.CONFLICT, "made anew by somebody else since it was planned; left alone; run again")
            except LrsError as error:
                if isinstance(error, DeniedError) or (isinstance(error, ApiError) and error.status < 500):
                    return Outcome.of(step, Result.FAILED, str(error), error)  # refused: it is still there
                raise _unfinished("perhaps deleted, not created", error) from error
            try:
                self._wait_until_gone(stored, step.uid)
                return self._create(step, stored)
            except LrsError as error:
                raise _unfinished("deleted, not yet created", error) from error

    def _wait_until_gone(self, stored: StoredLrs, uid: str) -> None:
        left = self._gone_or_live(stored, uid=uid)
        if left is not None and left["metadata"]["uid"] == uid:
            finalizers = ", ".join(left["metadata"].get("finalizers") or ("none",))
            raise LrsError(f"still there, held by: {finalizers}")

    # ---- looks

    def _gone_or_live(self, stored: StoredLrs, *, uid: str) -> Manifest | None:
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

    def _finish(self, step: LrsStep, stored: StoredLrs, note: str) -> Outcome:
        """The last act of a write: the saved status, where that is asked for. Without it the object is there all the same."""
        try:
            self._set_status(stored)
        except LrsError as error:
            message = f"{RESULT_OF[step.action].value}, but its status could not be set: {error}"
            return Outcome.of(step, Result.FAILED, message, error)
        return Outcome.of(step, message=note)

    def _set_status(self, stored: StoredLrs) -> None:
        """A create drops the status where there is a status subresource, and it is not in the manifest anyway."""
        if self._options.dry_run or not self._options.restore_status or stored.status is None:
            return
        patch = _json([{"op": "add", "path": "/status", "value": stored.status}])
        subresource = "status" if self._resource.has_status else ""
        self._kube.change(self._resource, "PATCH", patch, stored.namespace, stored.name, subresource=subresource)
        with self._lock:
            self.statuses[stored.namespace, stored.name] = fingerprint({"status": stored.status})


def _unfinished(what: str, error: LrsError) -> LrsError:
    told = LrsError(f"{what}: {error}; the same command finishes it")
    told.exit_code = error.exit_code
    return told


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _holds(manifest: Manifest, path: tuple[str | int, ...], value: Any) -> bool:
    current: Any = manifest
    for part in path:
        try:
            current = current[part]
        except (KeyError, IndexError, TypeError):
            return value is ABSENT
    return value is ABSENT or same(current, value)
