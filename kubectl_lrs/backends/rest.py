"""Requests to a storage by its own HTTP interface: sent by our client, tried again while that may help. It knows no storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import quote, urlencode

from kubectl_lrs.backends.base import CHUNK, KeyExistsError, MaybeOursError, NotTheStorageError, PassingError
from kubectl_lrs.backends.place import StorageLocation, is_server
from kubectl_lrs.clients.http.client import Http, HttpOptions, Request, origin
from kubectl_lrs.clients.http.sessions import NoResponseError
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import Tls
from kubectl_lrs.model.errors import LrsError, UnreachableError, UsageError
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.runtime.retry import Outage, Policy, insist, is_any

PATIENT = Policy(attempts=4, longest=5.0)
READ_TIMEOUT = 300.0
MOST = CHUNK + (1 << 20)
"""Bytes of an answer: of a piece of content, or of a page of a list."""


class About(Enum):
    """What a request is about, and so what a refusal of it means."""

    OBJECT = "an object"
    BUCKET = "the bucket"
    UPLOAD = "an upload that was begun"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request. `path` is below the server, or a URL that the server gave; `good`: the statuses that it is answered with."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    good: tuple[int, ...] = (200,)
    about: About = About.OBJECT


@dataclass(frozen=True)
class Answer:
    """What came. The names of headers are asked for in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def client_of(place: StorageLocation, tls: Tls, environment: Mapping[str, str]) -> Http:
    """Connections as all of ours are made."""
    hint = f"name the file of its authority with {place.said.ca_file}"
    options = HttpOptions(tls=tls, proxies=Proxies(environment), read_timeout=READ_TIMEOUT, ca_hint=hint)
    return Http(options, Cancel())


def checked(place: StorageLocation, base: str) -> str:
    """An endpoint without a slash at its end; UsageError where it is no URL of a server."""
    if base and (not is_server(base) or {"?", "#", "@"} & set(base)):
        raise UsageError(f"{place.said.endpoint} {shown(base)!r}: no URL of a server", hint="write it like https://host:port")
    return base.rstrip("/")


class Rest:
    """Requests to one server; safe to use from several threads. Whoever speaks to a storage says how they are signed."""

    def __init__(self, http: Http, base: str, url: str) -> None:
        self.url = url
        self._http = http
        self._base = base
        self._outage = Outage()

    def signed(self, call: Call, url: str) -> Mapping[str, str]:
        """The headers that go with it, credentials included. CredentialsError, UnreachableError."""
        raise NotImplementedError

    def refusal(self, call: Call, answer: Answer, where: str) -> LrsError:
        """What an answer means that is no good one."""
        raise NotImplementedError

    def send(self, call: Call, what: str, *, once: bool = False) -> Answer:
        """The answer; what may pass is tried again, unless it is to be sent `once`. `what`: what it is about, for messages."""
        where = f"{self.url}: {shown(what)}"

        def attempt(count: int) -> Answer:
            try:
                found = self._once(call, where)
            except PassingError:
                self._outage.failed()
                raise
            except KeyExistsError as error:
                if count > 1:
                    raise MaybeOursError(str(error), hint=error.hint) from error
                raise
            self._outage.succeeded()
            return found

        return attempt(1) if once else insist(attempt, policy=PATIENT, may_pass=is_any(PassingError), outage=self._outage)

    def _once(self, call: Call, where: str) -> Answer:
        url = call.path if "://" in call.path else f"{self._base}{call.path}"
        url = f"{url}?{urlencode(call.query, quote_via=quote)}" if call.query else url
        is_led = origin(url) != origin(self._base)
        headers = {name.lower(): value for name, value in (call.headers if is_led else self.signed(call, url)).items()}
        request = Request(
            method=call.method,
            url=url,
            authorization=headers.pop("authorization", ""),
            headers=headers,
            body=call.body,
            where=where,
            led_by=self._base if is_led else "",
            attempts=1,
            again=frozenset(),
            read=MOST,
        )
        try:
            with self._http.send(request) as answer:
                found = Answer(answer.status, answer.headers, answer.read(MOST))
        except NoResponseError as error:
            kind = PassingError if error.may_pass else UnreachableError
            raise kind(str(error), hint=error.hint) from error
        if found.status not in call.good:
            raise self.refusal(call, found, where) if found.status >= 400 else NotTheStorageError(where)
        return found
