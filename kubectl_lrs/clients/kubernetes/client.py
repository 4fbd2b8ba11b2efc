"""The client of the Kubernetes API: plain dicts in and out, every failure one of ours.

Generated models are not used: they lose fields they do not know and cost most of the time. What is sent again is the sender's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from kubectl_lrs.clients.kubernetes import metadata
from kubectl_lrs.clients.kubernetes.answers import Page, not_read, object_named, object_of, page_of, written
from kubectl_lrs.clients.kubernetes.echo import Sent
from kubectl_lrs.clients.kubernetes.kubeconfig import Connection
from kubectl_lrs.clients.kubernetes.resources import NAMESPACES, PODS, Resource, stored_version
from kubectl_lrs.clients.kubernetes.sender import Sender
from kubectl_lrs.clients.kubernetes.transport import Upgraded
from kubectl_lrs.clients.kubernetes.warnings import Warnings
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import ApiError, DeniedError, NotFoundError, NotServedError, UnreachableError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.recall import Recall
from kubectl_lrs.model.workloads import GROUP
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.retry import Outage

FIELD_MANAGER = "kubectl-lrs"

FIRST_PAGE = 20
FULL_PAGE, FULL_METADATA = 500, 1000
PAGE_BYTES = 4 << 20
"""A LIST begins with a small page, and then asks for as many objects as fit in PAGE_BYTES, at most FULL_PAGE: the
size of an object is not known before, and 500 objects of 1 MB would not fit in memory. FULL_METADATA: of metadata alone."""

METADATA_ONLY = f"{metadata.ACCEPT},application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""What asks for a LIST without spec and status; a server that cannot gives whole objects, which have metadata too."""


class KubeClient:
    """One API server as one user. Safe to use from several threads. `cancel` ends the waits between attempts."""

    def __init__(self, connection: Connection, *, timeout: float | None = None, cancel: Cancel | None = None) -> None:
        self.connection = connection
        self._sender = Sender(connection, timeout=timeout, cancel=cancel or Cancel())

    @property
    def stop(self) -> Cancel:
        """What ends the run."""
        return self._sender.cancel

    @property
    def outage(self) -> Outage:
        """How long the server has been giving nothing but failures."""
        return self._sender.outage

    @property
    def warnings(self) -> Warnings:
        """What the server has warned of."""
        return self._sender.warnings

    def now(self) -> datetime:
        """The time by the clock of the server, which stamps the objects; by our own before its first answer."""
        return self._sender.now()

    def upgrade(self, path: str, query: Mapping[str, str], headers: Iterable[tuple[str, str]]) -> Upgraded:
        """A connection of its own to what is behind `path`, on which another protocol is spoken from now on."""
        return self._sender.upgrade(path, query, headers)

    # ---- objects

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Manifest:
        """One object; NotFoundError where it is not."""
        return object_named(self._sender.send("GET", resource.path(namespace, name)), self.connection.server, name)

    def create(
        self,
        resource: Resource,
        manifest: Manifest,
        namespace: str | None = None,
        *,
        dry_run: bool = False,
        validation: str = "Strict",
    ) -> Manifest:
        """Create an object; what the server made of it. ConflictError: it exists. UnansweredError: it may exist."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": validation}
        if dry_run:
            query["dryRun"] = "All"
        sent = Sent.of(manifest)
        answer = self._sender.send("POST", resource.path(namespace), query=query, body=sent.body, trial=dry_run)
        echoed = sent.echoed(answer)
        return self._written(answer, str(manifest["metadata"].get("name") or "")) if echoed is None else echoed

    def change(
        self,
        resource: Resource,
        method: str,
        body: bytes,
        namespace: str | None,
        name: str,
        *,
        subresource: str = "",
        dry_run: bool = False,
        validation: str = "Strict",
    ) -> Manifest:
        """PUT an object, or PATCH it with a JSON Patch; what the server made of it. ConflictError: it changed meanwhile."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": validation} | ({"dryRun": "All"} if dry_run else {})
        path = resource.path(namespace, name) + (f"/{subresource}" if subresource else "")
        content_type = "application/json-patch+json" if method == "PATCH" else "application/json"
        answer = self._sender.send(method, path, query=query, body=body, content_type=content_type, trial=dry_run)
        return self._written(answer, name)

    def apply(self, resource: Resource, manifest: Manifest, namespace: str | None, *, dry_run: bool = False) -> Manifest:
        """Have these fields as they are here, and leave all others alone: made where it is not there; what the server holds now.

        ConflictError: another manager owns one of them, and has another value. It may be sent twice.
        """
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", "force": "false"}
        query |= {"dryRun": "All"} if dry_run else {}
        name, body = str(manifest["metadata"]["name"]), json.dumps(manifest).encode()
        kind = "application/apply-patch+yaml"
        answer = self._sender.send(
            "PATCH", resource.path(namespace, name), query=query, body=body, content_type=kind, trial=dry_run
        )
        return self._written(answer, name)

    def log(self, namespace: str, pod: str, container: str, *, since: str = "") -> str:
        """What a container has written by now, each line behind its instant. `since`: from this second on."""
        query = {"container": container, "timestamps": "true"} | ({"sinceTime": since} if since else {})
        data = self._sender.send("GET", f"{PODS.path(namespace, pod)}/log", query=query, accept="*/*")
        return data.decode(errors="replace")

    def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str,
        resource_version: str = "",
        dry_run: bool = False,
    ) -> bool:
        """Delete this very object in the background; whether it is gone by now.

        ConflictError: another one has its name, or it is not the version that was looked at, where one is given. The
        server answers with a Status when it has removed the object, and with the object when a finalizer holds it.
        """
        conditions = {"uid": uid} | ({"resourceVersion": resource_version} if resource_version else {})
        options: dict[str, Any] = {"preconditions": conditions, "propagationPolicy": "Background"}
        if dry_run:  # in the body: the server ignores it in the query of a DELETE that has a body
            options["dryRun"] = ["All"]
        body, path = json.dumps(options).encode(), resource.path(namespace, name)
        answer = self._written(self._sender.send("DELETE", path, body=body, trial=dry_run))
        return answer.get("kind") == "Status" and not dry_run

    def items(self, resource: Resource, namespace: str | None = None, *, selector: str = "") -> list[Manifest]:
        """Every object of a small LIST."""
        return [manifest for page in self.pages(resource, namespace, selector=selector) for _, manifest in page.items]

    def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        selector: str = "",
        name: str = "",
        since: str = "",
        metadata_only: bool = False,
        with_too_deep: bool = False,
        recall: Recall | None = None,
    ) -> Iterator[Page]:
        """A consistent LIST in pages; ExpiredError when it took longer than the server keeps its snapshot.

        `name`: only this one, which needs no other right than the LIST. `metadata_only`: without spec, status, owners and the
        fields that somebody manages, but for who does; the texts of the objects may be empty. `since`: a resourceVersion. The
        server may then answer from its memory as of that version or any later one, which costs it next to nothing.
        `with_too_deep`: the caller looks at the objects of a page that are not read; else one of them is an error. `recall`:
        a backup, whose objects are not read where they are the same.
        """
        chosen = {"labelSelector": selector, "fieldSelector": f"metadata.name={name}" if name else ""}
        fixed = {key: value for key, value in chosen.items() if value}
        first = {"resourceVersion": since, "resourceVersionMatch": "NotOlderThan"} if since else {}
        token, limit, most = "", FIRST_PAGE, FULL_METADATA if metadata_only else FULL_PAGE
        while True:
            query = {"limit": str(limit), **fixed, **({"continue": token} if token else first)}
            accept = METADATA_ONLY if metadata_only else ""
            page = page_of(self._sender.send("GET", resource.path(namespace), query=query, accept=accept), recall)
            if page.too_deep and not with_too_deep:
                raise not_read(resource.kind, page.too_deep[0])
            token = page.next
            yield page
            if not token:
                return
            if page.items:
                limit = max(1, min(most, PAGE_BYTES * len(page.items) // max(1, page.size)))

    # ---- the server

    def can_i(self, verb: str, resource: str, *, group: str = GROUP, namespace: str = "", subresource: str = "") -> bool:
        """Whether the user has a right; `namespace` empty: in all of them. The server's own answer, nothing is tried."""
        wanted = {"verb": verb, "group": group, "resource": resource, "namespace": namespace, "subresource": subresource}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": wanted},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = self._object(self._sender.send("POST", path, body=json.dumps(body).encode(), trial=True))
        return bool((answer.get("status") or {}).get("allowed"))

    def whoami(self) -> str:
        """Who the server says that we are; empty where it does not say."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        try:
            answer = self._object(self._sender.send("POST", path, body=json.dumps(body).encode(), trial=True))
        except (ApiError, DeniedError, UnreachableError):  # of a server before 1.28, say
            return ""
        return str(((answer.get("status") or {}).get("userInfo") or {}).get("username", ""))

    def schema(self, resource: Resource) -> Mapping[str, Any] | None:
        """The OpenAPI v3 schema of a custom resource, with its defaults; None where the server says that it publishes none.

        It needs no right on the CRD itself, which a Role in one namespace cannot give. MissingRightError: this may not be read
        either. A server that fails at it has said nothing, which is an error too.
        """
        try:
            document = self._object(self._sender.send("GET", f"/openapi/v3/apis/{resource.api_version}"))
        except (NotFoundError, NotServedError):
            return None
        wanted = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        for schema in document.get("components", {}).get("schemas", {}).values():
            if wanted in (schema.get("x-kubernetes-group-version-kind") or ()):
                return dict(schema)
        return None

    def discover(self, group: str, plural: str, *, version: str = "") -> Resource | None:
        """The resource in the wanted version where it is served, else in the one that objects are stored in; None when in none.

        In another version fields may lack that it does not know, and nothing says so. Where the server does not tell which
        is stored, or does not serve that, it is the one that it prefers.
        """
        try:
            found = self._object(self._sender.send("GET", f"/apis/{group}"))
        except (NotFoundError, NotServedError):
            return None
        preferred = (found.get("preferredVersion") or {}).get("version", "")
        served = [str(entry["version"]) for entry in found.get("versions") or ()]
        for candidate in sorted(served, key=lambda name: (name != version, name != preferred)):
            listed = self._listed(group, candidate)
            if plural not in listed:
                continue
            stored = stored_version(group, listed[plural], served)
            if stored not in ("", candidate) and candidate != version and plural in (others := self._listed(group, stored)):
                candidate, listed = stored, others
            entry = listed[plural]
            return Resource(
                group=group,
                version=candidate,
                plural=plural,
                kind=str(entry["kind"]),
                namespaced=bool(entry.get("namespaced")),
                has_status=f"{plural}/status" in listed,
                versions=tuple(served),
                stored=stored,
            )
        return None

    def _listed(self, group: str, version: str) -> dict[str, Manifest]:
        """The resources of a version, by name."""
        listed = self._object(self._sender.send("GET", f"/apis/{group}/{version}")).get("resources") or []
        return {str(entry.get("name")): entry for entry in listed}

    def resource_of_kind(self, api_version: str, kind: str) -> Resource | None:
        """The resource that serves objects of this kind, in another version of its group where that one is not served any more.

        None when none does, which only the server's 404 says.
        """
        group, _, version = api_version.rpartition("/")
        if found := self._of_kind(group, version, kind):
            return found
        return next(
            (other for each in self._versions(group) if each != version and (other := self._of_kind(group, each, kind))), None
        )

    def _versions(self, group: str) -> list[str]:
        """Those that are served of a group, the one that the server prefers first; none of the core group, which has one."""
        try:
            found = self._object(self._sender.send("GET", f"/apis/{group}")) if group else {}
        except (NotFoundError, NotServedError):
            return []
        preferred = (found.get("preferredVersion") or {}).get("version")
        return sorted((str(each["version"]) for each in found.get("versions") or ()), key=lambda each: each != preferred)

    def _of_kind(self, group: str, version: str, kind: str) -> Resource | None:
        try:
            listed = self._object(self._sender.send("GET", f"/apis/{group}/{version}" if group else f"/api/{version}"))
        except (NotFoundError, NotServedError):
            return None
        for entry in listed.get("resources") or ():
            if entry.get("kind") == kind and "/" not in entry["name"]:
                return Resource(
                    group=group,
                    version=version,
                    plural=entry["name"],
                    kind=kind,
                    namespaced=bool(entry.get("namespaced")),
                )
        return None

    def identity(self) -> Cluster:
        """Which cluster this is, for the catalog."""
        try:
            uid = str(self.get(NAMESPACES, "kube-system")["metadata"]["uid"])
        except (DeniedError, NotFoundError):
            uid = self.connection.told_uid
        return Cluster(
            uid=uid,
            server=self.connection.server,
            ca_sha256=self.ca_sha256,
            version=self.server_version(),
            context=self.connection.context,
        )

    def server_version(self) -> str:
        """`gitVersion`, such as v1.36.2; empty where it may not be read."""
        try:
            return str(self._object(self._sender.send("GET", "/version")).get("gitVersion", ""))
        except (DeniedError, NotServedError):
            return ""

    @property
    def ca_sha256(self) -> str:
        """The SHA-256 of the CA bundle that this connection trusts; empty where it trusts the system's."""
        return hashlib.sha256(self.connection.ca_data).hexdigest() if self.connection.ca_data else ""

    def _object(self, data: bytes) -> Manifest:
        return object_of(data, self.connection.server)

    def _written(self, data: bytes, name: str = "") -> Manifest:
        return written(data, self.connection.server, name)
