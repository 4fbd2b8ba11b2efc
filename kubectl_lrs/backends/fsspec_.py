"""Object stores that fsspec reaches: Google Cloud Storage, Azure Blob. They make an object at once or not at all.

HDFS is in `hdfs`. Listings are never cached.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import datetime
from typing import Any, TypeVar

from kubectl_lrs.backends import fsspec_errors
from kubectl_lrs.backends.base import (
    CHUNK,
    KeyExistsError,
    KeyNotFoundError,
    OnSkipped,
    Reading,
    Stat,
    Upload,
    Versions,
    Written,
    deleted_each,
    refuse_unreadable,
)
from kubectl_lrs.backends.local_upload import is_unfinished, new_part
from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.clients import wirelog
from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.runtime.redact import remember, secrets_of, shown

R = TypeVar("R", bound="Remote")

KEPT = ("permission", "owner", "group")
BLOCK = 16 << 20

_ETAGS = ("etag", "ETag", "generation", "md5Hash", "modificationTime", "mtime", "last_modified", "updated")


def opened(place: StorageLocation) -> Remote:
    """The object store of a URL."""
    return opened_as(Remote, place)


def opened_as(
    kind: type[R], place: StorageLocation, prepare: Callable[[Any, StorageLocation], None] = lambda _system, _place: None
) -> R:
    """The storage of a URL; credentials from the options, else as each library finds them. `prepare`: its file system."""
    import fsspec

    options = {**place.options, "use_listings_cache": False, "skip_instance_cache": True}
    if place.ca_file and place.scheme != "webhdfs":
        raise UsageError(f"{place.said.ca_file} is not for {place.scheme}://", hint="its library reads SSL_CERT_FILE")
    hidden = tuple(secrets_of(place.options))
    remember(*hidden)
    try:
        system, root = fsspec.core.url_to_fs(place.url, **options)
    except Exception as error:  # noqa: BLE001  each library has its own
        fsspec_errors.refuse(error, shown(place.url), hidden)
    prepare(system, place)
    return kind(system, str(root).rstrip("/"), shown(place.url).rstrip("/"), hidden)


class Remote:
    """Everything below `root`, a path as the file system of fsspec has it; an object store."""

    keeps: frozenset[str] = frozenset()
    batch = 1

    def __init__(self, system: Any, root: str, url: str, hidden: tuple[str, ...]) -> None:
        self.url = url
        self.roots: tuple[str, ...] = (root, root.lstrip("/").partition("/")[2], url)
        self._system = system
        self._root = root
        self._hidden = hidden

    def tells_content(self, _etag: str) -> bool:
        """Never: an etag may be made of times here."""
        return False

    def _full(self, key: str) -> str:
        return f"{self._root}/{key}"

    # ---- reading

    def list(self, prefix: str = "", *, after: str = "", skipped: OnSkipped = refuse_unreadable) -> Iterator[Stat]:  # noqa: ARG002
        """As one list."""
        found = self.attempt(self._root, lambda: self._system.find(self._root, detail=True))
        keys = ((str(name).removeprefix(self._root).removeprefix("/"), info) for name, info in found.items())
        for key, info in sorted(keys, key=lambda each: each[0].encode("utf-8", "surrogateescape")):
            if key and key.startswith(prefix) and key > after:
                yield stat_of(key, info)

    def stat(self, key: str) -> Stat:
        """By its info."""
        info = self._info(key)
        if info["type"] != "file":
            raise KeyExistsError(f"{self.url}: {shown(key)} is no plain file there")
        return stat_of(key, info)

    def _info(self, key: str) -> dict[str, Any]:
        self._system.invalidate_cache()
        info: dict[str, Any] = self.attempt(key, lambda: self._system.info(self._full(key)))
        return info

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        """It stood still when it is the same before the first byte and after the last one."""
        key = wanted.key
        before = stat_of(key, self._info(key))
        size = 0
        if before.size:
            full = self._full(key)
            file = self.attempt(key, lambda: self._system.open(full, "rb", block_size=CHUNK, cache_type="none"))
            with file:
                while data := self.attempt(key, lambda: file.read(CHUNK)):
                    sink(data)
                    size += len(data)
        after = stat_of(key, self._info(key))
        return Reading(after, before == after and size == after.size)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """By the library's own."""
        if (left := self.stat(key).size - start) <= 0 or length <= 0:
            return b""
        data: bytes = self.attempt(key, lambda: self._system.cat_file(self._full(key), start, start + min(left, length)))
        return data

    # ---- writing

    def upload(self, key: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> Upload:  # noqa: ARG002
        """Small ones are held; of large ones the blocks are sent, and the last request makes the object."""
        if not replace:
            self.require_absent(key)
        if size <= BLOCK:
            return _Held(self, key, b"".join(chunks), replace=replace)
        return _Open(self, key, self.stream(self._full(key), key, chunks))

    def require_absent(self, key: str) -> None:
        """KeyExistsError where there is one."""
        with suppress(KeyNotFoundError):
            self.stat(key)
            raise KeyExistsError(f"{self.url}: {shown(key)} is there already")

    def pipe(self, key: str, data: bytes) -> None:
        """All of a small object."""
        self.attempt(key, lambda: self._system.pipe_file(self._full(key), data))

    def stream(self, full: str, key: str, chunks: Iterator[bytes], **asked: Any) -> Any:
        """An open file of fsspec that has all its bytes. Closing it makes an object of what it has got.

        `asked`: what the request that makes it asks for besides.
        """
        file = self.attempt(key, lambda: self._system.open(full, "wb", block_size=BLOCK))
        try:
            if asked:
                file.kwargs.update(asked)
            for data in chunks:
                self.attempt(key, lambda data=data: file.write(data))  # type: ignore[misc]
        except BaseException:
            discard(file)
            raise
        return file

    def sync(self) -> None:
        """What the server has said yes to is kept."""

    def delete(self, key: str) -> None:
        """Remove it."""
        with suppress(KeyNotFoundError):
            self.attempt(key, lambda: self._system.rm_file(self._full(key)))

    def delete_many(self, keys: Sequence[str]) -> Mapping[str, LrsError]:
        """One after the other."""
        return deleted_each(self.delete, keys)

    def directory(self, key: str) -> Mapping[str, Any]:  # noqa: ARG002
        """There are none."""
        return {}

    def make_directory(self, key: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ARG002
        """There are none."""
        return ()

    def refuses(self, key: str) -> str:
        """Up to 1,024 bytes of UTF-8."""
        return reason_against(key, 1024)

    def probe(self, *, large: bool = False) -> None:  # noqa: ARG002
        """An upload of the same kind, committed and removed: these libraries have no other way."""
        name = new_part()
        self.upload(name, 3, iter([b"lrs"]), {}, replace=False).commit()
        self.delete(name)

    def is_alive(self) -> bool:
        """Whether its root can be listed."""
        try:
            self.attempt(self._root, lambda: self._system.ls(self._root or "/", detail=False))
        except LrsError:
            return False
        return True

    def free(self) -> int | None:
        """Object stores do not say."""
        return None

    def versions(self) -> Versions:
        """It has no word for it."""
        return Versions.UNKNOWN

    def now(self) -> float:
        """When an object was changed that is made there and removed again."""
        name = f"lrs-clock-{secrets.token_hex(8)}"
        try:
            self.upload(name, 3, iter([b"lrs"]), {}, replace=False).commit()
            found = instant_of(self._info(name))
        finally:
            with suppress(LrsError):
                self.delete(name)
        if found is None:
            raise LrsError(f"{self.url}: the storage does not say when an object was made")
        return found

    def attempt(self, key: str, call: Callable[[], Any]) -> Any:
        """What the library gives; what it raises, as an error of ours."""
        shows_itself = self.url.startswith("webhdfs:")
        try:
            with nullcontext() if shows_itself else wirelog.logged(f"{self.url}: {key}"):
                return call()
        except LrsError:
            raise
        except Exception as error:  # noqa: BLE001  each library has its own
            fsspec_errors.refuse(error, f"{self.url}: {shown(key)}", self._hidden)


class _Held:
    """A small object of an object store."""

    unset: tuple[str, ...] = ()

    def __init__(self, remote: Remote, key: str, data: bytes, *, replace: bool) -> None:
        self._remote, self._key, self._data, self._replace = remote, key, data, replace

    def commit(self, *, once: bool = False) -> Written:  # noqa: ARG002
        """One request."""
        if not self._replace:
            self._remote.require_absent(self._key)
        self._remote.pipe(self._key, self._data)
        return Written(self._remote.stat(self._key))

    def abort(self) -> None:
        """Nothing was sent."""


class _Open:
    """A large object of an object store; closing its file makes it."""

    unset: tuple[str, ...] = ()

    def __init__(self, remote: Remote, key: str, file: Any) -> None:
        self._remote, self._key, self._file = remote, key, file

    def commit(self, *, once: bool = False) -> Written:  # noqa: ARG002
        """The last request."""
        try:
            self._remote.attempt(self._key, self._file.close)
        except BaseException:
            self.abort()
            raise
        return Written(self._remote.stat(self._key))

    def abort(self) -> None:
        """Give the blocks back."""
        discard(self._file)


def discard(file: Any) -> None:
    """An open file of fsspec that is not to become an object."""
    with suppress(Exception):
        file.discard()
    file.closed = True


def reason_against(key: str, limit: int) -> str:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "its path is not UTF-8"
    parts = key.split("/")
    if {"", ".", ".."} & set(parts):
        return "a part of its path is empty, '.' or '..'"
    if "\0" in key or size > limit or max(len(part.encode()) for part in parts) > 255:
        return "its path is longer than the storage allows, or holds a NUL"
    return "it is named like a file that is not finished" if is_unfinished(parts[-1]) else ""


def stat_of(key: str, info: Mapping[str, Any]) -> Stat:
    etag = next((str(info[name]) for name in _ETAGS if info.get(name)), "")
    return Stat(key, int(info["size"] or 0), etag.strip('"'), instant_of(info), attributes_of(info))


def instant_of(info: Mapping[str, Any]) -> float | None:
    """When it was changed, in any of the ways in which the libraries say it."""
    for name in ("modificationTime", "last_modified", "updated", "mtime", "created"):
        said = info.get(name)
        if isinstance(said, datetime):
            return said.timestamp()
        if isinstance(said, int):
            return said / 1000
        if isinstance(said, str) and said:
            return datetime.fromisoformat(said.replace("Z", "+00:00")).timestamp()
    return None


def attributes_of(info: Mapping[str, Any]) -> dict[str, Any]:
    return {name: info[name] for name in KEPT if isinstance(info.get(name), str)}
