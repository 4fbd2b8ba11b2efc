"""The door to the Kubernetes API: plain dicts in and out, every failure one of ours.

It decides what is sent again and after which pause; how it is sent is the transport's. Generated models are not used:
they lose fields they do not know and cost most of the time.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from kubectl_lrs import __version__
from kubectl_lrs.clients import wirelog
from kubectl_lrs.clients.addresses import host_of, is_loopback
from kubectl_lrs.clients.kubernetes.credentials import Credentials
from kubectl_lrs.clients.kubernetes.kubeconfig import Connection
from kubectl_lrs.clients.kubernetes.transport import Answer, Transport, TransportError, Upgraded
from kubectl_lrs.clients.kubernetes.warnings import Warnings
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import (
    ApiError,
    ConflictError,
    CredentialsError,
    DeniedError,
    ExpiredError,
    LrsError,
    NoDryRunError,
    NotFoundError,
    UnreachableError,
)
from kubectl_lrs.model.manifest import Manifest, loads, split_list
from kubectl_lrs.model.workloads import GROUP
from kubectl_lrs.runtime import redact
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.retry import PASSING, REFUSED_UNDONE, Outage, Policy, Tries, retry_after

FIELD_MANAGER = "kubectl-lrs"
USER_AGENT = f"kubectl-lrs/{__version__} ({platform.system().lower()}/{platform.machine()})"

POLICY = Policy(longest=30.0, longest_asked=math.inf, at_most_asked=30.0)
"""Retry-After is honoured up to the longest pause."""

FIRST_PAGE = 20
FULL_PAGE = 500
PAGE_BYTES = 4 << 20
"""A LIST begins with a small page, and then asks for as many objects as fit in PAGE_BYTES, at most FULL_PAGE: the
size of an object is not known before, and 500 objects of 1 MB would not fit in memory."""


METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""What asks for a LIST without spec and status; a server that cannot gives whole objects, which have metadata too."""

TOO_MANY = 429

_NO_DRY_RUN = "does not support dry run"
"""How the API server ends its only word for it: the Status has no cause of its own."""

_ERRORS: Mapping[int, type[ApiError]] = {404: NotFoundError, 409: ConflictError, 410: ExpiredError}


class UnansweredError(UnreachableError):
    """A write was sent and no answer came: it may or may not have been done. The caller finds out."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource that the server serves, found through discovery."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    has_status: bool = False
    versions: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """As in a manifest: `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The URL path of one object, of a namespace's objects, or of all."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if namespace is not None:
            base += f"/namespaces/{quote(namespace, safe='')}"
        base += f"/{self.plural}"
        return base if name is None else f"{base}/{quote(name, safe='')}"


DEPLOYMENTS = Resource(group="apps", version="v1", plural="deployments", kind="Deployment")
PODS = Resource(group="", version="v1", plural="pods", kind="Pod")
SERVICES = Resource(group="", version="v1", plural="services", kind="Service")
SECRETS = Resource(group="", version="v1", plural="secrets", kind="Secret")
ENDPOINT_SLICES = Resource(group="discovery.k8s.io", version="v1", plural="endpointslices", kind="EndpointSlice")
NAMESPACES = Resource(group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False)
CRDS = Resource(
    group="apiextensions.k8s.io",
    version="v1",
    plural="customresourcedefinitions",
    kind="CustomResourceDefinition",
    namespaced=False,
)


@dataclass(frozen=True)
class Page:
    """A page of a LIST: each object as the server's own text and as data; the token of the next page, if any."""

    items: list[tuple[str, Manifest]]
    resource_version: str
    next: str
    size: int


class KubeClient:
    """One API server as one user. Safe to use from several threads. `stop`, which is given, ends the waits between attempts.

    `outage` tells how long it has been giving nothing but failures.
    """

    def __init__(self, connection: Connection, *, timeout: float | None = None, cancel: Cancel | None = None) -> None:
        self.connection = connection
        self.warnings = Warnings()
        self.outage = Outage()
        self._cancel = cancel or Cancel()
        self._credentials = Credentials(connection)
        self._timeout = timeout
        self._date = ""
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._transport_generation = -1
        url = urlsplit(connection.server)
        self._origin, self._prefix = f"{url.scheme}://{url.netloc}", url.path.rstrip("/")
        self._headers = self._own_headers()

    def _own_headers(self) -> list[tuple[str, str]]:
        """The headers that every request has: who we are, and as whom we act."""
        headers = [("User-Agent", USER_AGENT), ("Accept", "application/json")]
        if not (self.connection.disable_compression or is_loopback(host_of(self.connection.server))):
            headers.append(("Accept-Encoding", "gzip"))
        headers += [(name, value) for name, values in self.connection.impersonate.items() for value in values]
        return headers

    @property
    def stop(self) -> Cancel:
        """What ends the run."""
        return self._cancel

    # ---- objects

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Manifest:
        """One object; NotFoundError where it is not."""
        return self._object(self._send("GET", resource.path(namespace, name)))

    def create(
        self,
        resource: Resource,
        body: bytes,
        namespace: str | None = None,
        *,
        dry_run: bool = False,
        validation: str = "Strict",
    ) -> Manifest:
        """Create an object from its JSON; what the server made of it. ConflictError: it exists. UnansweredError: it may exist."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": validation}
        if dry_run:
            query["dryRun"] = "All"
        return self._written(self._send("POST", resource.path(namespace), query=query, body=body))

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
        return self._written(self._send(method, path, query=query, body=body, content_type=content_type))

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
        answer = self._written(self._send("DELETE", resource.path(namespace, name), body=json.dumps(options).encode()))
        return answer.get("kind") == "Status" and not dry_run

    def create_object(
        self, resource: Resource, manifest: Manifest, namespace: str | None = None, *, dry_run: bool = False
    ) -> Manifest:
        """`create` for an object at hand."""
        return self.create(resource, json.dumps(manifest).encode("utf-8", "surrogatepass"), namespace, dry_run=dry_run)

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
    ) -> Iterator[Page]:
        """A consistent LIST in pages; ExpiredError when it took longer than the server keeps its snapshot.

        `name`: only this one, which needs no other right than the LIST. `metadata_only`: without spec and status. `since`: a
        resourceVersion. The server may then answer from its memory as of that version or any later one, which costs it next
        to nothing.
        """
        token, limit = "", FIRST_PAGE
        while True:
            query = {"limit": str(limit)}
            if since and not token:
                query |= {"resourceVersion": since, "resourceVersionMatch": "NotOlderThan"}
            if selector:
                query["labelSelector"] = selector
            if name:
                query["fieldSelector"] = f"metadata.name={name}"
            if token:
                query["continue"] = token
            accept = METADATA_ONLY if metadata_only else ""
            page = _page(self._send("GET", resource.path(namespace), query=query, accept=accept))
            token = page.next
            yield page
            if not token:
                return
            if page.items:
                limit = max(1, min(FULL_PAGE, PAGE_BYTES * len(page.items) // max(1, page.size)))

    # ---- the server

    def can_i(self, verb: str, resource: str, *, group: str = GROUP, namespace: str = "", subresource: str = "") -> bool:
        """Whether the user has a right; `namespace` empty: in all of them. The server's own answer, nothing is tried."""
        wanted = {"verb": verb, "group": group, "resource": resource, "namespace": namespace, "subresource": subresource}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": wanted},
        }
        answer = self._object(
            self._send("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=json.dumps(body).encode())
        )
        return bool((answer.get("status") or {}).get("allowed"))

    def schema(self, resource: Resource) -> Mapping[str, Any] | None:
        """The OpenAPI v3 schema of a custom resource, with its defaults; None where the server publishes none.

        It needs no right on the CRD itself, which a Role in one namespace cannot give.
        """
        try:
            document = self._object(self._send("GET", f"/openapi/v3/apis/{resource.api_version}"))
        except (ApiError, DeniedError):
            return None
        wanted = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        for schema in document.get("components", {}).get("schemas", {}).values():
            if wanted in (schema.get("x-kubernetes-group-version-kind") or ()):
                return dict(schema)
        return None

    def discover(self, group: str, plural: str, *, version: str = "") -> Resource | None:
        """The resource in the wanted version where it is served, else in the one the server prefers; None when in none."""
        try:
            found = self._object(self._send("GET", f"/apis/{group}"))
        except NotFoundError:
            return None
        preferred = (found.get("preferredVersion") or {}).get("version", "")
        served = [str(entry["version"]) for entry in found.get("versions") or ()]
        for candidate in sorted(served, key=lambda name: (name != version, name != preferred)):
            listed = self._object(self._send("GET", f"/apis/{group}/{candidate}")).get("resources") or []
            by_name = {str(entry.get("name")): entry for entry in listed}
            if plural in by_name:
                entry = by_name[plural]
                return Resource(
                    group=group,
                    version=candidate,
                    plural=plural,
                    kind=str(entry["kind"]),
                    namespaced=bool(entry.get("namespaced")),
                    has_status=f"{plural}/status" in by_name,
                    versions=tuple(served),
                )
        return None

    def resource_of_kind(self, api_version: str, kind: str) -> Resource | None:
        """The resource that serves objects of this kind; None when none does, which only the server's 404 says."""
        group, _, version = api_version.rpartition("/")
        try:
            listed = self._object(self._send("GET", f"/apis/{api_version}" if group else f"/api/{api_version}"))
        except NotFoundError:
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
            uid = ""
        return Cluster(
            uid=uid,
            server=self.connection.server,
            ca_sha256=self.ca_sha256,
            version=self.server_version(),
            context=self.connection.context,
        )

    def now(self) -> datetime:
        """The time by the clock of the server, which stamps the objects; by our own before its first answer."""
        try:
            told = parsedate_to_datetime(self._date)
        except ValueError:
            return datetime.now(timezone.utc)
        return told if told.tzinfo else told.replace(tzinfo=timezone.utc)

    def server_version(self) -> str:
        """`gitVersion`, such as v1.36.2; empty where it may not be read."""
        try:
            return str(self._object(self._send("GET", "/version")).get("gitVersion", ""))
        except (DeniedError, NotFoundError):
            return ""

    @property
    def ca_sha256(self) -> str:
        """The SHA-256 of the CA bundle that this connection trusts; empty where it trusts the system's."""
        return hashlib.sha256(self.connection.ca_data).hexdigest() if self.connection.ca_data else ""

    # ---- HTTP

    def upgrade(self, path: str, query: Mapping[str, str], headers: Iterable[tuple[str, str]]) -> Upgraded:
        """A connection of its own to what is behind `path`, on which another protocol is spoken from now on.

        Asked for again only where the server is too busy; whoever uses it connects again anyhow.
        """
        target = f"{self._prefix}{path}?{urlencode(query)}"
        tries = Tries(POLICY, self._cancel, outage=self.outage)
        while True:
            generation = self._credentials.generation
            try:
                answer = self._upgraded(target, headers)
                if isinstance(answer, Answer) and answer.status == 401 and self._credentials.renew(generation):
                    answer = self._upgraded(target, headers)
            except TransportError as error:
                raise self._unanswered(error, "GET", path) from error
            if isinstance(answer, Upgraded):
                return answer
            asked = retry_after(answer.headers.get("Retry-After"))
            if answer.status not in REFUSED_UNDONE or not tries.again(asked=asked):
                raise self._refused(answer, "GET", path)

    def _upgraded(self, target: str, headers: Iterable[tuple[str, str]]) -> Answer | Upgraded:
        every = [*self._headers, *self._credentials.headers().items(), *headers]
        with wirelog.Exchange("GET", self._origin + target, every) as exchange:
            answer = self._connected().upgrade(target, every)
            if isinstance(answer, Answer):
                exchange.answered(answer.status, answer.reason, answer.headers.items(), answer.data)
            else:
                exchange.answered(101, "Switching Protocols", answer.headers.items(), b"")
        return answer

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "",
    ) -> bytes:
        """Send until it is answered or hopeless; the body of a 2xx.

        A read is repeated on everything that may pass. A write is repeated only where the server surely did not
        act on it: it was refused as too many or unavailable, or never reached the server.
        """
        target = f"{self._prefix}{path}" + (f"?{urlencode(query)}" if query else "")
        is_read = method == "GET"
        statuses = PASSING if is_read else REFUSED_UNDONE
        tries = Tries(POLICY, self._cancel, outage=self.outage)
        while True:
            try:
                answer = self._authorised(method, target, body, content_type, accept)
            except TransportError as error:
                self.outage.failed()
                again = not error.tls and (is_read or not error.sent)
                if not again or not tries.again():
                    raise self._unanswered(error, method, path) from error
                continue
            self._judge(answer.status, is_read=is_read)
            if answer.status < 300:
                return answer.data
            if answer.status not in statuses or not tries.again(asked=retry_after(answer.headers.get("Retry-After"))):
                raise self._refused(answer, method, path)

    def _judge(self, status: int, *, is_read: bool) -> None:
        """What an answer says of the server. 500 to a write may be a webhook's doing, and 429 is neither good nor bad."""
        if status < 500:
            if status != TOO_MANY:
                self.outage.succeeded()
        elif is_read or status in REFUSED_UNDONE:
            self.outage.failed()

    def _authorised(self, method: str, target: str, body: bytes | None, content_type: str, accept: str) -> Answer:
        """Send once; once more with a new credential where the one at hand was refused and another can be had."""
        generation = self._credentials.generation
        answer = self._once(method, target, body, content_type, accept)
        if answer.status == 401 and self._credentials.renew(generation):
            return self._once(method, target, body, content_type, accept)
        return answer

    def _once(self, method: str, target: str, body: bytes | None, content_type: str, accept: str) -> Answer:
        own = [(name, accept if accept and name == "Accept" else value) for name, value in self._headers]
        headers = [*own, *self._credentials.headers().items()]
        if body is not None:
            headers.append(("Content-Type", content_type))
        with wirelog.Exchange(method, self._origin + target, headers, body) as exchange:
            answer = self._connected().send(method, target, headers, body)
            exchange.answered(answer.status, answer.reason, answer.headers.items(), answer.data)
        self._date = answer.headers.get("Date") or ""
        self.warnings.read(answer.headers.get_all("Warning") or ())
        return answer

    def _connected(self) -> Transport:
        """The transport; made anew when a credential plugin gave another client certificate."""
        certificate = self._credentials.certificate()
        with self._lock:
            if self._transport is None or (certificate[0] and self._transport_generation != self._credentials.generation):
                self._transport = Transport(self.connection, certificate, timeout=self._timeout)
                self._transport_generation = self._credentials.generation
            return self._transport

    def _object(self, data: bytes) -> Manifest:
        try:
            document = loads(data.decode())
        except ValueError as error:
            raise UnreachableError(f"{self.connection.server}: what answered is not a Kubernetes API server") from error
        if not isinstance(document, dict):
            raise UnreachableError(f"{self.connection.server}: what answered is not a Kubernetes API server")
        return document

    def _written(self, data: bytes) -> Manifest:
        """What the server made of a write. Where its answer cannot be read, whether it was done is not known."""
        try:
            return self._object(data)
        except UnreachableError as error:
            raise UnansweredError(f"{error}: a write was answered with what cannot be read") from error

    def _unanswered(self, error: TransportError, method: str, path: str) -> UnreachableError:
        """A write that may have arrived is not the same as a server that is not there."""
        if method != "GET" and error.sent:
            return UnansweredError(f"{self.connection.server}: no answer to {method} {path}: {error}")
        return UnreachableError(f"{self.connection.server}: cannot be reached: {error}", hint=_reach_hint(error))

    def _refused(self, answer: Answer, method: str, path: str) -> LrsError:
        status = answer.status
        try:
            said = json.loads(answer.data)
            message, reason, causes = redact.known(str(said["message"])), str(said.get("reason") or ""), _causes(said)
        except (ValueError, KeyError, TypeError):
            message, reason, causes = f"{self.connection.server}: HTTP {status} {answer.reason} to {method} {path}", "", []
        if status == 401:
            return CredentialsError(
                f"{self.connection.server}: the credentials were refused",
                hint="check the context's user, or log in again",
            )
        if status == 403:
            return DeniedError(message, causes=causes)
        if reason == "BadRequest" and message.endswith(_NO_DRY_RUN):
            return NoDryRunError(message, status=status, reason=reason)
        return _ERRORS.get(status, ApiError)(message, status=status, reason=reason)


def _causes(status: Mapping[str, Any]) -> list[str]:
    """The reasons that a Status gives in its details, such as NamespaceTerminating."""
    details = status.get("details")
    listed = details.get("causes") if isinstance(details, dict) else None
    return [str(each["reason"]) for each in listed or () if isinstance(each, dict) and each.get("reason")]


def _page(data: bytes) -> Page:
    """A LIST without items, or with null for them, is an empty one, as Go writes it; anything else that is odd is no answer."""
    items: list[tuple[str, Manifest]] = []
    head: dict[str, Any] = {}
    try:
        for key, value in split_list(data.decode()):
            if key != "items":
                head[key] = value
            elif value is not None:
                text, manifest = value
                manifest["metadata"].items()  # each has metadata, whatever is done with it
                items.append((text, manifest))
        metadata = head["metadata"] or {}
        version, token = metadata.get("resourceVersion"), metadata.get("continue")
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise UnreachableError("the API server's answer to a LIST cannot be read") from error
    return Page(items, str(version or ""), str(token or ""), len(data))


def _reach_hint(error: TransportError) -> str:
    if error.tls:
        return "check certificate-authority of the kubeconfig's cluster, or --tls-server-name"
    return "check the context with: kubectl cluster-info"
