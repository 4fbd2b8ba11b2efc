"""Deleting Spark sessions and seeing them go. Each by its uid, so that one born meanwhile under the same name stays.

And each in the version that was looked at: what made it one of those chosen are its labels, and these may have changed. Of
one that changed it is looked again whether it still is.

Never by DeleteCollection: it knows no uid, and the right to it is another one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.errors import ConflictError, ExpiredError, LrsError, NotFoundError
from kubectl_lrs.runtime.cancel import Cancel, Deadline
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.retry import Policy, Tries, insist, is_any
from kubectl_lrs.stores.common.circuit_breaker import breaker_of
from kubectl_lrs.stores.common.deleting import POLICY, delete_this
from kubectl_lrs.stores.spark.sessions import Session, Snapshot, is_there, look, selector_of

FIRST_LOOK = 0.1
LONGEST_LOOK = 2.0
"""Seconds between two looks at what is going; they double."""

OF_SESSIONS = selector_of()
"""Without the user's labels: an object may lose those while it goes, and would seem to be gone."""


EVERY = ""
"""Whatever its labels are."""


class Result(str, Enum):
    """What became of one session."""

    DELETED = "deleted"
    DELETING = "deleting"
    WOULD = "would be deleted"
    STUCK = "stuck"
    FAILED = "failed"
    NOT_TRIED = "not tried"


NOT_DONE = frozenset((Result.STUCK, Result.FAILED, Result.NOT_TRIED))
"""What leaves something that was asked for undone."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One session as it was, with the finalizers that were seen last, and what became of it; `error` is what it failed with."""

    session: Session
    result: Result
    message: str = ""
    error: LrsError | None = None


@dataclass(frozen=True, kw_only=True)
class ApplyOptions:
    """How sessions are deleted. `timeout`: seconds for all of it."""

    workers: int
    timeout: float
    wait: bool = True
    dry_run: bool = False


class Cleaner:
    """Deletes the sessions of one snapshot. `namespace`: where they were looked for, None for everywhere; `selector`: by which
    labels."""

    def __init__(
        self,
        kube: KubeClient,
        resource: Resource,
        namespace: str | None,
        options: ApplyOptions,
        *,
        selector: str = "",
        progress: Progress,
        stop: Cancel,
    ) -> None:
        self._kube = kube
        self._resource = resource
        self._namespace = namespace
        self._options = options
        self._selector = selector_of(selector)
        self._progress = progress
        self._stop = stop
        self._deadline = Deadline(options.timeout, stop)
        self._breaker = breaker_of(kube)
        self._outcomes: dict[str, Outcome] = {}
        self._going: dict[str, Session] = {}
        self._out_of_sight: dict[str, Session] = {}
        self._sight = OF_SESSIONS
        self._unsure: dict[str, tuple[Session, LrsError]] = {}

    def clean(self, snapshot: Snapshot) -> list[Outcome]:
        """Delete them and wait until they are gone; one outcome for each, in their order."""
        self._ask([session for session in snapshot.sessions if not session.is_going])
        if not self._options.dry_run:
            self._settle_unsure()
        self._going |= {session.uid: session for session in snapshot.sessions if session.is_going}
        if self._options.dry_run:
            self._end(self._going.values(), Result.WOULD, "it is being deleted already")
        elif self._options.wait:
            self._wait(snapshot.resource_version)
        else:
            self._end(self._going.values(), Result.DELETING)
        return [
            self._outcomes.get(each.uid) or Outcome(each, Result.NOT_TRIED, self._why_not(each)) for each in snapshot.sessions
        ]

    def _why_not(self, session: Session) -> str:
        """Why one was not tried."""
        if self._stop.is_set():
            return "interrupted"
        return self._breaker.why_not(session.namespace) or f"no time was left after {self._deadline.seconds:g}s"

    # ---- asking

    def _ask(self, sessions: Sequence[Session]) -> None:
        """Ask for the deletion of each, several at once."""
        if not sessions:
            return
        self._progress.begin("deleting sessions", len(sessions))
        workers = min(self._options.workers, len(sessions))
        for _ in map_unordered(sessions, self._ask_one, workers=workers, stop=self._stop):
            self._progress.advance()

    def _ask_one(self, session: Session) -> None:
        if self._breaker.why_not(session.namespace) or self._deadline.is_over:
            return
        began = time.monotonic()
        try:
            if self._options.dry_run:
                self._dry_run(session)
            elif self._delete(session):
                self._outcomes[session.uid] = Outcome(session, Result.DELETED)
            else:
                self._going[session.uid] = session
        except ConflictError as error:
            self._unsure[session.uid] = session, error
        except LrsError as error:
            self._breaker.judge(error, session.namespace, began=began)
            self._outcomes[session.uid] = Outcome(session, Result.FAILED, str(error), error)
            return
        self._breaker.judge(None)

    def _delete(self, session: Session) -> bool:
        return delete_this(
            self._kube,
            self._resource,
            session.namespace,
            session.name,
            uid=session.uid,
            resource_version=session.version,
        )

    def _dry_run(self, session: Session) -> None:
        message = ""
        try:
            self._kube.delete(
                self._resource,
                session.namespace,
                session.name,
                uid=session.uid,
                resource_version=session.version,
                dry_run=True,
            )
        except NotFoundError:
            message = "it is gone already"
        except ConflictError:
            message = "it has changed meanwhile, or is gone: it would be looked at again"
        self._outcomes[session.uid] = Outcome(session, Result.WOULD, message)

    def _settle_unsure(self) -> None:
        """A conflict means that another session has the name, or that this one changed; which of them, a look tells."""
        tries = Tries(POLICY, self._stop, deadline=self._deadline)
        while self._unsure:
            unsure, self._unsure = self._unsure, {}
            try:
                there = self._there(self._selector)
                again = [left for session, error in unsure.values() if (left := self._settle(session, error, there))]
            except LrsError as error:
                self._fail({uid: session for uid, (session, _) in unsure.items()}, error)
                return
            self._ask(again)
            if self._unsure and not tries.again():
                break
        for session, conflict in self._unsure.values():
            self._outcomes[session.uid] = Outcome(session, Result.FAILED, str(conflict), conflict)

    def _settle(self, session: Session, conflict: LrsError, there: Mapping[str, Session]) -> Session | None:
        """As it is now, if it is to be asked for once more; else what became of it is known."""
        now = there.get(session.uid)
        if now and not now.is_going:
            return now
        if now:
            self._going[now.uid] = now
        elif is_there(self._kube, self._resource, session):
            message = "it has changed, and is no longer one of those that were chosen; it is left alone"
            self._outcomes[session.uid] = Outcome(session, Result.FAILED, message, conflict)
        else:
            self._gone([session], there.values())
        return None

    # ---- waiting

    def _wait(self, since: str) -> None:
        """Look until all of them are gone, or the time is over."""
        if not self._going:
            return
        self._progress.begin("waiting until they are gone", len(self._going))
        pause = FIRST_LOOK
        try:
            while self._going and self._deadline.pause(pause):
                self._notice(self._there(self._sight, since=since))
                if not self._going:
                    self._settle_out_of_sight()
                pause = min(LONGEST_LOOK, 2 * pause)
            if self._going and not self._stop.is_set():
                self._notice(self._there(self._sight))
            self._settle_out_of_sight()
        except LrsError as error:
            self._fail(self._going | self._out_of_sight, error)
            return
        if self._stop.is_set():
            self._end(self._going.values(), Result.DELETING, "interrupted before it was seen to be gone")
        else:
            for session in self._going.values():
                self._outcomes[session.uid] = Outcome(session, Result.STUCK, _held(session))

    def _notice(self, there: Mapping[str, Session]) -> None:
        gone = [session for uid, session in self._going.items() if uid not in there]
        for session in gone:
            self._out_of_sight[session.uid] = self._going.pop(session.uid)
        for uid, session in self._going.items():
            self._going[uid] = replace(session, finalizers=there[uid].finalizers, is_going=there[uid].is_going)
        self._progress.advance(len(gone))

    def _settle_out_of_sight(self) -> None:
        """Whether they are gone: one may have lost the very label of a session while it goes, and is looked for without it."""
        if not self._out_of_sight:
            return
        there = self._there(EVERY)
        self._gone([each for uid, each in self._out_of_sight.items() if uid not in there], there.values())
        if left := {uid: there[uid] for uid in self._out_of_sight if uid in there}:
            self._going |= left
            self._sight = EVERY
        self._out_of_sight.clear()

    def _there(self, selector: str, *, since: str = "") -> dict[str, Session]:
        """The sessions that are there, by uid; without `since` as of this moment."""
        snapshot = insist(
            lambda _attempt: look(self._kube, self._resource, self._namespace, selector, since=since),
            policy=Policy.every(0.0),
            cancel=self._stop,
            deadline=self._deadline,
            may_pass=is_any(ExpiredError),
        )
        return {session.uid: session for session in snapshot.sessions}

    # ---- outcomes

    def _gone(self, sessions: Iterable[Session], there: Iterable[Session]) -> None:
        born = {session.key for session in there}
        for session in sessions:
            message = "another session has its name now; it is left alone" if session.key in born else ""
            self._outcomes[session.uid] = Outcome(session, Result.DELETED, message)

    def _end(self, sessions: Iterable[Session], result: Result, message: str = "") -> None:
        self._outcomes |= {session.uid: Outcome(session, result, message) for session in sessions}

    def _fail(self, sessions: Mapping[str, Session], error: LrsError) -> None:
        for session in sessions.values():
            message = f"it was asked to be deleted; whether it is gone could not be seen: {error}"
            self._outcomes[session.uid] = Outcome(session, Result.FAILED, message, error)


def _held(session: Session) -> str:
    if not session.is_going:
        return "the server accepted the deletion, but has not begun it"
    return f"held by {', '.join(session.finalizers)}" if session.finalizers else "no finalizer holds it, and yet it is there"


def counted(outcomes: Iterable[Outcome]) -> Iterator[tuple[Result, int]]:
    """How many of each result, those that occur."""
    counts = Counter(outcome.result for outcome in outcomes)
    return ((result, counts[result]) for result in Result if counts[result])
