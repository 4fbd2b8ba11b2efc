"""What every back end of bytes can do: bytes at keys, whatever they mean. Nothing here talks to a storage.

The same protocol serves a repository of backups: keys are listed in order and from any key on, an object is made only where
there is none, what the storage says it holds is given back by each write, and the storage tells the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from kubectl_lrs.model.errors import CredentialsError, LrsError, UnreachableError
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_unordered

CHUNK = 8 << 20
"""Bytes that are held at once of what is read or written, for each of those that are in work."""


BETWEEN = "is there a proxy in between?"
OTHER_BYTES = "the server gives other bytes than were asked for, or says so"


class KeyNotFoundError(LrsError):
    """There is nothing at the key: the request that decides it says so, and not merely some request."""


class KeyExistsError(LrsError):
    """There is something at the key where an object was to be made, or in the way of it."""


class NoSpaceError(LrsError):
    """The storage has no room, or a quota is used up."""


class NoBucketError(UnreachableError):
    """The bucket, or the container, is not there."""


class BareNotFoundError(UnreachableError):
    """404 without the storage's word for it: as a HEAD gives it, and anything between us and the storage, too."""


class EmptyRangeError(LrsError):
    """The object ends before the range that was asked for."""


class NotTheStorageError(UnreachableError):
    """What was answered is not of the storage: a page to sign in or of maintenance, with a status as if all were well."""

    def __init__(self, where: str, what: str = "what is answered is not of the storage", *, hint: str = BETWEEN) -> None:
        super().__init__(f"{where}: {what}", hint=hint)


class PassingError(UnreachableError):
    """Nobody answered, or the answer was that it cannot be done just now: it may be another one soon."""


class MaybeOursError(KeyExistsError):
    """There is something at the key, and the request had been sent before: what it did then is not known."""


class WrongSumError(LrsError):
    """The storage says that what came is not what the sum beside it says."""


@dataclass(frozen=True, slots=True)
class Stat:
    """What lies at a key.

    `etag` changes when the content does. `mtime`: when it was last made or changed, in seconds of the epoch by the storage's own
    clock (perhaps in whole ones), None where that was not told. `attributes` are what the storage keeps beside the content,
    None where it was not told either; they may be shared. `is_settled`: nothing of all this, attributes that were not told
    included, can become another without another `mtime`.
    """

    key: str
    size: int
    etag: str = ""
    mtime: float | None = None
    attributes: Mapping[str, Any] | None = None
    is_settled: bool = False


class Skipped(str, Enum):
    """What a list leaves out."""

    LINK = "a link"
    SPECIAL = "no plain file"
    UNFINISHED = "an unfinished upload"
    UNREADABLE = "a directory that cannot be listed"


class Versions(str, Enum):
    """What becomes of an object that is deleted or overwritten."""

    GONE = "gone"
    KEPT = "kept"
    LOCKED = "locked"
    """Kept, and nobody can delete it before its time."""
    UNKNOWN = "unknown"


OnSkipped = Callable[[str, Skipped, LrsError | None], object]


def refuse_unreadable(_key: str, _what: Skipped, error: LrsError | None) -> None:
    """What is to be told of what a list leaves out: nothing, but a directory that cannot be listed is an error."""
    if error is not None:
        raise error


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read, and whether it is one state of it: it `is_steady` when it did not change meanwhile.

    `is_damaged`: the storage's own sum of it says something else than what came.
    """

    stat: Stat
    is_steady: bool
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What the storage says that it holds after a write. `is_proven`: by its own sum the content is what was sent.

    Where the answer to the write proves all of it, nothing is asked beyond, and `stat` has no `mtime` and no `attributes`.
    """

    stat: Stat
    is_proven: bool = False


class Upload(Protocol):
    """An object whose bytes are with the storage, or held for it, and that is not there yet."""

    unset: tuple[str, ...]
    """What could not be set beside the content, and why."""

    def commit(self, *, once: bool = False) -> Written:
        """Make it, as a whole. KeyExistsError, NoSpaceError; then it is not there, and nothing of it is.

        `once`: what makes it is asked for a single time, so that none of it comes late; after an UnreachableError it may be
        there, or come to be.
        """

    def abort(self) -> None:
        """It is not to be. Never fails."""


class Backend(Protocol):
    """A storage below a prefix; every method may be called from several threads at once.

    All of them raise UnreachableError and DeniedError, besides what they name.
    """

    url: str
    """As it may be shown."""

    roots: tuple[str, ...]
    """Everything that may stand before `/KEY` where somebody writes a key out in full."""

    keeps: frozenset[str]
    """The names of the attributes that it can keep beside the content."""

    batch: int
    """How many uploads are worth to be put on the disk at once by `sync`; 1 where that is of no use."""

    def tells_content(self, etag: str) -> bool:
        """Whether objects with this etag are of equal content, wherever they are."""

    def list(self, prefix: str = "", *, after: str = "", skipped: OnSkipped = refuse_unreadable) -> Iterator[Stat]:
        """Every object whose key begins so and comes after `after`, in the order of the keys' bytes.

        KeyNotFoundError where the storage's own prefix is not there. `skipped` is told what is left out.
        """

    def stat(self, key: str) -> Stat:
        """One object as it is now. KeyNotFoundError; KeyExistsError where something else is there."""

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        """Its content, chunk by chunk. KeyNotFoundError."""

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """So many bytes from `start` on, fewer only where it ends before. KeyNotFoundError."""

    def upload(self, key: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> Upload:
        """Take the bytes of a new object; where `chunks` raises, nothing is left. KeyExistsError, NoSpaceError."""

    def sync(self) -> None:
        """What was uploaded or committed before is on the disk, or an error says that it is not."""

    def delete(self, key: str) -> None:
        """Remove one object; no error where there is none."""

    def delete_many(self, keys: Sequence[str]) -> Mapping[str, LrsError]:
        """Remove them all; those that may still be there, and why. Raises nothing: what is not in it is gone."""

    def directory(self, key: str) -> Mapping[str, Any]:
        """What is kept of a directory, empty where there are none."""

    def make_directory(self, key: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:
        """Make one where there is none; what of a new one could not be set. Nothing where there are none."""

    def refuses(self, key: str) -> str:
        """Why it can hold nothing at this key; empty where it can."""

    def probe(self, *, large: bool = False) -> None:
        """Find out whether objects may be made, by the requests that make them; nothing is left. `large`: in parts, too."""

    def is_alive(self) -> bool:
        """Whether it still answers: what failed is then about one object."""

    def free(self) -> int | None:
        """Bytes that there is room for, None where that is not known."""

    def versions(self) -> Versions:
        """What becomes of what is deleted, as far as the storage tells."""

    def now(self) -> float:
        """Seconds of the epoch by the storage's own clock, the one of `Stat.mtime`, to within two of them.

        This machine's clock has no part in it.

        A storage that tells it by nothing else is given an object of which nothing is left, which needs the right to write.
        """


def deleted_each(delete: Callable[[str], object], keys: Sequence[str]) -> Mapping[str, LrsError]:
    """`delete_many` of a storage that removes one at a time. What is lost to all of them ends it."""
    left: dict[str, LrsError] = {}
    for at, key in enumerate(keys):
        try:
            delete(key)
        except (UnreachableError, CredentialsError) as error:
            return {**left, **dict.fromkeys(keys[at:], error)}
        except LrsError as error:
            left[key] = error
    return left


def deleted_at_once(delete: Callable[[str], object], keys: Sequence[str], *, workers: int = 16) -> Mapping[str, LrsError]:
    """The same, some at once, for a storage where each deletion is a request of its own."""
    stop = Cancel()

    def attempted(key: str) -> tuple[str, LrsError | None]:
        try:
            delete(key)
        except LrsError as error:
            if isinstance(error, (UnreachableError, CredentialsError)):
                stop.set()
            return key, error
        return key, None

    told = dict(map_unordered(keys, attempted, workers=max(1, min(workers, len(keys))), stop=stop))
    lost = next((each for each in told.values() if isinstance(each, (UnreachableError, CredentialsError))), None)
    return {key: error for key in keys if (error := told.get(key, lost)) is not None}


def regrouped(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of `size`, but the last."""
    held = bytearray()
    for data in chunks:
        if not held and len(data) == size:
            yield data
            continue
        held += data
        while len(held) >= size:
            with memoryview(held) as view:
                piece = bytes(view[:size])
            del held[:size]
            yield piece
    if held:
        yield bytes(held)


def put(
    backend: Backend,
    key: str,
    data: bytes,
    attributes: Mapping[str, Any] | None = None,
    *,
    replace: bool = False,
    once: bool = False,
) -> Written:
    """A small object, on the disk when this returns. `once`: see Upload."""
    upload = backend.upload(key, len(data), iter([data] if data else []), attributes or {}, replace=replace)
    try:
        backend.sync()
        written = upload.commit(once=once)
    except BaseException:
        with suppress(Exception):
            upload.abort()
        raise
    backend.sync()
    return written


def has(backend: Backend, key: str) -> bool:
    """Whether an object is there."""
    with suppress(KeyNotFoundError):
        return backend.stat(key).size >= 0
    return False


def delete_surely(backend: Backend, key: str) -> None:
    """Delete one object that must be gone when this returns; LrsError where that was taken, and it is there all the same."""
    backend.delete(key)
    if has(backend, key):
        raise LrsError(f"{backend.url}/{key}: its deletion was taken, and it is there")


def get(backend: Backend, key: str) -> bytes:
    """The whole content of a small object."""
    held = bytearray()
    reading = backend.read(backend.stat(key), held.extend)
    if not reading.is_steady or reading.is_damaged:
        raise LrsError(f"{backend.url}: {key}: it changes while it is read, or is damaged")
    return bytes(held)
