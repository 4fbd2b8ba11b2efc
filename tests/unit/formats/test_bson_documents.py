"""BSON, decoded to be looked into: odd dates and text do not keep it from being read, and what is none is said."""

from __future__ import annotations

import io
import struct

import bson
import pytest

from kubectl_lrs.formats.bson_batches import NotBsonError, document
from kubectl_lrs.formats.bson_documents import decoded, decoded_stream

YEAR_30000 = document(b"\x09at\0" + struct.pack("<q", 884_541_351_600_000))
BROKEN_TEXT = document(b"\x02text\0" + struct.pack("<i", 3) + b"a\xff\0")


def test_every_document_in_its_order() -> None:
    data = bson.encode({"_id": 1}) + bson.encode({"_id": 2})
    assert decoded(data) == list(decoded_stream(io.BytesIO(data))) == [{"_id": 1}, {"_id": 2}]
    assert decoded(b"") == list(decoded_stream(io.BytesIO(b""))) == []


def test_a_date_that_python_has_not_and_text_that_is_none() -> None:
    (date,), (text,) = decoded(YEAR_30000), decoded(BROKEN_TEXT)
    assert int(date["at"]) == 884_541_351_600_000
    assert text["text"] == "a\ufffd"


@pytest.mark.parametrize("data", [b"\x05", b"\xff" * 8, bson.encode({"_id": 1})[:-2], document(b"\x63x\0")])
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(NotBsonError):
        decoded(data)
    with pytest.raises(NotBsonError):
        list(decoded_stream(io.BytesIO(data)))
