"""An LRS operator for tests. Invented: the vendor's is not public. Standard library only.

It does what an operator of this kind would do: it puts a finalizer on each LRS, makes a Deployment that the LRS owns,
sets the status, and cleans up when the LRS is deleted. It works only while the Deployment that stands for itself has
replicas. The bed has no kubelet, so it also sets that Deployment's status, as if its pods came and went.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from tests.bed import loader
from tests.bed.controlplane import ControlPlane, request
from tests.bed.standin import Threads

FINALIZER = "lrs.datarobot.com/operator-cleanup"
NAME = "lrs-operator"
IMAGE = "registry.example.com/datarobot/lrs-operator:1.0"
INTERVAL = 0.05
"""Seconds between two looks."""

JSON_PATCH = "application/json-patch+json"
PASSING = frozenset((403, 404, 409, 422, 429, 500, 503, 504))
"""Answers that a later look settles: the object or its namespace goes, was changed by somebody else, or the server is busy."""

Manifest = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How it treats the LRS. `never_ready` are names; `ready_after` and `slow` (per object) are seconds."""

    never_ready: frozenset[str] = frozenset()
    reason: str = "ImagePullBackOff"
    message: str = "the image is not there"
    ready_after: float = 0.0
    slow: float = 0.0
    conditions: bool = True


@dataclass(frozen=True)
class Event:
    """What it saw or did, and when: `replicas` (of its own, with their number), or an act on an LRS."""

    at: float
    what: str
    subject: str
    number: int = 0


def deployments_path(namespace: str) -> str:
    """The URL path of a namespace's Deployments."""
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


def deploy_operator(
    plane: ControlPlane, namespace: str, *, name: str = NAME, image: str = IMAGE, replicas: int = 1, release: str = "dr"
) -> None:
    """Create the Deployment that stands for an operator, with the status that its pods would give it."""
    labels = {"app": name}
    body = {
        "metadata": {"name": name, "labels": {"release": release}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}},
        },
    }
    status, answer = plane.api("POST", deployments_path(namespace), body)
    if status != 201:
        raise RuntimeError(f"deployment {namespace}/{name}: {status} {answer}")
    patch = _replicas_status(answer, replicas)
    plane.api("PATCH", f"{deployments_path(namespace)}/{name}/status", patch, content_type=JSON_PATCH)


def replicas_of(plane: ControlPlane, namespace: str, name: str = NAME) -> int:
    """What a Deployment is scaled to."""
    status, answer = plane.api("GET", f"{deployments_path(namespace)}/{name}")
    if status != 200:
        raise RuntimeError(f"deployment {namespace}/{name}: {status} {answer}")
    return int(answer["spec"]["replicas"])


def _replicas_status(deployment: Manifest, replicas: int) -> list[Manifest]:
    counts = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"), replicas)
    value = {**counts, "observedGeneration": deployment["metadata"]["generation"]}
    return [{"op": "add", "path": "/status", "value": value}]


class LrsOperator:
    """The operator of some namespaces, at work in a thread while the `with` block lasts.

    `lingering`: while set, its pods do not end although it is scaled to 0. What it saw and did is told between two looks:
    whoever meets an effect is told of it too, though it is noted after the API server has answered.
    """

    def __init__(
        self,
        plane: ControlPlane,
        api_version: str,
        namespaces: Sequence[str],
        *,
        home: str = "",
        name: str = NAME,
        replicas: int = 1,
        behaviour: Behaviour | None = None,
    ) -> None:
        self.namespace, self.name = home or namespaces[0], name
        self._events: list[Event] = []
        self._look_lock = threading.RLock()
        self.lingering = threading.Event()
        self._plane = plane
        self._api_version = api_version
        self._namespaces = tuple(namespaces)
        self._behaviour = behaviour or Behaviour()
        self._first_seen: dict[str, float] = {}
        self._stop = threading.Event()
        self._connection: http.client.HTTPSConnection | None = None
        self._threads = Threads(name)
        resources = plane.api("GET", f"/apis/{api_version}")[1]["resources"]
        self._status_path = "/status" if any(each["name"] == "lrs/status" for each in resources) else ""
        deploy_operator(plane, self.namespace, name=name, replicas=replicas)

    def __enter__(self) -> LrsOperator:
        """Returns when it is at work: it has seen what it is scaled to before anybody changes that."""
        self._threads.start(self._run)
        loader.wait_until(lambda: bool(self.events), "the operator to look at itself")
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._threads.end()
        if self._connection is not None:
            self._connection.close()

    @property
    def events(self) -> list[Event]:
        """The log of what it saw and did."""
        with self._look_lock:
            return list(self._events)

    @property
    def replicas_seen(self) -> tuple[int, ...]:
        """The replicas it was scaled to, one after the other."""
        return tuple(event.number for event in self.events if event.what == "replicas")

    def did(self, what: str) -> set[str]:
        """The LRS (`namespace/name`) to which it did this."""
        return {event.subject for event in self.events if event.what == what}

    def is_done(self, namespace: str) -> bool:
        """Whether every LRS of the namespace has its finalizer, its Deployment and its status, and none is going."""
        path = deployments_path(namespace)
        owners = {
            owner["uid"]
            for each in self._plane.api("GET", path)[1]["items"]
            for owner in each["metadata"].get("ownerReferences", ())
        }
        return all(
            FINALIZER in each["metadata"].get("finalizers", ())
            and each["metadata"]["uid"] in owners
            and "deletionTimestamp" not in each["metadata"]
            and each.get("status") == self._settled_status(each)
            for each in loader.live(self._plane, self._api_version, namespace)
        )

    # ---- the loop

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._look_lock:
                self._once()
            self._stop.wait(INTERVAL)

    def _once(self) -> None:
        try:
            if self._is_on():
                self._look()
        except (OSError, http.client.HTTPException):  # the API server is away
            self._connection = None

    def _is_on(self) -> bool:
        """Read its own Deployment, make the status follow, and say whether there are replicas."""
        status, own = self._api("GET", f"{deployments_path(self.namespace)}/{self.name}")
        if status != 200:
            return False
        wanted = int(own["spec"]["replicas"])
        if not self.replicas_seen or self.replicas_seen[-1] != wanted:
            self._note("replicas", self.name, wanted)
        seen = own.get("status", {})
        there = int(seen.get("replicas", 0))
        is_old = seen.get("observedGeneration") != own["metadata"]["generation"]  # scaled there and back between two looks
        if (there != wanted or is_old) and not (wanted < there and self.lingering.is_set()):
            patch = _replicas_status(own, wanted)
            self._api("PATCH", f"{deployments_path(self.namespace)}/{self.name}/status", patch, JSON_PATCH)
        return wanted > 0

    def _look(self) -> None:
        for namespace in self._namespaces:
            status, answer = self._api("GET", loader.objects_path(self._api_version, namespace))
            for lrs in answer["items"] if status == 200 else ():
                if self._stop.is_set():
                    return
                self._reconcile(lrs)

    def _reconcile(self, lrs: Manifest) -> None:
        metadata = lrs["metadata"]
        key = f"{metadata['namespace']}/{metadata['name']}"
        finalizers = metadata.get("finalizers", [])
        if "deletionTimestamp" in metadata:
            if FINALIZER in finalizers:
                self._clean_up(lrs, key)
            return
        if FINALIZER not in finalizers and self._patch(lrs, _finalizers(lrs, [*finalizers, FINALIZER])):
            self._note("finalizer", key)
        if metadata["uid"] not in self._first_seen:
            self._first_seen[metadata["uid"]] = time.monotonic()
            self._deploy(lrs, key)
            self._stop.wait(self._behaviour.slow)
        wanted = self._status(lrs)
        if lrs.get("status") != wanted:
            patch = [{"op": "add", "path": "/status", "value": wanted}]
            if self._patch(lrs, patch, self._status_path):
                self._note("status", key)

    def _deploy(self, lrs: Manifest, key: str) -> None:
        metadata, labels = lrs["metadata"], {"lrs": lrs["metadata"]["uid"]}
        owner = {
            "apiVersion": lrs["apiVersion"],
            "kind": lrs["kind"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        body = {
            "metadata": {"name": metadata["name"], "ownerReferences": [owner]},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "main", "image": lrs["spec"]["image"]}]},
                },
            },
        }
        if self._api("POST", deployments_path(metadata["namespace"]), body)[0] == 201:
            self._note("deployed", key)
        else:  # the one of an earlier life is still there; the next look tries again
            del self._first_seen[metadata["uid"]]

    def _clean_up(self, lrs: Manifest, key: str) -> None:
        metadata = lrs["metadata"]
        path = f"{deployments_path(metadata['namespace'])}/{metadata['name']}"
        self._api("DELETE", path, {"propagationPolicy": "Background"})
        rest = [each for each in metadata["finalizers"] if each != FINALIZER]
        if self._patch(lrs, _finalizers(lrs, rest)):
            self._note("cleaned", key)

    def _status(self, lrs: Manifest) -> Manifest:
        waited = time.monotonic() - self._first_seen.get(lrs["metadata"]["uid"], time.monotonic())
        return self._settled_status(lrs) if waited >= self._behaviour.ready_after else self._shape(lrs, "Pending", "Starting", "")

    def _settled_status(self, lrs: Manifest) -> Manifest:
        if lrs["metadata"]["name"] in self._behaviour.never_ready:
            return self._shape(lrs, "Failed", self._behaviour.reason, self._behaviour.message)
        return self._shape(lrs, "Running", "Reconciled", "")

    def _shape(self, lrs: Manifest, phase: str, reason: str, message: str) -> Manifest:
        status: Manifest = {"phase": phase}
        if self._status_path:  # without the subresource a new status is a new generation
            status["observedGeneration"] = lrs["metadata"]["generation"]
        if self._behaviour.conditions:
            condition = {"type": "Ready", "status": "True" if phase == "Running" else "False", "reason": reason}
            status["conditions"] = [condition | ({"message": message} if message else {})]
        return status

    # ---- requests

    def _patch(self, lrs: Manifest, patch: list[Manifest], subresource: str = "") -> bool:
        path = loader.objects_path(self._api_version, lrs["metadata"]["namespace"])
        return self._api("PATCH", f"{path}/{lrs['metadata']['name']}{subresource}", patch, JSON_PATCH)[0] == 200

    def _api(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> tuple[int, Manifest]:
        if self._connection is None:
            self._connection = self._plane.connection()
        token = self._plane.admin_token
        status, answer = request(self._connection, method, path, body, token=token, content_type=content_type)
        if status >= 300 and status not in PASSING:
            raise RuntimeError(f"{method} {path}: {status} {answer}")
        return status, answer

    def _note(self, what: str, subject: str, number: int = 0) -> None:
        self._events.append(Event(time.monotonic(), what, subject, number))


def _finalizers(lrs: Manifest, wanted: list[str]) -> list[Manifest]:
    """Set them on this very object and version of it."""
    return [
        {"op": "test", "path": "/metadata/uid", "value": lrs["metadata"]["uid"]},
        {"op": "test", "path": "/metadata/resourceVersion", "value": lrs["metadata"]["resourceVersion"]},
        {"op": "add", "path": "/metadata/finalizers", "value": wanted},
    ]
