"""HTTP/1.1 to one API server over kept-alive connections, one per thread that calls at once.

It stands on the standard library's `http.client`: a restore of tens of thousands of objects shares the machine with
nothing but its own requests, and each of them costs half of what it costs through urllib3. It knows TLS, proxies and
time limits, not what is sent, and repeats nothing.
"""

from __future__ import annotations

import base64
import http.client
import os
import select
import socket
import ssl
import time
import zlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from kubectl_lrs.clients.kubernetes.exchange import answer_to, request_of
from kubectl_lrs.clients.kubernetes.kubeconfig import Connection
from kubectl_lrs.clients.proxies import Proxies, parsed
from kubectl_lrs.clients.tls import Tls
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime import redact

CONNECT_TIMEOUT = 15.0
SILENCE = 60.0
"""Seconds without a byte before a request is given up, where the user set no limit."""

_CHUNK = 1 << 20
_PORTS = {"http": 80, "https": 443}


class TransportError(Exception):
    """No whole answer came. `sent`: the request may have arrived. `tls`: the two sides do not trust each other."""

    def __init__(self, cause: str, *, sent: bool, tls: bool = False) -> None:
        super().__init__(cause)
        self.sent = sent
        self.tls = tls


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, unpacked."""

    status: int
    reason: str
    headers: http.client.HTTPMessage
    data: bytes


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A connection on which another protocol is spoken from now on. `early`: what the server has already sent in it."""

    socket: socket.socket
    early: bytes
    headers: http.client.HTTPMessage

    def close(self) -> None:
        """End it."""
        self.socket.close()


class Transport:
    """Connections to one server with one client certificate. Safe to use from several threads.

    `timeout` (seconds) bounds each whole request; None: only its connecting and its silences are bounded.
    """

    def __init__(self, connection: Connection, certificate: tuple[bytes, bytes], *, timeout: float | None) -> None:
        self._url = _checked(connection.server)
        self._host = _host(self._url)
        self._tls = _tls(connection, certificate) if self._url.scheme == "https" else None
        self._server_name = connection.tls_server_name
        self._proxy = _proxy(connection)
        self._timeout = timeout
        self._idle: deque[_Connection] = deque()

    def send(self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Response:
        """One request, sent once. `target` is the path with its query."""
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        connection = self._connected(deadline)
        try:
            request = request_of(method, self._target(target), [("Host", self._host), *headers], body)
            answer, reusable = _exchange(connection, method, request, deadline)
        except (OSError, http.client.HTTPException, zlib.error) as error:
            connection.close()
            raise TransportError(_cause(error), sent=True) from error
        except BaseException:
            connection.close()
            raise
        if reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def upgrade(self, target: str, headers: Iterable[tuple[str, str]]) -> Response | Upgraded:
        """A GET on a connection of its own that asks for another protocol; a Response where the server does not agree.

        The socket is handed over without blocking and without a time limit.
        """
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        connection = self._opened(deadline)
        try:
            connection.limit(deadline)
            connection.putrequest("GET", self._target(target), skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            if response.status == http.client.SWITCHING_PROTOCOLS:
                return _taken(connection, response)
            answer = Response(response.status, response.reason, response.headers, response.read(_CHUNK))
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise TransportError(_cause(error), sent=True) from error
        except BaseException:
            connection.close()
            raise
        connection.close()
        return answer

    def _target(self, target: str) -> str:
        """Through a proxy without a tunnel, the whole URL."""
        return f"{self._url.scheme}://{self._url.netloc}{target}" if self._proxy and self._tls is None else target

    def _connected(self, deadline: float | None) -> _Connection:
        """An idle connection that is still open, else a new one."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            if connection.is_alive():
                return connection
            connection.close()
        return self._opened(deadline)

    def _opened(self, deadline: float | None) -> _Connection:
        """A new connection."""
        connection = self._new()
        connection.timeout = (
            CONNECT_TIMEOUT if deadline is None else max(0.001, min(CONNECT_TIMEOUT, deadline - time.monotonic()))
        )
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise TransportError(_cause(error), sent=False, tls=_is_distrust(error)) from error
        return connection

    def _new(self) -> _Connection:
        host, port = str(self._url.hostname), self._url.port or _PORTS[self._url.scheme]
        if self._proxy is None:
            return _Connection(host, port, tls=self._tls, server_name=self._server_name or host)
        connection = _Connection(
            str(self._proxy.hostname), self._proxy.port or 80, tls=self._tls, server_name=self._server_name or host
        )
        if self._tls is not None:
            connection.set_tunnel(host, port, headers=_proxy_credentials(self._proxy))
        return connection


class _Connection(http.client.HTTPConnection):
    """A connection to the server, or through a proxy's tunnel, with TLS on top where the server speaks it."""

    def __init__(self, host: str, port: int, *, tls: ssl.SSLContext | None, server_name: str) -> None:
        super().__init__(host, port)
        self._context = tls
        self._server_name = server_name
        self._wire: socket.socket

    def connect(self) -> None:
        super().connect()
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self._server_name)
        self._wire = self.sock

    def is_alive(self) -> bool:
        """Whether the server has not closed it meanwhile; it never speaks first, so anything to read is the end."""
        return self.sock is not None and not select.select([self.sock], [], [], 0)[0]

    def limit(self, deadline: float | None) -> None:
        """Bound the next wait."""
        left = SILENCE if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._wire.settimeout(left)  # `http.client` forgets its own once the server said that it will close


def _exchange(connection: _Connection, method: str, request: bytes, deadline: float | None) -> tuple[Response, bool]:
    """Send and read; whether the connection can be used again."""
    connection.limit(deadline)
    with answer_to(connection.sock, request, method) as response:
        data = response.read() if deadline is None else _read(connection, response, deadline)
    if response.headers.get("Content-Encoding") == "gzip":
        data = zlib.decompress(data, 31)  # 31: with gzip's header
    return Response(response.status, response.reason, response.headers, data), not response.will_close


def _read(connection: _Connection, response: http.client.HTTPResponse, deadline: float) -> bytes:
    """The body, given up at its end of time even where bytes go on to drip."""
    parts = []
    expected = response.length
    while not response.isclosed():
        connection.limit(deadline)
        part = response.read1(_CHUNK)
        if not part:
            break
        parts.append(part)
    data = b"".join(parts)
    if expected is not None and len(data) < expected:
        raise http.client.IncompleteRead(data, expected - len(data))
    response.close()  # read to its end piece by piece, it does not know that; the connection could not be used again
    return data


def _taken(connection: _Connection, response: http.client.HTTPResponse) -> Upgraded:
    """Take the socket out of a connection, with what was read beyond the answer's head."""
    taken = connection.sock
    connection.sock = None
    taken.setblocking(False)
    try:
        early = response.fp.peek()
    except (BlockingIOError, ssl.SSLWantReadError):
        early = b""
    response.close()
    return Upgraded(taken, early, response.headers)


def _checked(server: str) -> SplitResult:
    try:
        url = urlsplit(server)
        usable = url.scheme in _PORTS and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"server {server!r}: not an http or https URL")
    return url


def _host(url: SplitResult) -> str:
    """As the header `Host` has it."""
    host = url.netloc.rpartition("@")[2]
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _proxy(connection: Connection) -> SplitResult | None:
    """The proxy that the kubeconfig names, else the environment's."""
    if connection.proxy_url:
        proxy: SplitResult | None = parsed(connection.proxy_url, what="proxy-url")
    else:
        proxy = Proxies(os.environ).of(connection.server)
    if proxy is not None and proxy.scheme != "http":
        raise UsageError(f"proxy {redact.origin(proxy.geturl())}: only http:// proxies are spoken to")
    return proxy


def _proxy_credentials(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _tls(connection: Connection, certificate: tuple[bytes, bytes]) -> ssl.SSLContext:
    tls = Tls(
        authorities=connection.ca_data,
        what="kubeconfig: certificate-authority",
        insecure=connection.insecure,
        certificate=certificate[0],
        key=certificate[1],
    )
    return tls.context()


def _is_distrust(error: Exception) -> bool:
    """Whether the two sides do not come to terms; one that goes away in the middle of the handshake is only away."""
    return isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))


def _cause(error: Exception) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return "it closed the connection without an answer"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate was not accepted: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, http.client.RemoteDisconnected):
        return "it closed the connection without an answer"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection broke off in the middle of the answer"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower() if error.errno else error.strerror
    return str(error) or type(error).__name__
