"""Whether something is tried again, and after which pause. The one policy; it knows no server, and sends nothing.

`insist` tries an act again that failed in a way that may pass. `contend` looks before each attempt, and decides anew by what
is there: for what others change at the same time. `Tries` is for whoever has answers and no errors:

    tries = Tries(POLICY, cancel, outage=server.outage)
    while True:
        answer = send()
        if not may_pass(answer) or not tries.again(asked=retry_after(answer)):
            return answer

What is worth trying again is the caller's to say: it knows whether a write may have arrived.
"""

from __future__ import annotations

import math
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar

from kubectl_lrs.runtime import waiting
from kubectl_lrs.runtime.cancel import Cancel, Deadline

R = TypeVar("R")
S = TypeVar("S")

PATIENCE = 30.0
"""Seconds after its last success in which a server that gives nothing but failures is tried again."""

PASSING = frozenset((429, 500, 502, 503, 504))
"""HTTP statuses that may pass."""

DOUBLED = 64
"""How often a pause is doubled at most; nobody waits so long."""

REFUSED_UNDONE = frozenset((429, 503))
"""Those of them which say that nothing was done, so that a write may be sent again."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How often something is tried, and the seconds between: doubled each time, with jitter.

    `longest_asked`: a server that asks for a longer pause than this is not waited for; `at_most_asked`: no pause that
    it asks for is longer.
    """

    attempts: int = 6
    first: float = 0.25
    longest: float = 20.0
    longest_asked: float = 300.0
    at_most_asked: float = 300.0

    @classmethod
    def every(cls, seconds: float) -> Policy:
        """As often as a deadline allows, with pauses of this length."""
        return cls(attempts=sys.maxsize, first=seconds, longest=seconds)

    def pause(self, attempt: int) -> float:
        """Seconds after so many attempts."""
        return random.uniform(0.5, 1.0) * self.longest_pause(attempt)  # noqa: S311  no secret

    def longest_pause(self, attempt: int) -> float:
        """The same without jitter."""
        return min(self.longest, self.first * 2.0 ** min(attempt - 1, DOUBLED))


class Outage:
    """How long a server has been giving nothing but failures, for all that talk to it in a run. Safe to use from several threads.

    Each caller alone is patient; thousands of them, one after the other, would be so for hours.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._lock = threading.Lock()
        self._success = time.monotonic()
        self._is_failing = False
        self._is_told = False

    def succeeded(self) -> None:
        """It answered, and not that it cannot."""
        with self._lock:
            self._is_failing = self._is_told = False
            self._success = time.monotonic()

    def failed(self, *, since: float | None = None) -> None:
        """It did not answer, or answered that it cannot. `since`: when that was asked, by the monotonic clock; None: just now."""
        with self._lock:
            asked = time.monotonic() if since is None else since
            if not self._is_failing and asked - self._success > self.patience:
                self._success = asked  # nothing was asked for so long: the patience begins then
            self._is_failing = True

    def is_first_told(self) -> bool:
        """Whether nobody was told yet that it is waited for; from now on somebody is."""
        with self._lock:
            is_first, self._is_told = not self._is_told, True
            return is_first

    @property
    def is_lost(self) -> bool:
        """Whether it has given nothing but failures for as long as they may pass."""
        return self.left <= 0

    @property
    def left(self) -> float:
        """Seconds in which it is still worth waiting for it; without end where it does not fail."""
        with self._lock:
            return max(0.0, self._success + self.patience - time.monotonic()) if self._is_failing else math.inf


class Tries:
    """The attempts of one piece of work. `count`: how many were begun. `cancel` None: nothing ends it. Used by one thread."""

    def __init__(
        self, policy: Policy, cancel: Cancel | None, *, deadline: Deadline | None = None, outage: Outage | None = None
    ) -> None:
        self.count = 1
        self._policy = policy
        self._cancel = cancel or Cancel()
        self._deadline = deadline
        self._outage = outage

    def again(self, *, asked: float | None = None, at_most: int = 0, why: str = "") -> bool:
        """After an attempt that failed in a way that may pass: wait, and whether to try once more.

        `asked`: seconds that the server asked for; `at_most`: fewer attempts than the policy has; `why` it is waited, which
        is told once for each outage.
        """
        attempts = min(at_most or self._policy.attempts, self._policy.attempts)
        if self.count >= attempts or self._cancel.is_set():
            return False
        if asked is not None and asked > self._policy.longest_asked:
            return False
        pause = self._policy.pause(self.count) if asked is None else min(asked, self._policy.at_most_asked)
        if (self._outage and pause >= self._outage.left) or (self._deadline and pause >= self._deadline.left):
            return False
        if why and self._outage and self._outage.is_first_told():
            waiting.tell(why, min(self._outage.left, self._longest(attempts)))
        self.count += 1
        return not self._cancel.wait(pause)

    def _longest(self, attempts: int) -> float:
        """Seconds of all pauses that are still to come, at most."""
        pauses = (self._policy.longest_pause(each) for each in range(self.count, min(attempts, self.count + DOUBLED)))
        return sum(pauses)


def insist(
    act: Callable[[int], R],
    *,
    policy: Policy,
    may_pass: Callable[[Exception], bool],
    cancel: Cancel | None = None,
    before_again: Callable[[Exception], object] = lambda _error: None,
    deadline: Deadline | None = None,
    outage: Outage | None = None,
) -> R:
    """What `act` returns, which is told how many attempts there were; tried again after an error that may pass.

    The last one is raised. `before_again`: what is to be done between, as taking back what the failed attempt has left.
    """
    tries: Tries | None = None  # nobody needs them where the first attempt does it, as nearly all do
    while True:
        try:
            return act(tries.count if tries else 1)
        except Exception as error:
            if not may_pass(error):
                raise
            tries = tries or Tries(policy, cancel, deadline=deadline, outage=outage)
            if not tries.again():
                raise
            before_again(error)


@dataclass(frozen=True, slots=True)
class Settled(Generic[R]):
    """What a look has found out: nothing is to be sent any more."""

    outcome: R


def contend(
    look: Callable[[Exception | None], S | Settled[R]],
    send: Callable[[S], R],
    *,
    policy: Policy,
    may_pass: Callable[[Exception], bool],
    cancel: Cancel | None = None,
) -> R:
    """Look, and send what fits to that; where it fails as it does when another was faster, again from the look.

    `look` gives what `send` needs, or what settles it; it is told the error of the attempt before, None at first. After the
    last attempt it is asked once more, for that one may have been done: where that settles nothing, its error is raised.
    """
    tries = Tries(policy, cancel)
    failed: Exception | None = None
    is_last = False
    while True:
        seen = look(failed)
        if isinstance(seen, Settled):
            return seen.outcome
        if is_last and failed is not None:
            raise failed
        try:
            return send(seen)
        except Exception as error:
            if not may_pass(error):
                raise
            failed, is_last = error, not tries.again()


def is_any(*kinds: type[Exception]) -> Callable[[Exception], bool]:
    """Whether an error is of one of these."""
    return lambda error: isinstance(error, kinds)


def retry_after(text: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or a date; None where it says nothing."""
    said = (text or "").strip()
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None
