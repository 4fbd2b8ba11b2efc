"""The door to the DataRobot REST API v2: plain dicts in and out, every failure one of ours.

It knows requests, answers and when a request may be sent again; what a status means is not its business. `requests`
is imported when a client is made, so that help does not wait for it.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from kubectl_lrs import __version__
from kubectl_lrs.clients import wirelog
from kubectl_lrs.model.errors import ApiError, ConflictError, DeniedError, LrsError, NotFoundError, UnreachableError, UsageError
from kubectl_lrs.stores.deployments.api.credentials import Access

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT = 15.0
READ_TIMEOUT = 60.0
"""Seconds without a byte before a request is given up, where --request-timeout says nothing."""

ATTEMPTS = 6
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 20.0
LONGEST_RETRY_AFTER = 300.0
"""Seconds. Pauses double from the first one, with jitter; a server that asks for more than the longest is not waited for."""

FOREVER = float("inf")

Query: TypeAlias = "tuple[tuple[str, str], ...]"

PAGE = 100
LISTS = 3
"""How often the list is read when it changed in between and so gave fewer than it says there are."""

HOPS = 3
MAX_MESSAGE = 300

READ_AGAIN = frozenset((429, 502, 503, 504))
WRITE_AGAIN = frozenset((429, 503))
DONE_TASKS = frozenset(("COMPLETED", "ERROR", "ABORTED", "EXPIRED"))

_TASK = re.compile(r"/status/([^/?#]+)/?$")
_PREFIX = re.compile(r"^(.*Failed to establish a new connection: )?(\[[^]]*\] )?")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class UnansweredError(UnreachableError):
    """A change was sent and no clear answer came: it may or may not have been taken. The caller finds out."""


class ForbiddenError(DeniedError):
    """403: the token is good, and does not allow this."""


class BusyError(ConflictError):
    """409 to a change. `repeated`: the request had been sent before, so what it found may be its own doing."""

    def __init__(self, message: str, *, repeated: bool) -> None:
        super().__init__(message, status=409)
        self.repeated = repeated


@dataclass(frozen=True)
class Task:
    """`state` as the API has it, COMPLETED too where it only says that it is done; empty where it is not known any more."""

    state: str
    message: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return not self.state or self.state in DONE_TASKS


class DataRobotClient:
    """One API as one user. Safe to use from several threads. Setting `stop` ends the waiting between attempts.

    `notes` are lines on answers that are not quite what they say.
    """

    def __init__(self, access: Access, *, timeout: float | None = None, stop: threading.Event | None = None) -> None:
        import requests

        self.endpoint = access.endpoint
        self.source = access.source
        self.stop = stop or threading.Event()
        self.notes: list[str] = []
        self._requests = requests
        self._token = access.token
        self._verify = access.verify
        self._scheme = {"auto": "Bearer", "bearer": "Bearer", "token": "Token"}[access.scheme]
        self._may_find_out = access.scheme == "auto"
        self._timeout = (min(CONNECT_TIMEOUT, timeout or CONNECT_TIMEOUT), timeout or READ_TIMEOUT)
        self._local = threading.local()
        self._not_before = 0.0
        if access.verify is False:
            import urllib3

            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def __repr__(self) -> str:
        return f"DataRobotClient({self.endpoint})"

    # ---- what the API has

    def version(self) -> str:
        """Such as 2.34.0; empty where the API does not say. UnreachableError where nothing answers that is this API."""
        try:
            answer = self._get("/version/")
        except ApiError:
            return ""
        return self._text(answer.get("versionString") or "")

    def account(self) -> dict[str, Any]:
        """Who the token belongs to: `orgId`, `uid`, `permissions`; empty where the application is too old to say."""
        try:
            return self._get("/account/info/")
        except NotFoundError:
            return {}

    def deployments(self) -> Iterator[dict[str, Any]]:
        """Every deployment that the token sees, once each, oldest first."""
        return self._listed("/deployments/", (("orderBy", "createdAtTimestamp"),), "deployments")

    def custom_applications(self) -> Iterator[dict[str, Any]]:
        """Every custom application that the token sees, once each; NotFoundError where the application is too old for them."""
        return self._listed("/customApplications/", (), "custom applications")

    def _listed(self, path: str, query: Query, what: str) -> Iterator[dict[str, Any]]:
        """Everything in a list, once each.

        The list is read again when it changed in between: a deletion moves the others to pages that have been read.
        """
        seen: set[str] = set()
        for _ in range(LISTS):
            totals, count = set(), 0
            for page in self._pages(path, query):
                totals.add(page.get("totalCount"))
                count += len(page["data"])
                for each in page["data"]:
                    if each["id"] not in seen:
                        seen.add(each["id"])
                        yield each
            if totals in ({count}, {None}):
                return
        self.notes.append(f"{self.endpoint}: the list of {what} changes all the time; some may be missing")

    def _pages(self, path: str, query: Query) -> Iterator[dict[str, Any]]:
        """Of `next` only the query is used: its host may be a proxy's, and the token goes nowhere but to the endpoint."""
        query = (("limit", str(PAGE)), ("offset", "0"), *query)
        asked = set()
        while query and query not in asked:
            asked.add(query)
            page = self._get(path, query)
            data = page.get("data")
            if not isinstance(data, list) or not all(isinstance(each, dict) and _is_id(each.get("id")) for each in data):
                raise self._not_the_api("GET", path)
            yield page
            following = page.get("next")
            query = tuple(parse_qsl(urlsplit(str(following)).query)) if following else ()

    def deployment(self, identifier: str, *, limit: float = FOREVER) -> dict[str, Any]:
        """One deployment; NotFoundError where it is not, or is not visible to the token. `limit`: seconds for attempts."""
        path = f"/deployments/{quote(identifier, safe='')}/"
        return self._object(self._send("GET", path, limit=limit), "GET", path)

    def set_status(self, identifier: str, status: str, *, limit: float = FOREVER) -> str:
        """Ask for a status; the id of the task that brings it about, empty where none was named.

        BusyError: it is changing, or has that status. UnansweredError: the request may have been taken.
        """
        path = f"/deployments/{quote(identifier, safe='')}/status/"
        response = self._send("PATCH", path, body={"status": status}, limit=limit)
        found = _TASK.search(urlsplit(response.headers.get("Location", "")).path)
        return found[1] if found and _is_id(found[1]) else ""

    def task(self, identifier: str, *, limit: float = FOREVER) -> Task:
        """How far a task is."""
        try:
            response = self._send("GET", f"/status/{quote(identifier, safe='')}/", limit=limit)
        except NotFoundError:
            return Task("")
        if response.status_code == 303:
            return Task("COMPLETED")
        answer = self._object(response, "GET", "/status/")
        return Task(str(answer.get("status") or ""), self._text(answer.get("message") or ""))

    # ---- HTTP

    def _get(self, path: str, query: Query = ()) -> dict[str, Any]:
        return self._object(self._send("GET", path, query=query), "GET", path)

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Mapping[str, Any] | None = None,
        limit: float = FOREVER,
    ) -> requests.Response:
        """Send until it is answered or hopeless, or `limit` seconds are over; the answer, 2xx or the 303 of a task.

        A read is repeated on everything that may pass. A change is repeated only where the server surely did not
        act on it: it was refused as too many or unavailable, or never reached the server.
        """
        again = READ_AGAIN if method == "GET" else WRITE_AGAIN
        refused_before = False
        end = time.monotonic() + limit
        for attempt in range(1, ATTEMPTS + 1):
            self._wait_for_turn(end)
            try:
                response = self._authorised(method, path, query, body)
            except self._requests.RequestException as error:
                passing = self._is_passing(error) if method == "GET" else self._was_never_sent(error)
                if attempt == ATTEMPTS or not passing or not self._may_wait(_pause(attempt), end):
                    raise self._unanswered(error, method) from None
                continue
            status = response.status_code
            if status < 300 or (status == 303 and path.startswith("/status/")):
                return response
            if status not in again or attempt == ATTEMPTS or not self._hold(response, attempt, end):
                self._refuse(response, method, path, repeated=refused_before)
            refused_before = True
        raise AssertionError("the last attempt returns or raises")

    def _hold(self, response: requests.Response, attempt: int, end: float) -> bool:
        """Wait before the next attempt, as the server asks; whether there is to be one."""
        asked = _retry_after(response.headers.get("Retry-After", ""))
        if asked is not None and asked > LONGEST_RETRY_AFTER:
            return False
        if asked is not None and response.status_code == 429:  # it means everyone who uses this token
            self._not_before = max(self._not_before, time.monotonic() + asked)
        return self._may_wait(_pause(attempt) if asked is None else asked, end)

    def _may_wait(self, seconds: float, end: float) -> bool:
        """Wait, where that is not longer than there is time; whether to go on."""
        return time.monotonic() + seconds < end and not self.stop.wait(seconds)

    def _wait_for_turn(self, end: float) -> None:
        self.stop.wait(max(0.0, min(self._not_before, end) - time.monotonic()))

    def _authorised(self, method: str, path: str, query: Query, body: Mapping[str, Any] | None) -> requests.Response:
        """Send once; where the very first credential is refused, once more in the other scheme that installations have."""
        response = self._follow(method, path, query, body)
        if response.status_code == 401 and self._may_find_out:
            self._may_find_out = False
            self._scheme = "Token"
            second = self._follow(method, path, query, body)
            if second.status_code != 401:
                return second
            self._scheme = "Bearer"
        elif response.status_code < 300:
            self._may_find_out = self._may_find_out and path == "/version/"  # which some answer to anyone
        return response

    def _follow(self, method: str, path: str, query: Query, body: Mapping[str, Any] | None) -> requests.Response:
        """Send once. A read is redirected within the same origin only, so that the token goes nowhere else."""
        url = self.endpoint + path
        for _ in range(HOPS):
            response = self._once(method, url, query, body)
            target = response.headers.get("Location", "")
            if response.status_code not in (301, 302, 303, 307, 308) or (
                response.status_code == 303 and path.startswith("/status/")
            ):
                return response
            following = urljoin(url, target)
            if method != "GET" or not target or _origin(following) != _origin(self.endpoint):
                raise UnreachableError(
                    f"{self.endpoint}: it redirects to {self._text(_origin(following))}, where the token is not sent",
                    hint="if that is the application, name it as the URL",
                )
            url, query = following, ()
        raise UnreachableError(f"{self.endpoint}: it redirects {method} {path} for ever")

    def _once(self, method: str, url: str, query: Query, body: Mapping[str, Any] | None) -> requests.Response:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._requests.Session()
        headers = {"Accept": "application/json", "User-Agent": f"kubectl-lrs/{__version__}"}
        shown = url + (f"?{urlencode(query)}" if query else "")
        signed = [*headers.items(), ("Authorization", f"{self._scheme} {self._token}")]
        try:
            with wirelog.Exchange(method, shown, signed, json.dumps(body).encode() if body else None) as exchange:
                response = session.request(
                    method,
                    url,
                    params=query or None,
                    json=body,
                    # Given as a function, so that neither a .netrc nor a URL can put another credential in its place.
                    auth=self._sign,
                    headers=headers,
                    timeout=self._timeout,
                    allow_redirects=False,
                    verify=self._verify,
                )
                exchange.answered(response.status_code, response.reason, response.headers.items(), response.content)
                return response
        except OSError as error:
            if isinstance(error, self._requests.RequestException):
                raise
            raise UsageError(f"the bundle of CA certificates is not usable: {self._text(error)}") from None

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"{self._scheme} {self._token}"
        return request

    # ---- failures

    def _is_passing(self, error: Exception) -> bool:
        known = self._requests
        permanent = (known.exceptions.SSLError, known.exceptions.ProxyError, known.exceptions.InvalidURL)
        return isinstance(
            error, (known.ConnectionError, known.Timeout, known.exceptions.ChunkedEncodingError)
        ) and not isinstance(error, permanent)

    def _was_never_sent(self, error: Exception) -> bool:
        """Whether a connection was not even made."""
        from urllib3.exceptions import NewConnectionError

        reason = getattr(error.args[0], "reason", None) if error.args else None
        return isinstance(error, self._requests.ConnectTimeout) or isinstance(reason, NewConnectionError)

    def _unanswered(self, error: Exception, method: str) -> UnreachableError:
        known = self._requests.exceptions
        if isinstance(error, known.SSLError):
            hint = "give the authority of its certificate with --api-ca-file"
        else:
            hint = "check the URL, and HTTPS_PROXY and NO_PROXY where there is a proxy"
        never = self._was_never_sent(error) or isinstance(error, (known.SSLError, known.ProxyError))
        if method == "GET" or never:
            return UnreachableError(f"{self.endpoint}: cannot be reached: {self._cause(error)}", hint=hint)
        return UnansweredError(f"no answer to the request: {self._cause(error)}")

    def _cause(self, error: BaseException) -> str:
        """The innermost reason of an error of requests, in a few words."""
        if isinstance(error, self._requests.ConnectTimeout):
            return "connection timed out"
        if isinstance(error, self._requests.ReadTimeout):
            return f"nothing came for {self._timeout[1]:g}s"
        reason: BaseException = error
        while (inner := _inner(reason)) is not None:
            reason = inner
        text = str(reason.args[-1] if reason.args and isinstance(reason.args[-1], str) else reason)
        return self._text(_PREFIX.sub("", text))

    def _object(self, response: requests.Response, method: str, path: str) -> dict[str, Any]:
        try:
            document = response.json()
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self._not_the_api(method, path)
        return document

    def _not_the_api(self, method: str, path: str) -> UnreachableError:
        return UnreachableError(
            f"{self.endpoint}: what answers to {method} {path} is not the DataRobot API", hint="is this the application's URL?"
        )

    def _refuse(self, response: requests.Response, method: str, path: str, *, repeated: bool) -> NoReturn:
        status = response.status_code
        message = self._message(response, method, path)
        if status == 401:
            raise DeniedError(
                f"{self.endpoint}: the token from {self.source} was refused",
                hint="it may have expired; another scheme is chosen with --auth-scheme",
            )
        if status == 403:
            raise ForbiddenError(message)
        if status == 409 and method == "PATCH":
            raise BusyError(message, repeated=repeated)
        if method == "PATCH" and status >= 500 and status != 503:
            raise UnansweredError(message)
        if status in READ_AGAIN:
            raise UnreachableError(message, hint="the application is overloaded or starting; try again later")
        raise _ERRORS.get(status, ApiError)(message, status=status)

    def _message(self, response: requests.Response, method: str, path: str) -> str:
        """The server's own words where it has any, else its status; a proxy answers in HTML."""
        try:
            answer = response.json()
            said = answer.get("message") or answer.get("errors") or answer.get("error")
        except (ValueError, RecursionError, AttributeError):
            said = None
        head = f"HTTP {response.status_code}"
        return f"{self._text(said)} ({head})" if said else f"{head} {self._text(response.reason)} to {method} {path}".strip()

    def _text(self, value: object) -> str:
        """Words of a server as they may be shown: one line, no control characters, and never the token."""
        text = _UNSEEN.sub(" ", str(value).replace(self._token, "<token>")).strip()
        return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}..."


_ERRORS: Mapping[int, Callable[..., LrsError]] = {404: NotFoundError, 410: NotFoundError}


def _inner(error: BaseException) -> BaseException | None:
    """What another error is made of."""
    parts = (getattr(error, "reason", None), *reversed(error.args))
    return next((part for part in parts if isinstance(part, BaseException)), None)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,128}", value) is not None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _pause(attempt: int) -> float:
    """Seconds to wait before the next attempt."""
    jitter = random.uniform(0.5, 1.0)  # noqa: S311  no secret
    return jitter * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1))


def _retry_after(text: str) -> float | None:
    """Seconds, from a number or a date."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None
