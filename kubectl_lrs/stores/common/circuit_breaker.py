"""Whether the server is still there: when it is gone in mid-run, tens of thousands of objects need not each find out."""

from __future__ import annotations

import threading

from kubectl_lrs.clients.kubernetes.client import NAMESPACES, KubeClient
from kubectl_lrs.model.errors import ApiError, CredentialsError, ExitCode, LrsError, UnreachableError

SERVER_ERROR = 500
"""The first HTTP status that says that the server itself is at a loss."""


class CircuitBreaker:
    """`lost` says why nothing else needs to be tried; empty as long as the server answers. Safe to use from several threads."""

    def __init__(self, kube: KubeClient) -> None:
        self.lost = ""
        self._kube = kube
        self._lock = threading.Lock()

    def judge(self, error: LrsError | None) -> None:
        """An object failed with this. That alone says little, so the server is asked something that it always has."""
        if error is None or error.exit_code is not ExitCode.UNREACHABLE:
            return
        with self._lock:
            if not self.lost:
                self.lost = self._ask()

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
