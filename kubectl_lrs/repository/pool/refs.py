"""What a backup needs of the pool, `refs.gz`: a record for each object, sorted as its keys are, so that both can be merged.

Nothing here holds more than one record of them in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kubectl_lrs.backends.base import Backend
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool.layout import BLOB, PACKED, REFS, TOKEN, BackupId
from kubectl_lrs.repository.pool.ranges import held, unpacked
from kubectl_lrs.repository.pool.seal import Stored
from kubectl_lrs.repository.pool.spool import Spool, gzipped

_SIZE = 8
RECORD = TOKEN + _SIZE


class Ref(NamedTuple):
    """One object: its token, and its size. Refs are in the order of the keys."""

    token: bytes
    size: int

    def serialise(self) -> bytes:
        """As it stands in the file."""
        return self.token + self.size.to_bytes(_SIZE, "big")


def write(refs: Iterable[Ref], spool: Spool) -> None:
    """The file, of refs in their order."""
    gzipped((each.serialise() for each in refs), spool)


def read(backend: Backend, backup: BackupId, stored: Stored) -> Iterator[Ref]:
    """The refs of a backup, in their order. `stored`: what its seal says of the file.

    Only when the iteration has come to its end they are known to be as they were sealed. DamageError, KeyNotFoundError.
    """
    key = backup.key(REFS)
    yield from parsed(held(backend, key, stored), f"{backend.url}/{key}")


def parsed(source: Iterator[bytes], where: str) -> Iterator[Ref]:
    """The refs in the pieces of a file, which is read to its very end."""
    before = b""
    with unpacked(source, where) as file:
        while record := file.read(RECORD):
            if len(record) != RECORD or record[:1] not in (BLOB, PACKED) or record[:TOKEN] <= before:
                raise DamageError(f"{where}: damaged: not a list of objects in their order")
            before = record[:TOKEN]
            yield Ref(before, int.from_bytes(record[TOKEN:], "big"))
