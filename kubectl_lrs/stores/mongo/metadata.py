"""A collection's metadata file: options and indexes in canonical Extended JSON v2, as mongodump writes and mongorestore reads it.

Source: mongo-tools, `mongodump/metadata_dump.go` and `mongorestore/metadata.go`; MongoDB, "Extended JSON (v2)".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson
from bson import json_util
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from bson.json_util import JSONMode, JSONOptions

from kubectl_lrs.model.errors import DamageError, LrsError

MAX_FILE = 48 << 20
"""Bytes that a metadata file may have: what the server could hold of options and indexes, spelt out, is far smaller."""

_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
_JSON = JSONOptions(json_mode=JSONMode.CANONICAL, datetime_conversion=DatetimeConversion.DATETIME_MS)
_UUID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a metadata file says. `name` and `kind` are empty in files of old tools."""

    options: Mapping[str, Any] = field(default_factory=dict)
    indexes: Sequence[Mapping[str, Any]] = ()
    name: str = ""
    kind: str = ""

    @property
    def is_view(self) -> bool:
        """Whether it has a definition and no documents."""
        return self.kind == "view" or "viewOn" in self.options

    @property
    def is_timeseries(self) -> bool:
        """Whether its documents lie in buckets."""
        return "timeseries" in self.options

    @property
    def made_kind(self) -> str:
        """What the server calls that which is made of it."""
        return "view" if self.is_view else "timeseries" if self.is_timeseries else "collection"


def written(*, name: str, kind: str, uuid: str, options: bytes, indexes: Sequence[bytes]) -> bytes:
    """The file of a collection; `options` and `indexes` in BSON. LrsError where JSON cannot carry them unchanged."""
    parts = []
    if options != _EMPTY:
        parts.append(f'"options":{_to_json(options, name)}')
    parts.append(f'"indexes":[{",".join(_to_json(each, name) for each in indexes)}]')
    if uuid:
        parts.append(f'"uuid":"{uuid}"')
    parts.append(f'"collectionName":{json_util.dumps(name, ensure_ascii=False)}')
    if kind:
        parts.append(f'"type":"{kind}"')
    return ("{" + ",".join(parts) + "}").encode()


def read(data: bytes, where: str) -> Metadata:
    """What a file says; an empty one is no options and no indexes. DamageError where it is no metadata."""
    if not data.strip():
        return Metadata()
    try:
        document = json_util.loads(data.decode(), json_options=_JSON)
        bson.encode(document)
    except (ValueError, TypeError, RecursionError, OverflowError, BSONError, UnicodeError) as error:
        raise DamageError(f"{where}: not a metadata file: {error}") from error
    if not isinstance(document, dict):
        raise DamageError(f"{where}: not a metadata file: no object")
    options, indexes = document.get("options", {}), document.get("indexes", [])
    name, kind = document.get("collectionName", ""), document.get("type", "")
    if (
        not isinstance(options, dict)
        or not isinstance(indexes, list)
        or not all(isinstance(each, dict) and isinstance(each.get("key"), dict) for each in indexes)
        or not isinstance(name, str)
        or not isinstance(kind, str)
    ):
        raise DamageError(f"{where}: not a metadata file: options, indexes or names are not what they should be")
    return Metadata(options=options, indexes=indexes, name=name, kind=kind)


def _to_json(document: bytes, name: str) -> str:
    decoded = bson.decode(document, _CODEC)
    text = json_util.dumps(decoded, json_options=_JSON, separators=(",", ":"), ensure_ascii=False)
    if bson.encode(json_util.loads(text, json_options=_JSON)) != document:
        raise LrsError(
            f"collection {name}: its options or indexes hold what Extended JSON cannot carry unchanged",
            hint="mongodump refuses it too; leave the collection out, or change its options",
        )
    return text


_EMPTY = bson.encode({})
