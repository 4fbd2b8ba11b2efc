"""What is written bit by bit, whatever becomes of it: its size and its sum, and gzip on request."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import gzip

_PIECE = 1 << 20


class SummingSink(ABC):
    """`size` and `digest` (SHA-256) are those of what was taken; of what is compressed they are complete when it is closed."""

    def __init__(self, *, compressed: bool, before: BinaryIO | None = None) -> None:
        """`before`: what the file begins with, as it is."""
        self.size = 0
        self._sum = hashlib.sha256()
        while before and (data := before.read(_PIECE)):
            self._keep(data)
        self._packer = _packer(self._keep) if compressed else None

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal digits."""
        return self._sum.hexdigest()

    def write(self, data: bytes, /) -> int:
        """All of them."""
        return self._packer.write(data) if self._packer else self._keep(data)

    def close(self) -> None:
        """What is still held back is taken."""
        if self._packer:
            self._packer.close()

    def _keep(self, data: bytes) -> int:
        self._sum.update(data)
        self.size += len(data)
        self._take(data)
        return len(data)

    @abstractmethod
    def _take(self, data: bytes) -> object:
        """All of them, as the backup has them."""


class _Below:
    """What is under a gzip file."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self._write = write

    def write(self, data: bytes, /) -> int:
        return self._write(data)

    def flush(self) -> None:
        """Nothing."""


def _packer(write: Callable[[bytes], int]) -> gzip.GzipFile:
    import gzip  # for those who write: `list` does not wait for it

    # No name and no time in the header: the same content gives the same bytes.
    return gzip.GzipFile("", "wb", compresslevel=1, fileobj=_Below(write), mtime=0)
