"""An HTTP front before a registry of the bed, which makes trouble as it is told to. Standard library only.

Everything else is passed on as it is. Every request is logged with its headers.
"""

from __future__ import annotations

import http.client
import re
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.bed import standin
from tests.bed.registry import Registry


@dataclass
class Trouble:
    """What becomes of the next `times` requests whose `METHOD /path` fits the pattern, after `skip` of them.

    `status` and `headers`: that is the answer. `cut`: so many bytes of the body, and the end of the connection, though more
    were announced. `body`: in place of the registry's. `mute`: no Content-Length, so that nothing tells a short body.
    `held`: the answer waits for the event; `seen` is set when the request is there.
    """

    pattern: str
    times: int = 1
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    body: bytes | None = None
    mute: bool = False
    held: threading.Event | None = None
    skip: int = 0
    seen: threading.Event = field(default_factory=threading.Event)

    def takes(self, line: str) -> bool:
        """Whether it is this request's turn."""
        if self.times <= 0 or re.search(self.pattern, line) is None:
            return False
        self.skip -= 1
        return self.skip < 0


@dataclass(frozen=True)
class Request:
    """One line of the log."""

    method: str
    path: str
    headers: dict[str, str]
    port: int = 0
    """That of the client: one for each of its connections."""


@dataclass
class Front:
    """Use it as a context manager. Without a registry it answers everything by its troubles alone."""

    registry: Registry | None = None
    troubles: list[Trouble] = field(default_factory=list)
    log: list[Request] = field(default_factory=list)
    name: str = "127.0.0.1"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Front:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                front.answer(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = standin.Server("front of a registry", Handler)
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def host(self) -> str:
        """Host and port."""
        return f"{self.name}:{self._server.port}"

    def paths(self, method: str) -> list[str]:
        """The paths of the logged requests of a method."""
        return [request.path for request in self.log if request.method == method]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Pass a request on, or do what the first trouble that takes it says."""
        body = standin.body(handler)
        with self.lock:
            self.log.append(Request(handler.command, handler.path, dict(handler.headers), handler.client_address[1]))
            line = f"{handler.command} {handler.path}"
            trouble = next((each for each in self.troubles if each.takes(line)), None)
            if trouble:
                trouble.times -= 1
        if trouble:
            trouble.seen.set()
            if trouble.held:
                trouble.held.wait()
        if trouble and trouble.status:
            self._send(handler, trouble.status, trouble.headers, trouble.body or b"", trouble)
            return
        status, headers, data = self._forward(handler, body)
        self._send(handler, status, headers, trouble.body if trouble and trouble.body is not None else data, trouble)

    def _forward(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if self.registry is None:
            return 404, {}, b""
        connection = http.client.HTTPConnection("127.0.0.1", self.registry.port, timeout=30)
        try:
            headers = {key: value for key, value in handler.headers.items() if key.lower() != "connection"}
            connection.request(handler.command, handler.path, body or None, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def _send(
        self, handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], data: bytes, trouble: Trouble | None
    ) -> None:
        is_head = handler.command == "HEAD"
        length = headers.get("Content-Length", "0") if is_head else str(len(data))
        mute = trouble is not None and trouble.mute
        handler.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                handler.send_header(name, value)
        handler.send_header("Connection", "close") if mute else handler.send_header("Content-Length", length)
        handler.end_headers()
        cut = trouble.cut if trouble else None
        if not is_head:
            handler.wfile.write(data if cut is None else data[:cut])
        if mute or cut is not None:
            handler.close_connection = True
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
