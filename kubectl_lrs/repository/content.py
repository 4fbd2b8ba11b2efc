"""Reading what a backup holds, whatever its form. Nothing of it is believed before it was held against its sum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.base import Readable

MAX_LINE = 64 << 20
"""Bytes that a line of a packed file may have. The API server takes no object of more than a few MB; whatever is longer
is no backup, and is not read into memory to find out."""


def lines_of(backup: Readable, relative: str) -> Iterator[str]:
    """The lines of a gzip file. DamageError."""
    try:
        with backup.reading(relative) as file:
            yield from lines_in(file, backup.describe(relative))
    except OSError as error:
        raise DamageError(f"{backup.describe(relative)}: damaged: {error}") from error


def lines_in(file: BinaryIO, where: str) -> Iterator[str]:
    """The lines of a gzip file that is open. DamageError, which names `where`."""
    import gzip  # for those who read more than the catalog
    import zlib

    try:
        with gzip.GzipFile(fileobj=file) as unpacked:
            while line := unpacked.readline(MAX_LINE + 1):
                if len(line) > MAX_LINE:
                    raise DamageError(f"{where}: a line is longer than {MAX_LINE >> 20} MiB")
                yield line.decode()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DamageError(f"{where}: damaged: {error}") from error
