"""How an object comes into a bucket of Google Cloud Storage: in one request, or piece by piece; the last one makes it.

That there is none yet is a condition of the request that makes it, which the server keeps.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kubectl_lrs.backends.base import CHUNK, MaybeOursError, Stat, Written, regrouped
from kubectl_lrs.backends.gcs_client import GcsClient, document
from kubectl_lrs.backends.rest import About, Answer, Call
from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.runtime.redact import remember, shown

GENERATION = "generation "
"""How the etag of an object begins of which the storage keeps no MD5."""

FIELDS = "name,size,generation,md5Hash,timeCreated"
"""`updated` is no time of the content: a rule that moves objects to another storage class changes it."""

GIVEN_UP = (200, 204, 404, 410, 499)
"""What the end of an upload is answered with that is not to be."""


def stat_of(key: str, said: Mapping[str, Any]) -> Stat:
    """Out of what the storage says of an object."""
    md5 = str(said.get("md5Hash") or "")
    etag = base64.b64decode(md5).hex() if md5 else f"{GENERATION}{said.get('generation')}"
    return Stat(key, int(said.get("size") or 0), etag, instant_of(str(said.get("timeCreated") or "")))


def instant_of(said: str) -> float | None:
    """Seconds of the epoch; Google gives milliseconds or microseconds, in UTC."""
    try:
        return datetime.fromisoformat(said.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def absence(*, replace: bool) -> dict[str, str]:
    """The condition that there is none yet."""
    return {} if replace else {"ifGenerationMatch": "0"}


class Whole:
    """An object that one request makes, with its MD5 beside it, which the server checks."""

    unset: tuple[str, ...] = ()

    def __init__(self, client: GcsClient, key: str, full: str, body: bytes, *, replace: bool) -> None:
        self._client = client
        self._key = key
        self._full = full
        self._body = body
        self._md5 = hashlib.md5(body, usedforsecurity=False).digest()
        self._replace = replace

    def commit(self, *, once: bool = False) -> Written:
        """All of it."""
        boundary = secrets.token_hex(16)
        about = json.dumps({"name": self._full, "md5Hash": base64.b64encode(self._md5).decode()})
        head = f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{about}\r\n--{boundary}\r\n"
        head += "Content-Type: application/octet-stream\r\n\r\n"
        call = Call(
            method="POST",
            path=self._client.uploads,
            query={"uploadType": "multipart", "fields": FIELDS, **absence(replace=self._replace)},
            headers={"Content-Type": f"multipart/related; boundary={boundary}"},
            body=b"".join((head.encode(), self._body, f"\r\n--{boundary}--\r\n".encode())),
            about=About.BUCKET,
        )
        return made(self._client, call, self._key, self._full, self._md5, len(self._body), once=once)

    def abort(self) -> None:
        """Nothing was sent."""


def looking(client: GcsClient, full: str) -> Call:
    """Ask what an object is."""
    return Call(method="GET", path=client.of(full), query={"fields": FIELDS})


def made(client: GcsClient, call: Call, key: str, full: str, md5: bytes, size: int, *, once: bool) -> Written:
    """Send the request that makes an object: what the storage says that it holds, and whether that is what was sent."""

    def proven(answer: Answer) -> Written:
        stat = stat_of(key, document(answer, client.url))
        return Written(stat, is_proven=stat.etag == md5.hex() and stat.size == size)

    try:
        return proven(client.send(call, key, once=once))
    except MaybeOursError:
        # Its first answer may have been lost on the way: what is there is ours then.
        written = proven(client.send(looking(client, full), key))
        if not written.is_proven:
            raise
        return written


class Pieces:
    """An object that is sent piece by piece. The last piece is held until it is to be."""

    unset: tuple[str, ...] = ()

    def __init__(self, client: GcsClient, key: str, full: str, size: int, chunks: Iterator[bytes], *, replace: bool) -> None:
        self._client = client
        self._key = key
        self._full = full
        self._size = size
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sent = 0
        self._held = b""
        self._session = begun(client, key, full, size, replace=replace)
        try:
            for piece in regrouped(chunks, CHUNK):
                if self._held:
                    self._send(self._held)
                self._held = piece
                self._md5.update(piece)
            self._require_all()
        except BaseException:
            self.abort()
            raise

    def _require_all(self) -> None:
        if (came := self._sent + len(self._held)) != self._size:
            raise LrsError(f"{self._client.url}: {shown(self._key)}: {came} bytes came, and {self._size} were announced")

    def _send(self, piece: bytes) -> None:
        """One that is not the last; the server may keep less of it than was sent."""
        end = self._sent + len(piece)
        while self._sent < end:
            answer = self._client.send(self._call(piece[len(piece) - (end - self._sent) :], 308), self._key)
            kept = kept_of(answer.headers.get("Range", ""))
            if not self._sent < kept <= end:
                raise UnreachableError(
                    f"{self._client.url}: {shown(self._key)}: the server does not say what it has of the upload"
                )
            self._sent = kept

    def _call(self, piece: bytes, *good: int) -> Call:
        last = self._sent + len(piece) - 1
        headers = {"Content-Range": f"bytes {self._sent}-{last}/{self._size}"}
        return Call(method="PUT", path=self._session, headers=headers, body=piece, good=good, about=About.UPLOAD)

    def commit(self, *, once: bool = False) -> Written:
        """The last piece."""
        last = self._call(self._held, 200, 201)
        try:
            return made(self._client, last, self._key, self._full, self._md5.digest(), self._size, once=once)
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """The server forgets the pieces."""
        give_up(self._client, self._session, self._key)


def begun(client: GcsClient, key: str, full: str, size: int, *, replace: bool) -> str:
    """An upload in pieces: the URL to which they go. Whoever has it may write to it, so it is never shown."""
    call = Call(
        method="POST",
        path=client.uploads,
        query={"uploadType": "resumable", "fields": FIELDS, **absence(replace=replace)},
        headers={"Content-Type": "application/json; charset=UTF-8", "X-Upload-Content-Length": str(size)},
        body=json.dumps({"name": full}).encode(),
        about=About.BUCKET,
    )
    session = client.send(call, key).headers.get("Location", "")
    if not session:
        raise UnreachableError(f"{client.url}: {shown(key)}: the server does not say where the upload goes")
    remember(*parse_qs(urlsplit(session).query).get("upload_id", ()))
    return session


def give_up(client: GcsClient, session: str, key: str) -> None:
    """An upload that is not to be. Never fails."""
    with suppress(LrsError):
        client.send(Call(method="DELETE", path=session, headers={"Content-Length": "0"}, good=GIVEN_UP), key, once=True)


def kept_of(said: str) -> int:
    """How many bytes an answer says that the server has: `bytes=0-41`; 0 where it says none."""
    first, _, last = said.removeprefix("bytes=").partition("-")
    return int(last) + 1 if first == "0" and last.isascii() and last.isdigit() else 0
