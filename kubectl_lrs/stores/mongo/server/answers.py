"""What find and getMore answer, with the batch as one thing: the driver makes no object of each document that is in it.

For a raw batch it does, and throws them away. So the class by which it is told to show an answer says that a batch is a list
of one: the bytes of the array. Cursor, session and server are the driver's own business, as ever.
"""

from __future__ import annotations

from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from kubectl_lrs.formats.bson_batches import document, fields

_BATCHES = (b"firstBatch", b"nextBatch")
_NOTHING = 5
"""Bytes of an array without members."""


class Answer(RawBSONDocument):
    """Where it has a `cursor`, the batch in it is a list of one, or of none where no document came."""

    def __getitem__(self, item: str) -> Any:
        found = super().__getitem__(item)
        return _unopened(bytes(found.raw)) if item == "cursor" and isinstance(found, RawBSONDocument) else found


WHOLE_BATCHES: CodecOptions[Any] = CodecOptions(document_class=Answer)


def _unopened(cursor: bytes) -> dict[str, Any]:
    batches: dict[str, Any] = {}
    others = b""
    for kind, name, value in fields(cursor):
        if name in _BATCHES:
            batches[name.decode()] = [value] if len(value) > _NOTHING else []
        else:
            others += bytes((kind,)) + name + b"\0" + value
    return bson.decode(document(others)) | batches
