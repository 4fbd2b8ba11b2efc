"""What a server tells of itself and of its collections, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument

PLAIN: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
"""For what is looked into: dates of any year, binary data as it is."""

_EMPTY = bson.encode({})


@dataclass(frozen=True, kw_only=True)
class Server:
    """What answers. `set_name`: of the replica set, empty for a standalone. `operation_time`: (seconds, count), None there.

    `clock`: the seconds since 1970 by its own clock.
    """

    version: str
    set_name: str
    is_mongos: bool
    is_primary: bool
    operation_time: tuple[int, int] | None
    clock: float = 0.0

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version, to be compared."""
        return tuple(int(part) for part in self.version.split("-")[0].split(".") if part.isdigit())

    @property
    def has_snapshots(self) -> bool:
        """Whether many reads can be made at one instant."""
        return (bool(self.set_name) or self.is_mongos) and self.numbers >= (5, 0)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much a collection holds, by the server's books. `max_bytes`, `max_documents`: of a capped one, 0 without a limit."""

    documents: int
    bytes: int
    max_bytes: int
    max_documents: int
    is_sharded: bool


@dataclass(frozen=True)
class Writes:
    """How many writes of clients each member that answers has counted for a collection since it was started."""

    by_host: tuple[tuple[str, int], ...]

    def until(self, later: Writes) -> int | None:
        """How many came between; None where that cannot be told: another member answers, or it was started anew."""
        before, after = dict(self.by_host), dict(later.by_host)
        if before.keys() != after.keys() or any(after[host] < count for host, count in before.items()):
            return None
        return sum(after.values()) - sum(before.values())


@dataclass(frozen=True)
class Refused:
    """A document that an insert did not take: its place in the batch, the server's code, its message and the index's name."""

    place: int
    code: int
    message: str
    index: str


@dataclass(frozen=True, kw_only=True)
class CollectionInfo:
    """A collection as listCollections tells it. `options`: BSON. `kind`: collection, view, timeseries. `uuid`: hex or empty."""

    name: str
    kind: str
    options: bytes
    uuid: str

    def decoded(self) -> dict[str, Any]:
        """All of the options."""
        return bson.decode(self.options, PLAIN)

    def option(self, name: str) -> Any:
        """One of the options, None where it is not set."""
        return self.decoded().get(name)

    @property
    def is_capped(self) -> bool:
        """Whether it keeps the order of insertion, and a size."""
        return bool(self.option("capped"))


def collection_info(found: RawBSONDocument) -> CollectionInfo:
    """A collection out of an answer to listCollections."""
    info = found.get("info") or {}
    uuid = info.get("uuid")
    options = found.get("options")
    return CollectionInfo(
        name=str(found["name"]),
        kind=str(found.get("type", "")),
        options=bytes(options.raw) if isinstance(options, RawBSONDocument) else _EMPTY,
        uuid=bytes(uuid).hex() if isinstance(uuid, bytes) and getattr(uuid, "subtype", 0) == 4 else "",
    )


def refused(found: Mapping[str, Any]) -> Refused:
    """A document that was not taken, out of the answer to a write."""
    message = str(found.get("errmsg", ""))
    pattern = found.get("keyPattern")
    index = ",".join(map(str, pattern)) if isinstance(pattern, Mapping) else ""
    return Refused(int(found["index"]), int(found.get("code", 0)), message, index)
