"""What storages of objects have in common that are reached by `rest`: reading in ranges, and all that such a storage has not."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kubectl_lrs.backends.base import (
    CHUNK,
    OTHER_BYTES,
    EmptyRangeError,
    KeyExistsError,
    KeyNotFoundError,
    NotTheStorageError,
    Reading,
    Stat,
    deleted_at_once,
)
from kubectl_lrs.backends.rest import Answer
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.redact import shown

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class RestObjects(ABC):
    """The objects of a bucket whose names begin with `prefix`, which is empty or ends with `/`."""

    keeps: frozenset[str] = frozenset()
    batch = 1

    untold: str
    """How an ETag begins that is not the MD5 of the content, since the storage has none of it."""

    def __init__(self, url: str, bucket: str, prefix: str) -> None:
        self.url = url
        self.roots: tuple[str, ...] = (f"{bucket}/{prefix}".rstrip("/"), url)
        self._prefix = prefix

    def tells_content(self, etag: str) -> bool:
        """Where the storage keeps an MD5."""
        return bool(etag) and not etag.startswith(self.untold)

    # ---- reading

    @abstractmethod
    def _seen(self, key: str) -> tuple[Stat, str]:
        """An object, and what tells this state of it from any other."""

    @abstractmethod
    def _asked(self, key: str, wanted: str, state: str | None) -> Answer:
        """The answer to a request for a range of an object. `state`: of no other one than this; None: of what is there."""

    @abstractmethod
    def _listed(self) -> object:
        """A list of one object at most. UnreachableError for what is none."""

    def stat(self, key: str) -> Stat:
        """By what the storage says of it."""
        return self._seen(key)[0]

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        """In ranges of one and the same state of the object."""
        seen, state = self._seen(wanted.key)
        digest = hashlib.md5(usedforsecurity=False)
        start = 0
        while start < seen.size:
            try:
                data = self._range(wanted.key, start, min(CHUNK, seen.size - start), state)
            except (KeyNotFoundError, KeyExistsError, EmptyRangeError):
                data = b""
            if not data:
                return Reading(seen, is_steady=False)
            digest.update(data)
            sink(data)
            start += len(data)
        is_damaged = self.tells_content(seen.etag) and seen.etag != digest.hexdigest()
        return Reading(seen, is_steady=True, is_damaged=is_damaged)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """By one request."""
        try:
            return self._range(key, start, length) if length > 0 else b""
        except EmptyRangeError:
            return b""

    def _range(self, key: str, start: int, length: int, state: str | None = None) -> bytes:
        answer = self._asked(key, f"bytes={start}-{start + length - 1}", state)
        if _said(answer) != (start, len(answer.body)) or len(answer.body) > length:
            raise NotTheStorageError(f"{self.url}: {shown(key)}", OTHER_BYTES)
        return answer.body

    # ---- writing

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove it."""

    def delete_many(self, keys: Sequence[str]) -> Mapping[str, LrsError]:
        """Some at once."""
        return deleted_at_once(self.delete, keys)

    def sync(self) -> None:  # noqa: B027  nothing waits
        """What the server has said yes to is kept."""

    def directory(self, key: str) -> Mapping[str, Any]:  # noqa: ARG002
        """There are none."""
        return {}

    def make_directory(self, key: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ARG002
        """There are none."""
        return ()

    # ---- the storage

    def is_alive(self) -> bool:
        """Whether it gives a list."""
        try:
            self._listed()
        except LrsError:
            return False
        return True

    def free(self) -> int | None:
        """There is no end of it, or it does not say."""
        return None


def _said(answer: Answer) -> tuple[int, int]:
    """First byte and number of bytes that an answer says it has; one without a range is all of the object."""
    if answer.status == 200:
        return 0, len(answer.body)
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    return (int(found[1]), int(found[2]) - int(found[1]) + 1) if found else (-1, -1)
