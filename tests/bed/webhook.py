"""An admission webhook on loopback, with the certificate of the bed's own authority. Standard library only.

The API server takes up what is registered, and lets go of what is not, a moment after it has said so. So a second webhook
stands in the same configuration, for what nobody else makes: as long as that one is not asked, neither is the first.
"""

from __future__ import annotations

import base64
import json
import ssl
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any

from tests.bed import loader, standin
from tests.bed.controlplane import ControlPlane

BASE = "/apis/admissionregistration.k8s.io/v1"
PROBES = "/api/v1/namespaces/default/configmaps?dryRun=All"
LONGEST = 30
"""Seconds that an API server waits for a webhook, at most: how long this machine takes is no matter of the tests."""

Review = dict[str, Any]
Patch = list[dict[str, Any]]


class Webhook:
    """A validating webhook for LRS of one namespace, or a mutating one; use it as a context manager.

    `resources` of another `group` are asked about in place of LRS.
    `judge` is given each AdmissionReview request and returns why it is refused, empty where it is not. `mutate` is given
    it too, and returns a JSON Patch. `warnings` are those that the API server hands on. `requests` are those that came.
    `refusal`: the status that a refusal has, beside its message.
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
        refusal: Mapping[str, Any] | None = None,
    ) -> None:
        self._plane = plane
        self._judge = judge
        self._mutate = mutate
        self._warnings = warnings
        self._plural = f"{'mutating' if mutate else 'validating'}webhookconfigurations"
        self._resources = resources
        self._group = group
        self._refusal = refusal or {"code": 403}
        self._name = f"bed-{namespace}"
        self._namespace = namespace
        self._side_effects = side_effects
        self._operations = operations
        self.requests: list[Review] = []
        self._probed = 0
        self._server = standin.Server("webhook", self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(plane.keys / "server.crt", plane.keys / "server.key")
        self._server.use_tls(context)

    def __enter__(self) -> Webhook:
        """Returns when the API server asks it."""
        self._server.start()
        try:
            self._register()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._plane.api("DELETE", f"{BASE}/{self._plural}/{self._name}")
        try:
            loader.wait_until(lambda: self._probe() == (201, False), "the API server to ask the webhook no longer")
        finally:
            self.stop()

    def stop(self) -> None:
        """Answer no more; the API server still asks."""
        self._server.stop()

    def _register(self) -> None:
        selector = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self._namespace}}}
        probes = {"objectSelector": {"matchLabels": {"webhook": self._name}}}
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"{'Mutating' if self._mutate else 'Validating'}WebhookConfiguration",
            "metadata": {"name": self._name},
            "webhooks": [
                self._entry("lrs", self._group, self._resources, self._operations) | selector,
                self._entry("probe", "", ("configmaps",), ("CREATE",)) | probes,
            ],
        }
        status, answer = self._plane.api("POST", f"{BASE}/{self._plural}", configuration)
        if status != 201:
            raise RuntimeError(f"{self._name}: {status} {answer}")
        if self._side_effects == "None":
            loader.wait_until(lambda: self._probe() == (201, True), "the API server to ask the webhook")
            return
        for each in answer["webhooks"]:
            each["sideEffects"] = self._side_effects
        stored = {"apiVersion": configuration["apiVersion"], "kind": configuration["kind"], **answer}
        self._store(f"/registry/{self._plural}/{self._name}", stored)
        loader.wait_until(lambda: self._probe() == (400, False), "the API server to know what the webhook does beside")

    def _entry(self, name: str, group: str, resources: Sequence[str], operations: Sequence[str]) -> dict[str, Any]:
        url = f"https://127.0.0.1:{self._server.port}/{name}"
        return {
            "name": f"{name}.example.com",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "failurePolicy": "Fail",
            "timeoutSeconds": LONGEST,
            "clientConfig": {"url": url, "caBundle": base64.b64encode(self._plane.ca_file.read_bytes()).decode()},
            "rules": [{"apiGroups": [group], "apiVersions": ["*"], "operations": list(operations), "resources": list(resources)}],
        }

    def _probe(self) -> tuple[int, bool]:
        """What the API server says to an object that only the second webhook is for; whether it has asked that one."""
        before = self._probed
        body = {"metadata": {"name": self._name, "labels": {"webhook": self._name}}}
        return self._plane.api("POST", PROBES, body)[0], self._probed > before

    def _store(self, key: str, value: dict[str, Any]) -> None:
        """Put an object into etcd, past the API server's validation."""
        body = {name: base64.b64encode(text.encode()).decode() for name, text in (("key", key), ("value", json.dumps(value)))}
        request = urllib.request.Request(f"{self._plane.etcd}/v3/kv/put", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as response:
            response.read()

    def _probed_by(self, request: Review) -> dict[str, Any]:
        self._probed += 1
        return {"uid": request["uid"], "allowed": True}

    def _reviewed(self, request: Review) -> dict[str, Any]:
        self.requests.append(request)
        reason = self._judge(request)
        answer: dict[str, Any] = {"uid": request["uid"], "allowed": not reason}
        if warnings := self._warnings(request):
            answer["warnings"] = warnings
        if self._mutate and (patch := self._mutate(request)):
            answer |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
        if reason:
            answer["status"] = {"message": reason, **self._refusal}
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(standin.body(self))["request"]
                answer = webhook._probed_by(request) if self.path.startswith("/probe") else webhook._reviewed(request)
                body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
                pass

        return Handler
