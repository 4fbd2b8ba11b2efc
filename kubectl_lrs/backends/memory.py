"""Bytes in this process: a whole back end, for tests of what stands on one. It ends with the process."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kubectl_lrs.backends.base import (
    CHUNK,
    KeyExistsError,
    KeyNotFoundError,
    NoSpaceError,
    OnSkipped,
    Reading,
    Stat,
    Versions,
    Written,
    deleted_each,
    refuse_unreadable,
)
from kubectl_lrs.model.errors import LrsError

MAX_KEY = 1024


class Memory:
    """Objects by key. `capacity`: bytes of content that there is room for, None without end. `clock`: what it goes by."""

    batch = 1

    def __init__(
        self,
        *,
        capacity: int | None = None,
        keeps: frozenset[str] = frozenset(("ContentType", "Metadata")),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.url = "memory://"
        self.roots: tuple[str, ...] = ("memory:/",)
        self.keeps = keeps
        self.clock = clock
        self._capacity = capacity
        self._objects: dict[str, tuple[Stat, bytes]] = {}
        self._lock = threading.Lock()

    def tells_content(self, etag: str) -> bool:
        """It is the MD5."""
        return bool(etag)

    # ---- reading

    def list(self, prefix: str = "", *, after: str = "", skipped: OnSkipped = refuse_unreadable) -> Iterator[Stat]:  # noqa: ARG002
        """As it is when the list begins; the attributes are not in it, as they are not with S3."""
        with self._lock:
            found = [stat for stat, _ in self._objects.values()]
        for stat in sorted(found, key=lambda each: each.key.encode()):
            if stat.key.startswith(prefix) and stat.key.encode() > after.encode():
                yield Stat(stat.key, stat.size, stat.etag, stat.mtime)

    def _object(self, key: str) -> tuple[Stat, bytes]:
        with self._lock:
            found = self._objects.get(key)
        if found is None:
            raise KeyNotFoundError(f"{self.url}: {key}: not there")
        return found

    def stat(self, key: str) -> Stat:
        """One object."""
        return self._object(key)[0]

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        """One state of it."""
        stat, data = self._object(wanted.key)
        for start in range(0, len(data), CHUNK):
            sink(data[start : start + CHUNK])
        return Reading(stat, is_steady=True)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """A slice."""
        return self._object(key)[1][start : start + length]

    # ---- writing

    def upload(
        self,
        key: str,
        size: int,  # noqa: ARG002
        chunks: Iterator[bytes],
        attributes: Mapping[str, Any],
        *,
        replace: bool,
    ) -> _Pending:
        """Held until it is committed."""
        return _Pending(self, key, b"".join(chunks), attributes, replace=replace)

    def place(self, key: str, data: bytes, attributes: Mapping[str, Any], *, replace: bool) -> Written:
        """Make an object of it."""
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        kept = {name: value for name, value in attributes.items() if name in self.keeps}
        stat = Stat(key, len(data), digest, self.clock(), kept)
        with self._lock:
            if key in self._objects and not replace:
                raise KeyExistsError(f"{self.url}: {key} is there already")
            before = self._objects[key][0].size if key in self._objects else 0
            if self._capacity is not None and self._used() - before + len(data) > self._capacity:
                raise NoSpaceError(f"{self.url}: {key}: no room")
            self._objects[key] = stat, data
        return Written(stat, is_proven=True)

    def _used(self) -> int:
        return sum(stat.size for stat, _ in self._objects.values())

    def sync(self) -> None:
        """There is no disk."""

    def delete(self, key: str) -> None:
        """Forget it."""
        with self._lock:
            self._objects.pop(key, None)

    def delete_many(self, keys: Sequence[str]) -> Mapping[str, LrsError]:
        """Forget them."""
        return deleted_each(self.delete, keys)

    def directory(self, key: str) -> Mapping[str, Any]:  # noqa: ARG002
        """There are none."""
        return {}

    def make_directory(self, key: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ARG002
        """There are none."""
        return ()

    def refuses(self, key: str) -> str:
        """As S3 does."""
        try:
            size = len(key.encode())
        except UnicodeEncodeError:
            return "its path is not UTF-8"
        return "its key would be longer than 1,024 bytes, or hold a NUL" if not 0 < size <= MAX_KEY or "\0" in key else ""

    def probe(self, *, large: bool = False) -> None:
        """Nobody is refused."""

    def is_alive(self) -> bool:
        """It is."""
        return True

    def free(self) -> int | None:
        """What is left."""
        with self._lock:
            return None if self._capacity is None else max(0, self._capacity - self._used())

    def versions(self) -> Versions:
        """There is one of each."""
        return Versions.GONE

    def now(self) -> float:
        """As it was told."""
        return self.clock()


class _Pending:
    """An object that is not there yet."""

    unset: tuple[str, ...] = ()

    def __init__(self, memory: Memory, key: str, data: bytes, attributes: Mapping[str, Any], *, replace: bool) -> None:
        self._memory, self._key, self._data = memory, key, data
        self._attributes, self._replace = dict(attributes), replace

    def commit(self, *, once: bool = False) -> Written:  # noqa: ARG002
        """Make it."""
        return self._memory.place(self._key, self._data, self._attributes, replace=self._replace)

    def abort(self) -> None:
        """Nothing was made."""
