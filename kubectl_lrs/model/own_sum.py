"""JSON documents whose last field, `sha256`, is the sum of all before it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_END = b"\n}\n"


def serialise(body: Mapping[str, Any]) -> bytes:
    """The bytes of the document, with its own sum."""
    return _text({**body, "sha256": hashlib.sha256(_text(body)).hexdigest()})


def is_right(data: bytes) -> bool:
    """By its bytes, without writing the document anew: what stands before the last field, ended as if that were not there."""
    before = data[: -len(_last_field(""))]
    return data == before + _last_field(hashlib.sha256(before + _END).hexdigest())


def _last_field(digest: str) -> bytes:
    """How a document ends with its own sum; any text of as many characters takes as many bytes."""
    return f',\n  "sha256": "{digest or "0" * 64}"'.encode() + _END


def _text(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
