"""What all journals share: a JSON file that is on the disk, whole, before the act that it speaks of.

A journal steers what is written later. One that lies in a folder where others may write is read only if it is ours, as
`safe_files` has it; or if the user has named it.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime.bounds import read_within, require_readable
from kubectl_lrs.runtime.lock import SUFFIX, Lock
from kubectl_lrs.runtime.safe_files import Directory, write_atomically
from kubectl_lrs.runtime.trust import OWN, Trust

MAX_SIZE = 256 << 20
"""Bytes; no journal is longer, and whatever is longer is not read into memory to find out."""


def read_journal(path: Path, trust: Trust = OWN) -> dict[str, Any]:
    """The journal, empty where there is none. RefusedError: it may have been put there by others."""
    try:
        with Directory.named(path.parent, trust) as folder, folder.reading(path.name) as file:
            document = json.loads(read_within(file, MAX_SIZE))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path}: not a journal that can be read: {why}", hint="look at it, and move it away") from error
    return document if isinstance(document, dict) else {}


def write_journal(path: Path, document: dict[str, Any]) -> None:
    """Put the document on the disk, 0600, whole or not at all."""
    write_text(path, json.dumps(document, indent=1))


def write_text(path: Path, text: str) -> None:
    """The same, of a document's text; LrsError where it could not be read back: that must be known before the act."""
    data = text.encode("utf-8", "surrogatepass")
    require_readable(data, MAX_SIZE, str(path), hint="choose fewer of them, and do it in several runs")
    write_atomically(path, text)


@contextmanager
def held(path: Path, trust: Trust = OWN) -> Iterator[bool]:
    """Whether this process alone works with the journal while the block lasts. The lock goes with the process.

    RefusedError: the lock that is there may have been put there by somebody whom `trust` does not hold.
    """
    with Directory.named(path.parent) as folder:
        lock = Lock(folder, f".{path.name}{SUFFIX}", trust)
    if not lock.take():
        yield False
        return
    try:
        if not lock.is_certain:
            raise OSError(errno.ENOLCK, "its file system has no locks, so two runs could work with it at once", str(path))
        yield True
    finally:
        lock.release()
