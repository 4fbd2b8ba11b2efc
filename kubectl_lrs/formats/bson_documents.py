"""BSON → Python's values, to look into: nothing that is written comes from here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from bson import decode, decode_all, decode_file_iter, json_util
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError

from kubectl_lrs.formats.bson_batches import NotBsonError, id_of, with_id

if TYPE_CHECKING:
    from gzip import GzipFile

_OPTIONS: CodecOptions[Any] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_MS, unicode_decode_error_handler="replace"
)
"""Dates and broken UTF-8 must not keep a document from being looked at."""


def decoded(batch: bytes) -> list[Mapping[str, Any]]:
    """The documents in a row of whole ones; NotBsonError where they are none."""
    try:
        return list(decode_all(batch, _OPTIONS))
    except BSONError as error:
        raise NotBsonError(str(error)) from error


def decoded_stream(stream: BinaryIO | GzipFile) -> Iterator[Mapping[str, Any]]:
    """The documents of a file, one by one; NotBsonError where they are none."""
    try:
        yield from decode_file_iter(stream, _OPTIONS)  # type: ignore[arg-type]
    except BSONError as error:
        raise NotBsonError(str(error)) from error


def id_text(document: bytes) -> str:
    """A document's `_id` as text, as one that is decoded has it with `str`; NotBsonError where it is none."""
    value = id_of(document)
    if value is None:
        return str(None)
    return str(decoded(with_id(value))[0]["_id"])


def as_json(document: bytes, *, exactly: bool = False) -> Any:
    """A document as JSON values (MongoDB Extended JSON), to be shown or kept. `exactly`: with every type, canonical."""
    options = json_util.CANONICAL_JSON_OPTIONS if exactly else json_util.RELAXED_JSON_OPTIONS
    try:
        return json.loads(json_util.dumps(decode(document, _OPTIONS), json_options=options))
    except (BSONError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise NotBsonError(str(error)) from error


def shown_id(document: bytes) -> str:
    """A document's `_id`, for people."""
    try:
        value = id_of(document)
        return json_util.dumps(decode(with_id(value))["_id"])[:200] if value else "no _id"
    except (BSONError, ValueError, TypeError, OverflowError, RecursionError):
        return "an _id that cannot be shown"
