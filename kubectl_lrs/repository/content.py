"""Reading what a backup holds, whatever its form. Nothing of it is believed before it was held against its sum."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.base import Readable

MAX_LINE = 64 << 20
"""Bytes that a line of a packed file may have. The API server takes no object of more than a few MB; whatever is longer
is no backup, and is not read into memory to find out."""


def lines_of(backup: Readable, relative: str) -> Iterator[str]:
    """The lines of a gzip file. DamageError."""
    import gzip  # for those who read more than the catalog

    try:
        with backup.reading(relative) as file, gzip.GzipFile(fileobj=file) as unpacked:
            while line := unpacked.readline(MAX_LINE + 1):
                if len(line) > MAX_LINE:
                    raise DamageError(f"{backup.describe(relative)}: a line is longer than {MAX_LINE >> 20} MiB")
                yield line.decode()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DamageError(f"{backup.describe(relative)}: damaged: {error}") from error
