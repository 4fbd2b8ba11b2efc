"""Requests about one bucket of Google Cloud Storage, by its JSON API: where they go, who sends them, what is sent again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from kubectl_lrs.backends.base import CHUNK, KeyExistsError, MaybeOursError, PassingError
from kubectl_lrs.backends.gcs_credentials import ANONYMOUS, Keys
from kubectl_lrs.backends.gcs_errors import UnsaidNotFoundError, of_bucket, refused
from kubectl_lrs.backends.place import Place
from kubectl_lrs.clients.http.client import Http, HttpOptions, Request, origin
from kubectl_lrs.clients.http.sessions import NoResponseError
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import from_files
from kubectl_lrs.model.errors import LrsError, UnreachableError, UsageError
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.redact import remember, secrets_of, shown
from kubectl_lrs.runtime.retry import Outage, Policy, insist, is_any

GOOGLE = "https://storage.googleapis.com"
EMULATOR = "STORAGE_EMULATOR_HOST"
"""Google's own name for a server that is not Google's, and asks for no credentials."""

UNDERSTOOD = ("token", "endpoint_url")

PATIENT = Policy(attempts=4, longest=5.0)
READ_TIMEOUT = 300.0
MOST = CHUNK + (1 << 20)
"""Bytes of an answer: of a piece of content, or of a page of a list."""

Refused = Callable[[int, bytes, str], LrsError]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request. `path` is below the server, or a URL that the server gave; `good`: the statuses that it is answered with."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    good: tuple[int, ...] = (200,)
    refused: Refused = refused


@dataclass(frozen=True)
class Answer:
    """What came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """Its JSON. UnreachableError where it is none: then it is not the storage that answers."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise UnreachableError("the answer is not one of Google Cloud Storage", hint="check the endpoint")
        return found


def opened(place: Place) -> GcsClient:
    """The bucket of a `gs:` URL. UsageError where options or endpoint are not right."""
    remember(*secrets_of(place.options))
    if unknown := sorted(set(place.options) - set(UNDERSTOOD)):
        hint = f"backups on gs:// take: {', '.join(UNDERSTOOD)}"
        raise UsageError(f"{place.said.options}: {shown(unknown[0])}: no such option", hint=hint)
    emulator = os.environ.get(EMULATOR, "")
    emulator = emulator if "://" in emulator or not emulator else f"http://{emulator}"
    base = _checked(place, place.endpoint or str(place.options.get("endpoint_url") or "") or emulator) or GOOGLE
    tls = from_files(place.ca_file, os.environ, flag=place.said.ca_file)
    hint = f"name the file of its authority with {place.said.ca_file}"
    options = HttpOptions(tls=tls, proxies=Proxies(os.environ), read_timeout=READ_TIMEOUT, ca_hint=hint)
    is_emulated = bool(emulator) and not (place.endpoint or place.options.get("endpoint_url") or place.options.get("token"))
    keys = Keys(Place(url=place.url, options={"token": ANONYMOUS}) if is_emulated else place, tls)
    bucket, prefix = place.host_and_path
    return GcsClient(Http(options, Cancel()), base, bucket, f"gs://{bucket}/{prefix}".rstrip("/"), keys)


def _checked(place: Place, base: str) -> str:
    parts = urlsplit(base)
    if base and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in base):
        raise UsageError(f"{place.said.endpoint} {shown(base)!r}: no URL of a server", hint="write it like https://host:port")
    return base.rstrip("/")


class GcsClient:
    """Requests about one bucket; safe to use from several threads."""

    def __init__(self, http: Http, base: str, bucket: str, url: str, keys: Keys) -> None:
        self.bucket = bucket
        self.url = url
        self._http = http
        self._base = base
        self._keys = keys
        self._outage = Outage()
        self._objects = f"/storage/v1/b/{quote(bucket, safe='')}/o"
        self.uploads = f"/upload{self._objects}"

    def of(self, key: str) -> str:
        """The path of an object."""
        return f"{self._objects}/{quote(key, safe='')}"

    def page(self, **query: str) -> Answer:
        """One page of a list."""
        return self.send(Call(method="GET", path=self._objects, query=query, refused=of_bucket), "a list")

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

        try:
            return attempt(1) if once else insist(attempt, policy=PATIENT, may_pass=is_any(PassingError), outage=self._outage)
        except UnsaidNotFoundError:
            self.page(maxResults="1")  # NoBucketError where it is that
            raise

    def _once(self, call: Call, where: str) -> Answer:
        url = call.path if "://" in call.path else f"{self._base}{call.path}"
        is_led = origin(url) != origin(self._base)
        keys = {} if is_led else {name.lower(): value for name, value in self._keys.headers(call.method, url).items()}
        request = Request(
            method=call.method,
            url=f"{url}?{urlencode(call.query)}" if call.query else url,
            authorization=keys.pop("authorization", ""),
            headers={**call.headers, **keys},
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
            raise call.refused(found.status, found.body, where)
        return found
