"""A plan of LRS → the cluster: what must be there first, then the objects in one pass over the source, then a look at them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.plan import WRITES, Action, ApplyOptions, Prepare, StorePlan
from kubectl_lrs.model.report import WRITTEN, Outcome, Report, Result
from kubectl_lrs.runtime.cancel import Cancel, Deadline
from kubectl_lrs.runtime.parallel import Pool
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.circuit_breaker import CircuitBreaker, breaker_of
from kubectl_lrs.stores.common.journals import PauseJournal
from kubectl_lrs.stores.common.operator import Pause, find_operators, only_one
from kubectl_lrs.stores.lrs.creation_order import WaitingRoom
from kubectl_lrs.stores.lrs.decide import LrsStep
from kubectl_lrs.stores.lrs.journal import RecreateJournal
from kubectl_lrs.stores.lrs.options import RestoreOptions
from kubectl_lrs.stores.lrs.owners import Owners
from kubectl_lrs.stores.lrs.post_checks import check_statuses, wait_for
from kubectl_lrs.stores.lrs.prepare import SERVED_WITHIN, create_namespaces, install_crd
from kubectl_lrs.stores.lrs.recreate import Recreator
from kubectl_lrs.stores.lrs.rehearsal import rehearse
from kubectl_lrs.stores.lrs.request import Requests
from kubectl_lrs.stores.lrs.saved import StoredLrs
from kubectl_lrs.stores.lrs.selected import Selected
from kubectl_lrs.stores.lrs.validate import Published, Validator
from kubectl_lrs.stores.lrs.write import WriteOptions, Writer

Pair = tuple[LrsStep, StoredLrs]

THERE_AGAIN = WRITTEN | {Result.UNCHANGED, Result.ALTERED}
"""What ends the note of an object that an earlier run deleted and did not create."""


class Run:
    """Applies one plan."""

    def __init__(
        self,
        kube: KubeClient,
        resource: Resource,
        selected: Selected,
        wanted: RestoreOptions,
        plan: StorePlan,
        options: ApplyOptions,
        *,
        journal: RecreateJournal,
        pause_journal: PauseJournal,
        stop: Cancel,
        progress: Progress,
    ) -> None:
        self._kube = kube
        self._resource = resource
        self._selected = selected
        self._wanted = wanted
        self._plan = plan
        self._steps = {step.key: step for step in plan.of(LrsStep)}
        self._options = options
        self._journal = journal
        self._pause_journal = pause_journal
        self._stop = stop
        self._progress = progress

    def into(self, report: Report) -> None:
        """All of it; an outcome for each step."""
        deadline = self._deadline()
        with ExitStack() as stack:
            failed: dict[str, str] = {}
            if not self._options.dry_run:
                self._install_crd(report)
                names = self._plan.first(Prepare.CREATE_NAMESPACE)
                failed = create_namespaces(self._kube, names, deadline, report.incomplete.append)
                for operator in self._plan.first(Prepare.PAUSE_OPERATOR):
                    self._pause(operator, deadline, stack, report)
            requests = self._requests()
            options = self._write_options()
            writer = Writer(requests, options, deadline)
            recreator = Recreator(requests, options, writer, self._journal)
            trier = _Trier(
                writer,
                recreator,
                breaker_of(self._kube),
                failed,
                self._not_there_yet() if self._options.dry_run else {},
                self._rehearsed(requests),
            )
            self._write(trier, report)
        check_statuses(self._kube, self._resource, writer.statuses, report)
        if self._is_awaited and not self._stop.is_set():
            deadline = self._deadline()
            wait_for(self._kube, self._resource, self._selected, writer.before, report, deadline, self._progress)

    @property
    def _is_awaited(self) -> bool:
        return self._options.wait and not self._options.dry_run

    def _deadline(self) -> Deadline:
        return Deadline(self._options.timeout, self._stop)

    # ---- what must be there first

    def _install_crd(self, report: Report) -> None:
        crd = self._wanted.crd
        if crd is None or not self._plan.first(Prepare.INSTALL_CRD):
            return
        self._progress.begin("installing the CRD")
        namespace = next((step.namespace for step in self._steps.values()), "default")
        deadline = Deadline(SERVED_WITHIN, self._stop)
        install_crd(self._kube, self._resource, crd, namespace=namespace, deadline=deadline, say=report.incomplete.append)

    def _pause(self, key: str, deadline: Deadline, stack: ExitStack, report: Report) -> None:
        """Pause the operator; when the user has had enough meanwhile, that is no failure, and nothing will be written."""
        operator = only_one(find_operators(self._kube, (), key))
        pause = Pause(self._kube, operator, self._pause_journal, self._wanted.operator_replicas)
        stack.callback(self._resume, pause, report)
        if self._stop.is_set():
            return
        self._progress.begin(f"pausing the operator {key}")
        try:
            pause.begin(deadline)
        except LrsError:
            if not self._stop.is_set():
                raise

    def _resume(self, pause: Pause, report: Report) -> None:
        try:
            if woken := pause.end():
                self._progress.note(f"warning: {woken}")
                report.incomplete.append(woken)
        except LrsError as error:
            # Both: an exception that is under way would keep the report from being shown.
            self._progress.note(f"warning: {error} ({error.hint})")
            report.incomplete.append(f"{error} ({error.hint})")

    # ---- the objects

    def _requests(self) -> Requests:
        steps = self._steps.values() if self._options.dry_run else ()
        coming = {(self._resource.kind, s.namespace, s.name) for s in steps if s.action is Action.CREATE}
        return Requests(
            kube=self._kube,
            resource=self._resource,
            owners=Owners(self._kube, coming),
            validation=self._wanted.validation,
            dry_run=self._options.dry_run,
        )

    def _write_options(self) -> WriteOptions:
        is_there = not (self._options.dry_run and self._plan.first(Prepare.INSTALL_CRD))
        schema = Published.by(self._kube, self._resource).schema if is_there else None
        validator = Validator(self._kube, self._resource, schema, self._wanted.validation)
        return WriteOptions(
            restore_status=self._wanted.restore_status, is_awaited=self._is_awaited, normalise=validator.normalise
        )

    def _rehearsed(self, requests: Requests) -> dict[str, Outcome]:
        """What must not be recreated after all. It looks owners up by itself: they are others when they are recreated."""
        own = replace(requests, owners=Owners(self._kube))
        steps = {(step.namespace, step.name): step for step in self._steps.values()}
        recreated = {key: step for key, step in self._steps.items() if step.action is Action.RECREATE}
        source = (stored for _, stored in self._pairs(recreated))
        return rehearse(steps, source, own, workers=self._options.workers, stop=self._stop)

    def _write(self, trier: _Trier, report: Report) -> None:
        """One pass over the source; an LRS that is owned by another one waits until that one is done.

        Of what is not to be written nothing is read.
        """
        self._progress.begin("asking the server" if self._options.dry_run else "restoring", len(self._steps))
        left = {}
        for step in self._steps.values():
            if known := trier.known(step):
                self._note(known, report)
            else:
                left[step.key] = step
        room: WaitingRoom[Pair] = WaitingRoom(left)
        with Pool(trier.work, self._options.workers, self._stop) as pool:
            for pair in self._pairs(left):
                if self._stop.is_set():
                    break
                if not room.must_wait(pair[0].key, pair[0].after, pair):
                    pool.submit(pair)
                if pool.is_full:
                    self._take(pool, room, report)
            while pool.waiting:
                self._take(pool, room, report)
        self._progress.end()
        report.add_not_tried(self._plan, "interrupted" if self._stop.is_set() else "the backup does not hold it any more")

    def _take(self, pool: Pool[Pair, Outcome], room: WaitingRoom[Pair], report: Report) -> None:
        """One result, and whoever waited for it."""
        for outcome in pool.take():
            self._note(outcome, report)
            for pair in room.done(outcome.key):
                pool.submit(pair)

    def _note(self, outcome: Outcome, report: Report) -> None:
        report.add(outcome)
        if outcome.result in THERE_AGAIN and not self._options.dry_run:
            self._journal.done(outcome.key)
        self._progress.advance()

    def _pairs(self, steps: Mapping[str, LrsStep]) -> Iterator[Pair]:
        """These steps with their objects, in the order of the source, which is read no further than to the last of them."""
        left = len(steps)
        if not left:
            return
        for stored in self._selected:
            step = steps.get(f"{stored.namespace}/{stored.name}")
            if step is not None and step.sum == stored.sum:
                yield step, stored
                left -= 1
                if not left:
                    return

    def _not_there_yet(self) -> dict[str, str]:
        """Why nothing can be tried in a namespace without making something first."""
        if self._plan.first(Prepare.INSTALL_CRD):
            return {step.namespace: "the CRD is not installed yet" for step in self._steps.values()}
        return dict.fromkeys(self._plan.first(Prepare.CREATE_NAMESPACE), "its namespace does not exist yet")


class _Trier:
    """Writes one object, where that may be tried.

    `failed` and `absent` are namespaces where it may not, with the reason; `held_back` are outcomes that are known before.
    """

    def __init__(
        self,
        writer: Writer,
        recreator: Recreator,
        breaker: CircuitBreaker,
        failed: Mapping[str, str],
        absent: Mapping[str, str],
        held_back: Mapping[str, Outcome],
    ) -> None:
        self._writer = writer
        self._recreator = recreator
        self._breaker = breaker
        self._failed = failed
        self._absent = absent
        self._held_back = held_back

    def known(self, step: LrsStep) -> Outcome | None:
        """What becomes of it without a request; None where it is to be tried."""
        if step.namespace in self._failed:
            return Outcome.of(step, Result.FAILED, self._failed[step.namespace])
        if step.action not in WRITES:
            return Outcome.of(step)
        if why := self._absent.get(step.namespace):
            return Outcome.of(step, Result.NOT_CHECKED, why)
        return self._held_back.get(step.key)

    def work(self, pair: Pair) -> Outcome:
        """What became of it; safe to call from several threads."""
        step, stored = pair
        if why := self._breaker.why_not(step.group):
            return Outcome.of(step, Result.NOT_TRIED, why)
        write = self._recreator.recreate if step.action is Action.RECREATE else self._writer.write
        began = time.monotonic()
        outcome = write(step, stored)
        self._breaker.judge(outcome.error, step.group, began=began)
        return outcome
