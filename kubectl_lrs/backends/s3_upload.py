"""How an object comes into a bucket: in one request, or in parts that the last request puts together.

The requests that try out whether that may be done are these very ones, with a sum that is not the body's: the server
must refuse them when everything else was right, and nothing is stored.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from kubectl_lrs.backends.base import (
    CHUNK,
    KeyExistsError,
    KeyNotFoundError,
    MaybeOursError,
    NotTheStorageError,
    Stat,
    Written,
    WrongSumError,
    regrouped,
)
from kubectl_lrs.backends.s3_answers import KEPT, etag_of, etag_of_parts, in_base64, is_encrypted, sum_of_parts
from kubectl_lrs.backends.s3_client import S3Client
from kubectl_lrs.backends.s3_errors import UnknownRequestError
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.redact import shown

MIN_PART = CHUNK
MAX_PARTS = 9_000
SMALL = 16 << 10
"""Bytes of an object that is sent a second time to see whether it is refused."""

PROBE = ".lrs-probe-"

UNKNOWN = "LRS_S3_SSE asks for an encryption, which not every server has"

Look = Callable[[str], tuple[Stat, Mapping[str, Any]]]
"""One object as the server says that it is now, and the whole answer. KeyNotFoundError."""


class Uploads:
    """What all uploads into one place share: how its objects are looked at, and whether create-only is kept there."""

    def __init__(self, client: S3Client, prefix: str, look: Look) -> None:
        self.client = client
        self.look = look
        self._prefix = prefix
        self._by_sha256 = client.is_ours or client.quick is not None
        self._knows_condition = True
        self._keeps_condition: bool | None = None

    def begin(
        self, key: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool
    ) -> _Whole | _Parts:
        """Small ones are held until they are committed; of large ones the parts are sent."""
        request = {"Key": self._prefix + key, **attributes, **self.client.encryption.request}
        if size <= MIN_PART:
            return _Whole(self, key, request, b"".join(chunks), replace=replace)
        return _Parts(self, key, request, size, chunks, replace=replace)

    def probe(self, *, large: bool) -> None:
        """See the module; where a server stores what has a wrong sum, it is removed again."""
        key = f"{PROBE}{secrets.token_hex(8)}"
        request = {"Key": self._prefix + key, **self.client.encryption.request}
        try:
            self._put(key, {**request, "Body": b"lrs"}, b"another", replace=False, once=False)
        except WrongSumError:
            pass
        else:
            self.client.call("delete_object", key, Key=self._prefix + key)
        if large:
            _Parts(self, key, request, MIN_PART + 1, iter([]), replace=False).try_out()

    # ---- the requests, for the trial and for the write

    def sum_of_part(self, body: bytes, md5: bytes = b"") -> dict[str, Any]:
        """What is sent beside a part, so that the server finds out when it comes as another one. `md5`: where it is known.

        With what is ours the SHA-256, which the server keeps and can tell.
        """
        return self._sum_of(body, md5, by_sha256=self.client.is_ours)

    def _sum_of(self, body: bytes, md5: bytes, *, by_sha256: bool) -> dict[str, Any]:
        if self.client.sums_itself:
            return {}
        return {"ChecksumSHA256": in_base64(_sha256(body))} if by_sha256 else {"ContentMD5": in_base64(md5 or _md5(body))}

    def put(self, key: str, request: dict[str, Any], md5: bytes, *, replace: bool, once: bool) -> Mapping[str, Any]:
        """PutObject with the body's own sum."""
        body = request["Body"]
        self._require_absent(key, replace=replace)
        answer = self._put(key, request, body, md5, replace=replace, once=once)
        if not (replace or once) and self._keeps_condition is None and len(body) <= SMALL:
            self._keeps_condition = self._refuses_again(key, request)
        return answer

    def _put(self, key: str, request: dict[str, Any], of: bytes, md5: bytes = b"", **how: bool) -> Mapping[str, Any]:
        """With the sum of `of`, which is the body but in a trial: a SHA-256, which the quick library sends by itself.

        Of other people's servers, those that do not know it get an MD5.
        """
        if self._by_sha256:
            known = self._knows_condition, self._keeps_condition
            try:
                return self._send("put_object", key, {**request, **self._with_sha256(request["Body"], of)}, **how)
            except UnknownRequestError:
                if self.client.is_ours:
                    raise
                self._by_sha256, (self._knows_condition, self._keeps_condition) = False, known
        return self._send("put_object", key, {**request, **self._sum_of(of, md5, by_sha256=False)}, **how)

    def _with_sha256(self, body: bytes, of: bytes) -> dict[str, Any]:
        """In a trial it stands in the request, so that it is that very sum which is sent."""
        if of is not body:
            return self._sum_of(of, b"", by_sha256=True)
        return {"beside": lambda: self._sum_of(body, b"", by_sha256=True)}

    def complete(self, key: str, request: dict[str, Any], *, replace: bool, once: bool) -> Mapping[str, Any]:
        """CompleteMultipartUpload."""
        self._require_absent(key, replace=replace)
        return self._send("complete_multipart_upload", key, request, replace=replace, once=once)

    def _send(self, method: str, key: str, request: dict[str, Any], *, replace: bool, once: bool) -> Mapping[str, Any]:
        """The request that makes an object; a server that does not know the condition gets it without."""
        if not replace and self._knows_condition:
            try:
                return self.client.call(method, key, once=once, **request, IfNoneMatch="*")
            except UnknownRequestError:
                self._knows_condition, self._keeps_condition = False, False
                self._require_absent(key, replace=replace)
        with self.explained():
            return self.client.call(method, key, once=once, **request)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """What a server that knows no encryption is likely not to know."""
        try:
            yield
        except UnknownRequestError as error:
            raise error.with_hint(UNKNOWN) if self.client.encryption.request else error from error.__cause__

    def keeps_sum(self, key: str, sum_: str) -> bool:
        """Whether the server tells this SHA-256 of it, which goes for one that is encrypted, too. No word is no yes."""
        if not self.client.is_ours:
            return False
        with suppress(LrsError):
            answer = self.client.ask("head_object", key, Key=self._prefix + key, ChecksumMode="ENABLED")
            return answer.get("ChecksumSHA256") == sum_
        return False

    def _require_absent(self, key: str, *, replace: bool) -> None:
        """Where the server is not known to keep the condition of the request, a look has to do."""
        if replace or self._keeps_condition:
            return
        with suppress(KeyNotFoundError):
            self.look(key)
            raise KeyExistsError(f"{self.client.url}: {shown(key)} is there already")

    def _refuses_again(self, key: str, request: dict[str, Any]) -> bool:
        """Whether the server keeps the condition: by the same object once more, which must be refused now."""
        try:
            self._put(key, request, request["Body"], replace=False, once=False)
        except KeyExistsError:
            return True
        except LrsError:
            return False
        return False


class _Whole:
    """An object that one request makes."""

    unset: tuple[str, ...] = ()

    def __init__(self, uploads: Uploads, key: str, request: dict[str, Any], body: bytes, *, replace: bool) -> None:
        self._uploads = uploads
        self._key = key
        self._request = {**request, "Body": body}
        self._digest = _md5(body)
        self._md5 = self._digest.hex()
        self._has_nothing_beside = request.keys().isdisjoint(KEPT)
        self._replace = replace

    def commit(self, *, once: bool = False) -> Written:
        """PutObject, and what the server says of it then: at once, where its sum is of all that was sent."""
        try:
            answer = self._uploads.put(self._key, self._request, self._digest, replace=self._replace, once=once)
        except MaybeOursError:
            # Its first answer may have been lost on the way: what is there is ours then.
            written = self._seen()
            if not written.is_proven:
                raise
            return written
        if self._has_nothing_beside and etag_of(answer) == self._md5:
            return Written(Stat(self._key, len(self._request["Body"]), self._md5), is_proven=True)
        try:
            return self._seen()
        except KeyNotFoundError as error:
            where = f"{self._uploads.client.url}: {shown(self._key)}"
            raise NotTheStorageError(where, "the upload was taken, and it is not there") from error

    def _seen(self) -> Written:
        stat, answer = self._uploads.look(self._key)
        is_proven = stat.etag == self._md5 and not is_encrypted(answer)
        return Written(stat, is_proven or self._uploads.keeps_sum(self._key, in_base64(_sha256(self._request["Body"]))))

    def abort(self) -> None:
        """Nothing was sent."""


class _Parts:
    """An object of which the parts are sent; the last request puts them together."""

    unset: tuple[str, ...] = ()

    def __init__(
        self, uploads: Uploads, key: str, request: dict[str, Any], size: int, chunks: Iterator[bytes], *, replace: bool
    ) -> None:
        self._uploads = uploads
        self._client = uploads.client
        self._key = key
        self._replace = replace
        self._digests: list[bytes] = []
        self._sums: list[bytes] = []
        self._parts: list[dict[str, Any]] = []
        algorithm: dict[str, Any] = (
            {"ChecksumAlgorithm": "SHA256"} if self._client.is_ours and not self._client.sums_itself else {}
        )
        with uploads.explained():
            begun = self._client.call("create_multipart_upload", key, **request, **algorithm)
        self._upload = {"Key": request["Key"], "UploadId": self._told(begun, "UploadId")}
        try:
            take = self._by_sha256 if algorithm else self._by_md5
            for body in regrouped(chunks, max(MIN_PART, -(-size // MAX_PARTS))):
                take(body)
        except BaseException:
            self.abort()
            raise

    def _by_sha256(self, body: bytes) -> None:
        """A part, with its SHA-256. A server that says that very sum of it tells one of the whole; else its ETag has to do."""
        sha256 = _sha256(body)
        sums = self._send(body, {"ChecksumSHA256": in_base64(sha256)})
        self._sums.append(sha256)
        if sums.get("ChecksumSHA256") != in_base64(sha256):
            self._digests.append(_md5(body))

    def _by_md5(self, body: bytes) -> None:
        """A part, with its MD5, or with what the library sends by itself."""
        md5 = _md5(body)
        self._send(body, self._uploads.sum_of_part(body, md5))
        self._digests.append(md5)
        if self._client.is_ours:
            self._sums.append(_sha256(body))

    def _send(self, body: bytes, beside: Mapping[str, Any]) -> Mapping[str, Any]:
        """A part; the sums that the server says of it."""
        number = len(self._parts) + 1
        answer = self._client.call("upload_part", self._key, **self._upload, PartNumber=number, Body=body, **beside)
        sums = {name: answer[name] for name in answer if name.startswith("Checksum") and name != "ChecksumType"}
        has_sums = self._client.sums_itself or self._client.is_ours
        self._parts.append({"PartNumber": number, "ETag": self._told(answer, "ETag"), **(sums if has_sums else {})})
        return sums

    def _told(self, answer: Mapping[str, Any], name: str) -> str:
        """What every answer of the storage says."""
        if not answer.get(name):
            raise NotTheStorageError(f"{self._client.url}: {shown(self._key)}")
        return str(answer[name])

    def try_out(self) -> None:
        """One part whose sum is wrong; the upload is given up."""
        try:
            with suppress(WrongSumError):
                self._send(b"lrs", self._uploads.sum_of_part(b"another"))
        finally:
            self.abort()

    def commit(self, *, once: bool = False) -> Written:
        """CompleteMultipartUpload, and what the server says of it then."""
        try:
            request = {**self._upload, "MultipartUpload": {"Parts": self._parts}}
            made = self._uploads.complete(self._key, request, replace=self._replace, once=once)
        except BaseException:
            self.abort()
            raise
        stat, answer = self._uploads.look(self._key)
        whole = sum_of_parts(self._sums)
        is_told = bool(self._sums) and made.get("ChecksumSHA256") == whole and stat.etag == etag_of(made)
        is_proven = is_told or (stat.etag == etag_of_parts(self._digests) and not is_encrypted(answer))
        return Written(stat, is_proven or self._uploads.keeps_sum(self._key, whole))

    def abort(self) -> None:
        """Give the parts back."""
        with suppress(LrsError):
            self._client.call("abort_multipart_upload", self._key, **self._upload)


def _md5(body: bytes) -> bytes:
    return hashlib.md5(body, usedforsecurity=False).digest()


def _sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
