"""What S3's answers say of an object. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from kubectl_lrs.backends.base import Stat

KEPT = ("ContentType", "ContentEncoding", "ContentDisposition", "ContentLanguage", "CacheControl", "Metadata")
"""What is kept beside the content, by the names that both GetObject and PutObject have for it."""

MODIFIED = "modified "
"""How the etag of an object begins for which the server gives none: only the time of its last change is known."""

_MD5 = re.compile(r"[0-9a-f]{32}")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def stat_of(key: str, answer: Mapping[str, Any], size: int | None = None) -> Stat:
    """Out of the answer to a HEAD or a GET; `size` of the whole where the answer is about a part."""
    kept = {name: answer[name] for name in KEPT if answer.get(name)}
    return Stat(key, int(answer["ContentLength"]) if size is None else size, etag_of(answer), instant_of(answer), kept)


def etag_of(answer: Mapping[str, Any]) -> str:
    """Of an answer or of an entry of a list."""
    if etag := str(answer.get("ETag") or "").strip('"'):
        return etag
    return f"{MODIFIED}{answer['LastModified']}" if answer.get("LastModified") else ""


def instant_of(answer: Mapping[str, Any]) -> float | None:
    """When what an answer or an entry of a list is about was made, by the server's clock."""
    made = answer.get("LastModified")
    return made.timestamp() if isinstance(made, datetime) else None


def date_of(answer: Mapping[str, Any]) -> float | None:
    """When an answer was given, by the server's clock."""
    said = (answer.get("ResponseMetadata") or {}).get("HTTPHeaders", {}).get("date")
    try:
        return parsedate_to_datetime(str(said)).timestamp()
    except ValueError:
        return None


def range_of(answer: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """First byte, bytes and the size of the whole that an answer says it is about; None where it does not say."""
    found = _RANGE.fullmatch(str(answer.get("ContentRange") or ""))
    return (int(found[1]), int(found[2]) - int(found[1]) + 1, int(found[3])) if found else None


def is_sum(etag: str) -> bool:
    """Whether it may be the MD5 of the content; that of an object which was put together of parts is none."""
    return _MD5.fullmatch(etag) is not None


def contradicts(answer: Mapping[str, Any], etag: str, md5: str) -> bool:
    """Whether the etag is a sum of the content, and not of what has this MD5."""
    return is_sum(etag) and not is_encrypted(answer) and etag != md5


def is_encrypted(answer: Mapping[str, Any]) -> bool:
    """Whether the etag is not the content's MD5: with keys of KMS or of the customer."""
    return answer.get("ServerSideEncryption") not in (None, "AES256") or bool(answer.get("SSECustomerAlgorithm"))


def etag_of_parts(digests: Sequence[bytes]) -> str:
    """The etag that S3 gives an object which was put together of parts with these MD5s."""
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


def sum_of_parts(digests: Sequence[bytes]) -> str:
    """The checksum that S3 gives an object which was put together of parts with these SHA-256."""
    return f"{in_base64(hashlib.sha256(b''.join(digests)).digest())}-{len(digests)}"


def in_base64(digest: bytes) -> str:
    """As sums stand in headers."""
    return base64.b64encode(digest).decode()
