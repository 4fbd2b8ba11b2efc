"""Requests about one bucket of Google Cloud Storage, by its JSON API: where they go, who sends them, what a refusal means."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from kubectl_lrs.backends.base import NotTheStorageError
from kubectl_lrs.backends.gcs_credentials import ANONYMOUS, Keys
from kubectl_lrs.backends.gcs_errors import UnsaidNotFoundError, of_bucket, of_upload, refused
from kubectl_lrs.backends.options import GcsOptions, options_of
from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.backends.rest import About, Answer, Call, Rest, checked, client_of
from kubectl_lrs.clients.http.client import Http
from kubectl_lrs.clients.tls import from_files
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.redact import remember, secrets_of, shown

GOOGLE = "https://storage.googleapis.com"
EMULATOR = "STORAGE_EMULATOR_HOST"
"""Google's own name for a server that is not Google's, and asks for no credentials."""

_REFUSED: Mapping[About, Callable[[int, bytes, str], LrsError]] = {
    About.OBJECT: refused,
    About.BUCKET: of_bucket,
    About.UPLOAD: of_upload,
}


LIST = "storage#objects"
"""What a list says that it is, whether or not there is anything in it."""


class Page(NamedTuple):
    """One page of a list, and the headers that it came with."""

    document: Mapping[str, Any]
    headers: Mapping[str, str]


def document(answer: Answer, where: str) -> dict[str, Any]:
    """The JSON of an answer. UnreachableError where it is none: then it is not the storage that answers."""
    if isinstance(found := _parsed(answer.body), dict):
        return found
    raise NotTheStorageError(where, "the answer is not one of Google Cloud Storage", hint="check the endpoint")


def _parsed(body: bytes) -> Any:
    """What is JSON; else what no JSON gives."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NONE


_NONE = object()


def opened(place: StorageLocation) -> GcsClient:
    """The bucket of a `gs:` URL. UsageError where options or endpoint are not right."""
    remember(*secrets_of(place.options))
    options = options_of(place, GcsOptions, takes="backups on gs:// take")
    emulator = os.environ.get(EMULATOR, "")
    emulator = emulator if "://" in emulator or not emulator else f"http://{emulator}"
    base = checked(place, place.endpoint or str(options.get("endpoint_url") or "") or emulator) or GOOGLE
    tls = from_files(place.ca_file, os.environ, flag=place.said.ca_file)
    token = options.get("token") or ""
    is_emulated = bool(emulator) and not (place.endpoint or options.get("endpoint_url") or token)
    keys = Keys(place, ANONYMOUS if is_emulated else token, tls)
    bucket, prefix = place.host_and_path
    return GcsClient(client_of(place, tls, os.environ), base, bucket, f"gs://{bucket}/{prefix}".rstrip("/"), keys)


class GcsClient(Rest):
    """Requests about one bucket."""

    def __init__(self, http: Http, base: str, bucket: str, url: str, keys: Keys) -> None:
        super().__init__(http, base, url)
        self.bucket = bucket
        self._keys = keys
        self._objects = f"/storage/v1/b/{quote(bucket, safe='')}/o"
        self.uploads = f"/upload{self._objects}"

    def of(self, key: str) -> str:
        """The path of an object."""
        return f"{self._objects}/{quote(key, safe='')}"

    def page(self, **query: str) -> Page:
        """One page of a list. UnreachableError for what is no list: it would be one of nothing, at anybody's time."""
        answer = super().send(Call(method="GET", path=self._objects, query=query, about=About.BUCKET), "a list")
        found = document(answer, self.url)
        if found.get("kind") != LIST:
            raise NotTheStorageError(self.url, "what is answered is no list")
        return Page(found, answer.headers)

    def delete(self, key: str, what: str) -> None:
        """One object; KeyNotFoundError. What the storage answers is nothing, or JSON."""
        answer = self.send(Call(method="DELETE", path=self.of(key), good=(200, 204)), what)
        if answer.status == 200 and answer.body and _parsed(answer.body) is _NONE:
            raise NotTheStorageError(f"{self.url}: {shown(what)}")

    def content(self, key: str, what: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Some of an object, or 404. What is no part of it has at least the storage's own headers."""
        call = Call(method="GET", path=self.of(key), query={"alt": "media", **query}, headers=headers, good=(200, 206, 404))
        answer = self.send(call, what)
        if answer.status == 200 and not answer.headers.get("X-Goog-Generation"):
            raise NotTheStorageError(f"{self.url}: {shown(what)}")
        return answer

    def bucket_facts(self, fields: str) -> Answer:
        """What the bucket says of itself, to whoever may ask."""
        call = Call(method="GET", path=self._objects.removesuffix("/o"), query={"fields": fields}, about=About.BUCKET)
        return super().send(call, "the bucket")

    def send(self, call: Call, what: str, *, once: bool = False) -> Answer:
        """The same; where the answer does not say whether the object is not there or all of the bucket, that is found out."""
        try:
            return super().send(call, what, once=once)
        except UnsaidNotFoundError:
            self.page(maxResults="1")
            raise

    def signed(self, call: Call, url: str) -> Mapping[str, str]:
        """With a token of now."""
        return {**call.headers, **self._keys.headers(call.method, url)}

    def refusal(self, call: Call, answer: Answer, where: str) -> LrsError:
        """By Google's words."""
        return _REFUSED[call.about](answer.status, answer.body, where)
