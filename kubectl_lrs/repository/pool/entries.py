"""One line of an index: a file of a backup, and where in the pool its content is. Read without trust. Pure."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.model.units import printable
from kubectl_lrs.repository import sums
from kubectl_lrs.repository.pool.layout import BLOB, BLOBS, PART, pool_key

GZIP, DEFLATE = "gzip", "deflate"

GZIP_WINDOW = 16 + 15
"""What zlib calls gzip with its largest window."""

MAX_LINE = 8 << 20
_UNFIT = re.compile("[\\\\\n\0\ud800-\udfff]")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Part(NamedTuple):
    """Some bytes of a content: `length` stored bytes from `offset` of an object, `size` bytes once `coding` is undone."""

    key: str
    offset: int
    length: int
    coding: str
    size: int


class IndexEntry(NamedTuple):
    """A file: its path, the SHA-256 (hexadecimal) and the size of its content, and that content's parts in their order."""

    path: str
    sha256: str
    size: int
    parts: tuple[Part, ...]

    def serialise(self) -> bytes:
        """Its line."""
        return encoded(self).encode() + b"\n"


_decoded = json.JSONDecoder().decode
encoded = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
"""A value as it stands in a line."""


def parsed(line: bytes, where: str) -> IndexEntry:
    """The entry in a line. DamageError, which names `where`."""
    try:
        path, sha256, size, parts = _decoded(line.decode("utf-8", "surrogatepass"))
        found = IndexEntry(path, sha256, size, tuple(Part(*each) for each in parts))
    except (ValueError, TypeError, RecursionError) as error:
        raise DamageError(f"{where}: damaged: not a line of an index: {error}") from error
    if not _is_right(found):
        raise DamageError(f"{where}: damaged: not a line of an index: {printable(str(path))[:200]}")
    return found


def _is_right(entry: IndexEntry) -> bool:
    if not is_text(entry.path) or not is_text(entry.sha256) or not _SHA256.fullmatch(entry.sha256) or not is_count(entry.size):
        return False
    left = entry.size
    for part in entry.parts:
        if not _is_part(part) or (len(entry.parts) > 1 and not part.key.startswith(BLOBS)):
            return False
        left -= part.size
    return left == 0


def _is_part(part: Part) -> bool:
    key, offset, length, coding, size = part
    found = pool_key(key) if is_text(key) else None
    if found is None or not is_count(offset) or not is_count(length) or not is_count(size) or not 0 < size <= PART:
        return False
    if not coding and length != size:
        return False
    if found.kind == BLOB:
        return offset == 0 and coding == (GZIP if key.endswith(".gz") else "")
    return coding in ("", DEFLATE)


def is_text(value: Any) -> bool:
    """Whether what JSON gave is a text."""
    return isinstance(value, str)


def is_count(value: Any) -> bool:
    """Whether what JSON gave is a number of things, or of bytes."""
    return type(value) is int and 0 <= value < 2**53


def is_inside(path: str) -> bool:
    """Whether a path stays in the backup, and can stand in a list of sums."""
    return not _UNFIT.search(path) and sums.is_inside(path)
