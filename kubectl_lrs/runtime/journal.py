"""What all journals share: a JSON file that is on the disk, whole, before the act that it speaks of."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kubectl_lrs.model.errors import UsageError

MAX_SIZE = 256 << 20
"""Bytes; no journal is longer, and whatever is longer is not read into memory to find out."""


def read_journal(path: Path) -> dict[str, Any]:
    """The journal, empty where there is none."""
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(MAX_SIZE))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a journal that can be read: {error}", hint="look at it, and move it away") from error
    return document if isinstance(document, dict) else {}


def write_atomically(path: Path, text: str) -> None:
    """Put the text on the disk, 0600, whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    _sync_directory(path.parent)


def write_journal(path: Path, document: dict[str, Any]) -> None:
    """Put the document on the disk, 0600, whole or not at all."""
    write_atomically(path, json.dumps(document, indent=1))


def _sync_directory(path: Path) -> None:
    """The new name is on the disk too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Whether this process alone works with the journal while the block lasts. The lock goes with the process."""
    lock = path.with_name(f".{path.name}.lock")
    descriptor = _take(lock)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            lock.unlink(missing_ok=True)
            os.close(descriptor)


def _take(lock: Path) -> int | None:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        # Whoever held it before may have removed the file between the open and the lock.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), lock.stat()):
                return descriptor
        os.close(descriptor)
