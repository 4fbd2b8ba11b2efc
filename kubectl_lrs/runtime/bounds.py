"""What is read into memory of a file that others may have written has a bound; and nobody writes what passes it.

A file above its reader's bound would be sealed, or stand for what was done, and could not be read back.
"""

from __future__ import annotations

from typing import BinaryIO

from kubectl_lrs.model.errors import LrsError


def read_within(file: BinaryIO, limit: int) -> bytes:
    """The rest of the file; ValueError where it is longer."""
    data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"larger than {limit >> 20} MiB")
    return data


def require_readable(data: bytes, limit: int, where: str, *, hint: str = "") -> bytes:
    """The bytes that are to be written; LrsError where they are more than whoever reads them back takes."""
    if len(data) > limit:
        raise LrsError(f"{where}: it would have {len(data)} bytes, and no more than {limit} could be read back", hint=hint)
    return data
