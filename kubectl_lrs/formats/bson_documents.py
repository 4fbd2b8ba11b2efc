"""BSON → Python's values, to look into: nothing that is written comes from here."""

from __future__ import annotations

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


def shown_id(document: bytes) -> str:
    """A document's `_id`, for people."""
    try:
        value = id_of(document)
        return json_util.dumps(decode(with_id(value))["_id"])[:200] if value else "no _id"
    except (BSONError, ValueError, TypeError, OverflowError, RecursionError):
        return "an _id that cannot be shown"
