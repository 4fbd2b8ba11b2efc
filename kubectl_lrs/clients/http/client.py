"""One HTTP client, for registries and for the application's API: redirects, credentials, trying again, limits of time.

A credential goes to the origin that it is for, and nowhere else. What is worth sending again is the caller's to say.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urljoin, urlsplit

from kubectl_lrs import __version__
from kubectl_lrs.clients.addresses import Zone, host_of, inmost, is_loopback, require_led
from kubectl_lrs.clients.http.response import Body, CutError, Response, TooLargeError
from kubectl_lrs.clients.http.sessions import Connections, NoResponseError, cause, is_passing, is_untrusted, was_never_sent
from kubectl_lrs.clients.http.turns import Turns
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import Tls
from kubectl_lrs.clients.wirelog import Exchange
from kubectl_lrs.model.errors import UnreachableError
from kubectl_lrs.runtime import redact
from kubectl_lrs.runtime.cancel import Cancel, Deadline
from kubectl_lrs.runtime.retry import PASSING, Outage, Policy, Tries, retry_after

CONNECT_TIMEOUT = 15.0
READ_TIMEOUT = 60.0
"""Seconds without a byte before a request is given up."""

POLICY = Policy()
HOPS = 5
REDIRECTS = frozenset((301, 302, 303, 307, 308))
SAFE = ("GET", "HEAD")
TOO_MANY = 429

Origin: TypeAlias = "tuple[str, str, int | None]"
"""Scheme, host and port: what credentials are bound to."""


@dataclass(frozen=True, kw_only=True)
class HttpOptions:
    """How all servers of one kind are spoken to.

    `plain`: the hosts, with or without a port, that are spoken to without TLS; they were named by the user.

    `first_attempts`: how often a request is sent at most to a host that has never answered. `ca_hint`, `plain_hint`:
    what to do where a certificate is not trusted, and where a redirect leads out of TLS, or inside.
    """

    tls: Tls = field(default_factory=Tls)
    proxies: Proxies = field(default_factory=lambda: Proxies({}))
    plain: frozenset[str] = frozenset()
    read_timeout: float = READ_TIMEOUT
    first_attempts: int = POLICY.attempts
    ca_hint: str = ""
    plain_hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request. `authorization` is for the origin of `url` alone. `where` is what messages call the server;
    `led_by`: the URL of the one that named this URL, where it was not the user.

    `same_origin`: it is not followed to another one. `again`: the statuses after which it is sent again; `resend`: also
    where it may have arrived and no answer came. `read`: so many bytes of the body at most are read at once, while trying
    again still helps; 0: none.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    authorization: str = field(default="", repr=False)
    body: bytes | Body | None = field(default=None, repr=False)
    where: str = ""
    led_by: str = ""
    same_origin: bool = False
    final: frozenset[int] = frozenset()
    again: frozenset[int] = PASSING
    resend: bool = True
    attempts: int = POLICY.attempts
    read: int = 0

    @property
    def server(self) -> str:
        """What messages call it."""
        return self.where or redact.shown(urlsplit(self.url).netloc.rpartition("@")[2])


class Http:
    """Connections, for all servers of one kind in a run. Safe to use from several threads."""

    def __init__(self, options: HttpOptions, cancel: Cancel) -> None:
        self.cancel = cancel
        self._options = options
        self._connections = Connections(options.tls, options.proxies)
        self._timeout = (min(CONNECT_TIMEOUT, options.read_timeout), options.read_timeout)
        self._lock = threading.Lock()
        self._outages: dict[Origin, Outage] = {}
        self._answered: set[Origin] = set()
        self._turns: dict[Origin, Turns] = {}

    # ---- where to

    def is_plain(self, host: str) -> bool:
        """Whether this host, with its port, was said to speak without TLS."""
        return host in self._options.plain or host.rpartition(":")[0] in self._options.plain

    def speaks_plain(self, host: str) -> bool:
        """Whether a host on this machine answers without TLS; one whose certificate is not trusted does not."""
        if self.is_plain(host):
            return True
        if not is_loopback(host_of(f"//{host}")):
            return False
        import requests

        try:
            self._once(Request(method="GET", url=f"https://{host}/v2/"), f"https://{host}/v2/", None).close()
        except requests.exceptions.SSLError as error:
            return not is_untrusted(error)
        except requests.RequestException:
            return False
        return False

    def may_go_to(self, url: str, first: str) -> bool:
        """Whether a server that was asked by the URL `first` may have something sent there: by TLS, or by a host that is on
        this machine or was named. UnreachableError where it leads inside."""
        parts = urlsplit(url)
        safe = parts.scheme == "https" or (
            parts.scheme == "http" and (is_loopback(host_of(url)) or self.is_plain(parts.netloc.rpartition("@")[2]))
        )
        if safe:
            require_led(first, url, self._named, hint=self._options.plain_hint)
        return safe

    @property
    def _named(self) -> Collection[str]:
        return {host_of(f"//{host}") for host in self._options.plain}

    # ---- sending

    def send(self, request: Request, *, limit: float | None = None) -> Response:
        """The last answer, whatever its status, after sending it again while that may help; `limit`: seconds for all of it.

        NoResponseError where there is none, CancelledError where the run is to end before it was sent.
        """
        deadline = Deadline(limit, self.cancel) if limit is not None else None
        outage = self._outage(request.url)
        tries = Tries(POLICY, self.cancel, deadline=deadline, outage=outage)
        repeated = False
        while True:
            self._wait_for_turn(request.url, deadline)
            known = origin(request.url) in self._answered
            at_most = request.attempts if known else min(request.attempts, self._options.first_attempts)
            try:
                answer = self._answer(request)
            except Exception as error:  # noqa: BLE001  what is not known is raised again as it is
                outage.failed()
                failure = self._unanswered(request, error)
                if not self._may_pass(request, error) or not tries.again(at_most=at_most, why=str(failure)):
                    raise failure from None
                continue
            answer.repeated = repeated
            self._answered.add(origin(request.url))
            _judge(outage, answer.status)
            if answer.status not in request.again:
                self._turns_at(request.url).answered()
                return answer
            asked = retry_after(answer.headers.get("Retry-After"))
            if answer.status == TOO_MANY and asked is not None and asked <= POLICY.longest_asked:
                self._turns_at(request.url).refused(asked)  # it means every thread that asks there
            if not tries.again(asked=asked, at_most=request.attempts):
                return answer
            answer.finish()
            repeated = True

    def is_lost(self, url: str) -> bool:
        """Whether the server of this URL has given nothing but failures for as long as they may pass."""
        return self._outage(url).is_lost

    def pause(self, attempt: int) -> None:
        """Wait before something is tried anew; CancelledError where the run is to end."""
        self.cancel.wait(POLICY.pause(max(1, attempt)))
        self.cancel.require()

    def _outage(self, url: str) -> Outage:
        with self._lock:
            return self._outages.setdefault(origin(url), Outage())

    def _wait_for_turn(self, url: str, deadline: Deadline | None) -> None:
        turns = self._turns_at(url)
        refusals = -1
        while turns.refusals != refusals and not (deadline and deadline.is_over):
            refusals = turns.refusals
            if (wait := turns.take()) > 0:
                self.cancel.wait(min(wait, deadline.left) if deadline else wait)
                self.cancel.require()

    def _turns_at(self, url: str) -> Turns:
        with self._lock:
            return self._turns.setdefault(origin(url), Turns())

    def _answer(self, request: Request) -> Response:
        """Send once, and read what is to be read."""
        answer = self._follow(request)
        if request.read:
            try:
                answer.read(request.read)
            except BaseException:
                answer.close()
                raise
        return answer

    def _follow(self, request: Request) -> Response:
        """Send once. A read is redirected; the credentials stay with the origin that they are for."""
        url = request.url
        limit = self._limit_of(url, request.led_by) if request.led_by else None
        for _ in range(HOPS):
            answer = self._once(request, url, limit)
            target = answer.headers.get("Location", "")
            if answer.status not in REDIRECTS or answer.status in request.final or not target:
                return answer
            if request.method not in SAFE and not request.same_origin:
                return answer
            answer.finish()
            url = urljoin(url, target)
            limit = self._led(request, url)
        raise UnreachableError(f"{request.server}: it redirects for ever")

    def _led(self, request: Request, url: str) -> Zone | None:
        """How near a redirect of `request` to this URL may lead; UnreachableError where it is not followed."""
        if origin(url) == origin(request.url) and request.method in SAFE:
            return None
        if request.same_origin:
            raise UnreachableError(
                f"{request.server}: it redirects to {redact.origin(url)}, where the token is not sent",
                hint="if that is the application, name it as the URL",
            )
        if not self.may_go_to(url, request.led_by or request.url):
            raise UnreachableError(
                f"{request.server}: it redirects to {redact.origin(url)}, which is not https", hint=self._options.plain_hint
            )
        return self._limit_of(url, request.led_by or request.url)

    def _limit_of(self, url: str, first: str) -> Zone | None:
        """How near the connection to `url` may lead, for a server that was asked by the URL `first`; None: anywhere."""
        host = host_of(url)
        return None if host == host_of(first) or host in self._named else min(inmost(first), Zone.MACHINE)

    def _once(self, request: Request, url: str, limit: Zone | None) -> Response:
        import requests

        headers = {"User-Agent": f"kubectl-lrs/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity", **request.headers}
        if request.authorization and origin(url) == origin(request.url):
            headers["Authorization"] = request.authorization
        exchange = Exchange(request.method, url, headers.items(), request.body if isinstance(request.body, bytes) else None)
        try:
            # With a function for its credentials, so that a URL cannot put others in their place.
            made = requests.Request(request.method, url, headers=headers, data=request.body, auth=lambda prepared: prepared)
            response = self._connections.send(made.prepare(), limit, self._timeout)
        except BaseException as error:
            exchange.failed(error, cause(error) if isinstance(error, OSError) else "")
            exchange.show()
            raise
        return Response(response, exchange, self.cancel)

    # ---- failures

    def _may_pass(self, request: Request, error: Exception) -> bool:
        if not (isinstance(error, CutError) or is_passing(error)):
            return False
        return request.resend or was_never_sent(error)

    def _unanswered(self, request: Request, error: Exception) -> Exception:
        """An error of ours as it is; what `requests` raises as one of ours; a bug as it is."""
        import requests

        if isinstance(error, (CutError, TooLargeError)):
            may_pass = isinstance(error, CutError)
            return NoResponseError(f"{request.server}: {error}", hint="", sent=True, cause=str(error), may_pass=may_pass)
        if not isinstance(error, requests.RequestException):
            return error
        if is_untrusted(error) or isinstance(error, requests.exceptions.SSLError):
            hint = self._options.ca_hint
        else:
            hint = "check its name, and HTTPS_PROXY and NO_PROXY where there is a proxy"
        timed_out = isinstance(error, requests.exceptions.ReadTimeout)
        said = f"nothing came for {self._timeout[1]:g}s" if timed_out else cause(error)
        message = f"{request.server}: cannot be reached: {said}"
        sent, may_pass = not was_never_sent(error), is_passing(error)
        return NoResponseError(message, hint=hint, sent=sent, cause=said, may_pass=may_pass)


def _judge(outage: Outage, status: int) -> None:
    """What an answer says of the server: 429 that it is busy, and nothing else."""
    if status >= 500:
        outage.failed()
    elif status != TOO_MANY:
        outage.succeeded()


def origin(url: str) -> Origin:
    """What credentials are bound to."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme)
