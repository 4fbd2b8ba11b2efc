"""Bytes in a bucket of Google Cloud Storage, for a repository of backups: nothing is kept beside the content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

from kubectl_lrs.backends import gcs_client
from kubectl_lrs.backends.base import (
    CHUNK,
    KeyNotFoundError,
    OnSkipped,
    Stat,
    Upload,
    Versions,
    refuse_unreadable,
)
from kubectl_lrs.backends.gcs_client import GcsClient, document
from kubectl_lrs.backends.gcs_upload import FIELDS, GENERATION, Pieces, Whole, begun, give_up, looking, stat_of
from kubectl_lrs.backends.local_upload import new_part
from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.backends.rest import Answer
from kubectl_lrs.backends.rest_objects import RestObjects
from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.runtime.redact import shown

MAX_KEY = 1024
PAGE = 1000


def opened(place: StorageLocation) -> Gcs:
    """The bucket and prefix of a `gs:` URL."""
    prefix = place.host_and_path[1]
    return Gcs(gcs_client.opened(place), f"{prefix}/" if prefix else "")


class Gcs(RestObjects):
    """Those of a bucket."""

    untold = GENERATION

    def __init__(self, client: GcsClient, prefix: str) -> None:
        super().__init__(client.url, client.bucket, prefix)
        self._client = client

    # ---- reading

    def list(self, prefix: str = "", *, after: str = "", skipped: OnSkipped = refuse_unreadable) -> Iterator[Stat]:  # noqa: ARG002
        """Page by page, from the key on."""
        query = {"prefix": self._prefix + prefix, "maxResults": str(PAGE), "fields": f"kind,items({FIELDS}),nextPageToken"}
        if after:
            query["startOffset"] = self._prefix + after
        while True:
            page = self._client.page(**query).document
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

    def _seen(self, key: str) -> tuple[Stat, str]:
        """Its generation, which never changes."""
        said = document(self._client.send(looking(self._client, self._prefix + key), key), self.url)
        return stat_of(key, said), str(said["generation"])

    def _asked(self, key: str, wanted: str, state: str | None) -> Answer:
        query = {} if state is None else {"generation": state}
        answer = self._client.content(self._prefix + key, key, query, {"Range": wanted})
        if answer.status == 404:  # the words for it are those of an answer about the object, and not of its content
            self._seen(key)
            raise KeyNotFoundError(f"{self.url}: {shown(key)}: it is another one now")
        return answer

    def _listed(self) -> None:
        self._client.page(maxResults="1")

    # ---- writing

    def upload(self, key: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> Upload:  # noqa: ARG002
        """In one request, or in pieces."""
        if size <= CHUNK:
            return Whole(self._client, key, self._prefix + key, b"".join(chunks), replace=replace)
        return Pieces(self._client, key, self._prefix + key, size, chunks, replace=replace)

    def delete(self, key: str) -> None:
        """Remove it; the server says whether there was one."""
        with suppress(KeyNotFoundError):
            self._client.delete(self._prefix + key, key)

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

    def versions(self) -> Versions:
        """By what the bucket says of itself: a retention policy locks, versions and soft deletion keep."""
        try:
            said = document(self._client.bucket_facts("versioning,retentionPolicy,softDeletePolicy"), self.url)
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
