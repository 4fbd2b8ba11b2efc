"""An object of a storage as a file: read piece by piece, never the whole of it in memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kubectl_lrs.backends.base import Backend
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool.seal import Stored

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE = 1 << 20


def pieces(backend: Backend, key: str, start: int, length: int, *, size: int = PIECE) -> Iterator[bytes]:
    """So many bytes of an object, all of them or a DamageError. KeyNotFoundError."""
    end = start + length
    while start < end:
        data = backend.read_range(key, start, min(size, end - start))
        if not data or len(data) > end - start:
            raise DamageError(f"{backend.url}/{key}: damaged: it ends after {start} bytes")
        yield data
        start += len(data)


def held(backend: Backend, key: str, stored: Stored, *, size: int = PIECE) -> Iterator[bytes]:
    """The bytes of a whole object; DamageError at the end where their sum is another one than that of the seal."""
    digest = hashlib.sha256()
    for data in pieces(backend, key, 0, stored.size, size=size):
        digest.update(data)
        yield data
    if digest.hexdigest() != stored.sha256:
        raise DamageError(f"{backend.url}/{key}: altered: its sum is not the one in the seal")


def is_same(backend: Backend, key: str, data: bytes) -> bool:
    """Whether an object is these bytes. KeyNotFoundError."""
    return backend.stat(key).size == len(data) and backend.read_range(key, 0, len(data)) == data


def whole(backend: Backend, key: str, stored: Stored, limit: int) -> bytes:
    """All of a small object, which has the sum of the seal."""
    if stored.size > limit:
        raise DamageError(f"{backend.url}/{key}: larger than {limit >> 20} MiB")
    return b"".join(held(backend, key, stored, size=max(PIECE, stored.size)))


@contextmanager
def unpacked(source: Iterator[bytes], where: str) -> Iterator[gzip.GzipFile]:
    """What pieces have as gzip, as a file; whoever reads it to its end has read all of them. DamageError for what is none."""
    packed = io.BufferedReader(Pieces(source))
    try:
        with gzip.GzipFile(fileobj=packed) as file:
            yield file
        while packed.read(1 << 16):
            pass
    except (OSError, EOFError, zlib.error) as error:
        raise DamageError(f"{where}: damaged: {error}") from error


class Pieces(io.RawIOBase):
    """Pieces of bytes as a file that is read from its beginning to its end."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """What is there of the piece at hand."""
        if not self._fill():
            return 0
        room = memoryview(buffer).cast("B")
        count = min(len(room), len(self._rest))
        room[:count] = self._rest[:count]
        self._pass(count)
        return count

    def _fill(self) -> bool:
        """Have a piece at hand; False at the end."""
        while not self._rest:
            found = next(self._source, None)
            if found is None:
                return False
            self._rest = memoryview(found)
        return True

    def _pass(self, count: int) -> None:
        """So many bytes of it are read."""
        self._rest = self._rest[count:]
