"""The client of the DataRobot REST API v2: plain dicts in and out, every failure one of ours.

It knows requests, answers and when a request may be sent again; what a status means is not its business.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from kubectl_lrs.clients.http.client import READ_TIMEOUT, Http, HttpOptions, Request
from kubectl_lrs.clients.http.response import Response
from kubectl_lrs.clients.http.sessions import NoResponseError
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.model.errors import (
    ApiError,
    ConflictError,
    DeniedError,
    InterruptedRunError,
    LrsError,
    NotFoundError,
    UnreachableError,
)
from kubectl_lrs.runtime import redact
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.retry import PASSING, REFUSED_UNDONE
from kubectl_lrs.stores.deployments.api.credentials import Access

Query: TypeAlias = "tuple[tuple[str, str], ...]"

PAGE = 100
LISTS = 3
"""How often the list is read when it changed in between and so gave fewer than it says there are."""

TRUSTED = 5.0
"""Seconds for which it counts whether it answers at all: an application that is away is not asked for each deployment."""

NAME_LIMIT = 5.0
"""Seconds that a name is waited for."""

MAX_ANSWER = 64 << 20
"""Bytes: a page of the list has some hundred KB."""

DEPLOYMENTS, APPLICATIONS = "deployments", "custom applications"
"""What its lists are of, in words."""

JSON = "application/json"
READ_AGAIN = PASSING - {500}
ACCEPTED = 202
"""What the API says to a change that it has taken. A login page has another word."""

DONE_TASKS = frozenset(("COMPLETED", "ERROR", "ABORTED", "EXPIRED"))

_TASK = re.compile(r"/status/([^/?#]+)/?$")


class UnansweredError(UnreachableError):
    """A change was sent and no clear answer came: it may or may not have been taken. The caller finds out."""


class BareNotFoundError(UnreachableError):
    """404 or 410 in no words of the API: it may be an ingress' for an application that is away, and says of nothing that it is
    not there."""


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
    """One API as one user. Safe to use from several threads. `cancel` ends the waiting between attempts.

    `notes`: lists that may lack some, as they changed each time that they were read: of what → that in words.
    """

    def __init__(self, access: Access, cancel: Cancel | None = None, *, timeout: float | None = None) -> None:
        self.endpoint = access.endpoint
        self.source = access.source
        self.token_source = access.token_source or access.source
        self.notes: dict[str, str] = {}
        self._token = access.token
        self._scheme = {"auto": "Bearer", "bearer": "Bearer", "token": "Token"}[access.scheme]
        self._may_find_out = access.scheme == "auto"
        self._asking = threading.Lock()
        self._is_gone, self._known_until = False, 0.0
        options = HttpOptions(
            tls=access.tls(os.environ),
            proxies=Proxies(os.environ),
            read_timeout=timeout or READ_TIMEOUT,
            ca_hint="give the authority of its certificate with --api-ca-file",
        )
        self._http = Http(options, cancel or Cancel())
        redact.remember(access.token)

    def __repr__(self) -> str:
        return f"DataRobotClient({self.endpoint})"

    @property
    def lost(self) -> str:
        """Why nothing else needs to be asked; empty as long as it answers, or may do so again.

        It may fail at one deployment alone, and nothing else was asked since: so it is asked for what it always has.
        """
        if not self._http.is_lost(self.endpoint):
            return ""
        with self._asking:  # the others wait as well: while it is being asked, nothing else need fail
            if self._http.is_lost(self.endpoint) and time.monotonic() >= self._known_until:
                self._is_gone = not self._answers()
                self._known_until = time.monotonic() + TRUSTED
            return f"{self.endpoint} gives nothing but failures" if self._is_gone else ""

    def _answers(self) -> bool:
        """Whether it gives a page of its list, which is one request."""
        url = f"{self.endpoint}/deployments/?limit=1"
        head = {"Accept": "application/json"}
        authorization = f"{self._scheme} {self._token}"
        request = Request(method="GET", url=url, headers=head, authorization=authorization, where=self.endpoint, same_origin=True)
        try:
            answer = self._http.send(replace(request, attempts=1, read=MAX_ANSWER))
        except LrsError:
            return False
        return answer.status < 500

    # ---- what the API has

    def version(self) -> str:
        """Such as 2.34.0; empty where the API does not say. UnreachableError where nothing answers that is this API."""
        try:
            answer = self._get("/version/")
        except (ApiError, BareNotFoundError):
            return ""
        return redact.text(answer.get("versionString") or "")

    def account(self) -> dict[str, Any]:
        """Who the token belongs to: `orgId`, `uid`, `permissions`; empty where the application is too old to say."""
        try:
            return self._get("/account/info/")
        except (NotFoundError, BareNotFoundError):
            return {}

    def organisation_name(self, identifier: str) -> str:
        """What an organisation is called; empty where the application does not say, as not every version or role is told."""
        path = f"/organizations/{quote(identifier, safe='')}/"
        try:
            found = self._object(self._send("GET", path, limit=NAME_LIMIT), "GET", path)
        except InterruptedRunError:
            raise
        except LrsError:  # a name is worth no failure: its id is known
            return ""
        return redact.text(found.get("name") or "")

    def deployments(self) -> Iterator[dict[str, Any]]:
        """Every deployment that the token sees, once each, oldest first."""
        return self._listed("/deployments/", (("orderBy", "createdAtTimestamp"),), DEPLOYMENTS)

    def custom_applications(self) -> Iterator[dict[str, Any]]:
        """Every custom application that the token sees, once each; NotFoundError where the application is too old for them."""
        return self._listed("/customApplications/", (), APPLICATIONS)

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
        self.notes[what] = f"{self.endpoint}: the list of {what} changes all the time; some may be missing"

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

    def deployment(self, identifier: str, *, limit: float | None = None) -> dict[str, Any]:
        """One deployment; NotFoundError where it is not, or is not visible to the token. `limit`: seconds for attempts."""
        path = f"/deployments/{quote(identifier, safe='')}/"
        found = self._object(self._send("GET", path, limit=limit), "GET", path)
        if found.get("id") != identifier:
            raise self._not_the_api("GET", path)
        return found

    def set_status(self, identifier: str, status: str, *, limit: float | None = None) -> str:
        """Ask for a status; the id of the task that brings it about, empty where none was named.

        BusyError: it is changing, or has that status. UnansweredError: the request may have been taken.
        """
        path = f"/deployments/{quote(identifier, safe='')}/status/"
        answer = self._send("PATCH", path, body={"status": status}, limit=limit)
        if answer.status != ACCEPTED:
            raise UnansweredError(f"HTTP {answer.status} to PATCH {path}: what answers is not the DataRobot API")
        found = _TASK.search(urlsplit(answer.headers.get("Location", "")).path)
        return found[1] if found and _is_id(found[1]) else ""

    def task(self, identifier: str, *, limit: float | None = None) -> Task:
        """How far a task is."""
        try:
            answer = self._send("GET", f"/status/{quote(identifier, safe='')}/", limit=limit)
        except NotFoundError:
            return Task("")
        if answer.status == 303:
            return Task("COMPLETED")
        found = self._object(answer, "GET", "/status/")
        return Task(str(found.get("status") or ""), redact.text(found.get("message") or ""))

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
        limit: float | None = None,
    ) -> Response:
        """Send until it is answered or hopeless, or `limit` seconds are over; the answer, 2xx or the 303 of a task.

        A read is repeated on everything that may pass. A change is repeated only where the server surely did not
        act on it: it was refused as too many or unavailable, or never reached the server.
        """
        is_read, is_task = method == "GET", path.startswith("/status/")
        request = Request(
            method=method,
            url=self.endpoint + path + (f"?{urlencode(query)}" if query else ""),
            headers={"Accept": "application/json", "Accept-Encoding": "gzip", **({"Content-Type": JSON} if body else {})},
            authorization=f"{self._scheme} {self._token}",
            body=json.dumps(body).encode() if body else None,
            where=self.endpoint,
            same_origin=True,
            final=frozenset((303,)) if is_task else frozenset(),
            again=READ_AGAIN if is_read else REFUSED_UNDONE,
            resend=is_read,
            read=MAX_ANSWER,
        )
        try:
            answer = self._in_a_scheme(request, limit)
        except NoResponseError as error:
            if is_read or not error.sent:
                raise
            raise UnansweredError(f"no answer to the request: {error.cause}") from None
        if answer.status >= 300 and not (answer.status == 303 and is_task):
            self._refuse(answer, method, path, repeated=answer.repeated)
        return answer

    def _in_a_scheme(self, request: Request, limit: float | None) -> Response:
        """Send; where the very first credential is refused, once more in the other scheme that installations have."""
        answer = self._http.send(request, limit=limit)
        if answer.status == 401 and self._may_find_out:
            self._may_find_out = False
            second = self._http.send(replace(request, authorization=f"Token {self._token}"), limit=limit)
            if second.status != 401:
                self._scheme = "Token"
            return second if second.status != 401 else answer
        if answer.status < 300:
            self._may_find_out = self._may_find_out and "/version/" in request.url  # which some answer to anyone
        return answer

    # ---- failures

    def _object(self, answer: Response, method: str, path: str) -> dict[str, Any]:
        try:
            document = json.loads(answer.read(MAX_ANSWER))
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self._not_the_api(method, path)
        return document

    def _not_the_api(self, method: str, path: str) -> UnreachableError:
        return UnreachableError(
            f"{self.endpoint}: what answers to {method} {path} is not the DataRobot API", hint="is this the application's URL?"
        )

    def _refuse(self, answer: Response, method: str, path: str, *, repeated: bool) -> NoReturn:
        status = answer.status
        message = self._message(answer, method, path)
        if status == 401:
            raise DeniedError(
                f"{self.endpoint}: the token from {self.token_source} was refused",
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
        if status in _ERRORS and not self._said(answer):
            kind = BareNotFoundError if method == "GET" else UnansweredError
            raise kind(f"{message}: what answers is not the DataRobot API", hint="is the application up, and this its URL?")
        raise _ERRORS.get(status, ApiError)(message, status=status)

    def _message(self, answer: Response, method: str, path: str) -> str:
        """The server's own words where it has any, else its status; a proxy answers in HTML."""
        said = self._said(answer)
        head = f"HTTP {answer.status}"
        return f"{redact.text(said)} ({head})" if said else f"{head} {redact.text(answer.reason)} to {method} {path}".strip()

    def _said(self, answer: Response) -> Any:
        """The server's own words; None where it has none."""
        try:
            found = json.loads(answer.read(MAX_ANSWER))
            return found.get("message") or found.get("errors") or found.get("error")
        except (ValueError, RecursionError, AttributeError):
            return None


_ERRORS: Mapping[int, Callable[..., LrsError]] = {404: NotFoundError, 410: NotFoundError}


def _is_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,128}", value) is not None
