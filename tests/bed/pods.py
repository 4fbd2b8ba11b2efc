"""Pods that run nowhere: objects of a real API server, bound to a node whose kubelet is a stand-in that forwards their ports
to servers on loopback. What a test does to the way there (cut, slow, half open) it does here.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import subprocess
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from tests.bed.controlplane import START_LIMIT, ControlPlane
from tests.bed.mongo import MongoServers

LABELS = {"app.kubernetes.io/name": "mongodb", "app.kubernetes.io/instance": "pcs", "app.kubernetes.io/component": "mongodb"}
"""As the chart that the vendor's Mongo comes from sets them."""
MONGO_PORT = 27017


class Kubelet:
    """A node with its kubelet. Use it as a context manager, or `stop` it."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self._pods: dict[str, dict[str, Any]] = {}
        self._process = subprocess.Popen(
            [
                plane.kubectl.resolve(),
                "kubelet",
                f"--cert={plane.keys / 'server.crt'}",
                f"--key={plane.keys / 'server.key'}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(plane.directory / "kubelet.log").open("ab"),
            env={},
            start_new_session=True,
        )
        assert self._process.stdout
        self._port = int(self._process.stdout.readline())
        self.node = f"node-{self._port}"
        _made(plane, "/api/v1/nodes", {"metadata": {"name": self.node}})
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._port}},
        }
        _patched(plane, f"/api/v1/nodes/{self.node}", {"status": status})

    def __enter__(self) -> Kubelet:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, and take the node away."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self.plane.api("DELETE", f"/api/v1/nodes/{self.node}")

    def forward(self, pod: str, ports: Mapping[int, int]) -> None:
        """From now on these ports of a pod (`namespace/name`) lead to these ports on loopback."""
        self._pods[pod] = {"ports": {str(port): real for port, real in ports.items()}}
        self._tell()

    def forget(self, pod: str) -> None:
        """The pod runs here no more; its connections are cut."""
        self._pods.pop(pod, None)
        self._tell()

    def trouble(self, pod: str, *, rate: int = 0, frozen: bool = False) -> None:
        """So many bytes a second; or half open: nothing moves, nothing is closed. Neither: it is well again."""
        self._pods[pod] |= {"rate": rate, "frozen": frozen}
        self._tell()

    def cut(self, pod: str) -> None:
        """End the connections to a pod that are open now with a TCP reset."""
        self._pods[pod]["cut"] = True
        self._tell()
        del self._pods[pod]["cut"]
        self._tell()

    def connections(self, pod: str) -> tuple[int, int]:
        """How many connections to a pod there are now, and how many there have been."""
        state = self._ask("GET").get(pod) or {}
        return int(state.get("open", 0)), int(state.get("opened", 0))

    def _tell(self) -> None:
        self._ask("PUT", json.dumps(self._pods))

    def _ask(self, method: str, body: str | None = None) -> dict[str, Any]:
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.load_verify_locations(self.plane.ca_file)
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=trust, timeout=60)
        try:
            connection.request(method, "/bed", body)
            response = connection.getresponse()
            text = response.read()
            assert response.status == 200, text
            return dict(json.loads(text)) if text else {}
        finally:
            connection.close()


class MongoPods:
    """What the chart makes of MongoDB in a namespace: a headless Service, a Secret, and pods, which a StatefulSet would make."""

    def __init__(self, kubelet: Kubelet, namespace: str, *, name: str = "pcs-mongo") -> None:
        self.kubelet = kubelet
        self.namespace = namespace
        self.name = name
        self._plane = kubelet.plane

    def service(self, **spec: Any) -> None:
        """The headless Service `pcs-mongo-headless`."""
        port = {"name": "mongodb", "port": MONGO_PORT, "targetPort": "mongodb"}
        body = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": LABELS, "ports": [port], **spec}
        self._make("services", {"metadata": {"name": f"{self.name}-headless"}, "spec": body})

    def secret(self, password: str, *, key: str = "mongodb-root-password") -> None:
        """The Secret with the password, made or changed."""
        data = {key: base64.b64encode(password.encode()).decode()}
        self._remove("secrets", self.name)
        self._make("secrets", {"metadata": {"name": self.name}, "data": data})

    def pod(self, number: int, real: int, *, ready: bool = True) -> str:
        """The pod `pcs-mongo-NUMBER`, running, whose MongoDB is at a port on loopback; `namespace/name`."""
        name = f"{self.name}-{number}"
        container = {
            "name": "mongodb",
            "image": "mongodb",
            "ports": [{"name": "mongodb", "containerPort": MONGO_PORT}],
        }
        spec = {
            "nodeName": self.kubelet.node,
            "containers": [container],
            "automountServiceAccountToken": False,
            "subdomain": f"{self.name}-headless",
        }
        self._make("pods", {"metadata": {"name": name, "labels": LABELS}, "spec": spec})
        self.kubelet.forward(f"{self.namespace}/{name}", {MONGO_PORT: real})
        self.ready(number, is_ready=ready)
        return f"{self.namespace}/{name}"

    def ready(self, number: int, *, is_ready: bool = True) -> None:
        """Whether the pod is ready, as its kubelet would say."""
        conditions = [{"type": "Ready", "status": "True" if is_ready else "False"}]
        path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}-{number}"
        _patched(self._plane, path, {"status": {"phase": "Running", "podIP": "127.0.0.1", "conditions": conditions}})

    def remove(self, number: int) -> None:
        """The pod is deleted, and its connections end."""
        self._remove("pods", f"{self.name}-{number}")
        self.kubelet.forget(f"{self.namespace}/{self.name}-{number}")

    def replace(self, number: int, real: int) -> None:
        """The pod is deleted, and another one has its name; its MongoDB is at another port."""
        self.remove(number)
        self.pod(number, real)

    def clear(self) -> None:
        """Take everything away."""
        for number in range(3):
            self.remove(number)
        self._remove("secrets", self.name)
        self._remove("services", f"{self.name}-headless")

    def _make(self, plural: str, body: dict[str, Any]) -> None:
        _made(self._plane, f"/api/v1/namespaces/{self.namespace}/{plural}", body)

    def _remove(self, plural: str, name: str) -> None:
        options = {"gracePeriodSeconds": 0}
        self._plane.api("DELETE", f"/api/v1/namespaces/{self.namespace}/{plural}/{name}", options)


def domain(namespace: str, name: str = "pcs-mongo") -> str:
    """Where the pods of a namespace have their names: `pcs-mongo-0.DOMAIN`."""
    return f"{name}-headless.{namespace}.svc.cluster.local"


def name_members(plane: ControlPlane, servers: MongoServers, namespace: str) -> None:
    """Let the members of a replica set with TLS be what they are in a cluster: certificates with the names of pods, and these
    names in `hello` for whoever asks for one of them by TLS' server name (MongoDB's horizons).
    """
    certify(plane, servers, f"*.{domain(namespace)}")
    servers.settle()
    client = servers.client()
    members = client.admin.command("replSetGetConfig")["config"]["members"]
    client.close()
    for number, member in enumerate(members):
        member["horizons"] = {"cluster": f"pcs-mongo-{number}.{domain(namespace)}:{MONGO_PORT}"}
    servers.reconfigure({"members": members})


def certify(plane: ControlPlane, servers: MongoServers, *hosts: str) -> None:
    """Give every member a certificate for these names, beside those of this machine, while it runs."""
    keys = servers.ca_file.parent
    flags = [f"--host={host}" for host in (*hosts, "localhost", "127.0.0.1")]
    subprocess.run([plane.kubectl.resolve(), "keys", "server", str(keys), "--name=pods", *flags], check=True, env={})
    (keys / "server.pem").write_text((keys / "pods.crt").read_text() + (keys / "pods.key").read_text())
    for member in servers.members:
        client = servers.direct(member)
        client.admin.command({"rotateCertificates": 1})
        client.close()


def _made(plane: ControlPlane, path: str, body: dict[str, Any]) -> None:
    """Create an object; in a new namespace the default ServiceAccount, which pods need, comes a moment later."""
    limit = time.monotonic() + START_LIMIT
    while True:
        status, answer = plane.api("POST", path, body)
        if status == 201:
            return
        if status not in (403, 409) or time.monotonic() > limit:
            raise RuntimeError(f"{path}: {answer}")
        time.sleep(0.05)


def _patched(plane: ControlPlane, path: str, body: dict[str, Any]) -> None:
    status, answer = plane.api("PATCH", f"{path}/status", body, content_type="application/merge-patch+json")
    if status != 200:
        raise RuntimeError(f"{path}: {answer}")
