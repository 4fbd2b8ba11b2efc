"""Bytes in a container of Azure's Blob service, for a repository of backups: nothing is kept beside the content."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from kubectl_lrs.backends import azure_client
from kubectl_lrs.backends.azure_client import AzureClient
from kubectl_lrs.backends.azure_upload import STREAM, TAG, Blocks, Whole, instant_of, looking, stat_of
from kubectl_lrs.backends.base import (
    CHUNK,
    KeyExistsError,
    KeyNotFoundError,
    NotTheStorageError,
    OnSkipped,
    Stat,
    Upload,
    Versions,
    WrongSumError,
    refuse_unreadable,
)
from kubectl_lrs.backends.local_upload import new_part
from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.backends.rest import Answer, Call
from kubectl_lrs.backends.rest_objects import RestObjects
from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.runtime.redact import shown

MAX_KEY = 1024
PAGE = 1000


def opened(place: StorageLocation) -> Azure:
    """The container and prefix of an `az:` URL."""
    prefix = place.host_and_path[1]
    return Azure(azure_client.opened(place), f"{prefix}/" if prefix else "")


class Azure(RestObjects):
    """The blobs of a container."""

    untold = TAG

    def __init__(self, client: AzureClient, prefix: str) -> None:
        super().__init__(client.url, client.container[1:], prefix)
        self._client = client

    # ---- reading

    def list(self, prefix: str = "", *, after: str = "", skipped: OnSkipped = refuse_unreadable) -> Iterator[Stat]:  # noqa: ARG002
        """Page by page, from the first on: this storage begins a list nowhere else."""
        query = {"prefix": self._prefix + prefix, "maxresults": str(PAGE)}
        query = {name: value for name, value in query.items() if value}
        last = after.encode("utf-8", "surrogateescape")
        while True:
            page = parsed(self._client.page(**query))
            for each in page.iterfind("Blobs/Blob"):
                found = entry(each, len(self._prefix))
                if found.key and found.key.encode("utf-8", "surrogateescape") > last:
                    yield found
            marker = page.findtext("NextMarker") or ""
            if not marker:
                return
            if marker == query.get("marker"):
                raise UnreachableError(f"{self.url}: the server's list has no end that can be asked for")
            query["marker"] = marker

    def _seen(self, key: str) -> tuple[Stat, str]:
        """By a HEAD, of which a header says whether it is the blob that is not there."""
        said = self._client.send(looking(self._client, self._prefix + key), key).headers
        return stat_of(key, said), said.get("ETag", "")

    def _asked(self, key: str, wanted: str, state: str | None) -> Answer:
        headers = {"range": wanted} | ({} if state is None else {"if-match": state})
        call = Call(method="GET", path=self._client.of(self._prefix + key), headers=headers, good=(200, 206))
        return self._client.send(call, key)

    def _listed(self) -> Answer:
        return self._client.page(maxresults="1")

    # ---- writing

    def upload(self, key: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> Upload:  # noqa: ARG002
        """In one request, or in blocks."""
        if size <= CHUNK:
            return Whole(self._client, key, self._prefix + key, b"".join(chunks), replace=replace)
        if not replace:
            self._require_absent(key)
        return Blocks(self._client, key, self._prefix + key, size, chunks, replace=replace)

    def _require_absent(self, key: str) -> None:
        """Before much is sent for nothing; what decides is the request that makes it."""
        with suppress(KeyNotFoundError):
            self.stat(key)
            raise KeyExistsError(f"{self.url}: {shown(key)} is there already")

    def delete(self, key: str) -> None:
        """Remove it; the server says whether there was one."""
        with suppress(KeyNotFoundError):
            self._client.send(Call(method="DELETE", path=self._client.of(self._prefix + key), good=(202,)), key)

    def refuses(self, key: str) -> str:
        """Up to 1,024 characters and 254 parts; a name that ends with a dot or a slash would lose it."""
        try:
            (self._prefix + key).encode()
        except UnicodeEncodeError:
            return "its path is not UTF-8, which a name must be"
        parts = (self._prefix + key).split("/")
        if not key or len(self._prefix + key) > MAX_KEY or len(parts) > 254 or any(ord(each) < 32 for each in key):
            return "its name would be longer than 1,024 characters, or have too many parts or a control character"
        if "\\" in key or "" in parts or any(each.endswith(".") for each in parts):
            return "a part of its path is empty, ends with a dot or has a backslash, which this storage changes"
        return ""

    def probe(self, *, large: bool = False) -> None:  # noqa: ARG002
        """A write whose sum is another one's: the server must refuse it when all else was right."""
        key = new_part()
        md5 = base64.b64encode(hashlib.md5(b"another", usedforsecurity=False).digest()).decode()
        headers = {"x-ms-blob-type": "BlockBlob", "content-type": STREAM, "content-md5": md5, "if-none-match": "*"}
        call = Call(method="PUT", path=self._client.of(self._prefix + key), headers=headers, body=b"lrs", good=(201,))
        try:
            self._client.send(call, key)
        except WrongSumError:
            return
        self.delete(key)

    def versions(self) -> Versions:
        """By what the container says of itself, which is only whether a policy or a hold keeps what is in it."""
        try:
            said = self._client.container_facts().headers
        except UnreachableError:
            raise
        except LrsError:
            return Versions.UNKNOWN
        has_policy = said.get("x-ms-has-immutability-policy", "").lower() == "true"
        return Versions.LOCKED if has_policy else Versions.UNKNOWN

    def now(self) -> float:
        """The Date of an answer."""
        found = instant_of(self._listed().headers.get("Date", ""))
        if found is None:
            raise LrsError(f"{self.url}: the server does not say what time it is (there is no Date in its answer)")
        return found


def parsed(answer: Answer) -> ElementTree.Element:
    """A page of a list. UnreachableError where it is none: then it is not the storage that answers."""
    found = None
    if b"<!" not in answer.body:  # no entities: a few bytes of them could be gigabytes
        with suppress(ElementTree.ParseError, UnicodeDecodeError):
            found = ElementTree.fromstring(answer.body.decode("utf-8-sig"))  # noqa: S314
    if found is None or found.tag != "EnumerationResults":
        raise NotTheStorageError("Azure", "the answer is not one of Azure's Blob service", hint="check the endpoint")
    return found


def entry(each: ElementTree.Element, skip: int) -> Stat:
    """One blob of a list."""
    name = each.find("Name")
    text = "" if name is None else name.text or ""
    key = unquote(text) if name is not None and name.get("Encoded") == "true" else text
    properties = {found.tag: found.text or "" for found in each.iterfind("Properties/*")}
    return stat_of(key[skip:], {**properties, "ETag": properties.get("Etag", "")})
