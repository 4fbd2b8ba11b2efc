"""Bytes that wait on this machine's disk to be uploaded, in an unnamed temporary file; their sum is known when all are there."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

from kubectl_lrs.repository.pool.ranges import PIECE

_HELD = 64 << 10


def gzipped(pieces: Iterable[bytes], sink: Spool) -> None:
    """All of them into it, as gzip; the same bytes each time."""
    with gzip.GzipFile("", "wb", compresslevel=1, fileobj=cast("BinaryIO", sink), mtime=0) as packed:
        for data in pieces:
            packed.write(data)


class Spool:
    """`size` and `digest` (SHA-256, hexadecimal) are those of all that was written. One writes; several may read."""

    def __init__(self) -> None:
        self.size = 0
        self._sum = hashlib.sha256()
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  it is closed when it was uploaded
        self._held = bytearray()

    @property
    def digest(self) -> str:
        """The sum so far."""
        return self._sum.hexdigest()

    def write(self, data: bytes | memoryview) -> None:
        """More."""
        self._sum.update(data)
        self.size += len(data)
        if len(self._held) + len(data) > _HELD:
            self._flush()
        if len(data) > _HELD:
            self._put(data)
        else:
            self._held += data

    def read(self, start: int, length: int) -> bytes:
        """Some of it, by the thread that writes or when nobody writes any more."""
        self._flush()
        return os.pread(self._file.fileno(), length, start)

    def chunks(self) -> Iterator[bytes]:
        """All of it, any number of times."""
        self._flush()
        for start in range(0, self.size, PIECE):
            yield os.pread(self._file.fileno(), PIECE, start)

    def close(self) -> None:
        """It is of no more use."""
        self._file.close()

    def _flush(self) -> None:
        if self._held:
            data, self._held = bytes(self._held), bytearray()
            self._put(data)

    def _put(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) or 0 :]
