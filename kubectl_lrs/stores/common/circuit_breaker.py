"""Whether a server is still there: when it is gone in mid-run, tens of thousands of things need not each find out.

That one thing failed says nothing of the server: it is asked itself, and what it says of itself counts. One that says that it
is well and does nothing is given up too, see `standstill`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import NAMESPACES
from kubectl_lrs.model.errors import CredentialsError, ExitCode, LrsError
from kubectl_lrs.runtime.standstill import Standstill, is_servers

TRUSTED = 5.0
"""Seconds for which a server that answered is not asked again because of such an answer: a webhook's failure is no outage."""


class CircuitBreaker:
    """`failure`, and in words `lost`, says why nothing else needs to be tried; none as long as the server answers.

    `ask`: asks the server itself, something that it always has. Safe to use from several threads.
    """

    def __init__(self, ask: Callable[[], object]) -> None:
        self.failure: LrsError | None = None
        self._ask = ask
        self._lock = threading.Lock()
        self._trusted_until = 0.0
        self._standstill = Standstill()

    @property
    def lost(self) -> str:
        """Empty as long as the server answers."""
        return str(self.failure) if self.failure else ""

    def why_not(self, group: str) -> str:
        """Why nothing of this group needs to be tried: the server is lost, or does nothing of it; else empty."""
        return self.lost or self._standstill.why(group)

    def judge(self, error: LrsError | None, group: str = "", *, began: float | None = None, is_answer: bool = False) -> None:
        """One thing of a group was done, or failed so. `is_answer`: by the word of the server, as `ApiError` is anyhow."""
        self._standstill.judge(error, group, began=began)
        is_unreachable = error is not None and error.exit_code is ExitCode.UNREACHABLE
        if not is_unreachable and not is_servers(error):
            return
        must_ask = is_unreachable and not is_answer
        with self._lock:  # the others wait as well: while it is being asked, nothing else need fail
            if not self.failure and (must_ask or time.monotonic() > self._trusted_until):
                self.failure = self._asked()
                self._trusted_until = time.monotonic() + TRUSTED

    def _asked(self) -> LrsError | None:
        try:
            self._ask()
        except LrsError as error:
            return error if is_servers(error) or isinstance(error, CredentialsError) else None
        return None


def breaker_of(kube: KubeClient) -> CircuitBreaker:
    """Of an API server."""
    return CircuitBreaker(lambda: kube.get(NAMESPACES, "kube-system"))
