"""An admission webhook on loopback, with the certificate of the bed's own authority. Standard library only."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any

from tests.bed.controlplane import ControlPlane
from tests.bed.standin import Server

BASE = "/apis/admissionregistration.k8s.io/v1"

Review = dict[str, Any]
Patch = list[dict[str, Any]]


class Webhook:
    """A validating webhook for LRS of one namespace, or a mutating one; use it as a context manager.

    `resources` of another `group` are asked about in place of LRS.
    `judge` is given each AdmissionReview request and returns why it is refused, empty where it is not. `mutate` is given
    it too, and returns a JSON Patch. `warnings` are those that the API server hands on. `requests` are those that came.
    `side_effects` other than None and NoneOnDryRun can no longer be registered: such a webhook is one
    that is left over from an older version of Kubernetes, so it is put into etcd as that version stored it.
    """

    def __init__(
        self,
        plane: ControlPlane,
        namespace: str,
        judge: Callable[[Review], str] = lambda _request: "",
        *,
        mutate: Callable[[Review], Patch] | None = None,
        warnings: Callable[[Review], list[str]] = lambda _request: [],
        side_effects: str = "None",
        operations: tuple[str, ...] = ("CREATE",),
        resources: tuple[str, ...] = ("lrs",),
        group: str = "lrs.datarobot.com",
    ) -> None:
        self._plane = plane
        self._judge = judge
        self._mutate = mutate
        self._warnings = warnings
        self._plural = f"{'mutating' if mutate else 'validating'}webhookconfigurations"
        self._resources = resources
        self._group = group
        self._name = f"bed-{namespace}"
        self._namespace = namespace
        self._side_effects = side_effects
        self._operations = operations
        self.requests: list[Review] = []
        self._server = Server("webhook", self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(plane.keys / "server.crt", plane.keys / "server.key")
        self._server.use_tls(context)

    def __enter__(self) -> Webhook:
        self._server.start()
        try:
            self._register()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._plane.api("DELETE", f"{BASE}/{self._plural}/{self._name}")
        self.stop()

    def stop(self) -> None:
        """Answer no more; the API server still asks."""
        self._server.stop()

    def _register(self) -> None:
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"{'Mutating' if self._mutate else 'Validating'}WebhookConfiguration",
            "metadata": {"name": self._name},
            "webhooks": [
                {
                    "name": "lrs.example.com",
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                    "failurePolicy": "Fail",
                    "timeoutSeconds": 5,
                    "clientConfig": {
                        "url": f"https://127.0.0.1:{self._server.port}/",
                        "caBundle": base64.b64encode(self._plane.ca_file.read_bytes()).decode(),
                    },
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self._namespace}},
                    "rules": [
                        {
                            "apiGroups": [self._group],
                            "apiVersions": ["*"],
                            "operations": list(self._operations),
                            "resources": list(self._resources),
                        }
                    ],
                }
            ],
        }
        status, answer = self._plane.api("POST", f"{BASE}/{self._plural}", configuration)
        if status != 201:
            raise RuntimeError(f"{self._name}: {status} {answer}")
        if self._side_effects != "None":
            answer["webhooks"][0]["sideEffects"] = self._side_effects
            stored = {"apiVersion": configuration["apiVersion"], "kind": configuration["kind"], **answer}
            self._store(f"/registry/{self._plural}/{self._name}", stored)

    def _store(self, key: str, value: dict[str, Any]) -> None:
        """Put an object into etcd, past the API server's validation."""
        body = {name: base64.b64encode(text.encode()).decode() for name, text in (("key", key), ("value", json.dumps(value)))}
        request = urllib.request.Request(f"{self._plane.etcd}/v3/kv/put", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as response:
            response.read()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
                webhook.requests.append(request)
                reason = webhook._judge(request)
                answer: dict[str, Any] = {"uid": request["uid"], "allowed": not reason}
                if warnings := webhook._warnings(request):
                    answer["warnings"] = warnings
                if webhook._mutate and (patch := webhook._mutate(request)):
                    answer |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
                if reason:
                    answer["status"] = {"message": reason, "code": 403}
                body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
                pass

        return Handler
