"""How a blob comes into a container of Azure: in one request, or in blocks that the last request puts together.

Each request has the MD5 of its bytes beside it, which the server checks. That there is no such blob yet is a condition of
the request that makes it, which the server keeps.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

from kubectl_lrs.backends.azure_client import AzureClient
from kubectl_lrs.backends.base import CHUNK, MaybeOursError, Stat, Written, regrouped
from kubectl_lrs.backends.rest import Answer, Call
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.redact import shown

TAG = "tag "
"""How the etag of a blob begins of which the storage keeps no MD5."""

STREAM = "application/octet-stream"


def stat_of(key: str, headers: Mapping[str, str], size: int | None = None) -> Stat:
    """Out of the headers of an answer about a blob, or the properties of an entry of a list."""
    md5 = headers.get("Content-MD5") or ""
    etag = base64.b64decode(md5).hex() if md5 else f"{TAG}{(headers.get('ETag') or '').strip(chr(34))}"
    length = int(headers.get("Content-Length") or 0) if size is None else size
    return Stat(key, length, etag, instant_of(headers.get("Last-Modified") or ""))


def instant_of(said: str) -> float | None:
    """Seconds of the epoch, in whole ones."""
    try:
        return parsedate_to_datetime(said).timestamp()
    except ValueError:
        return None


def looking(client: AzureClient, full: str) -> Call:
    """Ask what a blob is."""
    return Call(method="HEAD", path=client.of(full))


class Whole:
    """A blob that one request makes."""

    unset: tuple[str, ...] = ()

    def __init__(self, client: AzureClient, key: str, full: str, body: bytes, *, replace: bool) -> None:
        self._client, self._key, self._full, self._body, self._replace = client, key, full, body, replace

    def commit(self, *, once: bool = False) -> Written:
        """Put Blob."""
        headers = {"x-ms-blob-type": "BlockBlob", "content-type": STREAM, **md5_of(self._body), **absence(replace=self._replace)}
        call = Call(method="PUT", path=self._client.of(self._full), headers=headers, body=self._body, good=(201,))
        return made(self._client, call, self._key, self._full, hashed(self._body), len(self._body), once=once)

    def abort(self) -> None:
        """Nothing was sent."""


class Blocks:
    """A blob whose blocks are sent; the last request makes it of them. Blocks that none was made of are forgotten in a week."""

    unset: tuple[str, ...] = ()

    def __init__(self, client: AzureClient, key: str, full: str, size: int, chunks: Iterator[bytes], *, replace: bool) -> None:
        self._client, self._key, self._full, self._size, self._replace = client, key, full, size, replace
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._names: list[str] = []
        came = 0
        for block in regrouped(chunks, CHUNK):
            self._send(block)
            came += len(block)
        if came != size:
            raise LrsError(f"{client.url}: {shown(key)}: {came} bytes came, and {size} were announced")

    def _send(self, block: bytes) -> None:
        """Put Block."""
        self._md5.update(block)
        name = base64.b64encode(b"%08d" % len(self._names)).decode()
        query = {"comp": "block", "blockid": name}
        headers = {"content-type": STREAM, **md5_of(block)}
        path = self._client.of(self._full)
        self._client.send(Call(method="PUT", path=path, query=query, headers=headers, body=block, good=(201,)), self._key)
        self._names.append(name)

    def commit(self, *, once: bool = False) -> Written:
        """Put Block List."""
        listed = "".join(f"<Latest>{name}</Latest>" for name in self._names)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
        md5 = self._md5.digest()
        headers = {"content-type": "application/xml", "x-ms-blob-content-md5": base64.b64encode(md5).decode()}
        headers |= {"x-ms-blob-content-type": STREAM, **md5_of(body), **absence(replace=self._replace)}
        path = self._client.of(self._full)
        call = Call(method="PUT", path=path, query={"comp": "blocklist"}, headers=headers, body=body, good=(201,))
        return made(self._client, call, self._key, self._full, md5, self._size, once=once)

    def abort(self) -> None:
        """Nothing can be done, and nothing is there."""


def made(client: AzureClient, call: Call, key: str, full: str, md5: bytes, size: int, *, once: bool) -> Written:
    """Send the request that makes a blob: what the storage says that it holds, and whether that is what was sent."""

    def proven(answer: Answer) -> Written:
        stat = stat_of(key, answer.headers)
        return Written(stat, is_proven=stat.etag == md5.hex() and stat.size == size)

    try:
        client.send(call, key, once=once)
    except MaybeOursError:
        # Its first answer may have been lost on the way: what is there is ours then.
        written = proven(client.send(looking(client, full), key))
        if not written.is_proven:
            raise
        return written
    return proven(client.send(looking(client, full), key))


def hashed(body: bytes) -> bytes:
    """Its MD5."""
    return hashlib.md5(body, usedforsecurity=False).digest()


def md5_of(body: bytes) -> dict[str, str]:
    """The header that the server holds the body against."""
    return {"content-md5": base64.b64encode(hashed(body)).decode()}


def absence(*, replace: bool) -> dict[str, str]:
    """The condition that there is none yet."""
    return {} if replace else {"if-none-match": "*"}
