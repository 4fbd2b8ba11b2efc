"""A reverse proxy before the API server: it does to requests what networks, load balancers and busy servers do to them.

It notes every request, so that a test can tell what reached the server and what the client was told. Standard library
only. It listens on loopback, in threads of this process, with the certificate of the control plane's own server.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.bed.controlplane import ControlPlane
from tests.bed.standin import Server, body

ALWAYS: Container[int] = range(1, sys.maxsize)
FIRST: Container[int] = (1,)
HOP_BY_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length", "host", "authorization"))
PASS_PREFIX = "pass-"
"""What the tokens that `token_uses` limits begin with."""

TICK = 0.05
"""Seconds between two pieces of a throttled answer."""


class Cut(Enum):
    """Where the connection is cut: not at all, in place of an answer, or in the middle of its body."""

    NOT = "not"
    UNANSWERED = "unanswered"
    MID_BODY = "mid-body"
    AFTERWARDS = "afterwards"
    """The answer is whole, and the connection is closed without a word that it would be."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


@dataclass(frozen=True, kw_only=True)
class Act:
    """What becomes of a request.

    `before` is called first, and `delay` (seconds) waited. `forward`: the server gets it; `after` is called once it has
    answered. `answer`: told to the client in place of the server's own. `hang`: no answer until the proxy ends. `cut` ends
    the connection, with a TCP reset where `reset` says so. `rate`: bytes of the answer's body per second; 0: no bound.
    """

    before: Callable[[], object] | None = None
    delay: float = 0.0
    forward: bool = True
    after: Callable[[], object] | None = None
    answer: Answer | None = None
    hang: bool = False
    cut: Cut = Cut.NOT
    reset: bool = False
    rate: int = 0


def status_answer(code: int, *, reason: str = "", message: str = "", retry_after: str = "") -> Answer:
    """An answer as the API server gives it: a Status."""
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message or f"the proxy answers {code}",
        "reason": reason or http.client.responses[code].replace(" ", ""),
        "code": code,
    }
    headers = {"Content-Type": "application/json"} | ({"Retry-After": retry_after} if retry_after else {})
    return Answer(status=code, body=json.dumps(status).encode(), headers=headers)


def refuse(code: int, *, reason: str = "", message: str = "", retry_after: str = "") -> Act:
    """Answer with a Status; the server never hears of it."""
    return Act(forward=False, answer=status_answer(code, reason=reason, message=message, retry_after=retry_after))


def done_but(code: int) -> Act:
    """The server does it, and the client is told something else."""
    return Act(answer=status_answer(code))


def html(code: int) -> Answer:
    """What a load balancer answers for a server behind it: no JSON."""
    text = f"<html><head><title>{code} {http.client.responses[code]}</title></head><body>nginx</body></html>\r\n"
    return Answer(status=code, body=text.encode(), headers={"Content-Type": "text/html"})


def call(function: Callable[[], object]) -> Act:
    """Do something just before the request is forwarded."""
    return Act(before=function)


BAD_GATEWAY = Act(forward=False, answer=html(502))
CUT_BEFORE = Act(forward=False, cut=Cut.UNANSWERED)
CUT_AFTER = Act(cut=Cut.UNANSWERED)
RESET_BEFORE = replace(CUT_BEFORE, reset=True)
RESET_AFTER = replace(CUT_AFTER, reset=True)
CUT_BODY = Act(cut=Cut.MID_BODY)
CLOSE_AFTERWARDS = Act(cut=Cut.AFTERWARDS)
HANG_BEFORE = Act(forward=False, hang=True)
HANG_AFTER = Act(hang=True)
PASS = Act()


@dataclass
class Exchange:
    """One request. `status` is what the client was told (0: nothing), `upstream` what the server said (0: it never heard).

    `began` and `ended` are monotonic seconds: when the request was read, and when the answer began to be sent.
    """

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    token: str
    began: float
    ended: float = 0.0
    status: int = 0
    upstream: int = 0

    @property
    def url(self) -> str:
        """Path and query, for the patterns of rules."""
        return self.path + ("?" + "&".join(f"{name}={value}" for name, value in self.query.items()) if self.query else "")

    @property
    def target(self) -> str:
        """What stands in a request line."""
        return self.path + (f"?{urlencode(self.query)}" if self.query else "")

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name) of the object that a request on LRS is about; name empty for a LIST."""
        found = re.fullmatch(r"/apis/lrs\.datarobot\.com/[^/]+/namespaces/([^/]+)/lrs(?:/([^/]+))?(?:/status)?", self.path)
        if not found:
            return "", ""
        name = found[2] or (json.loads(self.body)["metadata"]["name"] if self.method == "POST" else "")
        return found[1], name

    @property
    def is_write(self) -> bool:
        """Whether it changes an LRS: no dry run, no look."""
        if self.method == "GET" or not self.key[1]:
            return False
        return "dryRun" not in self.query and not (self.method == "DELETE" and b"dryRun" in self.body)


@dataclass
class _Rule:
    method: str
    pattern: re.Pattern[str]
    act: Act
    nth: Container[int]
    each: bool
    names: re.Pattern[str]
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def applies(self, exchange: Exchange) -> bool:
        if self.method not in ("*", exchange.method) or not self.pattern.search(exchange.url):
            return False
        if not self.names.search(exchange.key[1]):
            return False
        key = exchange.key if self.each else ("", "")
        self.counts[key] += 1
        return self.counts[key] in self.nth


class FaultProxy:
    """Use it as a context manager. `url` is what a kubeconfig names, `log` every request so far, in the order of arrival.

    `token_uses`: how many requests each token that begins with `pass-` is good for, before it is refused with 401 as
    every other token is; None: any token is good, and none is needed.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self.log: list[Exchange] = []
        self.token_uses: int | None = None
        self._plane = plane
        self._rules: list[_Rule] = []
        self._spent: Counter[str] = Counter()
        self._refused: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._listener: _Listener | None = None
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(plane.keys / "server.crt", plane.keys / "server.key")
        self._held = _held()
        self._port = int(self._held.getsockname()[1])
        self.come_back()

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self.go_away()
        self._held.close()

    # ---- the script

    def when(
        self,
        method: str,
        pattern: str,
        act: Act,
        *,
        nth: Container[int] = FIRST,
        each: bool = False,
        names: str = "",
    ) -> None:
        """Do this to the nth requests (from 1) of a method (`*`: any) whose path and query match, and the name of the LRS.

        `each`: counted for each object. The first rule that has something for a request decides.
        """
        with self._lock:
            self._rules.append(_Rule(method, re.compile(pattern), act, nth, each, re.compile(names)))

    def behave(self) -> None:
        """Forget the rules and the log; pass everything on from now."""
        with self._lock:
            self._rules.clear()
            self.log.clear()
            self._refused.clear()
            self.token_uses = None

    def go_away(self) -> None:
        """Cut every connection and listen no longer, as a server whose machine is gone but for its address."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener:
            listener.end()

    def come_back(self) -> None:
        """Listen again, on the same port."""
        self._listener = _Listener(self, self._port, self._tls)

    # ---- what a test looks at

    @property
    def url(self) -> str:
        """The server's URL."""
        return f"https://127.0.0.1:{self._port}"

    def kubeconfig(self, path: Path, user: Mapping[str, Any] | None = None) -> Path:
        """A kubeconfig that leads here; `user`: its user section, where a token will not do."""
        return self._plane.write_kubeconfig(path, token="any", server=self.url, user=user)

    @property
    def writes(self) -> list[Exchange]:
        """The requests that were to change an LRS."""
        return [each for each in list(self.log) if each.is_write]

    def done(self, method: str) -> Counter[tuple[str, str]]:
        """How often the server did this to each object: (namespace, name) → count."""
        return Counter(each.key for each in self.writes if each.method == method and 200 <= each.upstream < 300)

    def most_at_once(self, method: str = "POST") -> int:
        """How many writes of a method were under way at the same time, at most."""
        events = [(each.began, 1) for each in self.writes if each.method == method]
        events += [(each.ended, -1) for each in self.writes if each.method == method and each.ended]
        running = most = 0
        for _, change in sorted(events):
            running += change
            most = max(most, running)
        return most

    # ---- one request, called by the handler

    def decide(self, exchange: Exchange) -> Act:
        """Note the request, and what is to become of it."""
        with self._lock:
            self.log.append(exchange)
            if self.token_uses is not None and self._is_refused(exchange, self.token_uses):
                return refuse(401, reason="Unauthorized", message="Unauthorized")
            hits = [rule.act for rule in self._rules if rule.applies(exchange)]
        return hits[0] if hits else PASS

    def _is_refused(self, exchange: Exchange, uses: int) -> bool:
        """Whether its token is none, or used up.

        Tokens end by time elsewhere: who was refused with one, and has got the next, is not late with that one too because
        others have sent so many requests in the meantime.
        """
        self._spent[exchange.token] += 1
        request = (exchange.method, exchange.target, *exchange.key)
        is_over = self._spent[exchange.token] > uses and self._refused.get(request, exchange.token) == exchange.token
        if is_over:
            self._refused[request] = exchange.token
        return is_over or not exchange.token.startswith(PASS_PREFIX)

    def forward(self, connection: http.client.HTTPSConnection, exchange: Exchange, headers: Mapping[str, str]) -> Answer:
        """The API server's own answer, asked as administrator; 502 where there is none."""
        passed = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
        passed["Authorization"] = f"Bearer {self._plane.admin_token}"
        try:
            connection.request(exchange.method, exchange.target, exchange.body or None, passed)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return html(502)
        exchange.upstream = response.status
        kept = {name: value for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP}
        return Answer(status=response.status, body=body, headers=kept)

    def upstream(self) -> http.client.HTTPSConnection:
        """A connection to the API server."""
        return self._plane.connection()

    def hang(self) -> None:
        """Returns when the proxy ends."""
        self._over.wait()


class _Listener(Server):
    """The socket, a thread that accepts, and a thread for each connection."""

    def __init__(self, proxy: FaultProxy, port: int, tls: ssl.SSLContext) -> None:
        self.proxy = proxy
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self.is_cut = False
        super().__init__("proxy", _Handler, port=port)
        self.start()

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        """A new connection; its handshake happens in its own thread, with the first read."""
        plain, address = super().get_request()
        wrapped = self._tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        with self._open_lock:
            self._open.add(wrapped)
        return wrapped, address

    def shutdown_request(self, request: Any) -> None:
        """Close without TLS's goodbye: it is the end of a TCP connection."""
        with self._open_lock:
            self._open.discard(request)
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """What happens to connections that were cut here is no news either."""
        if not self.is_cut:
            super().handle_error(request, client_address)

    def end(self) -> None:
        """Listen no longer, and cut what is open."""
        self.is_cut = True
        self.stop()
        with self._open_lock:
            left = list(self._open)
        for each in left:
            reset(each)


def _held() -> socket.socket:
    """A port of the proxy's own, also while nobody listens, when who connects is refused: the system gives it to nobody else."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def reset(connection: socket.socket) -> None:
    """End a connection with a TCP reset, whoever is reading from it.

    Not with the `shutdown` of `ssl`: that ends TLS alone, and whoever reads on is given the bytes as they are, encrypted.
    """
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
        connection.close()
    except OSError:
        pass


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def setup(self) -> None:
        super().setup()
        self._upstream = self.server.proxy.upstream()

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing on stderr."""

    def _serve(self) -> None:
        proxy = self.server.proxy
        url = urlsplit(self.path)
        exchange = Exchange(
            method=self.command,
            path=url.path,
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            body=body(self),
            token=(self.headers.get("Authorization") or "").removeprefix("Bearer "),
            began=time.monotonic(),
        )
        if self.server.is_cut:
            raise ConnectionResetError("what was read of a connection that is cut is no request")
        act = proxy.decide(exchange)
        if act.before:
            act.before()
        if act.delay:
            time.sleep(act.delay)
        answer = proxy.forward(self._upstream, exchange, dict(self.headers.items())) if act.forward else None
        if act.after:
            act.after()
        if act.hang:
            proxy.hang()
            self.close_connection = True
            return
        self._tell(exchange, act, act.answer or answer or html(502))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  the names that http.server calls

    def _tell(self, exchange: Exchange, act: Act, answer: Answer) -> None:
        exchange.ended = time.monotonic()
        if act.cut is Cut.UNANSWERED:
            self._end(act)
            return
        headers = {**answer.headers, "Content-Length": str(len(answer.body))}
        head = f"HTTP/1.1 {answer.status} {http.client.responses[answer.status]}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        exchange.status = answer.status
        if act.cut is Cut.MID_BODY:
            self.wfile.write(f"{head}\r\n".encode() + answer.body[: len(answer.body) // 2])
            self._end(act)
        elif act.rate:
            self.wfile.write(f"{head}\r\n".encode())
            self._trickle(answer.body, act.rate)
        else:
            self.wfile.write(f"{head}\r\n".encode() + answer.body)
        if act.cut is Cut.AFTERWARDS:
            self._end(act)

    def _trickle(self, body: bytes, rate: int) -> None:
        size = max(1, int(rate * TICK))
        for start in range(0, len(body), size):
            self.wfile.write(body[start : start + size])
            time.sleep(size / rate)

    def _end(self, act: Act) -> None:
        self.close_connection = True
        if act.reset:
            reset(self.connection)
