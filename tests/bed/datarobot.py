"""A DataRobot API on loopback that behaves by the documented facts, and is strict: method, path, query, body, auth.

No public server exists, so what it answers beside the documented facts is invented. Troubles are scripted for each
deployment; every request is logged. Standard library only.
"""

from __future__ import annotations

import json
import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.bed.standin import Server, body

PREFIX = "/api/v2"
FOREVER = float("inf")
HTML = b"<html><body><h1>502 Bad Gateway</h1>nginx</body></html>"


@dataclass
class Change:
    """A change that was taken. It ends at the instant `end`, in `result`; its task then says `task_state`."""

    task: str
    begin: float
    end: float
    under_way: str
    result: str
    task_state: str = "COMPLETED"
    task_message: str = ""
    is_task_stuck: bool = False
    task_end: float = 0.0


@dataclass
class Deployment:
    """One deployment. `latency`: seconds that a change takes. `troubles`: what becomes of the next requests, see `TROUBLES`."""

    id: str
    label: str
    organisation: str
    settled: str = "active"
    model: str = "65f0aaaaaaaaaaaaaaaaaaaa"
    is_custom: bool = True
    latency: float = 0.0
    troubles: list[str] = field(default_factory=list)
    open_change_requests: bool = False
    is_listed: bool = True
    change: Change | None = None

    def status(self) -> str:
        """As it is at this moment."""
        change = self.change
        if change is None:
            return self.settled
        if time.monotonic() < change.end:
            return change.under_way
        self.settled, self.change = change.result, None
        return self.settled

    def document(self) -> dict[str, Any]:
        """As the API shows it."""
        image = {"customModelImage": {"customModelId": "65f0bbbbbbbbbbbbbbbbbbbb"}} if self.is_custom else {}
        return {
            "id": self.id,
            "label": self.label,
            "status": self.status(),
            "importance": "LOW",
            "model": {"id": self.model, "type": "Custom", "targetType": "Regression", **image},
            "predictionEnvironment": {"platform": "datarobotServerless", "plugin": None, "isManagedByManagementAgent": False},
            "approvalStatus": "APPROVED",
            "openedChangeRequests": ["65f0dddddddddddddddddddd"] if self.open_change_requests else [],
            "permissions": ["CAN_VIEW"],
        }


REFUSALS: dict[str, tuple[int, dict[str, str]]] = {
    "403": (403, {}),
    "404": (404, {}),
    "422": (422, {}),
    "429": (429, {"Retry-After": "1"}),
    "503": (503, {"Retry-After": "0"}),
    "429 for a while": (429, {"Retry-After": "60"}),
    "429 for long": (429, {"Retry-After": "4000"}),
}
"""Troubles that are an answer to a PATCH: it does nothing else."""

EFFECTS = ("task error", "stuck", "errored", "task stuck", "task early", "lag")
"""Troubles of a change that was taken."""

TROUBLES = (
    *REFUSALS,
    *EFFECTS,
    "echo",
    "502",
    "cut before",
    "cut after",
    "slow",
    "get 429",
    "get 502",
    "get cut",
    "get 404",
    "get 404 of an ingress",
    "get of another",
    "get of something else",
    "404 of an ingress",
    "200 of a login page",
    "200 of something else",
    "busy",
)
"""Every trouble. Those with `get` belong to the next GET of the deployment, `slow` and the rest to the next PATCH."""


@dataclass(frozen=True)
class Request:
    """One line of the log. `token` is what the request carried, `status` what was answered (0: nothing)."""

    instant: float
    method: str
    path: str
    query: dict[str, str]
    token: str
    status: int


@dataclass(frozen=True)
class Call:
    """A request with a valid token: the segments of its path, and what came with it."""

    parts: list[str]
    query: dict[str, str]
    token: str
    organisation: str
    body: bytes
    kind: str


class DataRobot:
    """The server; use it as a context manager. `tokens` maps each token to its organisation."""

    def __init__(self, tokens: dict[str, str], *, certificate: tuple[Path, Path] | None = None) -> None:
        self.tokens = tokens
        self.deployments: dict[str, Deployment] = {}
        self.applications: dict[str, dict[str, str]] = {}
        self.log: list[Request] = []
        self.changes: list[Change] = []
        self.tasks: dict[str, Change] = {}
        self.scheme = "Bearer"
        self.is_old = False
        self.is_down = False
        self.redirect = ""
        self.slow = 0.0
        self.rate = 0.0
        """Requests a second that are answered, after as many at once; the others get 429. 0: all are."""
        self._room, self._room_at = 0.0, 0.0
        self.users: dict[str, str] = {}
        self.organisations: dict[str, str] = {}
        self.on_page: Callable[[int], None] = lambda _offset: None
        self.on_change: Callable[[Deployment], None] = lambda _deployment: None
        self.lock = threading.RLock()
        self._server = _Server("DataRobot", _Handler)
        self._server.api = self
        self._scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.use_tls(context)
            self._scheme = "https"

    def __enter__(self) -> DataRobot:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        """The bare host, as the vendor's variable has it."""
        return f"{self._scheme}://127.0.0.1:{self._server.port}"

    def add(self, number: int, organisation: str, **settings: Any) -> Deployment:
        """One more deployment; its id is made of the number, unless it is given."""
        made = Deployment(
            settings.pop("id", identifier(number)), settings.pop("label", f"model {number}"), organisation, **settings
        )
        assert set(made.troubles) <= set(TROUBLES)
        self.deployments[made.id] = made
        return made

    def add_application(self, identifier: str, organisation: str, name: str, status: str = "running") -> None:
        """One more custom application, whose LRS has its id."""
        made = {"id": identifier, "name": name, "status": status, "lrsId": identifier}
        self.applications[identifier] = {**made, "organisation": organisation}

    def statuses(self) -> dict[str, str]:
        """The status of each deployment at this moment."""
        with self.lock:
            return {each.id: each.status() for each in self.deployments.values()}

    def sent(self, method: str) -> list[Request]:
        """The logged requests of a method."""
        return [request for request in self.log if request.method == method]

    def most_at_once(self) -> int:
        """How many changes were under way at once, at most."""
        instants = sorted([(c.begin, 1) for c in self.changes] + [(c.end, -1) for c in self.changes if c.end < FOREVER])
        most = now = 0
        for _, step in instants:
            now += step
            most = max(most, now)
        return most

    # ---- what it answers

    def answer(self, method: str, path: str, query: dict[str, str], token: str, body: bytes, kind: str) -> Answer:
        """The answer to one request."""
        if self.is_down:
            return Answer(503, HTML, {"Retry-After": "0"})
        if self.redirect:
            return Answer(302, headers={"Location": self.redirect + path})
        scheme, _, secret = token.partition(" ")
        if scheme != self.scheme or secret not in self.tokens:
            return Answer(401, {"message": f"Invalid credentials: {secret}"})  # some servers are as careless as this
        if not path.startswith(f"{PREFIX}/") or not path.endswith("/"):
            return Answer(404, {"message": "Not Found"})
        parts = path.removeprefix(f"{PREFIX}/").strip("/").split("/")
        with self.lock:
            route = _route(parts)
            if route is None:
                return Answer(404, {"message": "Not Found"})
            wanted, name = route
            if method != wanted:
                return Answer(405, {"message": "Method Not Allowed"})
            if method == "GET" and body:
                return Answer(400, {"message": "A GET has no body"})
            answer: Answer = getattr(self, name)(Call(parts, query, secret, self.tokens[secret], body, kind))
            return answer

    def has_room(self) -> bool:
        """Whether one more request is within the rate."""
        if not self.rate:
            return True
        with self.lock:
            now = time.monotonic()
            room = min(self.rate, self._room + self.rate * (now - self._room_at)) if self._room_at else self.rate
            self._room, self._room_at = (room - 1 if room >= 1 else room), now
            return room >= 1

    def answer_version(self, _call: Call) -> Answer:
        """`GET /version/`."""
        return Answer(200, {"major": 2, "minor": 34, "versionString": "2.34.0"})

    def answer_account(self, call: Call) -> Answer:
        """`GET /account/info/`."""
        if self.is_old:
            return Answer(404, {"message": "Not Found"})
        user = self.users.get(call.organisation, f"user-of-{call.organisation}")
        return Answer(200, {"orgId": call.organisation, "uid": user, "permissions": {"MLOPS_ADMIN": True, "ORG_ADMIN": False}})

    def answer_organisation(self, call: Call) -> Answer:
        """`GET /organizations/{id}/`: told to some roles alone, which here are those of organisations with a name."""
        name = self.organisations.get(call.parts[1])
        if name is None or call.parts[1] != call.organisation:
            return Answer(403, {"message": "You do not have permission"})
        return Answer(200, {"id": call.organisation, "name": name})

    def answer_list(self, call: Call) -> Answer:
        """`GET /deployments/`: without orderBy the order changes from page to page."""
        query = call.query
        if set(query) - {"offset", "limit", "orderBy"}:
            return Answer(422, {"message": f"unknown parameters: {sorted(query)}"})
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", 20))
        if not 1 <= limit <= 100 or query.get("orderBy", "createdAtTimestamp") != "createdAtTimestamp":
            return Answer(422, {"message": "limit or orderBy is not valid"})
        self.on_page(offset)
        visible = [each for each in self.deployments.values() if each.organisation == call.organisation and each.is_listed]
        if "orderBy" not in query:
            random.shuffle(visible)
        order = f"&orderBy={query['orderBy']}" if "orderBy" in query else ""
        return _page("deployments", [each.document() for each in visible], offset, limit, order)

    def answer_applications(self, call: Call) -> Answer:
        """`GET /customApplications/`."""
        if self.is_old:
            return Answer(404, {"message": "Not Found"})
        if set(call.query) - {"offset", "limit"}:
            return Answer(422, {"message": f"unknown parameters: {sorted(call.query)}"})
        offset, limit = int(call.query.get("offset", 0)), int(call.query.get("limit", 20))
        visible = [each for each in self.applications.values() if each["organisation"] == call.organisation]
        shown = [{name: each[name] for name in ("id", "name", "status", "lrsId")} for each in visible]
        return _page("customApplications", shown, offset, limit)

    def answer_one(self, call: Call) -> Answer:
        """`GET /deployments/{id}/`."""
        found = self.deployments.get(call.parts[1])
        if found is None or found.organisation != call.organisation or call.query:
            return Answer(404, {"message": "Deployment not found"})
        trouble = _take(found, lambda name: name.startswith("get "))
        if trouble in NOT_SHOWN:
            return NOT_SHOWN[trouble]
        if trouble == "get of another":
            return Answer(200, {**found.document(), "id": identifier(4095), "status": "inactive"})
        if trouble == "get 404":
            del self.deployments[found.id]
            return Answer(404, {"message": "Deployment not found"})
        return Answer(200, found.document())

    def answer_change(self, call: Call) -> Answer:
        """`PATCH /deployments/{id}/status/`."""
        wanted = _wanted(call)
        if not wanted:
            return Answer(400, {"message": "The body must be JSON with a status of active or inactive, and nothing else"})
        found = self.deployments.get(call.parts[1])
        if found is None or found.organisation != call.organisation:
            return Answer(404, {"message": "Deployment not found"})
        trouble = _take(found, lambda name: not name.startswith("get "))
        if trouble in REFUSALS:
            status, headers = REFUSALS[trouble]
            return Answer(status, {"message": f"scripted: {trouble} for {found.label}"}, headers)
        if trouble == "echo":
            return Answer(422, {"message": f"scripted: refused, Authorization was {self.scheme} {call.token}"})
        if trouble in NOT_TAKEN:
            return NOT_TAKEN[trouble]
        status_now = found.status()
        if trouble == "busy" or status_now == wanted or status_now not in ("active", "inactive", "errored"):
            return Answer(409, {"message": f"Deployment is {status_now}"})
        made = self._begin(found, wanted, trouble)
        if trouble == "cut after":
            return Answer(0)
        headers = {"Location": f"http://internal-proxy.invalid{PREFIX}/status/{made.task}/"}
        return Answer(202, {}, headers, delay=self.slow if trouble == "slow" else 0.0)

    def _begin(self, found: Deployment, wanted: str, trouble: str) -> Change:
        now = time.monotonic()
        before = found.status()
        made = Change(
            task=f"task-{len(self.tasks) + 1:04d}",
            begin=now,
            end=now + found.latency,
            under_way="stopping" if wanted == "inactive" else "launching",
            result=wanted,
        )
        made.task_end = made.end
        if trouble == "stuck":
            made.end = made.task_end = FOREVER
        elif trouble == "errored":
            made.result, made.task_state, made.task_message = "errored", "ERROR", "the container did not start"
        elif trouble == "task error":
            made.result, made.task_state, made.task_message = before, "ERROR", "no capacity left"
        elif trouble == "task stuck":
            made.is_task_stuck = True
        elif trouble == "task early":
            made.task_end = now
        elif trouble == "lag":
            made.under_way = before
        found.change = made
        self.tasks[made.task] = made
        self.changes.append(made)
        self.on_change(found)
        return made

    def answer_task(self, call: Call) -> Answer:
        """`GET /status/{id}/`: 303 when it is done."""
        found = self.tasks.get(call.parts[1])
        if found is None:
            return Answer(404, {"message": "Not Found"})
        if found.is_task_stuck:
            return Answer(200, {"status": "INITIALIZED", "message": ""})
        if time.monotonic() < found.task_end:
            return Answer(200, {"status": "RUNNING", "message": "in progress"})
        if found.task_state == "COMPLETED":
            return Answer(303, {}, {"Location": f"http://internal-proxy.invalid{PREFIX}/deployments/x/"})
        return Answer(200, {"status": found.task_state, "message": found.task_message})


@dataclass(frozen=True)
class Answer:
    """`status` 0 cuts the connection. A body of bytes is not JSON. `delay`: seconds before it is sent."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


def _page(path: str, data: list[dict[str, Any]], offset: int, limit: int, order: str = "") -> Answer:
    """A page of a list; `next` has the host of a proxy."""
    page = data[offset : offset + limit]
    following = None
    if offset + limit < len(data):
        following = f"http://internal-proxy.invalid{PREFIX}/{path}/?offset={offset + limit}&limit={limit}{order}"
    return Answer(200, {"data": page, "count": len(page), "next": following, "previous": None, "totalCount": len(data)})


ASTRAY = Answer(404, b"default backend - 404")
"""What an ingress answers while the application that is behind it is being installed anew."""

NOT_SHOWN = {
    "get 429": Answer(429, {"message": "slow down"}, {"Retry-After": "1"}),
    "get 502": Answer(502, HTML),
    "get cut": Answer(0),
    "get 403": Answer(403, {"message": "not allowed to see it"}),
    "get 404 of an ingress": ASTRAY,
    "get of something else": Answer(200, {"status": "inactive"}),
}
"""Troubles that are an answer to a GET of a deployment."""

NOT_TAKEN = {
    "502": Answer(502, HTML),
    "cut before": Answer(0),
    "404 of an ingress": ASTRAY,
    "200 of a login page": Answer(200, b"<html><body>log in</body></html>"),
    "200 of something else": Answer(200, {"ok": True}),
}
"""Troubles in which nothing says that the PATCH was not taken, though it was not."""


def _wanted(call: Call) -> str:
    """The status that a PATCH asks for; empty where it is not as documented."""
    try:
        body = json.loads(call.body)
    except ValueError:
        return ""
    is_valid = call.kind == "application/json" and not call.query and body in ({"status": "active"}, {"status": "inactive"})
    return str(body["status"]) if is_valid else ""


def identifier(number: int) -> str:
    """An id as Mongo makes them."""
    return f"65f0{number:04x}c0ffee{number:010x}"


def _route(parts: list[str]) -> tuple[str, str] | None:
    """(method, name of what answers)."""
    shapes = {
        ("version",): ("GET", "answer_version"),
        ("account", "info"): ("GET", "answer_account"),
        ("organizations", "*"): ("GET", "answer_organisation"),
        ("deployments",): ("GET", "answer_list"),
        ("customApplications",): ("GET", "answer_applications"),
        ("deployments", "*"): ("GET", "answer_one"),
        ("deployments", "*", "status"): ("PATCH", "answer_change"),
        ("status", "*"): ("GET", "answer_task"),
    }
    with_id = ("deployments", "organizations", "status")
    shape = tuple("*" if index == 1 and parts[0] in with_id else part for index, part in enumerate(parts))
    return shapes.get(shape)


def _take(deployment: Deployment, is_meant: Callable[[str], bool]) -> str:
    """The next trouble of this kind, which is then over; empty where there is none."""
    for index, name in enumerate(deployment.troubles):
        if is_meant(name):
            return deployment.troubles.pop(index)
    return ""


class _Server(Server):
    api: DataRobot


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Any method."""
        api = self.server.api
        url = urlsplit(self.path)
        data = body(self)
        token = self.headers.get("Authorization") or ""
        query = dict(parse_qsl(url.query))
        kind = (self.headers.get("Content-Type") or "").partition(";")[0]
        call = (self.command, url.path, query, token, data, kind)
        answer = api.answer(*call) if api.has_room() else Answer(429, {"message": "slow down"}, {"Retry-After": "1"})
        api.log.append(Request(time.monotonic(), self.command, url.path, query, token, answer.status))
        if answer.delay:
            time.sleep(answer.delay)
        self._send(answer)

    do_PATCH = do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def _send(self, answer: Answer) -> None:
        if answer.status == 0:
            self.close_connection = True
            return
        is_raw = isinstance(answer.body, bytes)
        data = answer.body if is_raw else json.dumps(answer.body or {}).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html" if is_raw else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the log is kept as data."""
