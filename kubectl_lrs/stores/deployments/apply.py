"""One planned step → the API, followed to its end, and what became of it. Nothing is ever forced.

Each request is noted in the journal before it is sent, and its answer after. What the deployment itself says is the
truth; its task may be stuck, and the answer to a request may never come.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count

from kubectl_lrs.model.errors import LrsError, NotFoundError, UnreachableError
from kubectl_lrs.runtime.cancel import Cancel, Deadline
from kubectl_lrs.runtime.standstill import Standstill
from kubectl_lrs.stores.deployments.api.client import BusyError, DataRobotClient, Task, UnansweredError
from kubectl_lrs.stores.deployments.journal import JournalError, JournalWriter
from kubectl_lrs.stores.deployments.outcome import CHANGED, Outcome, Result
from kubectl_lrs.stores.deployments.pace import Pace
from kubectl_lrs.stores.deployments.plan import Action, Step
from kubectl_lrs.stores.deployments.statuses import ARCHIVED, DOWN, ERRORED, SETTLED, Direction, State

SETTLE = 30.0
"""Seconds in which the effect of a request whose answer is missing, or says no without a reason to be seen, must show."""

SHORTEST_POLL = 0.1
LONGEST_POLL = 5.0
POLL_SHARE = 0.05
TASK_EVERY = 4
"""Between two looks (seconds): a share of the time that has passed, so that what is fast is seen fast, and what is slow
costs the application little. The task is asked at every fourth look only: it matters where something went wrong."""


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """How steps are done. `timeout`: seconds for one deployment, from the request to the wanted status."""

    timeout: float
    wait: bool = True


class Changer:
    """Does steps in one direction. Safe to use from several threads; every failure of a deployment is its outcome."""

    def __init__(
        self,
        direction: Direction,
        clients: Mapping[str, DataRobotClient],
        writer: JournalWriter,
        options: WriteOptions,
        stop: Cancel,
    ) -> None:
        self._direction = direction
        self._clients = clients
        self._writer = writer
        self._options = options
        self._stop = stop
        self._pace = Pace()
        self._broken: JournalError | None = None
        self.standstill = Standstill()
        """Whether the application still changes anything: one that can be read may take no change."""

    def apply(self, step: Step) -> Outcome:
        """Do what the step says."""
        began = time.monotonic()
        try:
            outcome = self._apply(step)
        except JournalError as error:
            self._broken = error
            outcome = Outcome.of(step, Result.FAILED, str(error))
        return replace(outcome, seconds=time.monotonic() - began)

    def _apply(self, step: Step) -> Outcome:
        if step.action in (Action.UNCHANGED, Action.LEAVE):
            if step.closes is not None:
                self._writer.note(step.id, step.closes, status=step.before, message=step.reason)
            return Outcome.of(step, Result.LEFT if step.action is Action.LEAVE else Result.UNCHANGED, step.reason)
        if self._broken or self._stop.is_set():
            return Outcome.of(step, Result.NOT_TRIED, str(self._broken or "interrupted"))
        client = self._clients.get(step.organisation) or next(iter(self._clients.values()))
        if why := client.lost or self.standstill.why(step.organisation):
            return Outcome.of(step, Result.NOT_TRIED, why)
        change = _Change(step, self._direction, client, self._writer, self._options, self._pace, self._stop)
        began = time.monotonic()
        outcome = change.run()
        self.standstill.judge(None if outcome.result in CHANGED else change.trouble, step.organisation, began=began)
        return outcome


class _Change:
    """One deployment on its way."""

    def __init__(
        self,
        step: Step,
        direction: Direction,
        client: DataRobotClient,
        writer: JournalWriter,
        options: WriteOptions,
        pace: Pace,
        stop: Cancel,
    ) -> None:
        self._step = step
        self._direction = direction
        self._client = client
        self._writer = writer
        self._options = options
        self._pace = pace
        self._stop = stop
        self._began = time.monotonic()
        self._asked = 0.0
        self._looks = 0
        self._deadline = Deadline(options.timeout, stop)
        self._status = step.before
        self._task = ""
        self._is_ours = step.is_ours
        self.trouble: LrsError | None = None
        """What the application said, or did not say, to the request."""

    def run(self) -> Outcome:
        """All of it."""
        try:
            return self._run()
        except NotFoundError as error:
            return self._not_found(error)
        except JournalError:
            raise
        except LrsError as error:
            self.trouble = error
            return self._end(Result.UNFINISHED if self._task else Result.FAILED, str(error))

    def _run(self) -> Outcome:
        if outcome := self._look_before():
            return outcome
        if self._status not in (self._direction.wanted, self._direction.under_way) and (outcome := self._ask()):
            return outcome
        if self._status == self._direction.wanted:
            return self._reached()
        return self._follow() if self._options.wait else self._sent()

    def _not_found(self, error: NotFoundError) -> Outcome:
        """Deleted, or not visible any more to a user who has lost a right. One that may be down by our doing stays in the
        journal: the next plan tells, as it sees what else this user sees."""
        if self._direction is DOWN and not self._is_ours:
            self._writer.note(self._step.id, State.GONE, message=str(error))
        return self._end(Result.LEFT, f"deleted by somebody else meanwhile, or not visible any more: {error}")

    # ---- before

    def _look_before(self) -> Outcome | None:
        """What the plan saw may be on its way to something else; that is let end first."""
        if self._step.pending is not None:
            if outcome := self._let_opposite_show(self._step.pending):
                return outcome
        elif self._step.is_ours:
            self._look()
        if self._options.wait:
            while self._status not in SETTLED and self._status != self._direction.under_way and self._pause():
                self._look()
        return None

    def _let_opposite_show(self, task: str) -> Outcome | None:
        """A request for the opposite may not have shown yet: until it has, the wanted status means nothing."""
        settle = self._patience()
        while True:
            self._look()
            if self._status != self._direction.wanted:
                return None
            opposite = self._client.task(task, limit=self._left()) if task else Task("")
            if opposite.is_over and (settle.is_over or opposite.state == "ERROR"):
                return None
            if not self._pause():
                what = "interrupted" if self._stop.is_set() else "not asked, as it was asked to stop and that is not settled yet"
                return self._end(Result.UNFINISHED, f"{what}{_said(opposite)}")

    # ---- the request

    def _ask(self) -> Outcome | None:
        """Send the request; None when it was taken, or turned out not to be needed, else how it ended."""
        patience = self._patience()
        while not self._stop.is_set():
            before = self._status
            self._writer.note(self._step.id, self._direction.asked, status=before, task="")
            try:
                self._task = self._client.set_status(self._step.id, self._direction.wanted, limit=self._left())
            except BusyError as error:
                self._is_ours = self._is_ours or error.repeated
                self._look()
                if self._status in (self._direction.wanted, self._direction.under_way):
                    return None
                if not self._may_pass(patience):
                    return self._refused(error)
            except UnansweredError as error:
                self._is_ours = True
                return self._unanswered(error, before)
            except LrsError as error:
                return self._refused(error)
            else:
                self._is_ours = True
                self._asked, self._looks = time.monotonic(), 0
                self._writer.note(self._step.id, self._direction.asked, status=before, task=self._task)
                return None
        return self._end(Result.NOT_TRIED, "interrupted")

    def _may_pass(self, patience: Deadline) -> bool:
        """Wait a little for what keeps the server from taking the request; whether to send it again."""
        if not self._options.wait or (self._status in SETTLED and patience.is_over):
            return False
        return self._pause()

    def _refused(self, error: LrsError) -> Outcome:
        """It surely was not taken, now. An earlier one may have been: then the journal goes on saying so."""
        self.trouble = error
        if isinstance(error, NotFoundError):
            self._look()  # NotFoundError where it is gone; where it is there, the request alone was answered so
        state = self._direction.asked if self._step.is_ours else self._direction.refused
        self._writer.note(self._step.id, state, status=self._status, message=str(error))
        return self._end(Result.NOT_TRIED if self._stop.is_set() else Result.FAILED, str(error))

    def _unanswered(self, error: UnansweredError, before: str) -> Outcome | None:
        """It is not sent again, as it may have been taken: the deployment shows whether it was."""
        self.trouble = error
        patience = self._patience()
        while True:
            try:
                self._look()
            except UnreachableError:
                pass
            else:
                if self._status != before:
                    return None
            if patience.is_over or self._client.lost or not self._pause():
                message = f"{error}; it is still {self._status}; run the same command again"
                self._writer.note(self._step.id, self._direction.asked, status=self._status, message=message)
                return self._end(Result.UNFINISHED, message)

    # ---- after

    def _follow(self) -> Outcome:
        """Wait for the wanted status; the task tells of failures sooner than the deployment does.

        The last look is when the time is over: what it says then is how it is, not what it said a pause before.
        """
        task = Task("") if not self._task else Task("INITIALIZED")
        first, trouble, is_last = self._status, "", False
        task_at = TASK_EVERY - 1 if self._wait_as_usual() else 0
        for number in count():
            try:
                self._look()
                if outcome := self._ended(first, task):
                    return outcome
                if not task.is_over and (is_last or number % TASK_EVERY == task_at):
                    task = self._client.task(self._task, limit=self._left())
                    if task.is_over:
                        continue  # the deployment had not been looked at since
                trouble = ""
            except UnreachableError as error:
                trouble = f"; {error}"
            if is_last or ((is_last := not self._pause()) and self._stop.is_set()):
                return self._still(task, trouble)
        raise AssertionError("it ends by itself")

    def _ended(self, first: str, task: Task) -> Outcome | None:
        """How it ended, None while it is under way. What it said before the request is no answer to it."""
        status = self._status
        has_failed = task.is_over and task.state in ("ERROR", "ABORTED", "EXPIRED")
        if status == self._direction.wanted:
            return self._reached()
        if status == ARCHIVED:
            self._writer.note(self._step.id, State.GONE, status=status)
            return self._end(Result.LEFT, "archived by somebody else meanwhile")
        if status == ERRORED and (first != ERRORED or (self._task and task.is_over)):
            now = task if task.is_over or not self._task else self._client.task(self._task, limit=self._left())
            message = f"the deployment is errored{_said(now if now.is_over else Task(''))}"
            self._writer.note(self._step.id, self._direction.asked, status=status, message=message)
            return self._end(Result.FAILED, message)
        if has_failed and status in SETTLED:
            message = f"the application failed to {self._direction.verb} it{_said(task)}"
            self._writer.note(self._step.id, self._direction.refused, status=status, message=message)
            return self._end(Result.FAILED, message)
        return None

    def _reached(self) -> Outcome:
        step, direction = self._step, self._direction
        if self._asked:
            self._pace.ended(time.monotonic() - self._asked, looks=self._looks)
        if self._is_ours:
            self._writer.note(step.id, direction.reached, status=self._status, task=self._task)
            return self._end(Result.DEACTIVATED if direction is DOWN else Result.ACTIVATED, "")
        message = "it never stopped" if step.pending is not None else f"{direction.verb}d by somebody else meanwhile"
        self._writer.note(
            step.id, State.UNCHANGED if direction is DOWN else State.ACTIVATED, status=self._status, message=message
        )
        return self._end(Result.UNCHANGED, message)

    def _sent(self) -> Outcome:
        task = f"task {self._task}" if self._task else "no task was named"
        return self._end(Result.SENT, f"asked, not waited for ({task})")

    def _still(self, task: Task, trouble: str) -> Outcome:
        if self._stop.is_set():
            message = "interrupted; it was asked, and not waited for"
        else:
            message = f"still {self._status} after {self._options.timeout:.0f}s{_said(task)}{trouble}"
        self._writer.note(self._step.id, self._direction.asked, status=self._status, message=message)
        return self._end(Result.UNFINISHED, message)

    # ---- small things

    def _look(self) -> None:
        self._looks += 1
        self._status = str(self._client.deployment(self._step.id, limit=self._left()).get("status") or "")

    def _left(self) -> float:
        """Seconds; enough for one more look where the time is over."""
        return max(1.0, self._began + self._options.timeout - time.monotonic())

    def _patience(self) -> Deadline:
        return Deadline(min(SETTLE, self._options.timeout / 2), self._stop)

    def _wait_as_usual(self) -> bool:
        """Until a request that was just taken is likely to have had its effect: looking earlier only costs requests."""
        wait = self._pace.usual - (time.monotonic() - self._asked) if self._asked else 0
        return wait > 0 and self._deadline.pause(wait)

    def _pause(self) -> bool:
        elapsed = time.monotonic() - self._began
        return self._deadline.pause(max(SHORTEST_POLL, min(LONGEST_POLL, POLL_SHARE * elapsed)))

    def _end(self, result: Result, message: str) -> Outcome:
        return Outcome.of(self._step, result, message, after=self._status, task=self._task)


def _said(task: Task) -> str:
    if not task.state:
        return ""
    return f": {task.message} (task {task.state})" if task.message else f" (task {task.state})"
