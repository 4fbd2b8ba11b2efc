"""What the nodes would do for the application's own Deployments: their status follows, and its API is there while they run.

The bed has no nodes. Invented is only that the API answers 503 while the application is scaled to 0.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tests.bed.controlplane import ControlPlane
from tests.bed.operator import JSON_PATCH, deployments_path
from tests.bed.standin import Threads

INTERVAL = 0.1


class Kubelet:
    """At work in a thread while the `with` block lasts. `on_scale` is told how many replicas a Deployment has, when it has
    come or was scaled.
    """

    def __init__(self, plane: ControlPlane, namespace: str, names: tuple[str, ...], on_scale: Callable[[str, int], None]) -> None:
        self.plane = plane
        self._namespace = namespace
        self._names = names
        self._on_scale = on_scale
        self._told: dict[str, tuple[str, int]] = {}
        self._stop = threading.Event()
        self._threads = Threads("kubelet")

    def __enter__(self) -> Kubelet:
        self._threads.start(self._run)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._threads.end()

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL):
            try:
                for name in self._names:
                    self._look(f"{deployments_path(self._namespace)}/{name}", name)
            except (OSError, http.client.HTTPException):  # the API server is away
                continue

    def _look(self, path: str, name: str) -> None:
        status, found = self.plane.api("GET", path)
        if status != 200:
            return
        wanted, seen = int(found["spec"]["replicas"]), found.get("status") or {}
        if self._told.get(name) != (found["metadata"]["uid"], wanted):
            self._told[name] = found["metadata"]["uid"], wanted
            self._on_scale(name, wanted)
        generation = found["metadata"]["generation"]
        if seen.get("observedGeneration") != generation or int(seen.get("replicas", 0)) != wanted:
            counts = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"), wanted)
            value: dict[str, Any] = {**counts, "observedGeneration": generation}
            self.plane.api("PATCH", f"{path}/status", [{"op": "add", "path": "/status", "value": value}], content_type=JSON_PATCH)
