"""The door to the Kubernetes API: plain dicts in and out, every failure one of ours.

It speaks HTTP through urllib3 (which both `kubernetes` and `requests` stand on) with kept-alive connections, one per
thread that calls at once. Generated models are not used: they lose fields they do not know and cost most of the time.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import random
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from kubectl_lrs import __version__
from kubectl_lrs.catalog import Cluster
from kubectl_lrs.clients.credentials import Credentials
from kubectl_lrs.clients.kubeconfig import Connection
from kubectl_lrs.errors import (
    ApiError,
    ConflictError,
    DeniedError,
    ExpiredError,
    LrsError,
    NotFoundError,
    UnreachableError,
    UsageError,
)
from kubectl_lrs.manifest import Manifest, loads, split_list
from kubectl_lrs.workloads import GROUP

FIELD_MANAGER = "kubectl-lrs"
USER_AGENT = f"kubectl-lrs/{__version__} ({platform.system().lower()}/{platform.machine()})"

CONNECT_TIMEOUT = 15.0
READ_TIMEOUT = 60.0
"""Seconds without a byte before a request is given up, where --request-timeout says nothing."""

ATTEMPTS = 6
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30.0
"""Seconds. Pauses double from the first one, with jitter; Retry-After is honoured up to the longest."""

FIRST_PAGE = 20
FULL_PAGE = 500
PAGE_BYTES = 4 << 20
"""A LIST begins with a small page, and then asks for as many objects as fit in PAGE_BYTES, at most FULL_PAGE: the
size of an object is not known before, and 500 objects of 1 MB would not fit in memory."""


@dataclass(frozen=True)
class _Again:
    """After which failures a request is sent again."""

    errors: tuple[type[HTTPError], ...]
    statuses: frozenset[int]


_NEVER_SENT = (NewConnectionError, ConnectTimeoutError, ProxyError, SSLError)
_READ_AGAIN = _Again(
    (NewConnectionError, ConnectTimeoutError, ProtocolError, ReadTimeoutError), frozenset((429, 500, 502, 503, 504))
)
_WRITE_AGAIN = _Again((NewConnectionError, ConnectTimeoutError), frozenset((429, 503)))
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
SERVICES = Resource(group="", version="v1", plural="services", kind="Service")
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
    """One API server as one user. Safe to use from several threads. Setting `stop` ends the waiting between attempts."""

    def __init__(self, connection: Connection, *, timeout: float | None = None, connections: int = 16) -> None:
        self.connection = connection
        self._credentials = Credentials(connection)
        self._timeout = urllib3.Timeout(connect=min(CONNECT_TIMEOUT, timeout or CONNECT_TIMEOUT), read=timeout or READ_TIMEOUT)
        self._size = connections
        self._lock = threading.Lock()
        self.stop = threading.Event()
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._pool_generation = -1
        self._prefix = urlsplit(connection.server).path.rstrip("/")
        self._headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
        if not (connection.disable_compression or _is_loopback(connection.server)):
            self._headers["Accept-Encoding"] = "gzip"

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
    ) -> None:
        """Create an object from its JSON. ConflictError: it exists. UnansweredError: it may exist."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": validation}
        if dry_run:
            query["dryRun"] = "All"
        self._send("POST", resource.path(namespace), query=query, body=body)

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
    ) -> None:
        """PUT an object, or PATCH it with a JSON Patch. ConflictError: it is not the one that was read."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": validation} | ({"dryRun": "All"} if dry_run else {})
        path = resource.path(namespace, name) + (f"/{subresource}" if subresource else "")
        content_type = "application/json-patch+json" if method == "PATCH" else "application/json"
        self._send(method, path, query=query, body=body, content_type=content_type)

    def delete(self, resource: Resource, namespace: str | None, name: str, *, uid: str, dry_run: bool = False) -> None:
        """Delete this very object in the background. ConflictError: another one has its name now."""
        options: dict[str, Any] = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        if dry_run:  # in the body: the server ignores it in the query of a DELETE that has a body
            options["dryRun"] = ["All"]
        self._send("DELETE", resource.path(namespace, name), body=json.dumps(options).encode())

    def create_object(
        self, resource: Resource, manifest: Manifest, namespace: str | None = None, *, dry_run: bool = False
    ) -> None:
        """`create` for an object at hand."""
        self.create(resource, json.dumps(manifest).encode("utf-8", "surrogatepass"), namespace, dry_run=dry_run)

    def items(self, resource: Resource, namespace: str | None = None, *, selector: str = "") -> list[Manifest]:
        """Every object of a small LIST."""
        return [manifest for page in self.pages(resource, namespace, selector=selector) for _, manifest in page.items]

    def pages(self, resource: Resource, namespace: str | None = None, *, selector: str = "") -> Iterator[Page]:
        """A consistent LIST in pages; ExpiredError when it took longer than the server keeps its snapshot."""
        token, limit = "", FIRST_PAGE
        while True:
            query = {"limit": str(limit)}
            if selector:
                query["labelSelector"] = selector
            if token:
                query["continue"] = token
            page = _page(self._send("GET", resource.path(namespace), query=query))
            token = page.next
            yield page
            if not token:
                return
            if page.items:
                limit = max(1, min(FULL_PAGE, PAGE_BYTES * len(page.items) // max(1, page.size)))

    # ---- the server

    def may(self, verb: str, resource: str, *, group: str = GROUP, namespace: str = "", subresource: str = "") -> bool:
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
        """The resource that serves objects of this kind; None when none does."""
        group, _, version = api_version.rpartition("/")
        try:
            listed = self._object(self._send("GET", f"/apis/{api_version}" if group else f"/api/{api_version}"))
        except (ApiError, DeniedError):
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

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        """Send until it is answered or hopeless; the body of a 2xx.

        A read is repeated on everything that may pass. A write is repeated only where the server surely did not
        act on it: it was refused as too many or unavailable, or never reached the server.
        """
        url = f"{self._prefix}{path}" + (f"?{urlencode(query)}" if query else "")
        again = _READ_AGAIN if method == "GET" else _WRITE_AGAIN
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = self._authorised(method, url, body, content_type)
            except HTTPError as error:
                if attempt == ATTEMPTS or not isinstance(error, again.errors) or self.stop.wait(_pause(attempt, None)):
                    raise self._unanswered(error, method, path) from error
                continue
            if response.status < 300:
                return bytes(response.data)
            pause = _pause(attempt, response.headers.get("Retry-After"))
            if attempt == ATTEMPTS or response.status not in again.statuses or self.stop.wait(pause):
                raise self._refused(response, method, path)
        raise AssertionError("the last attempt returns or raises")

    def _authorised(self, method: str, url: str, body: bytes | None, content_type: str) -> urllib3.BaseHTTPResponse:
        """Send once; once more with a new credential where the one at hand was refused and another can be had."""
        generation = self._credentials.generation
        response = self._once(method, url, body, content_type)
        if response.status == 401 and self._credentials.renew(generation):
            return self._once(method, url, body, content_type)
        return response

    def _once(self, method: str, url: str, body: bytes | None, content_type: str) -> urllib3.BaseHTTPResponse:
        headers = urllib3.HTTPHeaderDict(self._headers)
        headers.update(self._credentials.headers())
        for name, values in self.connection.impersonate.items():
            for value in values:
                headers.add(name, value)
        if body is not None:
            headers["Content-Type"] = content_type
        return self._connections().urlopen(
            method, url, body=body, headers=headers, retries=False, redirect=False, timeout=self._timeout
        )

    def _connections(self) -> urllib3.HTTPConnectionPool:
        """The pool; made anew when a credential plugin gave another client certificate."""
        certificate = self._credentials.certificate()
        with self._lock:
            if self._pool is None or (certificate[0] and self._pool_generation != self._credentials.generation):
                self._pool = _make_pool(self.connection, certificate, self._size)
                self._pool_generation = self._credentials.generation
            return self._pool

    def _object(self, data: bytes) -> Manifest:
        try:
            document = loads(data.decode())
        except ValueError as error:
            raise UnreachableError(f"{self.connection.server}: what answered is not a Kubernetes API server") from error
        if not isinstance(document, dict):
            raise UnreachableError(f"{self.connection.server}: what answered is not a Kubernetes API server")
        return document

    def _unanswered(self, error: HTTPError, method: str, path: str) -> UnreachableError:
        """A write that may have arrived is not the same as a server that is not there."""
        if method != "GET" and not isinstance(error, _NEVER_SENT):
            return UnansweredError(f"{self.connection.server}: no answer to {method} {path}: {_cause(error)}")
        return UnreachableError(f"{self.connection.server}: cannot be reached: {_cause(error)}", hint=_reach_hint(error))

    def _refused(self, response: urllib3.BaseHTTPResponse, method: str, path: str) -> LrsError:
        status = response.status
        try:
            answer = json.loads(response.data)
            message, reason = str(answer["message"]), str(answer.get("reason") or "")
        except (ValueError, KeyError, TypeError):
            message, reason = (
                f"{self.connection.server}: HTTP {status} {response.reason or ''} to {method} {path}".strip(),
                "",
            )
        if status == 401:
            return DeniedError(
                f"{self.connection.server}: the credentials were refused",
                hint="check the context's user, or log in again",
            )
        if status == 403:
            return DeniedError(message)
        return _ERRORS.get(status, ApiError)(message, status=status, reason=reason)


def _page(data: bytes) -> Page:
    size = len(data)
    text = data.decode()
    items: list[tuple[str, Manifest]] = []
    head: dict[str, Any] = {}
    try:
        for key, value in split_list(text):
            if key == "items":
                items.append(value)
            else:
                head[key] = value
        metadata = head["metadata"]
    except (ValueError, IndexError, KeyError) as error:
        raise UnreachableError("the API server's answer to a LIST cannot be read") from error
    return Page(items, str(metadata.get("resourceVersion", "")), str(metadata.get("continue") or ""), size)


def _pause(attempt: int, retry_after: str | None) -> float:
    """Seconds to wait before the next attempt."""
    if retry_after and retry_after.isdigit():
        return min(LONGEST_PAUSE, float(retry_after))
    jitter = random.uniform(0.5, 1.0)  # noqa: S311  no secret
    return jitter * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1))


def _cause(error: BaseException) -> str:
    """The innermost reason of a urllib3 error, in a few words."""
    reason: Any = error
    while (inner := getattr(reason, "reason", None) or getattr(reason, "original_error", None)) and isinstance(
        inner, BaseException
    ):
        reason = inner
    if isinstance(reason, ConnectTimeoutError):
        return "connection timed out"
    text = str(reason.args[-1] if reason.args and isinstance(reason.args[-1], str) else reason)
    return text.split(": ", 1)[-1] if isinstance(reason, NewConnectionError) else text


def _reach_hint(error: Exception) -> str:
    if isinstance(error, SSLError):
        return "check certificate-authority of the kubeconfig's cluster, or --tls-server-name"
    return "check the context with: kubectl cluster-info"


def _is_loopback(server: str) -> bool:
    host = urlsplit(server).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _make_pool(connection: Connection, certificate: tuple[bytes, bytes], size: int) -> urllib3.HTTPConnectionPool:
    """Kept-alive connections to the server, through a proxy where the kubeconfig or the environment names one."""
    url = urlsplit(connection.server)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise UsageError(f"server {connection.server!r}: not an http or https URL")
    options: dict[str, Any] = {"maxsize": size, "block": True}
    if url.scheme == "https":
        options["ssl_context"] = _tls(connection, certificate)
        if connection.insecure:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            options["cert_reqs"], options["assert_hostname"] = "CERT_NONE", False
        if connection.tls_server_name:
            options["server_hostname"] = options["assert_hostname"] = connection.tls_server_name
    manager: urllib3.PoolManager = urllib3.PoolManager(**options)
    if proxy := _proxy(connection, url.scheme, url.hostname):
        manager = urllib3.ProxyManager(proxy, **options)
    return manager.connection_from_host(url.hostname, url.port, url.scheme)


def _proxy(connection: Connection, scheme: str, host: str) -> str:
    if connection.proxy_url:
        return connection.proxy_url
    if _is_loopback(connection.server) or proxy_bypass(host):
        return ""
    return getproxies().get(scheme, "")


def _tls(connection: Connection, certificate: tuple[bytes, bytes]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if connection.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif connection.ca_data:
        _load(lambda: context.load_verify_locations(cadata=connection.ca_data.decode()), "certificate-authority")
    else:
        context.load_default_certs()
    pem, key = certificate
    if pem:
        _load(lambda: _load_pair(context, pem, key), "client certificate and key")
    return context


def _load(action: Callable[[], None], what: str) -> None:
    try:
        action()
    except (ssl.SSLError, ValueError) as error:
        raise UsageError(f"kubeconfig: {what}: not usable: {error}") from error


def _load_pair(context: ssl.SSLContext, pem: bytes, key: bytes) -> None:
    """`ssl` reads a client key from a file only; this one is gone again before the first request."""
    descriptor, path = tempfile.mkstemp(prefix="kubectl-lrs-")  # 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem + b"\n" + key)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)  # noqa: PTH108
