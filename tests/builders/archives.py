"""A program that writes what the specification of `mongodump --archive` says; hostile ones are made from it.

Source: mongo-tools, `common/archive/spec.md`. The real program is run in `drills/test_mongo_interop.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import bson

MAGIC, END = b"\x6d\xe2\x99\x81", b"\xff\xff\xff\xff"
_TABLE = []
for _byte in range(256):
    _crc = _byte
    for _ in range(8):
        _crc = (_crc >> 1) ^ (0xC96C5795D7870F42 if _crc & 1 else 0)
    _TABLE.append(_crc)


def crc64(data: bytes) -> int:
    """As BSON has it: signed."""
    crc = (1 << 64) - 1
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= (1 << 64) - 1
    return crc - (1 << 64) if crc >> 63 else crc


def header(**other: Any) -> bytes:
    said = {"concurrent_collections": 4, "version": "0.1", "server_version": "7.0.16", "tool_version": "100.6.1", **other}
    return MAGIC + bson.encode(said)


def about(name: str, database: str = "App", *, kind: str = "collection", options: Mapping[str, Any] | None = None) -> bytes:
    text = json.dumps({"indexes": [], "collectionName": name, "type": kind, **({"options": options} if options else {})})
    return bson.encode({"db": database, "collection": name, "metadata": text, "size": 0, "type": kind})


def segment(name: str, documents: Sequence[Mapping[str, Any]], database: str = "App") -> bytes:
    said = {"db": database, "collection": name, "EOF": False, "CRC": bson.Int64(0)}
    return bson.encode(said) + b"".join(map(bson.encode, documents)) + END


def end(name: str, documents: Sequence[Mapping[str, Any]], database: str = "App", *, wrong: int = 0) -> bytes:
    crc = crc64(b"".join(map(bson.encode, documents))) ^ wrong
    return bson.encode({"db": database, "collection": name, "EOF": True, "CRC": bson.Int64(crc)}) + END
