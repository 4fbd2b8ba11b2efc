"""A node of Kubernetes for the pods of one namespace: it binds them, as a scheduler would, and runs each as a process.

The process has what the pod's containers have, as far as a process can: a root of its own that is read-only, the mounts, the
environment, the token (by TokenRequest, bound to the pod), user and groups, and no way to more rights (`sandbox.py`). Phases,
exit statuses and termination messages are reported as a kubelet does, logs are given to the API server, and a pod that is
deleted gets SIGTERM and its grace.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Set
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.bed.controlplane import ControlPlane
from tests.bed.sandbox import ROOT, UNTOLD, Data, Image, NotReady, Sandbox, require_known
from tests.bed.standin import Server, Threads

MESSAGE_BYTES = 4096
LAST_LINES, LAST_BYTES = 80, 2048
AWAY = (ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException)
"""What a request comes to while the API server is away."""

BUSY = frozenset((429, 500, 502, 503, 504))
"""What it answers when it, or what it stands on, is too busy or about to go. A kubelet asks again."""


def can_run() -> bool:
    """Whether this machine lets its user have mounts of its own."""
    tried = [*_own_mounts(), "sh", "-c", "mount -t tmpfs none /mnt"]
    return shutil.which("unshare") is not None and subprocess.run(tried, capture_output=True, check=False).returncode == 0


def _own_mounts() -> list[str]:
    return ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-rm"]


class Running:
    """A pod that was bound here."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.lines: list[tuple[str, bytes]] = []
        self.process: subprocess.Popen[bytes] | None = None
        self.is_deleted = threading.Event()
        self.started = ""
        self.is_told = False


class Node:
    """Use it as a context manager. `images` and `sizes`: see Sandbox."""

    def __init__(self, plane: ControlPlane, namespace: str, directory: Path, images: Mapping[str, Image]) -> None:
        self.plane = plane
        self.namespace = namespace
        self._sandbox = Sandbox(self._api, namespace, images=images, server=plane.server, ca_file=plane.ca_file)
        self.sizes = self._sandbox.sizes
        self._directory = directory
        self._pods: dict[str, Running] = {}
        self._is_over = threading.Event()
        self._threads = Threads("node")
        self._logs = Server("kubelet", self._handler())
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trust.load_cert_chain(plane.keys / "server.crt", plane.keys / "server.key")
        self._logs.use_tls(trust)
        self.name = f"node-{self._logs.port}"

    def __enter__(self) -> Node:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._logs.start()
        self._ask("POST", "/api/v1/nodes", {"metadata": {"name": self.name}})
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._logs.port}},
        }
        self._patch(f"/api/v1/nodes/{self.name}/status", {"status": status})
        self._threads.start(self._watch)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._is_over.set()
        for each in list(self._pods.values()):
            each.is_deleted.set()
            if each.process and each.process.poll() is None:
                each.process.kill()
        self._threads.end()
        self._logs.stop()
        self.plane.api("DELETE", f"/api/v1/nodes/{self.name}")

    # ---- what tests do to it

    def running(self) -> list[str]:
        """The uids of pods whose process is there."""
        return [uid for uid, each in list(self._pods.items()) if each.process and each.process.poll() is None]

    def kill(self, uid: str, number: int) -> None:
        """Send a signal to the process of a pod."""
        process = self._pods[uid].process
        assert process is not None
        process.send_signal(number)

    def written(self, uid: str) -> str:
        """What a pod has written by now."""
        return b"".join(line for _, line in self._pods[uid].lines).decode(errors="replace")

    def was_told(self, uid: str) -> bool:
        """Whether a pod was sent SIGTERM."""
        return self._pods[uid].is_told

    def ended(self, uid: str) -> int | None:
        """With what the process of a pod has ended."""
        process = self._pods[uid].process
        assert process is not None
        return process.poll()

    def token(self, pod: Data) -> str:
        """What a pod has now."""
        name: str = next(each["name"] for each in pod["spec"]["volumes"] if "projected" in each)
        return (self._pods[pod["metadata"]["uid"]].folder / "volumes" / name / "token").read_text()

    def renew(self, pod: Data) -> None:
        """Give a pod a new token, as a kubelet does before the old one is over."""
        self._sandbox.write_token(pod, self._pods[pod["metadata"]["uid"]].folder)

    # ---- pods

    def _watch(self) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        while not self._is_over.is_set():
            try:
                listed = self._ask("GET", path)
                for pod in listed["items"]:
                    self._see(pod)
                self._miss({pod["metadata"]["uid"] for pod in listed["items"]})
                self._follow(path, listed["metadata"]["resourceVersion"])
            except AWAY:
                self._is_over.wait(0.2)

    def _follow(self, path: str, version: str) -> None:
        connection = self.plane.connection()
        headers = {"Authorization": f"Bearer {self.plane.admin_token}"}
        try:
            connection.request("GET", f"{path}?watch=1&timeoutSeconds=1&resourceVersion={version}", headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                raise ConnectionError(response.read())
            for line in response:
                if not line.endswith(b"\n"):
                    raise ConnectionError("it went in the middle of an event")
                event = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED"):
                    self._see(event["object"])
        finally:
            connection.close()

    def _miss(self, there: Set[str]) -> None:
        """Pods that the API server has no more end, as those that are deleted with a grace."""
        for uid in self._pods.keys() - there:
            self._pods[uid].is_deleted.set()

    def _see(self, pod: Data) -> None:
        """Act on a pod as it is now."""
        metadata, spec = pod["metadata"], pod["spec"]
        is_deleted = "deletionTimestamp" in metadata
        if not spec.get("nodeName") and not is_deleted:
            target = {"metadata": {"name": metadata["name"]}, "target": {"kind": "Node", "name": self.name}}
            self._api("POST", f"{self._path(pod)}/binding", target)
        if spec.get("nodeName") != self.name:
            return
        if metadata["uid"] not in self._pods and not is_deleted and pod["status"]["phase"] == "Pending":
            self._pods[metadata["uid"]] = Running(metadata["name"], self._directory / metadata["uid"])
            self._threads.start(self._run, pod, self._pods[metadata["uid"]])
        elif is_deleted:
            self._see_deleted(pod)

    def _see_deleted(self, pod: Data) -> None:
        """Have it end; what is over goes."""
        uid = pod["metadata"]["uid"]
        if uid in self._pods:
            self._pods[uid].is_deleted.set()
        if uid not in self._pods or pod["status"]["phase"] in ("Succeeded", "Failed"):
            body = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
            self._api("DELETE", self._path(pod), body)

    def _path(self, pod: Data) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}"

    def _run(self, pod: Data, running: Running) -> None:
        """From a pod that is bound to the end of its process."""
        require_known(pod["spec"])
        while not (running.is_deleted.is_set() or self._is_over.is_set()):
            try:
                spec = self._sandbox.prepared(pod, running.folder)
                break
            except NotReady as why:
                told = {} if why.reason == UNTOLD else {"message": str(why)}
                self._report(pod, "Pending", {"waiting": {"reason": why.reason, **told}})
                running.is_deleted.wait(0.3)
            except AWAY:
                running.is_deleted.wait(0.3)
        else:
            if not self._is_over.is_set():
                self._report(pod, "Failed", None)
            return
        running.started = _now()
        running.process = self._started(spec, running)
        self._report(pod, "Running", {"running": {"startedAt": running.started}})
        reader = threading.Thread(target=_read, args=(running,), daemon=True)
        reader.start()
        code = self._waited(pod, running)
        reader.join()
        if self._is_over.is_set():
            return
        ended = self._ended(pod["spec"]["containers"][0], running, code)
        self._report(pod, "Failed" if code else "Succeeded", {"terminated": ended})

    def _started(self, spec: Data, running: Running) -> subprocess.Popen[bytes]:
        described = running.folder / "container.json"
        described.write_text(json.dumps(spec))
        own = [*_own_mounts(), sys.executable, "-I", str(ROOT / "tests" / "bed" / "container.py"), str(described)]
        return subprocess.Popen(
            own, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={}, start_new_session=True
        )

    def _waited(self, pod: Data, running: Running) -> int:
        """Its exit status, as a shell has it. A pod that is deleted gets SIGTERM, and SIGKILL when its grace is over."""
        process = running.process
        assert process is not None
        end = None
        while process.poll() is None:
            if running.is_deleted.is_set() and end is None:
                running.is_told = True  # before the process can say so
                process.send_signal(signal.SIGTERM)
                end = time.monotonic() + pod["spec"]["terminationGracePeriodSeconds"]
            if self._is_over.is_set() or (end is not None and time.monotonic() > end):
                process.kill()
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        code = process.returncode
        return code if code >= 0 else 128 - code

    def _ended(self, container: Data, running: Running, code: int) -> Data:
        message = (running.folder / "message").read_bytes()[:MESSAGE_BYTES].decode(errors="replace")
        if not message and code and container["terminationMessagePolicy"] == "FallbackToLogsOnError":
            last = b"".join(line for _, line in running.lines[-LAST_LINES:])
            message = last[-LAST_BYTES:].decode(errors="replace")
        made = {"exitCode": code, "reason": "Error" if code else "Completed", "startedAt": running.started}
        return made | {"finishedAt": _now()} | ({"message": message} if message else {})

    def _report(self, pod: Data, phase: str, state: Data | None) -> None:
        container = pod["spec"]["containers"][0]
        status: Data = {"phase": phase, "startTime": pod["metadata"]["creationTimestamp"]}
        if state is not None:
            is_ready = "running" in state
            status["containerStatuses"] = [
                {
                    **{"name": container["name"], "image": container["image"], "imageID": container["image"]},
                    **{"restartCount": 0, "ready": is_ready, "started": is_ready, "state": state},
                }
            ]
            status["conditions"] = [{"type": "Ready", "status": str(is_ready), "lastTransitionTime": _now()}]
        path = f"{self._path(pod)}/status"
        uid = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
        content_type = "application/strategic-merge-patch+json"
        while not self._is_over.is_set():
            try:
                code, answer = self._api("PATCH", path, uid, content_type)
            except AWAY:
                self._is_over.wait(0.2)
                continue
            assert code in (200, 404, 409), answer
            return

    # ---- logs

    def _handler(node: Node) -> type[BaseHTTPRequestHandler]:  # noqa: N805  the handler's own `self` is below
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                _, kind, namespace, name, container = url.path.split("/")
                asked = dict(parse_qsl(url.query))
                assert (kind, namespace, container) == ("containerLogs", node.namespace, "lrs"), url
                assert not set(asked) - {"timestamps", "sinceTime"}, asked
                pod = node._named(name)
                text = b"".join(_logged(pod, asked)) if pod else f'pod "{name}_{namespace}" does not exist\n'.encode()
                self.send_response(200 if pod else 404)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _named(self, name: str) -> Running | None:
        """The last pod of this name that was bound here, as this node knows it: the API server may have it no more."""
        return next((each for each in reversed(list(self._pods.values())) if each.name == name), None)

    # ---- the API server

    def _api(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> tuple[int, Data]:
        """(HTTP status, answer); one of AWAY where there is none that says anything of what was asked."""
        code, answer = self.plane.api(method, path, body, content_type=content_type)
        if code in BUSY:
            raise ConnectionError(answer)
        return code, answer

    def _ask(self, method: str, path: str, body: Any = None) -> Data:
        code, answer = self._api(method, path, body)
        assert code in (200, 201), answer
        return answer

    def _patch(self, path: str, body: Data) -> None:
        code, answer = self.plane.api("PATCH", path, body, content_type="application/merge-patch+json")
        assert code == 200, answer


def _logged(running: Running, asked: Mapping[str, str]) -> Iterator[bytes]:
    for instant, line in list(running.lines):
        if instant[:19] >= asked.get("sinceTime", "")[:19]:
            yield (f"{instant} ".encode() if asked.get("timestamps") == "true" else b"") + line


def _read(running: Running) -> None:
    assert running.process
    assert running.process.stdout
    with running.process.stdout as stream:
        for line in stream:
            running.lines.append((_now(nanoseconds=True), line))


def _now(*, nanoseconds: bool = False) -> str:
    found = datetime.now(timezone.utc)
    return f"{found:%Y-%m-%dT%H:%M:%S}.{found.microsecond:06d}000Z" if nanoseconds else f"{found:%Y-%m-%dT%H:%M:%SZ}"
