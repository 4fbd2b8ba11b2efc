"""Requests about one object by obstore, which needs a fraction of the work that botocore does. The one door to that library.

It takes what it does exactly as the other does, and nothing else (`takes`); what it cannot do after all is `Unfit`. Answers
are of the form that S3's own library gives them. It tries nothing again, and reads nothing of the environment.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from kubectl_lrs.backends.obstore_errors import Unfit, translated
from kubectl_lrs.backends.s3_encryption import Encryption
from kubectl_lrs.backends.s3_reach import Keys, Reach

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config, S3Store

TIMEOUT, PATIENCE = timedelta(days=1), timedelta(seconds=300)
"""For all of a request, and for the next bytes of it."""

_HEADERS = {
    "ContentType": "Content-Type",
    "ContentEncoding": "Content-Encoding",
    "ContentDisposition": "Content-Disposition",
    "ContentLanguage": "Content-Language",
    "CacheControl": "Cache-Control",
}
_NAMES = {header: name for name, header in _HEADERS.items()} | {"Storage-Class": "StorageClass"}

_OTHERS = frozenset(map(str.lower, _NAMES))

SSE = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")
"""What the store adds to each upload by itself."""

_TAKES: Mapping[str, frozenset[str]] = {
    "put_object": frozenset(("Key", "Body", "IfNoneMatch", "Metadata", *SSE, *_HEADERS)),
    "get_object": frozenset(("Key", "Range", "IfMatch")),
    "head_object": frozenset(("Key",)),
    "delete_object": frozenset(("Key",)),
}
"""What may be in a request. The sum of a body is none of it: one goes with each upload by itself."""

_METADATA = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_VALUE = re.compile(r"[!-~]+(?: [!-~]+)*")
"""Names and values of metadata that come over the wire, and into what is signed, as they are."""

PANIC = "PanicException"
"""The class of what breaks in Rust; it is no Exception."""

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

FOREIGN = (
    *("AWS_CHECKSUM_ALGORITHM", "AWS_SERVER_SIDE_ENCRYPTION", "AWS_SSE_KMS_KEY_ID", "AWS_SSE_BUCKET_KEY_ENABLED"),
    *("AWS_SSE_CUSTOMER_KEY_BASE64", "AWS_DEFAULT_HEADERS", "AWS_USER_AGENT", "AWS_DEFAULT_CONTENT_TYPE"),
)
"""Variables that this library alone obeys, and that cannot be set aside."""


def is_here() -> bool:
    """Whether the library is installed: it is not there for Python 3.10."""
    return importlib.util.find_spec("obstore") is not None


def opened(reach: Reach, encryption: Encryption) -> Quick | None:
    """The bucket, where the library can reach it as it is to be reached."""
    if any(os.environ.get(name) for name in FOREIGN):
        return None
    try:
        from obstore.store import S3Store

        store = S3Store(
            reach.bucket,
            config=_config(reach, encryption),
            client_options=_client(reach),
            retry_config={"max_retries": 0},
            credential_provider=None if reach.keys is None else reach.keys.give,  # type: ignore[arg-type]
        )
    except Exception:  # noqa: BLE001  it is for a newer system, or a value is wrong: the other library will say so
        return None
    return Quick(store, reach.keys, encryption)


def _config(reach: Reach, encryption: Encryption) -> S3Config:
    """All that the library would take from the environment otherwise is said.

    A bucket that locks what is put there takes nothing that has neither a checksum beside it nor an MD5.
    """
    config: S3Config = {
        "endpoint": reach.endpoint,
        "region": reach.region,
        "virtual_hosted_style_request": reach.is_virtual,
        "skip_signature": reach.keys is None,
        "unsigned_payload": False,
        "checksum_algorithm": "SHA256",
        "conditional_put": "etag",
        "disable_bulk_delete": True,
        "request_payer": False,
        "s3_express": False,
    }
    if encryption.algorithm:
        config["server_side_encryption"] = encryption.algorithm
    if encryption.key:
        config["sse_kms_key_id"] = encryption.key
    if encryption.bucket_key is not None:
        config["sse_bucket_key_enabled"] = encryption.bucket_key
    return config


def _client(reach: Reach) -> ClientConfig:
    """Without a proxy of ours the library would look for one; so it is given one that is not for this host."""
    options: ClientConfig = {
        "allow_http": reach.endpoint.startswith("http:"),
        "allow_invalid_certificates": False,
        "connect_timeout": timedelta(seconds=10),
        "timeout": TIMEOUT,
        "read_timeout": PATIENCE,
        "proxy_url": reach.proxy or "http://127.0.0.1:9",
    }
    if not reach.proxy:
        options["proxy_excludes"] = reach.host
    return options


def is_addressable(key: str) -> bool:
    """Whether the library takes a key for what it is: it makes paths of them."""
    return not {"", ".", ".."} & set(key.split("/")) and _CONTROL.search(key) is None


def _is_sent_as_it_is(metadata: Mapping[str, str]) -> bool:
    """Whether the library makes metadata of it, and of nothing else; it takes headers by their names, too."""
    return all(_METADATA.fullmatch(name) and name not in _OTHERS and _VALUE.fullmatch(value) for name, value in metadata.items())


class Quick:
    """One bucket; safe to use from several threads."""

    def __init__(self, store: S3Store, keys: Keys | None, encryption: Encryption) -> None:
        import obstore

        self._library = obstore
        self._store = store
        self._keys = keys
        self._encryption = encryption.request
        self._acts: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "put_object": self._put,
            "get_object": self._get,
            "head_object": self._head,
            "delete_object": self._delete,
        }

    def takes(self, method: str, request: Mapping[str, Any]) -> bool:
        """Whether it makes this very request. One with a sum of its own is a trial, which it has no way to make."""
        if not request.keys() <= _TAKES.get(method, frozenset()) or not is_addressable(str(request["Key"])):
            return False
        if method != "put_object":
            return True
        asked = {name: request[name] for name in SSE if name in request}
        return asked == self._encryption and _is_sent_as_it_is(request.get("Metadata") or {})

    def call(self, method: str, request: Mapping[str, Any], where: Callable[[], str]) -> dict[str, Any]:
        """Once. Unfit, or an error of ours about `where`."""
        try:
            return self._acts[method](request)
        except BaseException as error:  # noqa: BLE001  what is not translated is raised as it is
            self._fail(error, where())

    def listed(self, prefix: str, after: str, where: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        """A list below a `prefix` that ends with `/`, page by page. A key that ends with `/` comes without it."""
        try:
            pages = self._library.list(self._store, prefix.rstrip("/") or None, offset=after or None, chunk_size=1000)
            for page in pages:
                yield [_entry(each) for each in page]
        except BaseException as error:  # noqa: BLE001  what is not translated is raised as it is
            self._fail(error, where)

    def _fail(self, error: BaseException, where: str) -> NoReturn:
        """Raise what it means."""
        if isinstance(error, Unfit) or not (isinstance(error, Exception) or type(error).__name__ == PANIC):
            raise error
        if self._keys is not None and (reason := self._keys.refused()) is not None:
            raise reason from error
        raise translated(error, where) from error

    # ---- each request

    def _put(self, request: Mapping[str, Any]) -> dict[str, Any]:
        beside = {header: request[name] for name, header in _HEADERS.items() if request.get(name)}
        answer = self._library.put(
            self._store,
            request["Key"],
            request["Body"],
            attributes={**beside, **(request.get("Metadata") or {})} or None,
            mode="create" if request.get("IfNoneMatch") else "overwrite",
            use_multipart=False,
        )
        return {"ETag": answer["e_tag"] or ""}

    def _get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        options: dict[str, Any] = {"if_match": request["IfMatch"]} if "IfMatch" in request else {}
        if "Range" in request:
            if (found := _RANGE.fullmatch(request["Range"])) is None:
                raise Unfit
            options["range"] = (int(found[1]), int(found[2]) + 1)
        result = self._library.get(self._store, request["Key"], options=options)  # type: ignore[arg-type]
        data = bytes(result.bytes())
        (start, end), size = result.range, result.meta["size"]
        said = {"ContentRange": f"bytes {start}-{end - 1}/{size}"} if "Range" in request else {}
        return {**_answer(result.meta, result.attributes), **said, "ContentLength": end - start, "Body": data}

    def _head(self, request: Mapping[str, Any]) -> dict[str, Any]:
        result = self._library.get(self._store, request["Key"], options={"head": True})
        return _answer(result.meta, result.attributes)

    def _delete(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._library.delete(self._store, request["Key"])
        return {}


def _entry(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {"Key": meta["path"], "Size": meta["size"], "ETag": meta["e_tag"], "LastModified": meta["last_modified"]}


def _answer(meta: Mapping[str, Any], attributes: Mapping[str, str]) -> dict[str, Any]:
    """What is not said is whether the object is encrypted, and how."""
    known = {_NAMES[name]: value for name, value in attributes.items() if name in _NAMES}
    metadata = {name: value for name, value in attributes.items() if name not in _NAMES}
    said = {"ContentLength": meta["size"], "ETag": meta["e_tag"] or "", "LastModified": meta["last_modified"]}
    return {**said, **known, "Metadata": metadata, TELLS_NO_ENCRYPTION: True}


TELLS_NO_ENCRYPTION = "TellsNoEncryption"
"""What stands in an answer that does not say whether the object is encrypted."""
