"""Bytes in a bucket of Google Cloud Storage, for a repository of backups: nothing is kept beside the content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

from kubectl_lrs.backends import gcs_client
from kubectl_lrs.backends.base import (
    CHUNK,
    EmptyRangeError,
    KeyNotFoundError,
    OnSkipped,
    Reading,
    Stat,
    Upload,
    Versions,
    deleted_at_once,
    refuse_unreadable,
)
from kubectl_lrs.backends.gcs_client import GcsClient, document
from kubectl_lrs.backends.gcs_upload import FIELDS, GENERATION, Pieces, Whole, begun, give_up, looking, stat_of
from kubectl_lrs.backends.local_upload import new_part
from kubectl_lrs.backends.place import Place
from kubectl_lrs.backends.rest import Answer, Call
from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.runtime.redact import shown

MAX_KEY = 1024
PAGE = 1000

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def opened(place: Place) -> Gcs:
    """The bucket and prefix of a `gs:` URL."""
    prefix = place.host_and_path[1]
    return Gcs(gcs_client.opened(place), f"{prefix}/" if prefix else "")


class Gcs:
    """The objects of a bucket whose keys begin with `prefix`, which is empty or ends with `/`."""

    keeps: frozenset[str] = frozenset()
    batch = 1

    def __init__(self, client: GcsClient, prefix: str) -> None:
        self.url = client.url
        self.roots: tuple[str, ...] = (f"{client.bucket}/{prefix}".rstrip("/"), client.url)
        self._client = client
        self._prefix = prefix

    def tells_content(self, etag: str) -> bool:
        """Where the storage keeps an MD5."""
        return bool(etag) and not etag.startswith(GENERATION)

    # ---- reading

    def list(self, prefix: str = "", *, after: str = "", skipped: OnSkipped = refuse_unreadable) -> Iterator[Stat]:  # noqa: ARG002
        """Page by page, from the key on."""
        query = {"prefix": self._prefix + prefix, "maxResults": str(PAGE), "fields": f"items({FIELDS}),nextPageToken"}
        if after:
            query["startOffset"] = self._prefix + after
        while True:
            page = document(self._client.page(**query))
            for each in page.get("items") or ():
                key = str(each["name"])[len(self._prefix) :]
                if key and key != after:
                    yield stat_of(key, each)
            token = page.get("nextPageToken")
            if not token:
                return
            if token == query.get("pageToken"):
                raise UnreachableError(f"{self.url}: the server's list has no end that can be asked for")
            query["pageToken"] = str(token)

    def stat(self, key: str) -> Stat:
        """By what the storage says of it."""
        return stat_of(key, self._look(key))

    def _look(self, key: str) -> Mapping[str, Any]:
        return document(self._client.send(looking(self._client, self._prefix + key), key))

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        """In ranges of one generation of the object, which never changes."""
        key, said = wanted.key, self._look(wanted.key)
        seen = stat_of(key, said)
        digest = hashlib.md5(usedforsecurity=False)
        start = 0
        while start < seen.size:
            try:
                data = self._range(key, start, min(CHUNK, seen.size - start), generation=str(said["generation"]))
            except (KeyNotFoundError, EmptyRangeError):
                data = b""
            if not data:
                return Reading(seen, is_steady=False)
            digest.update(data)
            sink(data)
            start += len(data)
        is_damaged = self.tells_content(seen.etag) and seen.etag != digest.hexdigest()
        return Reading(seen, is_steady=True, is_damaged=is_damaged)

    def _range(self, key: str, start: int, length: int, **query: str) -> bytes:
        path = self._client.of(self._prefix + key)
        headers = {"Range": f"bytes={start}-{start + length - 1}"}
        call = Call(method="GET", path=path, query={"alt": "media", **query}, headers=headers, good=(200, 206, 404))
        answer = self._client.send(call, key)
        if answer.status == 404:  # the words for it are those of an answer about the object, and not of its content
            self._look(key)
            raise KeyNotFoundError(f"{self.url}: {shown(key)}: it is another one now")
        if self._said(answer) != (start, len(answer.body)) or len(answer.body) > length:
            where = f"{self.url}: {shown(key)}"
            raise LrsError(f"{where}: the server gives other bytes than were asked for, or says so", hint="is there a proxy?")
        return answer.body

    def _said(self, answer: Answer) -> tuple[int, int]:
        """First byte and number of bytes that an answer says it has; one without a range is all of the object."""
        if answer.status == 200:
            return 0, len(answer.body)
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        return (int(found[1]), int(found[2]) - int(found[1]) + 1) if found else (-1, -1)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """By one request."""
        try:
            return self._range(key, start, length) if length > 0 else b""
        except EmptyRangeError:
            return b""

    # ---- writing

    def upload(self, key: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> Upload:  # noqa: ARG002
        """In one request, or in pieces."""
        if size <= CHUNK:
            return Whole(self._client, key, self._prefix + key, b"".join(chunks), replace=replace)
        return Pieces(self._client, key, self._prefix + key, size, chunks, replace=replace)

    def sync(self) -> None:
        """What the server has said yes to is kept."""

    def delete(self, key: str) -> None:
        """Remove it; the server says whether there was one."""
        with suppress(KeyNotFoundError):
            self._client.send(Call(method="DELETE", path=self._client.of(self._prefix + key), good=(200, 204)), key)

    def delete_many(self, keys: Sequence[str]) -> Mapping[str, LrsError]:
        """Some at once."""
        return deleted_at_once(self.delete, keys)

    def directory(self, key: str) -> Mapping[str, Any]:  # noqa: ARG002
        """There are none."""
        return {}

    def make_directory(self, key: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ARG002
        """There are none."""
        return ()

    def refuses(self, key: str) -> str:
        """A key is any UTF-8 of up to 1,024 bytes in one line."""
        try:
            encoded = (self._prefix + key).encode()
        except UnicodeEncodeError:
            return "its path is not UTF-8, which a key must be"
        if not key or len(encoded) > MAX_KEY or {"\0", "\r", "\n"} & set(key):
            return "its key would be longer than 1,024 bytes, or hold a NUL or the end of a line"
        return "a part of its path is '.' or '..'" if {".", ".."} & set(key.split("/")) else ""

    def probe(self, *, large: bool = False) -> None:  # noqa: ARG002
        """An upload is begun, which needs the right to write, and given up."""
        key = new_part()
        give_up(self._client, begun(self._client, key, self._prefix + key, 3, replace=False), key)

    def is_alive(self) -> bool:
        """Whether it gives a list."""
        try:
            self._client.page(maxResults="1")
        except LrsError:
            return False
        return True

    def free(self) -> int | None:
        """There is no end of it."""
        return None

    def versions(self) -> Versions:
        """By what the bucket says of itself: a retention policy locks, versions and soft deletion keep."""
        try:
            said = document(self._client.bucket_facts("versioning,retentionPolicy,softDeletePolicy"))
        except UnreachableError:
            raise
        except LrsError:
            return Versions.UNKNOWN
        if said.get("retentionPolicy"):
            return Versions.LOCKED
        softly = str((said.get("softDeletePolicy") or {}).get("retentionDurationSeconds") or "0")
        return Versions.KEPT if (said.get("versioning") or {}).get("enabled") or softly != "0" else Versions.GONE

    def now(self) -> float:
        """The Date of an answer."""
        said = self._client.page(maxResults="1", prefix=self._prefix, fields="kind").headers.get("Date", "")
        try:
            return parsedate_to_datetime(said).timestamp()
        except ValueError:
            raise LrsError(f"{self.url}: the server does not say what time it is (there is no Date in its answer)") from None
