"""The way to a MongoDB that runs in the cluster: password from its Secret, a port-forward to the pod that is the primary.

Members' own names mean nothing outside the cluster, so the driver is given one socket and told to talk to that member
alone. TLS is spoken by the port-forward, which knows the pod and so the names that its certificate may carry; between it
and the driver is a socket that only our user reaches. `reopen` looks for the primary again.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import bson
from bson.errors import BSONError
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.podstream import NameMismatchError, PodPort, PodStream, PodTls, WrongPortError
from kubectl_lrs.clients.kubernetes.portforward import SILENCE, PortForward
from kubectl_lrs.clients.kubernetes.resources import ENDPOINT_SLICES, PODS, SECRETS, SERVICES
from kubectl_lrs.clients.tls import from_files, read_pair, require_pair
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, NotFoundError, UnreachableError, UsageError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.runtime import redact
from kubectl_lrs.runtime.cancel import Deadline
from kubectl_lrs.runtime.retry import Policy, insist
from kubectl_lrs.stores.mongo.server.access import APP_NAME, SELECTION_LIMIT, Client
from kubectl_lrs.stores.mongo.server.errors import AUTHENTICATION_FAILED, of
from kubectl_lrs.stores.mongo.server.wire import listeners

DEFAULT_PORT = 27017
HELLO_LIMIT = 15.0
"""Seconds in which a member must say who it is."""
ELECTION_LIMIT = 15.0
"""Seconds that a replica set may take to have a primary, when the way is opened first."""
RETURN_LIMIT = 60.0
"""The same when the way was open and got lost; and for its pods to be ready again."""
HALF_OPEN_LIMIT = SILENCE
PAUSE = 1.0
LARGEST_HELLO = 1 << 20
OP_MSG = 2013
_REQUEST = 1


@dataclass(frozen=True, kw_only=True)
class InCluster:
    """Where in a cluster MongoDB is, and how it is spoken to. The defaults are the vendor's.

    `port` 0: the one that the Service names. `certificate_key_file`: PEM of our own certificate and its key.
    """

    namespace: str
    service: str = "pcs-mongo-headless"
    secret: str = "pcs-mongo"  # noqa: S105  its name
    secret_key: str = "mongodb-root-password"  # noqa: S105  its name
    user: str = "pcs-mongodb"
    auth_source: str = "admin"
    port: int = 0
    tls: bool = False
    ca_file: str = ""
    certificate_key_file: str = ""


@dataclass(frozen=True)
class _Way:
    """A forward to the primary, and the client that uses it."""

    forward: PortForward
    client: Client

    def close(self) -> None:
        self.client.close()
        self.forward.close()


class ClusterAccess:
    """A `MongoAccess` to the MongoDB in a cluster. Nothing is asked before the first `client`."""

    def __init__(self, kube: KubeClient, where: InCluster) -> None:
        self.app_name = f"{APP_NAME} {secrets.token_hex(4)}"
        self.database = ""
        self.without_effect: tuple[str, ...] = ()
        self._kube = kube
        self._where = where
        self._context = _tls_context(where)
        self._lock = threading.Lock()
        self._way: _Way | None = None
        self._was_open = False
        self._form = 0  # which of a pod's names its certificate has

    def describe(self) -> str:
        """The Service."""
        return f"MongoDB of Service {self._where.namespace}/{self._where.service}"

    @property
    def target(self) -> PodPort | None:
        """Where the way leads now; None where there is none."""
        way = self._way
        return way.forward.target if way else None

    def client(self) -> Client:
        """A client of the primary; the way there is opened where there is none."""
        with self._lock:
            if self._way is None:
                self._way = self._opened()
                self._was_open = True
            return self._way.client

    def reopen(self) -> None:
        """Leave the pod; the next `client` looks for the primary anew."""
        self.close()

    def close(self) -> None:
        """End the client, its connections and the forward."""
        with self._lock:
            way, self._way = self._way, None
        if way is not None:
            way.close()

    # ---- opening

    def _opened(self) -> _Way:
        password = self._password()
        target, tls = self._primary()
        forward = PortForward(self._kube, target, tls=tls, silence=HALF_OPEN_LIMIT)
        try:
            client: Client = MongoClient(
                f"mongodb://{quote(forward.path, safe='')}",
                directConnection=True,
                username=self._where.user,
                password=password,
                authSource=self._where.auth_source,
                appname=self.app_name,
                event_listeners=listeners(),
                serverSelectionTimeoutMS=SELECTION_LIMIT * 1e3,
            )
            way = _Way(forward, client)
            try:
                self._log_in(way)
            except BaseException:
                client.close()
                raise
        except BaseException:
            forward.close()
            raise
        return way

    def _log_in(self, way: _Way) -> None:
        """Find out now whether the password is right."""
        try:
            way.client.admin.command("ping")
        except OperationFailure as error:
            if error.code != AUTHENTICATION_FAILED:
                raise of(error, "connecting", self.describe()) from None
            where = self._where
            raise CredentialsError(
                f"{self.describe()} refused user {where.user} with the password in Secret {where.namespace}/{where.secret}",
                hint="which user and key are right? see --mongo-user, --mongo-secret, --mongo-secret-key, --mongo-auth-source",
            ) from None
        except PyMongoError as error:
            raise way.forward.problem or of(error, "connecting", self.describe()) from None

    def _password(self) -> str:
        where = self._where
        name = f"Secret {where.namespace}/{where.secret}"
        try:
            found = self._kube.get(SECRETS, where.secret, where.namespace)
        except NotFoundError as error:
            raise UnreachableError(
                f"{name} with MongoDB's password does not exist", hint="name it with --mongo-secret, or give --mongo-uri-file"
            ) from error
        except DeniedError as error:
            raise _denied(error, f"MongoDB's password is in {name}: this needs the right get on it") from error
        data = found.get("data") or {}
        if where.secret_key not in data:
            raise UnreachableError(
                f"{name} has no key {where.secret_key!r}; it has: {', '.join(sorted(map(str, data))) or 'none'}",
                hint="name it with --mongo-secret-key",
            )
        try:
            password = base64.b64decode(str(data[where.secret_key]), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise UnreachableError(f"{name}: its key {where.secret_key!r} is no text") from None
        redact.remember(password)
        return password

    # ---- the primary

    def _primary(self) -> tuple[PodPort, PodTls | None]:
        """The pod that is the primary now, waited for while there is an election."""

        def may_pass(error: Exception) -> bool:
            return isinstance(error, UnreachableError) and (self._was_open or not isinstance(error, _HopelessError))

        limit = RETURN_LIMIT if self._was_open else ELECTION_LIMIT
        return insist(
            lambda _attempt: self._primary_now(),
            policy=Policy.every(PAUSE),
            cancel=self._kube.stop,
            deadline=Deadline(limit, self._kube.stop),
            may_pass=may_pass,
        )

    def _primary_now(self) -> tuple[PodPort, PodTls | None]:
        """The pod that is the primary now; UnreachableError where none says so."""
        found = self._look_for_primary()
        if found is None:
            raise self._no_primary()
        return found

    def _look_for_primary(self) -> tuple[PodPort, PodTls | None] | None:
        """Ask ready pods, first the one that another names, until one says that it is the primary; None where none does."""
        pods = self._ready_pods()
        waiting = list(pods)
        problem: LrsError | None = None
        answered = False
        while waiting:
            name = waiting.pop(0)
            try:
                target, tls, hello = self._ask(pods[name])
            except UnreachableError as error:
                problem = problem or error
                continue
            answered = True
            if _is_writable(hello):
                return target, tls
            named = str(hello.get("primary") or "").split(":")[0].split(".")[0]
            if named in waiting:
                waiting.remove(named)
                waiting.insert(0, named)
        if problem is not None and not answered:
            raise _HopelessError(str(problem), hint=problem.hint) from problem
        return None

    def _ask(self, pod: Manifest) -> tuple[PodPort, PodTls | None, Mapping[str, Any]]:
        """Who the member in a pod is, and how it was reached."""
        target = PodPort(namespace=self._where.namespace, pod=pod["metadata"]["name"], port=self._port(pod))
        if self._context is None:
            return target, None, self._hello(target, None)
        names = _names(pod, self._where)
        for form in sorted(range(len(names)), key=lambda form: form != self._form):
            tls = PodTls(context=self._context, server_name=names[form])
            try:
                hello = self._hello(target, tls)
            except NameMismatchError:
                continue
            self._form = form
            return target, tls, hello
        raise UnreachableError(
            f"{target}: its certificate names none of: {', '.join(names)}",
            hint="give a certificate that names its pod to each member, or reach MongoDB with --mongo-uri-file",
        )

    def _hello(self, target: PodPort, tls: PodTls | None) -> Mapping[str, Any]:
        stream = PodStream(self._kube, target, tls)
        try:
            return _hello(stream, is_plain=tls is None)
        finally:
            stream.close()

    def _no_primary(self) -> UnreachableError:
        return UnreachableError(
            f"{self.describe()}: none of its ready pods is the primary",
            hint="is there an election, or is the primary's pod not ready? look with: kubectl get pods",
        )

    # ---- pods

    def _ready_pods(self) -> dict[str, Manifest]:
        """The Service's pods that are ready, by name."""
        where = self._where
        try:
            self._service = self._kube.get(SERVICES, where.service, where.namespace)
        except NotFoundError as error:
            raise _HopelessError(
                f"Service {where.namespace}/{where.service} of MongoDB does not exist",
                hint="name it with --mongo-service and --mongo-namespace; an external MongoDB is reached with --mongo-uri-file",
            ) from error
        except DeniedError as error:
            raise _denied(error, f"reaching {self.describe()} needs the right get on Services") from error
        pods = {str(pod["metadata"]["name"]): pod for pod in self._pods_of(self._service)}
        ready = {name: pod for name, pod in sorted(pods.items()) if _is_ready(pod)}
        if not ready:
            what = f"none of its pods is ready: {', '.join(sorted(pods))}" if pods else "it has no pods"
            raise _HopelessError(f"{self.describe()}: {what}", hint="look with: kubectl get pods")
        return ready

    def _pods_of(self, service: Manifest) -> list[Manifest]:
        selector = (service.get("spec") or {}).get("selector") or {}
        try:
            if selector:
                text = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
                return self._kube.items(PODS, self._where.namespace, selector=text)
            return list(self._pods_of_slices())
        except DeniedError as error:
            raise _denied(error, f"reaching {self.describe()} needs the right list on pods") from error

    def _pods_of_slices(self) -> Iterator[Manifest]:
        """For a Service without a selector: what its EndpointSlices name."""
        selector = f"kubernetes.io/service-name={self._where.service}"
        for each in self._kube.items(ENDPOINT_SLICES, self._where.namespace, selector=selector):
            for endpoint in each.get("endpoints") or ():
                reference = endpoint.get("targetRef") or {}
                if reference.get("kind") == "Pod":
                    try:
                        yield self._kube.get(PODS, str(reference["name"]), self._where.namespace)
                    except NotFoundError:
                        continue

    def _port(self, pod: Manifest) -> int:
        """The port in the pod: the flag, else what the Service says, else MongoDB's own."""
        if self._where.port:
            return self._where.port
        ports = (self._service.get("spec") or {}).get("ports") or ()
        for each in sorted(ports, key=lambda port: port.get("port") != DEFAULT_PORT):
            wanted = each.get("targetPort") or each.get("port")
            if isinstance(wanted, int):
                return wanted
            for container in pod["spec"].get("containers") or ():
                for port in container.get("ports") or ():
                    if port.get("name") == wanted:
                        return int(port["containerPort"])
        return DEFAULT_PORT


class _HopelessError(UnreachableError):
    """Waiting will not help, unless all was well before."""


def _tls_context(where: InCluster) -> ssl.SSLContext | None:
    if not where.tls:
        if where.ca_file or where.certificate_key_file:
            raise UsageError("--mongo-ca-file and --mongo-certificate-key-file are for TLS", hint="give --mongo-tls too")
        return None
    tls = from_files(where.ca_file, {}, flag="--mongo-ca-file")
    if where.certificate_key_file:
        flag = "--mongo-certificate-key-file"
        require_pair(where.certificate_key_file, None, what=flag)
        certificate, key = read_pair(where.certificate_key_file, what=flag)
        tls = replace(tls, certificate=certificate, key=key)
    return tls.context()


def _is_ready(pod: Manifest) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    is_ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
    return is_ready and not pod["metadata"].get("deletionTimestamp")


def _names(pod: Manifest, where: InCluster) -> list[str]:
    """Every name by which a pod of a StatefulSet is known in its cluster; a certificate must have one of them."""
    name, service = pod["metadata"]["name"], pod["spec"].get("subdomain") or where.service
    full = f"{name}.{service}.{where.namespace}"
    return [f"{full}.svc.cluster.local", f"{full}.svc", full, f"{name}.{service}", name]


def _is_writable(hello: Mapping[str, Any]) -> bool:
    """A primary, a standalone, or a router."""
    return bool(hello.get("isWritablePrimary"))


def _hello(stream: PodStream, *, is_plain: bool) -> Mapping[str, Any]:
    """Ask a member who it is, as nobody: one OP_MSG there and one back. Source: MongoDB's wire protocol."""
    body = b"\0\0\0\0\0" + bson.encode({"hello": 1, "$db": "admin"})
    question = b"".join(number.to_bytes(4, "little") for number in (16 + len(body), _REQUEST, 0, OP_MSG)) + body
    try:
        answer = stream.exchange(question, enough=16, limit=HELLO_LIMIT)
        length = _number(answer, 0)
        if (_number(answer, 8), _number(answer, 12)) != (_REQUEST, OP_MSG) or not 26 <= length <= LARGEST_HELLO:
            raise _no_mongo(stream)
        answer += stream.exchange(b"", enough=length - len(answer), limit=HELLO_LIMIT)
        hello: dict[str, Any] = bson.decode(answer[21:length])
    except BSONError as error:
        raise _no_mongo(stream) from error
    except WrongPortError:
        raise
    except UnreachableError as error:
        if is_plain and stream.is_over:
            raise UnreachableError(str(error), hint="does MongoDB want TLS? give --mongo-tls") from error
        raise
    return hello


def _number(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 4], "little")


def _no_mongo(stream: PodStream) -> WrongPortError:
    return WrongPortError(f"{stream.target}: what answers is not MongoDB", hint="is it the right port? see --mongo-port")


def _denied(error: DeniedError, what: str) -> DeniedError:
    return type(error)(f"{what}: {error}", hint=error.hint or "the Role lrs-mongo in docs/rights.md has it")
