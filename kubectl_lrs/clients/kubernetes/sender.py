"""Requests to one API server as one user: sent again while that may help, with credentials that are renewed, and shown.

What is sent again and after which pause is decided here, by the one policy; how it is sent is the transport's, and what an
answer means is said in `answers`.
"""

from __future__ import annotations

import math
import platform
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode, urlsplit

from kubectl_lrs import __version__
from kubectl_lrs.clients import wirelog
from kubectl_lrs.clients.addresses import host_of, is_loopback
from kubectl_lrs.clients.kubernetes.answers import refused, unanswered
from kubectl_lrs.clients.kubernetes.credentials import Credentials
from kubectl_lrs.clients.kubernetes.kubeconfig import Connection
from kubectl_lrs.clients.kubernetes.transport import Response, Transport, TransportError, Upgraded
from kubectl_lrs.clients.kubernetes.warnings import Warnings
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.retry import PASSING, REFUSED_UNDONE, Outage, Policy, Tries, retry_after

USER_AGENT = f"kubectl-lrs/{__version__} ({platform.system().lower()}/{platform.machine()})"

POLICY = Policy(longest=30.0, longest_asked=math.inf, at_most_asked=30.0)
"""Retry-After is honoured up to the longest pause."""

TOO_MANY = 429
TRIED_AGAIN = PASSING - {500}


class Sender:
    """Sends to one API server. Safe to use from several threads. `cancel` ends the waits between attempts.

    `outage` tells how long it has been giving nothing but failures; `warnings` keeps what it warns of.
    """

    def __init__(self, connection: Connection, *, timeout: float | None, cancel: Cancel) -> None:
        self.connection = connection
        self.cancel = cancel
        self.warnings = Warnings()
        self.outage = Outage()
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

    def now(self) -> datetime:
        """The time by the clock of the server, which stamps the objects; by our own before its first answer."""
        try:
            told = parsedate_to_datetime(self._date)
        except ValueError:
            return datetime.now(timezone.utc)
        return told if told.tzinfo else told.replace(tzinfo=timezone.utc)

    # ---- one after the other, until it is answered

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "",
        trial: bool = False,
    ) -> bytes:
        """Send until it is answered or hopeless; the body of a 2xx.

        A read is repeated on everything that may pass. A write is repeated only where the server surely did not
        act on it: it was refused as too many or unavailable, or never reached the server. `trial`: it changes nothing
        whatever its method, and is repeated as a read is, but for 500, which is what a webhook's failure looks like.
        """
        target = f"{self._prefix}{path}" + (f"?{urlencode(query)}" if query else "")
        is_read = method == "GET"
        statuses = PASSING if is_read else TRIED_AGAIN if trial else REFUSED_UNDONE
        tries = Tries(POLICY, self.cancel, outage=self.outage)
        while True:
            try:
                answer = self._authorised(method, target, body, content_type, accept)
            except TransportError as error:
                self.outage.failed()
                again = not error.tls and (is_read or trial or not error.sent)
                failure = unanswered(error, method, path, self.connection.server)
                if not again or not tries.again(why=str(failure)):
                    raise failure from error
                continue
            self._judge(answer.status, is_read=is_read)
            if answer.status < 300:
                return answer.data
            if answer.status not in statuses or not tries.again(asked=retry_after(answer.headers.get("Retry-After"))):
                raise refused(answer, method, path, self.connection.server)

    def _judge(self, status: int, *, is_read: bool) -> None:
        """What an answer says of the server. 500 to a write may be a webhook's doing, and 429 is neither good nor bad."""
        if status < 500:
            if status != TOO_MANY:
                self.outage.succeeded()
        elif is_read or status in REFUSED_UNDONE:
            self.outage.failed()

    def _authorised(self, method: str, target: str, body: bytes | None, content_type: str, accept: str) -> Response:
        """Send once; once more with a new credential where the one at hand was refused and another can be had."""
        generation = self._credentials.generation
        answer = self._once(method, target, body, content_type, accept)
        if answer.status == 401 and self._credentials.renew(generation):
            return self._once(method, target, body, content_type, accept)
        return answer

    def _once(self, method: str, target: str, body: bytes | None, content_type: str, accept: str) -> Response:
        own = [(name, accept if accept and name == "Accept" else value) for name, value in self._headers]
        headers = [*own, *self._credentials.headers().items()]
        if body is not None:
            headers.append(("Content-Type", content_type))
        with wirelog.Exchange(method, self._origin + target, headers, body) as exchange:
            answer = self._connected().send(method, target, headers, body)
            exchange.answered(answer.status, answer.reason, answer.headers.items() if wirelog.is_on() else (), answer.data)
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

    # ---- another protocol

    def upgrade(self, path: str, query: Mapping[str, str], headers: Iterable[tuple[str, str]]) -> Upgraded:
        """A connection of its own to what is behind `path`, on which another protocol is spoken from now on.

        Asked for again only where the server is too busy; whoever uses it connects again anyhow.
        """
        target = f"{self._prefix}{path}?{urlencode(query)}"
        tries = Tries(POLICY, self.cancel, outage=self.outage)
        while True:
            generation = self._credentials.generation
            try:
                answer = self._upgraded(target, headers)
                if isinstance(answer, Response) and answer.status == 401 and self._credentials.renew(generation):
                    answer = self._upgraded(target, headers)
            except TransportError as error:
                raise unanswered(error, "GET", path, self.connection.server) from error
            if isinstance(answer, Upgraded):
                return answer
            asked = retry_after(answer.headers.get("Retry-After"))
            if answer.status not in REFUSED_UNDONE or not tries.again(asked=asked):
                raise refused(answer, "GET", path, self.connection.server)

    def _upgraded(self, target: str, headers: Iterable[tuple[str, str]]) -> Response | Upgraded:
        every = [*self._headers, *self._credentials.headers().items(), *headers]
        with wirelog.Exchange("GET", self._origin + target, every) as exchange:
            answer = self._connected().upgrade(target, every)
            if isinstance(answer, Response):
                exchange.answered(answer.status, answer.reason, answer.headers.items(), answer.data)
            else:
                exchange.answered(101, "Switching Protocols", answer.headers.items(), b"")
        return answer
