"""What mongodump wrote: a folder, a folder of one database, or an archive; the collections of custom applications in it."""

from __future__ import annotations

from pathlib import Path

from kubectl_lrs.sources.others import OthersBackup, of_path
from kubectl_lrs.stores.mongo.others import OthersMongo
from kubectl_lrs.stores.mongo.plain_dump import dumped, is_mongodump

PROGRAM = "mongodump"
ENDINGS = (".archive", ".archive.gz")

__all__ = ["ENDINGS", "PROGRAM", "is_mongodump", "opened"]


def opened(path: Path) -> OthersBackup:
    """Its collections, each document looked at. DamageError, UsageError."""
    part = OthersMongo(dumped(path))
    return OthersBackup(of_path(path, PROGRAM), [part], levels=part.levels)
