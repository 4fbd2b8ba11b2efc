"""HTTP to registries, token servers and wherever they redirect to: sent again where that may help, bounded in time.

An `Authorization` header goes to the origin that it is for, and nowhere else. `requests` is imported when a connection
is first needed, so that help does not wait for it.
"""

from __future__ import annotations

import random
import re
import ssl
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from kubectl_lrs import __version__
from kubectl_lrs.model.errors import LrsError, UnreachableError, UsageError

if TYPE_CHECKING:
    import requests

    from kubectl_lrs.stores.images.registry.content import Body

CONNECT_TIMEOUT = 15.0
READ_TIMEOUT = 60.0
"""Seconds without a byte before a request is given up."""

ATTEMPTS = 6
FIRST_ATTEMPTS = 3
"""How often a request is sent at most, and to a host that has never answered."""

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 20.0
LONGEST_RETRY_AFTER = 300.0
"""Seconds. Pauses double from the first one, with jitter; a server that asks for more than the longest is not waited for."""

Origin = tuple[str, str, "int | None"]
"""Scheme, host and port."""

HOPS = 5
CHUNK = 256 << 10
SMALL = 64 << 10
AGAIN = frozenset((429, 500, 502, 503, 504))
REDIRECTS = frozenset((301, 302, 303, 307, 308))
MAX_WORDS = 300

_PREFIX = re.compile(r"^(.*Failed to establish a new connection: )?(\[[^]]*\] )?")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, kw_only=True)
class HttpOptions:
    """`ca_file` is trusted beside the system's authorities; `plain` are the hosts that are spoken to without TLS."""

    ca_file: str = ""
    plain: frozenset[str] = frozenset()
    read_timeout: float = READ_TIMEOUT


class StoppedError(LrsError):
    """The run was told to stop while a registry was waited for."""


class Http:
    """Connections, for all registries of a run. Safe to use from several threads. Setting `stop` ends every wait."""

    def __init__(self, options: HttpOptions, stop: threading.Event) -> None:
        self.stop = stop
        self._options = options
        self._local = threading.local()
        self._timeout = (min(CONNECT_TIMEOUT, options.read_timeout), options.read_timeout)
        self._answered: set[Origin] = set()
        self._not_before: dict[Origin, float] = {}

    def is_plain(self, host: str) -> bool:
        """Whether this host, with its port, was said to speak without TLS."""
        return host in self._options.plain or host.rpartition(":")[0] in self._options.plain

    def speaks_plain(self, host: str) -> bool:
        """Whether a host on this machine answers without TLS; one whose certificate is not trusted does not."""
        if self.is_plain(host):
            return True
        if not is_loopback(urlsplit(f"//{host}").hostname or ""):
            return False
        try:
            self._once("GET", f"https://{host}/v2/", {}, "", None).close()
        except self._library().exceptions.SSLError as error:
            return "CERTIFICATE_VERIFY_FAILED" not in str(error)
        except self._library().RequestException:
            return False
        return False

    def may_go_to(self, url: str) -> bool:
        """Whether it is safe to send something there: by TLS, or to a host that is on this machine or was named."""
        parts = urlsplit(url)
        return parts.scheme == "https" or (
            parts.scheme == "http" and (is_loopback(parts.hostname or "") or self.is_plain(parts.netloc.rpartition("@")[2]))
        )

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        authorization: str = "",
        body: bytes | Body | None = None,
        repeat: bool = True,
        secrets: Collection[str] = (),
    ) -> requests.Response:
        """The last answer, whatever its status, its body not yet read. UnreachableError where there is none.

        With `repeat` it is sent again on what may pass, and then an answer of AGAIN means that it did not.
        """
        attempts = ATTEMPTS if repeat else 1
        for attempt in range(1, attempts + 1):
            self._wait_for_turn(url)
            try:
                response = self._follow(method, url, headers, authorization, body)
            except self._library().RequestException as error:
                known = origin(url) in self._answered
                if attempt == (attempts if known else min(attempts, FIRST_ATTEMPTS)) or not self._is_passing(error):
                    raise self._unreachable(url, error, secrets) from None
                self.pause(attempt)
                continue
            self._answered.add(origin(url))
            if response.status_code not in AGAIN or attempt == attempts or not self._hold(response, attempt, url):
                return response
            finish(response)
        raise AssertionError("the last attempt returns or raises")

    def pause(self, attempt: int) -> None:
        """Wait before the next attempt; StoppedError where the run is to end."""
        jitter = random.uniform(0.5, 1.0)  # noqa: S311  no secret
        if self.stop.wait(jitter * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1))):
            raise StoppedError("stopped")

    def _hold(self, response: requests.Response, attempt: int, url: str) -> bool:
        """Wait as the server asks; whether there is to be another attempt."""
        asked = _retry_after(response.headers.get("Retry-After", ""))
        if asked is None:
            self.pause(attempt)
            return True
        if asked > LONGEST_RETRY_AFTER:
            return False
        if response.status_code == 429:  # it means every thread that asks this host
            self._not_before[origin(url)] = time.monotonic() + asked
        if self.stop.wait(asked):
            raise StoppedError("stopped")
        return True

    def _wait_for_turn(self, url: str) -> None:
        if self.stop.wait(max(0.0, self._not_before.get(origin(url), 0.0) - time.monotonic())):
            raise StoppedError("stopped")

    def _follow(
        self, method: str, url: str, headers: Mapping[str, str], authorization: str, body: bytes | Body | None
    ) -> requests.Response:
        """Send once. A read is redirected; the credentials stay with the origin that they are for."""
        first = url
        for _ in range(HOPS):
            response = self._once(method, url, headers, authorization if origin(url) == origin(first) else "", body)
            target = response.headers.get("Location", "")
            if response.status_code not in REDIRECTS or method not in ("GET", "HEAD") or not target:
                return response
            finish(response)
            url = urljoin(url, target)
            if not self.may_go_to(url):
                raise UnreachableError(
                    f"{urlsplit(first).netloc}: it redirects to {shown_origin(url)}, which is not https",
                    hint="if that host is trusted, name it with --registry-plain-http",
                )
        raise UnreachableError(f"{urlsplit(first).netloc}: it redirects for ever")

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], authorization: str, body: bytes | Body | None
    ) -> requests.Response:
        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            # Given as a function, so that neither a .netrc nor a URL can put another credential in its place.
            if authorization:
                request.headers["Authorization"] = authorization
            return request

        try:
            return self._session().request(
                method,
                url,
                data=body,
                auth=sign,
                headers={"User-Agent": f"kubectl-lrs/{__version__}", "Accept-Encoding": "identity", **headers},
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
        except OSError as error:
            if isinstance(error, self._library().RequestException):
                raise
            raise UsageError(f"the bundle of CA certificates is not usable: {words(error)}") from None

    # ---- connections

    @staticmethod
    def _library() -> Any:
        import requests

        return requests

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._library().Session()
            if self._options.ca_file:
                session.mount("https://", _adapter(self._options.ca_file))
            self._local.session = session
        return session

    def _is_passing(self, error: Exception) -> bool:
        known = self._library().exceptions
        permanent = (known.SSLError, known.ProxyError, known.InvalidURL)
        return isinstance(error, (known.ConnectionError, known.Timeout, known.ChunkedEncodingError)) and not isinstance(
            error, permanent
        )

    def _unreachable(self, url: str, error: Exception, secrets: Collection[str]) -> UnreachableError:
        known = self._library().exceptions
        if isinstance(error, known.SSLError):
            hint = "give the authority of its certificate with --registry-ca-file; one without TLS: --registry-plain-http"
        else:
            hint = "check its name, and HTTPS_PROXY and NO_PROXY where there is a proxy"
        return UnreachableError(f"{urlsplit(url).netloc}: cannot be reached: {self.cause(error, secrets)}", hint=hint)

    def cause(self, error: BaseException, secrets: Collection[str] = ()) -> str:
        """The innermost reason of an error of requests, in a few words."""
        known = self._library().exceptions
        if isinstance(error, known.ConnectTimeout):
            return "connection timed out"
        if isinstance(error, known.ReadTimeout):
            return f"nothing came for {self._timeout[1]:g}s"
        reason: BaseException = error
        while (inner := _inner(reason)) is not None:
            reason = inner
        text = str(reason.args[-1] if reason.args and isinstance(reason.args[-1], str) else reason)
        return words(_PREFIX.sub("", text), secrets)


def finish(response: requests.Response) -> None:
    """The answer is done with. What little is left of it is read, so that its connection serves the next request."""
    try:
        if response.raw.read(SMALL, decode_content=False) and response.raw.read(1, decode_content=False):
            response.close()  # much is left: cheaper to connect anew
    except Exception:  # noqa: BLE001  nobody wants it any more, and urllib3 has errors of many kinds
        response.close()
    else:
        response.raw.release_conn()


@contextmanager
def finished(response: requests.Response) -> Iterator[requests.Response]:
    """An answer that is done with at the end of the block."""
    try:
        yield response
    except BaseException:
        response.close()
        raise
    finish(response)


def _adapter(ca_file: str) -> Any:
    """Trusts an authority beside those that requests trusts."""
    from requests.adapters import HTTPAdapter
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context()
    try:
        context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"--registry-ca-file {ca_file}: not a certificate file: {words(error)}") from None

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, ssl_context=context, **kwargs)

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            return super().proxy_manager_for(proxy, ssl_context=context, **kwargs)

    return Adapter()


def words(value: object, secrets: Collection[str] = ()) -> str:
    """Words of a server as they may be shown: one line, no control characters, no secret, no query of a URL."""
    text = str(value)
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "<secret>")
    text = re.sub(r"(https?://[^\s?\"']+)\?[^\s\"']*", r"\1?...", text)
    text = _UNSEEN.sub(" ", text).strip()
    return text if len(text) <= MAX_WORDS else f"{text[:MAX_WORDS]}..."


def origin(url: str) -> Origin:
    """What credentials are bound to."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def shown_origin(url: str) -> str:
    """A URL's scheme and host, without anything that may be secret."""
    scheme, host, port = origin(url)
    return words(f"{scheme}://{host}:{port}")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def _inner(error: BaseException) -> BaseException | None:
    """What another error is made of."""
    parts = (getattr(error, "reason", None), *reversed(error.args))
    return next((part for part in parts if isinstance(part, BaseException)), None)


def _retry_after(text: str) -> float | None:
    """Seconds, from a number or a date."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None
