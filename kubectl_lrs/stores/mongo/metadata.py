"""A collection's metadata file: options and indexes in canonical Extended JSON v2, as mongodump writes and mongorestore reads it.

Source: mongo-tools, `mongodump/metadata_dump.go` and `mongorestore/metadata.go`; MongoDB, "Extended JSON (v2)".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson
from bson import json_util
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from bson.json_util import JSONMode, JSONOptions

from kubectl_lrs.formats.nesting import is_within
from kubectl_lrs.model.errors import DamageError, LrsError
from kubectl_lrs.model.units import printable

MAX_FILE = 48 << 20
"""Bytes that a metadata file may have: what the server could hold of options and indexes, spelt out, is far smaller."""

MAX_DEPTH = 200
"""Documents and lists within each other: servers take no more, and every step that descends can do so."""

_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
_JSON = JSONOptions(json_mode=JSONMode.CANONICAL, datetime_conversion=DatetimeConversion.DATETIME_MS)
_ODD = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, BSONError)
"""What the library raises at JSON that is no Extended JSON: there is no one error for it."""


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
    data = ("{" + ",".join(parts) + "}").encode()
    if len(data) > MAX_FILE:
        raise _cannot_carry(name)
    return data


def read(data: bytes, where: str) -> Metadata:
    """What a file says; an empty one is no options and no indexes. DamageError where it is no metadata."""
    if not data.strip():
        return Metadata()
    try:
        document = _from_json(data.decode())
        bson.encode(document)
    except _ODD as error:
        said = "a part of it is missing" if isinstance(error, LookupError) else printable(str(error))
        raise DamageError(f"{where}: not a metadata file: {said}") from error
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


def _from_json(text: str) -> Any:
    """Any of `_ODD` where it is no Extended JSON, or too deep."""
    document = json.loads(text, object_hook=_typed)
    if not is_within(document, MAX_DEPTH):
        raise ValueError(f"nested more than {MAX_DEPTH} levels deep")
    return document


def _typed(document: dict[str, Any]) -> Any:
    """An object or, where it stands for one, a value of BSON; the library passes over what is no base64."""
    binary = document.get("$binary")
    encoded = binary.get("base64") if isinstance(binary, dict) else binary
    if isinstance(encoded, str):
        base64.b64decode(encoded, validate=True)
    return json_util.object_hook(document, _JSON)


def _to_json(document: bytes, name: str) -> str:
    decoded = bson.decode(document, _CODEC)
    text = json_util.dumps(decoded, json_options=_JSON, separators=(",", ":"), ensure_ascii=False)
    try:
        is_same = bson.encode(_from_json(text)) == document
    except _ODD as error:
        raise _cannot_carry(name) from error
    if not is_same:
        raise _cannot_carry(name)
    return text


def _cannot_carry(name: str) -> LrsError:
    return LrsError(
        f"collection {name}: its options or indexes hold what Extended JSON cannot carry unchanged",
        hint="mongodump refuses it too; leave the collection out, or change its options",
    )


_EMPTY = bson.encode({})
