"""Something between a client and a storage that meddles: a proxy, or a storage of other habits. Standard library only.

What `rule` says of a request is done; everything else is passed on as it is, signature and all. Every request is noted.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Protocol

from tests.bed.standin import Hold, Server, body


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it came. `path` with its query; names of headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(kw_only=True)
class Answer:
    """What is told to the client. `cut`: the connection ends after so many bytes of the body, though more were announced."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None

    @classmethod
    def error(cls, status: int, code: str = "") -> Answer:
        """As S3 gives it; without a code as anything else in between would."""
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>" if code else "<html>no</html>"
        return cls(status=status, headers={"Content-Type": "application/xml" if code else "text/html"}, body=text.encode())


class Listening(Protocol):
    """The server behind it: the gateway, or another."""

    port: int


Forward = Callable[[], Answer]
Rule = Callable[[Request, Forward], Answer | None]
"""An answer in the place of the server's own, perhaps made of what `forward` gives; None: as the server says."""


def pass_on(_request: Request, _forward: Forward) -> None:
    """No meddling."""


class Gate:
    """A rule that holds the requests that `fits` names, but for those about the first `skip` objects."""

    def __init__(self, fits: Callable[[Request], bool] = lambda _request: False, *, skip: int = 0) -> None:
        self.fits = fits
        self.hold = Hold()
        self._skip = skip
        self._passed: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, request: Request, _forward: Forward) -> None:
        """As `Between` asks."""
        if self.fits(request) and not self._passes(request.path.partition("?")[0]):
            self.hold()

    def _passes(self, path: str) -> bool:
        with self._lock:
            if len(self._passed) < self._skip:
                self._passed.add(path)
            return path in self._passed


class Between:
    """Use it as a context manager; `rule` may be changed at any time."""

    def __init__(self, s3: Listening, rule: Rule = pass_on) -> None:
        self.rule: Rule = rule
        self.log: list[Request] = []
        self._s3 = s3

    def passed(self, request: Request) -> Answer:
        """What the storage says to a request, which may be another one than came."""
        return _forwarded(self._s3.port, request)

    def __enter__(self) -> Between:
        self._server = Server("between a client and a storage", type("Handler", (_Handler,), {"between": self}))
        self.endpoint = f"http://127.0.0.1:{self._server.port}"
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Listen no longer."""
        self._server.stop()


class _Handler(BaseHTTPRequestHandler):
    """One connection to `between`."""

    protocol_version = "HTTP/1.1"
    between: Between

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (OSError, http.client.HTTPException):  # one of the two ends is gone
            self.close_connection = True

    def _any(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method=self.command, path=self.path, headers=headers, body=body(self))
        self.between.log.append(request)
        self._say(self.between.rule(request, lambda: self.between.passed(request)) or self.between.passed(request))

    def _say(self, answer: Answer) -> None:
        is_head = self.command == "HEAD"
        ours = {"connection", "transfer-encoding"} | (set() if is_head else {"content-length"})
        self.send_response_only(answer.status)
        if "date" not in map(str.lower, answer.headers):  # each answer has one, and one alone
            self.send_header("Date", self.date_time_string())
        for name, value in answer.headers.items():
            if name.lower() not in ours:
                self.send_header(name, value)
        if not is_head:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if not is_head:
            self.wfile.write(answer.body[: answer.cut])
        self.close_connection = self.close_connection or answer.cut is not None

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _any  # noqa: N815  the library's names

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _forwarded(port: int, request: Request) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {name: value for name, value in request.headers.items() if name not in ("expect", "connection")}
    connection.request(request.method, request.path, request.body or None, headers)
    response = connection.getresponse()
    given = Answer(status=response.status, headers=dict(response.getheaders()), body=response.read())
    connection.close()
    return given
