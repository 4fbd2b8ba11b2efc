"""Where a source's files lie: in a folder of this machine, or below the URL of a storage. They are only read."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from kubectl_lrs.backends.base import Backend, KeyNotFoundError, Stat
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.repository.plain.files import reading

PIECE = 8 << 20
"""Bytes that are asked of a storage at once."""


class Files(Protocol):
    """Files beside each other."""

    @property
    def location(self) -> str:
        """Where they are, as it can be named from any directory."""

    def opened(self, name: str) -> BinaryIO | None:
        """One of them; None where there is none. UsageError, and what the storage raises."""


class LocalFiles:
    """A folder; no link in it is followed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def location(self) -> str:
        """Without links, from the root."""
        return str(self._path.resolve())

    def opened(self, name: str) -> BinaryIO | None:
        """A plain file in it."""
        try:
            return reading(str(self._path / name))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(f"{self._path / name}: cannot be read: {error.strerror}") from error


class StoredFiles:
    """Objects of a storage."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def location(self) -> str:
        """Its URL."""
        return self._backend.url

    def opened(self, name: str) -> BinaryIO | None:
        """An object below the URL, read piece by piece."""
        try:
            return cast("BinaryIO", io.BufferedReader(_Object(self._backend, self._backend.stat(name)), PIECE))
        except KeyNotFoundError:
            return None


class _Object(io.RawIOBase):
    """One object, forwards. DamageError where it is another one by its end."""

    def __init__(self, backend: Backend, stat: Stat) -> None:
        self._backend = backend
        self._stat = stat
        self._at = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def tell(self) -> int:
        """How much was read."""
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # what readers give
        """As much as fits, and is there."""
        wanted = min(len(buffer), self._stat.size - self._at)
        if wanted <= 0:
            self._require_same()
            return 0
        data = self._backend.read_range(self._stat.key, self._at, wanted)
        if not data:
            raise DamageError(f"{self._backend.url}: {self._stat.key}: shorter than it was a moment ago")
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _require_same(self) -> None:
        if self._backend.stat(self._stat.key).etag != self._stat.etag:
            raise DamageError(f"{self._backend.url}: {self._stat.key}: it changed while it was read")
