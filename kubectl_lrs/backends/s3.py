"""A storage that speaks S3, through s3fs: its connection, credentials and retries, with the requests of S3 itself.

fsspec's view of paths loses some keys (`a//b`, `a/`, `a?versionId=b`) and what stands beside the content, so that the
requests are made as S3 has them. Nothing is cached.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from kubectl_lrs.backends.base import CHUNK, GoneError, Place, Stored, TakenError
from kubectl_lrs.backends.s3_errors import UnknownRequestError, translated
from kubectl_lrs.clients import wirelog
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import read_bundle
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError, UsageError
from kubectl_lrs.runtime.redact import remember, secrets_of, shown
from kubectl_lrs.runtime.redact import text as heard

KEPT = ("ContentType", "ContentEncoding", "ContentDisposition", "ContentLanguage", "CacheControl", "Metadata")
"""What is kept beside the content, by the names that both GetObject and PutObject have for it."""

FOREIGN = ("mode", "uid", "gid", "permission", "owner", "group")
"""What other storages keep, and an object has not."""

AWS = "https://s3.amazonaws.com"
"""Where requests go without an endpoint, as far as rules for proxies are concerned."""

MAX_KEY = 1024
MIN_PART = 8 << 20
MAX_PARTS = 9_000
TIMES = 3
"""How often a body is asked for that breaks off."""


def opened(place: Place) -> S3Storage:
    """The bucket and prefix of an `s3:` URL; credentials from the options, else as every AWS tool finds them."""
    import s3fs
    from botocore.exceptions import BotoCoreError

    hidden = tuple(secrets_of(place.options))
    remember(*hidden)
    try:
        system = s3fs.S3FileSystem(**_options(place))
    except (TypeError, ValueError, KeyError, BotoCoreError) as error:
        raise UsageError(f"--files-options: {heard(error, hidden)}") from None
    system.retries = 1  # botocore's own are enough
    bucket, prefix = place.host_and_path
    return S3Storage(system, bucket, f"{prefix}/" if prefix else "", hidden)


def _options(place: Place) -> dict[str, Any]:
    """As s3fs takes them."""
    options = dict(place.options)
    client = {**(options.pop("client_kwargs", None) or {})}
    config = {"retries": {"max_attempts": 3, "mode": "standard"}, "connect_timeout": 10, "read_timeout": 60}
    config |= {"max_pool_connections": max(10, 2 * place.workers), **(options.pop("config_kwargs", None) or {})}
    if place.endpoint:
        options["endpoint_url"] = place.endpoint
    if place.ca_file:
        read_bundle(place.ca_file, what="--files-ca-file")
        client["verify"] = place.ca_file
    where = place.endpoint or str(options.get("endpoint_url") or client.get("endpoint_url") or AWS)
    proxy = Proxies(os.environ).of(where)
    config.setdefault("proxies", {urlsplit(where).scheme: proxy.geturl()} if proxy else {})
    fixed = {"use_listings_cache": False, "skip_instance_cache": True}
    return {**options, **fixed, "client_kwargs": client, "config_kwargs": config}


class S3Storage:
    """The objects of a bucket whose keys begin with `prefix`, which is empty or ends with `/`."""

    def __init__(self, system: Any, bucket: str, prefix: str, hidden: tuple[str, ...]) -> None:
        from fsspec.asyn import sync

        self.url = f"s3://{bucket}/{prefix}".rstrip("/")
        self.notes: list[str] = []
        self._system = system
        self._bucket = bucket
        self._prefix = prefix
        self._hidden = hidden
        self._sync = sync

    def tells_content(self, marker: str) -> bool:
        """Where the server gave an ETag; a time says nothing of two writes within its second."""
        return bool(marker) and not marker.startswith(MODIFIED)

    def names(self, path: str) -> tuple[str, ...]:
        """As a key, with its bucket, and as a URL."""
        key = self._prefix + path
        return key, f"{self._bucket}/{key}", f"s3://{self._bucket}/{key}", f"s3a://{self._bucket}/{key}"

    # ---- reading

    def listing(self) -> Iterator[Stored]:
        """Page by page, in the order of the keys."""
        following: dict[str, str] = {}
        while True:
            page = self._call("list_objects_v2", "a list", Prefix=self._prefix, MaxKeys=1000, **following)
            for each in page.get("Contents") or ():
                if path := each["Key"][len(self._prefix) :]:
                    yield Stored(path, int(each["Size"]), _marker(each))
            token = page.get("NextContinuationToken")
            if not page.get("IsTruncated"):
                return
            if not token or token == following.get("ContinuationToken"):
                raise UnreachableError(f"{self.url}: the server's list has no end that can be asked for")
            following = {"ContinuationToken": token}

    def look(self, path: str) -> Stored | None:
        """By a HEAD, which says nothing of why it is refused."""
        try:
            return _stored(path, self._call("head_object", path, Key=self._prefix + path))
        except GoneError:
            self._require_bucket()
            return None

    def _require_bucket(self) -> None:
        """An object that is not there is no error, a bucket that is not there is one."""
        with suppress(DeniedError):
            self._call("head_bucket", "the bucket")

    def read(self, wanted: Stored, sink: Callable[[bytes], object]) -> tuple[Stored, bool]:
        """In ranges of one and the same version of the object."""
        if wanted.size == 0:
            found = self.look(wanted.path)
            if found is None:
                raise GoneError(f"{self.url}: {shown(wanted.path)}: not there")
            return found, found.size == 0
        seen: Stored | None = None
        start, size, etag = 0, wanted.size, ""
        digest = hashlib.md5(usedforsecurity=False)
        while start < size:
            try:
                answer, data = self._range(wanted.path, start, min(start + CHUNK, size), etag)
            except TakenError:
                return seen or wanted, False
            now = _stored(wanted.path, answer, _total(answer, len(data)))
            if not data or (seen is not None and (now.marker, now.size) != (seen.marker, seen.size)):
                return now, False
            seen, size, etag = now, now.size, str(answer.get("ETag") or "")
            digest.update(data)
            sink(data)
            start += len(data)
        if seen is None or start != seen.size:
            return seen or wanted, False
        if _is_md5(seen.marker) and not _is_encrypted(answer) and seen.marker != digest.hexdigest():
            raise UnreachableError(f"{self.url}: {shown(wanted.path)}: what came is not what the server's ETag says")
        return seen, True

    def _range(self, path: str, start: int, end: int, etag: str) -> tuple[dict[str, Any], bytes]:
        """Bytes from `start` to `end`; TakenError where the object has not this ETag any more."""
        same = {"IfMatch": etag} if etag else {}

        async def fetch() -> tuple[dict[str, Any], bytes | None]:
            wanted = {"Key": self._prefix + path, "Range": f"bytes={start}-{end - 1}", **same}
            answer = await self._system._call_s3("get_object", Bucket=self._bucket, **wanted)
            try:
                async with answer["Body"] as body:
                    data = await body.read()
            except Exception:  # noqa: BLE001  each HTTP library has its own words for a connection that breaks off
                return answer, None
            return answer, data if len(data) == answer.get("ContentLength", len(data)) else None

        for _ in range(TIMES):
            with wirelog.logged(f"S3 get_object s3://{self._bucket}/{self._prefix}{path}"):
                answer, data = self._run(fetch, path)
            if data is not None:
                return answer, data
        raise UnreachableError(f"{self.url}: {shown(path)}: the connection breaks off again and again", hint="check the network")

    # ---- writing

    def write(self, path: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> list[str]:
        """In one request, or in parts that are put together by the last one."""
        kept, unset = _to_put(attributes)
        key = {"Key": self._prefix + path}
        only_new = {} if replace else {"IfNoneMatch": "*"}
        if size <= MIN_PART:
            body = b"".join(chunks)
            self._commit("put_object", path, only_new, {**key, **kept, "Body": body})
        else:
            self._write_parts(path, size, chunks, {**key, **kept}, only_new)
        return unset

    def _write_parts(self, path: str, size: int, chunks: Iterator[bytes], head: dict[str, Any], only_new: dict[str, str]) -> None:
        key = {"Key": head["Key"]}
        upload = {**key, "UploadId": self._call("create_multipart_upload", path, **head)["UploadId"]}
        try:
            parts = []
            for number, body in enumerate(_regrouped(chunks, max(MIN_PART, -(-size // MAX_PARTS))), 1):
                etag = self._call("upload_part", path, **upload, PartNumber=number, Body=body)["ETag"]
                parts.append({"PartNumber": number, "ETag": etag})
            self._commit("complete_multipart_upload", path, only_new, {**upload, "MultipartUpload": {"Parts": parts}})
        except BaseException:
            with suppress(LrsError):
                self._call("abort_multipart_upload", path, **upload)
            raise

    def _commit(self, method: str, path: str, only_new: dict[str, str], request: dict[str, Any]) -> None:
        """The request that makes the object; a server that does not know the condition gets it without."""
        try:
            self._call(method, path, **request, **only_new)
        except UnknownRequestError:
            if not only_new:
                raise
            if self.look(path) is not None:
                raise TakenError(f"{self.url}: {shown(path)} is there already") from None
            self._call(method, path, **request)

    def folder(self, path: str) -> Mapping[str, Any]:  # noqa: ARG002
        """There are none."""
        return {}

    def prepare(self, folders: Mapping[str, Mapping[str, Any]]) -> None:
        """There are none."""

    def problem(self, path: str) -> str:
        """A key is any UTF-8 of up to 1,024 bytes."""
        try:
            encoded = (self._prefix + path).encode()
        except UnicodeEncodeError:
            return "its path is not UTF-8, which a key must be"
        if not path or len(encoded) > MAX_KEY or "\0" in path:
            return "its key would be longer than 1,024 bytes, or hold a NUL"
        return "a part of its path is '.' or '..'" if {".", ".."} & set(path.split("/")) else ""

    def probe(self) -> None:
        """Begin an upload and give it up: that needs the right to write, and leaves nothing that anyone could see."""
        key = {"Key": f"{self._prefix}.lrs-probe"}
        upload = self._call("create_multipart_upload", "an object", **key)
        self._call("abort_multipart_upload", "an object", **key, UploadId=upload["UploadId"])

    def free(self) -> int | None:
        """S3 does not say."""
        return None

    # ---- requests

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        async def call() -> Any:
            return await self._system._call_s3(method, Bucket=self._bucket, **request)

        body = request.get("Body")
        where = f"s3://{self._bucket}/{request.get('Key', self._prefix)}"
        with wirelog.logged(f"S3 {method} {where}", sent=len(body) if isinstance(body, bytes) else None):
            answer: dict[str, Any] = self._run(call, path)
        return answer

    def _run(self, call: Callable[[], Awaitable[Any]], path: str) -> Any:
        """In the loop of fsspec, whose thread serves all of ours."""
        from aiohttp import ClientError
        from botocore.exceptions import BotoCoreError

        try:
            return self._sync(self._system.loop, call)
        except (OSError, BotoCoreError, RuntimeError, ClientError) as error:
            raise translated(error, self.url, path, self._hidden) from error


def _stored(path: str, answer: Mapping[str, Any], size: int | None = None) -> Stored:
    kept = {name: answer[name] for name in KEPT if answer.get(name)}
    return Stored(path, int(answer["ContentLength"]) if size is None else size, _marker(answer), kept)


MODIFIED = "modified "
"""How the marker of an object without an ETag begins: only the time of its last change is known."""


def _marker(answer: Mapping[str, Any]) -> str:
    if etag := str(answer.get("ETag") or "").strip('"'):
        return etag
    return f"{MODIFIED}{answer['LastModified']}" if answer.get("LastModified") else ""


def _total(answer: Mapping[str, Any], got: int) -> int:
    """The whole object's size, out of the answer to a range."""
    total = str(answer.get("ContentRange", "")).rpartition("/")[2]
    return int(total) if total.isdigit() else got


def _is_md5(marker: str) -> bool:
    return len(marker) == 32 and all(char in "0123456789abcdef" for char in marker)


def _is_encrypted(answer: Mapping[str, Any]) -> bool:
    """Whether the ETag is not the content's MD5: with keys of KMS or of the customer."""
    return answer.get("ServerSideEncryption") not in (None, "AES256") or bool(answer.get("SSECustomerAlgorithm"))


def _to_put(attributes: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What of the saved attributes PutObject takes: text that a header can have; the names of the rest."""
    kept: dict[str, Any] = {name: attributes[name] for name in KEPT if _is_header(attributes.get(name))}
    metadata = attributes.get("Metadata")
    if isinstance(metadata, dict) and all(map(_is_header, (*metadata, *metadata.values()))):
        kept["Metadata"] = metadata
    return kept, sorted(str(name) for name in attributes if name not in kept and name not in FOREIGN)


def _is_header(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _regrouped(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of `size`, but the last."""
    held = bytearray()
    for data in chunks:
        held += data
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
