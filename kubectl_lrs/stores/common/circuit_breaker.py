"""Whether the server is still there: when it is gone in mid-run, tens of thousands of objects need not each find out."""

from __future__ import annotations

import threading

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import NAMESPACES
from kubectl_lrs.model.errors import ApiError, CredentialsError, ExitCode, LrsError, UnreachableError

SERVER_ERROR = 500
"""The first HTTP status that says that the server itself is at a loss."""

QUIET = 5.0
"""Seconds without a success after which such an answer lets the server be asked: a webhook's failure is no outage."""


class CircuitBreaker:
    """`lost` says why nothing else needs to be tried; empty as long as the server answers. Safe to use from several threads."""

    def __init__(self, kube: KubeClient) -> None:
        self.lost = ""
        self._kube = kube
        self._lock = threading.Lock()

    def judge(self, error: LrsError | None) -> None:
        """An object failed with this. That alone says little, so the server is asked something that it always has."""
        if error is None or not (error.exit_code is ExitCode.UNREACHABLE or self._is_suspect(error)):
            return
        with self._lock:
            if not self.lost:
                self.lost = self._ask()

    def _is_suspect(self, error: LrsError) -> bool:
        """Whether it is one of many such answers with nothing else between them."""
        return isinstance(error, ApiError) and error.status >= SERVER_ERROR and self._kube.outage.quiet > QUIET

    def _ask(self) -> str:
        try:
            self._kube.get(NAMESPACES, "kube-system")
        except (UnreachableError, CredentialsError) as error:
            return str(error)
        except ApiError as error:
            return str(error) if error.status >= SERVER_ERROR else ""
        except LrsError:
            return ""
        return ""
