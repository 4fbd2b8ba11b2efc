"""A rehearsal in a namespace that no operator watches: every object is created, compared field by field, and removed again.

The objects of one namespace after those of the other, so that names are as they were saved. Each carries a label and an
annotation that say which rehearsal has made it; without both, and without our name among who has written it, none is removed.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from kubectl_lrs.clients.kubernetes.client import FIELD_MANAGER, KubeClient
from kubectl_lrs.clients.kubernetes.resources import DEPLOYMENTS, Resource
from kubectl_lrs.model.errors import ApiError, ConflictError, DeniedError, LrsError, NotFoundError, UsageError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.plan import WRITES, ApplyOptions, Finding, Severity, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.model.workloads import GROUP, PLURAL
from kubectl_lrs.runtime import process
from kubectl_lrs.runtime.cancel import Cancel, Deadline
from kubectl_lrs.runtime.parallel import Pool, map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.retry import insist
from kubectl_lrs.stores.common.circuit_breaker import breaker_of
from kubectl_lrs.stores.common.deleting import POLICY, delete_this, may_be_done
from kubectl_lrs.stores.common.operator import Operator, find_operators
from kubectl_lrs.stores.lrs import preflight
from kubectl_lrs.stores.lrs.creation_order import WaitingRoom
from kubectl_lrs.stores.lrs.decide import LrsStep
from kubectl_lrs.stores.lrs.evidence import alterations, altered
from kubectl_lrs.stores.lrs.options import RestoreOptions
from kubectl_lrs.stores.lrs.owners import Owners
from kubectl_lrs.stores.lrs.plan import in_order
from kubectl_lrs.stores.lrs.prepare import unfit_namespaces
from kubectl_lrs.stores.lrs.rehearse import refused, step_of
from kubectl_lrs.stores.lrs.request import Requests, to_json
from kubectl_lrs.stores.lrs.saved import TIER, Source, StoredLrs
from kubectl_lrs.stores.lrs.selected import Selected, summary
from kubectl_lrs.stores.lrs.validate import Published, Validator

MARK = "kubectl-lrs/rehearsal"
"""The label, whose value is the token of the run, and the annotation, which says where that runs."""

SETTLE = 2.0
"""Seconds in which an operator that watches the namespace would write to the first object."""

DEAD = 3600.0
"""Seconds without a new object, by the server's clock, after which a rehearsal elsewhere is over."""

REMOVED_WITHIN = 120.0
WATCHED = "WATCH_NAMESPACE"
VERBS = ("list", "get", "create", "patch", "delete")

Pair = tuple[LrsStep, StoredLrs]


class LrsScratch:
    """One rehearsal of LRS in a namespace of its own."""

    name = TIER
    how = "created in a scratch namespace, compared field by field and removed"
    is_timed = True

    def __init__(
        self, source: Source, options: RestoreOptions, namespace: str, *, kube: KubeClient, resource: Resource, stop: Cancel
    ) -> None:
        self._kube = kube
        self._resource = resource
        self._options = options
        self._namespace = namespace
        self._stop = stop
        self._selected = Selected(source, options.selection, options.names, {})
        self._token = secrets.token_hex(8)
        self._halt = stop.child()
        self._strangers: set[str] = set()
        self._unmarked: dict[str, str] = {}
        self._lock = threading.Lock()
        self.aside = 0.0

    # ---- plan

    def plan(self, progress: Progress) -> StorePlan:
        """A creation of each; UsageError where the namespace cannot be one for this."""
        progress.begin("reading the backup")
        taken = summary(self._selected, self._resource.kind)
        if why := unfit_namespaces(self._kube, [self._namespace], create=False)[1].get(self._namespace):
            raise UsageError(f"--scratch-namespace: {why}", hint="make one for this, which nobody watches or uses")
        if self._namespace in taken.namespaces:
            raise UsageError(f"--scratch-namespace {self._namespace}: the backup is of it", hint="name one that nobody uses")
        left = dict.fromkeys(self._options.selection.left_out, "left out by default, as by restore")
        steps = in_order([step_of(stored, left, {}) for stored in self._selected], taken)
        needed = (preflight.Right(verb, PLURAL, self._namespace, GROUP) for verb in VERBS)
        findings = (*preflight.missing_rights(self._kube, needed), *self._watchers(taken.namespaces))
        findings += (*Published.by(self._kube, self._resource).findings(),)
        return StorePlan(store=TIER, target=f"namespace {self._namespace}", steps=steps, findings=findings)

    def _watchers(self, namespaces: Iterable[str]) -> Iterator[Finding]:
        """The operators that may watch the namespace, as far as their Deployments tell."""
        try:
            for operator in find_operators(self._kube, {self._namespace, *namespaces}):
                if operator.replicas:
                    yield from self._watcher(operator)
        except (ApiError, DeniedError) as error:
            why = f"whether an operator watches {self._namespace} could not be looked at: {error}"
            yield Finding(Severity.WARNING, why, "the first object is created alone, and watched for a moment")

    def _watcher(self, operator: Operator) -> Iterator[Finding]:
        watched = self._watched_by(operator)
        if operator.namespace == self._namespace or self._namespace in watched:
            why = f"operator {operator.key} watches {self._namespace}: it would run what is created there"
            yield Finding(Severity.ERROR, why, "name a namespace that no operator watches")
        elif not watched:
            why = f"operator {operator.key} does not say which namespaces it watches ({WATCHED}); it may be all of them"
            yield Finding(Severity.WARNING, why, "the first object is created alone, and watched for a moment")

    def _watched_by(self, operator: Operator) -> set[str]:
        """The namespaces that it says it watches; none where it does not say."""
        pods = self._kube.get(DEPLOYMENTS, operator.name, operator.namespace)["spec"]["template"]["spec"]
        said = (each for container in pods.get("containers") or () for each in container.get("env") or ())
        values = [str(each.get("value") or "") for each in said if WATCHED in str(each.get("name"))]
        return {name.strip() for value in values for name in value.split(",") if name.strip()}

    # ---- apply

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """Namespace by namespace; all that was made is removed, however it ends."""
        steps = {step.key: step for step in plan.of(LrsStep)}
        progress.begin("rehearsing LRS", len(steps))
        schema = Published.by(self._kube, self._resource).schema
        validator = Validator(self._kube, self._resource, schema, self._options.validation)
        try:
            for number, namespace in enumerate(sorted({step.namespace for step in steps.values()})):
                if self._halt.is_set():
                    break
                maker = self._maker(validator)
                mine = {key: step for key, step in steps.items() if step.namespace == namespace}
                if number or self._is_left_alone(mine, maker, report):
                    self._one(mine, maker, options.workers, report, progress)
                self._remove(report, options.workers)
        finally:
            self._remove(report, options.workers)

    def _maker(self, validator: Validator) -> _Maker:
        owners = Owners(self._kube)
        requests = Requests(kube=self._kube, resource=self._resource, owners=owners, validation=self._options.validation)
        return _Maker(self, requests, validator)

    def _pairs(self, steps: Mapping[str, LrsStep]) -> Iterator[Pair]:
        for stored in self._selected:
            step = steps.get(f"{stored.namespace}/{stored.name}")
            if step is not None and step.sum == stored.sum:
                yield step, stored

    def _one(self, steps: Mapping[str, LrsStep], maker: _Maker, workers: int, report: Report, progress: Progress) -> None:
        """The objects of one namespace, an owner before what it owns."""
        room: WaitingRoom[Pair] = WaitingRoom(steps)

        def take() -> None:
            for outcome in pool.take():
                report.add(outcome)
                progress.advance()
                for pair in room.done(outcome.key):
                    pool.submit(pair)

        with Pool(maker.make, workers, self._halt) as pool:
            for pair in self._pairs(steps):
                if not room.must_wait(pair[0].key, pair[0].after, pair):
                    pool.submit(pair)
                while pool.is_full:
                    take()
            while pool.waiting:
                take()

    def _is_left_alone(self, steps: Mapping[str, LrsStep], maker: _Maker, report: Report) -> bool:
        """Whether nobody writes to the first object for a moment; it is made again with the others."""
        first = next((pair for pair in self._pairs(steps) if pair[0].action in WRITES and not pair[0].after), None)
        if first is None or maker.make(first).result not in (Result.CREATED, Result.ALTERED):
            return True  # nothing is there that anybody could write to, and why is said again
        began = time.monotonic()
        self._stop.wait(SETTLE)
        with suppress(LrsError):
            self.judge(self._kube.get(self._resource, first[1].name, self._namespace))
        self._remove(report, 1)
        self.aside += time.monotonic() - began
        return not self._halt.is_set()

    # ---- whose is what

    def marked(self, stored: StoredLrs) -> StoredLrs:
        """The object as it is to be there."""
        metadata = stored.manifest["metadata"]
        who = {"token": self._token, "process": os.getpid(), "place": process.place(), "who": socket.gethostname()}
        marked = {
            **metadata,
            "namespace": self._namespace,
            "labels": {**(metadata.get("labels") or {}), MARK: self._token},
            "annotations": {**(metadata.get("annotations") or {}), MARK: json.dumps(who)},
        }
        return replace(stored, manifest={**stored.manifest, "metadata": marked})

    def made(self, answer: Manifest) -> None:
        """The server has made this one for us. Where its mark was taken off, its uid tells of whom it is."""
        metadata = answer["metadata"]
        if (metadata.get("labels") or {}).get(MARK) != self._token or _mark_of(answer).get("token") != self._token:
            with self._lock:
                self._unmarked[str(metadata["uid"])] = str(metadata["name"])

    def is_own(self, live: Manifest) -> bool:
        """Whether this run has made it."""
        return _token_of(live) == self._token or live["metadata"]["uid"] in self._unmarked

    def judge(self, live: Manifest) -> None:
        """End it where somebody else has written to an object of ours: what is made there would be run."""
        strangers = {str(each.get("manager")) for each in live["metadata"].get("managedFields") or ()} - {FIELD_MANAGER}
        if strangers:
            with self._lock:
                self._strangers |= strangers
            self._halt.set()

    # ---- removing

    def _remove(self, report: Report, workers: int) -> None:
        """All of this run, waited for; what could not be is told, once."""
        began = time.monotonic()
        try:
            left = self._removed(self._token, workers)
            said = [f"{left} objects in namespace {self._namespace} could not be removed"] if left else []
        except LrsError as error:
            said = [f"whether all is removed from namespace {self._namespace} could not be looked at: {error}"]
        if self._strangers:
            said.append(f"{', '.join(sorted(self._strangers))} writes to what is created in {self._namespace}: it is watched")
        report.incomplete += [each for each in said if each not in report.incomplete]
        self.aside += time.monotonic() - began

    def _removed(self, token: str, workers: int) -> int:
        """How many are left of a run."""
        deadline = Deadline(REMOVED_WITHIN, Cancel())
        while there := [*self._of_run(token), *(self._unmarked_ones() if token == self._token else ())]:
            for _ in map_unordered(there, self._delete, workers=workers, stop=Cancel()):
                pass
            if not deadline.pause(0.2):
                break
        return len(there)

    def _of_run(self, token: str) -> Iterator[Manifest]:
        return (each for each in self._listed(f"{MARK}={token}") if _token_of(each) == token)

    def _unmarked_ones(self) -> Iterator[Manifest]:
        """Those of this run that no list by its mark shows, as long as they are there."""
        for uid, name in list(self._unmarked.items()):
            try:
                live = self._kube.get(self._resource, name, self._namespace)
            except NotFoundError:
                continue
            if live["metadata"]["uid"] == uid and _token_of(live) != self._token:
                yield live

    def _delete(self, live: Manifest) -> None:
        """Ask for it; nobody but us waits for the finalizers of what we made."""
        metadata = live["metadata"]
        name, uid = str(metadata["name"]), str(metadata["uid"])
        with suppress(ConflictError, NotFoundError):
            is_going = "deletionTimestamp" in metadata
            if not is_going and delete_this(self._kube, self._resource, self._namespace, name, uid=uid):
                return
            if metadata.get("finalizers"):
                patch = [{"op": "test", "path": "/metadata/uid", "value": uid}, {"op": "remove", "path": "/metadata/finalizers"}]
                self._kube.change(self._resource, "PATCH", to_json(patch), self._namespace, name, validation="Ignore")

    def _listed(self, selector: str) -> list[Manifest]:
        pages = self._kube.pages(self._resource, self._namespace, selector=selector, metadata_only=True)
        return [manifest for page in pages for _, manifest in page.items]

    # ---- what killed ones have left

    def sweep(self, progress: Progress) -> Iterator[str]:
        """Remove the objects of rehearsals that are over."""
        progress.begin("looking for what earlier rehearsals have left")
        runs: dict[str, list[Manifest]] = {}
        for live in self._listed(MARK):
            runs.setdefault(_token_of(live), []).append(live)
        for token, objects in sorted(runs.items()):
            if not token:
                yield f"{len(objects)} objects in {self._namespace} have a rehearsal's label, and none made them: left alone"
            elif not self._is_over(objects):
                yield f"{len(objects)} objects in {self._namespace} are of a rehearsal that may be at work: left alone"
            elif left := self._removed(token, 4):
                yield f"warning: {left} objects of a killed rehearsal in {self._namespace} could not be removed"
            else:
                yield f"removed {len(objects)} objects from {self._namespace}, which a killed rehearsal has left"

    def _is_over(self, objects: Sequence[Manifest]) -> bool:
        marks = [_mark_of(each) for each in objects]
        if all(process.is_gone(each.get("process"), each.get("place")) for each in marks):
            return True
        now = self._now()
        newest = max(_instant(str(each["metadata"].get("creationTimestamp"))) for each in objects)
        return bool(now) and now - newest > DEAD

    def _now(self) -> float:
        """The server's time, by what it would make; 0 where it does not tell."""
        first = next(iter(self._selected), None)
        if first is None:
            return 0.0
        requests = Requests(kube=self._kube, resource=self._resource, owners=Owners(self._kube), dry_run=True)
        try:
            made = requests.try_creation(self.marked(first).manifest)
        except LrsError:
            return 0.0
        return _instant(str(made["metadata"].get("creationTimestamp")))


class _Maker:
    """Makes one object and looks at it. Safe to use from several threads."""

    def __init__(self, rehearsal: LrsScratch, requests: Requests, validator: Validator) -> None:
        self._rehearsal = rehearsal
        self._requests = requests
        self._normalise = validator.normalise
        self._breaker = breaker_of(requests.kube)

    def make(self, pair: Pair) -> Outcome:
        """What became of it."""
        step, stored = pair
        if step.action not in WRITES:
            return Outcome.of(step)
        if why := self._breaker.why_not(step.group):
            return Outcome.of(step, Result.NOT_TRIED, why)
        began = time.monotonic()
        try:
            outcome = self._made(step, self._rehearsal.marked(stored))
        except LrsError as error:
            self._breaker.judge(error, step.group, began=began)
            return refused(step, error)
        self._breaker.judge(None)
        return outcome

    def _made(self, step: LrsStep, stored: StoredLrs) -> Outcome:
        manifest, note = self._requests.creation(stored)
        live = insist(
            lambda _attempt: self._there(manifest), policy=POLICY, cancel=self._requests.kube.stop, may_pass=may_be_done
        )
        if not self._rehearsal.is_own(live):
            return Outcome.of(step, Result.NOT_CHECKED, "an object of somebody else's has its name in the scratch namespace")
        self._rehearsal.judge(live)
        if found := alterations(manifest, live, self._normalise):
            return Outcome.of(step, Result.ALTERED, altered(found))
        return Outcome.of(step, message=note)

    def _there(self, manifest: Manifest) -> Manifest:
        """The object as the server has it, after it was created."""
        metadata = manifest["metadata"]
        with suppress(ConflictError):  # an answer may have been lost, or it is somebody else's: what is there tells
            self._rehearsal.made(self._requests.create(manifest))
        return self._requests.kube.get(self._requests.resource, metadata["name"], metadata["namespace"])


def _mark_of(live: Manifest) -> Mapping[str, object]:
    try:
        found = json.loads((live["metadata"].get("annotations") or {}).get(MARK, "{}"))
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _token_of(live: Manifest) -> str:
    """Of the rehearsal that has made it; empty where none has: a label alone is copied by whoever copies the object."""
    metadata = live["metadata"]
    token = str((metadata.get("labels") or {}).get(MARK, ""))
    is_by_us = any(each.get("manager") == FIELD_MANAGER for each in metadata.get("managedFields") or ())
    return token if token and is_by_us and _mark_of(live).get("token") == token else ""


def _instant(text: str) -> float:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0
