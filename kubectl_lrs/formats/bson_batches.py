"""BSON as bytes: where documents end, which `_id` one has, and a query by `_id`. Pure; nothing is decoded.

Source: the BSON specification 1.1, bsonspec.org.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

MAX_DOCUMENT = 16 << 20
"""Bytes that a document may have for mongorestore; what the server adds for itself never reaches a file."""

MIN_DOCUMENT = 5

_DOCUMENT = 0x03
_TIMESTAMP = 0x11
_EMPTY_TIMESTAMP = re.compile(rb"\x11[^\0\x11]*\0{9}")
"""The type, a name, its end, and eight bytes of nothing; other bytes may look so by chance."""

_length = struct.Struct("<i").unpack_from
_FIXED = {
    0x01: 8,
    0x06: 0,
    0x07: 12,
    0x08: 1,
    0x09: 8,
    0x0A: 0,
    0x10: 4,
    0x11: 8,
    0x12: 8,
    0x13: 16,
    0x7F: 0,
    0xFF: 0,
}
_FIRST_ID = {bytes((kind,)) + b"_id\0": 9 + size for kind, size in _FIXED.items()}
"""How most documents begin, with an `_id` of a fixed size as their first field: where it ends."""

_PREFIXED = {0x02: 4, 0x03: 0, 0x04: 0, 0x05: 5, 0x0C: 16, 0x0D: 4, 0x0E: 4, 0x0F: 0}
"""Types whose value begins with a length: what comes on top of that length."""


class NotBsonError(ValueError):
    """The bytes are no BSON."""


def lengths(data: bytes) -> Iterator[int]:
    """The length of each document in a row of whole ones; NotBsonError where the last is cut or a length cannot be."""
    at, end = 0, len(data)
    while at < end:
        size = _length(data, at)[0] if at + 4 <= end else 0
        if size < MIN_DOCUMENT or at + size > end or data[at + size - 1]:
            raise NotBsonError(f"no document of {size} bytes can be at byte {at}")
        yield size
        at += size


def count(data: bytes) -> int:
    """How many documents there are in a row of whole ones, as `lengths` would find them."""
    at, end, found = 0, len(data), 0
    try:
        while at < end:
            size = _length(data, at)[0]
            if size < MIN_DOCUMENT:
                break
            at += size
            found += 1
    except struct.error as error:
        raise NotBsonError(f"the last document is cut at byte {at}") from error
    if at != end:
        raise NotBsonError(f"no document can be at byte {at}")
    return found


def split(data: bytes) -> list[bytes]:
    """The documents in a row of whole ones; NotBsonError as of `lengths`."""
    found: list[bytes] = []
    append, at, end = found.append, 0, len(data)
    try:
        while at < end:
            behind = at + _length(data, at)[0]
            if behind - at < MIN_DOCUMENT or data[behind - 1]:
                break
            append(data[at:behind])
            at = behind
    except (struct.error, IndexError) as error:
        raise NotBsonError(f"the last document is cut at byte {at}") from error
    if at != end:
        raise NotBsonError(f"no document can be at byte {at}")
    return found


def members(array: bytes) -> list[bytes]:
    """The documents of an array that has nothing else; NotBsonError where it is none.

    Their names are 0, 1, 2, ...: so many digits as the place has, which is what tells where a document begins.
    """
    found: list[bytes] = []
    append, at, end, digits = found.append, 4, len(array) - 1, 0
    try:
        if _length(array)[0] != len(array):
            raise NotBsonError("an array of another length than it says")
        while at < end:
            digits += 1
            head, read = digits + 2, struct.Struct(f"<B{digits}xBi").unpack_from
            for _ in range(len(found), 10**digits):
                kind, name_end, size = read(array, at)
                if kind != _DOCUMENT or name_end or size < MIN_DOCUMENT:
                    raise NotBsonError(f"no document is member {len(found)} of an array")
                start = at + head
                at = start + size
                append(array[start:at])
                if at >= end:
                    break
    except struct.error as error:
        raise NotBsonError(f"an array is cut in its member {len(found)}") from error
    if at != end:
        raise NotBsonError(f"an array does not end with its member {len(found) - 1}")
    return found


def id_of(document: bytes) -> bytes | None:
    """The `_id` of a document as its type and value; None where it has none."""
    first = _FIRST_ID.get(document[4:9], len(document))
    if first < len(document):
        return document[4:5] + document[9:first]
    at, end = 4, len(document) - 1
    try:
        while at < end:
            kind = document[at]
            name_end = document.index(0, at + 1)
            value_end = name_end + 1 + _value_size(document, kind, name_end + 1)
            if value_end > end:
                break
            if document[at + 1 : name_end] == b"_id":
                return bytes((kind,)) + document[name_end + 1 : value_end]
            at = value_end
    except (ValueError, struct.error) as error:
        raise NotBsonError(f"not a BSON document: {error}") from error
    return None


def ids_of(documents: Sequence[bytes]) -> list[bytes | None]:
    """`id_of` of each. Most rows have `_id`s of one kind and size as the first fields: these are cut out at once."""
    heads = {each[4:9] for each in documents}
    head = heads.pop() if len(heads) == 1 else b""
    end = _FIRST_ID.get(head, 0)
    if not end or end >= min(map(len, documents)):
        return [id_of(each) for each in documents]
    kind = head[:1]
    return [kind + each[9:end] for each in documents]


def have_ids_first(documents: Sequence[bytes]) -> bool:
    """Whether an `_id` is the first field of each of them, as MongoDB stores documents."""
    return {each[5:9] for each in documents} <= {b"_id\0"}


def with_id_first(document: bytes) -> bytes:
    """As MongoDB stores it: its `_id` before all other fields. The same where it has none; NotBsonError where it is no BSON."""
    rest, own = [], b""
    for kind, name, value in fields(document):
        element = bytes((kind,)) + name + b"\0" + value
        if name == b"_id" and not own:
            own = element
        else:
            rest.append(element)
    return document[:4] + own + b"".join(rest) + document[-1:]


def count_empty_timestamps(data: bytes) -> int:
    """How many of the documents in a row have a `Timestamp(0, 0)` right below them: MongoDB puts its own time in its place.

    One search tells of most rows that there is none, wherever it may stand; only the others are looked into.
    """
    if _EMPTY_TIMESTAMP.search(data) is None:
        return 0
    return sum(map(has_empty_timestamp, split(data)))


def has_empty_timestamp(document: bytes) -> bool:
    """Whether one of its own fields, but for `_id`, is a `Timestamp(0, 0)`."""
    if _EMPTY_TIMESTAMP.search(document) is None:
        return False
    return any(kind == _TIMESTAMP and name != b"_id" and not any(value) for kind, name, value in fields(document))


def fields(document: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(type, name, value) of each field of a document; NotBsonError where it is none."""
    at, end = 4, len(document) - 1
    try:
        while at < end:
            kind = document[at]
            name_end = document.index(0, at + 1)
            value_end = name_end + 1 + _value_size(document, kind, name_end + 1)
            if value_end > end:
                raise NotBsonError("a value ends behind its document")
            yield kind, document[at + 1 : name_end], document[name_end + 1 : value_end]
            at = value_end
    except (ValueError, struct.error) as error:
        raise NotBsonError(f"not a BSON document: {error}") from error


def by_ids(ids: Sequence[bytes]) -> bytes:
    """The query `{_id: {$in: [...]}}` for what `id_of` gave."""
    names = _places(len(ids).bit_length())
    items = b"".join([each[:1] + name + each[1:] for name, each in zip(names, ids)])  # noqa: B905  there are names enough
    return document(b"\x03_id\0" + document(b"\x04$in\0" + document(items)))


@lru_cache(maxsize=4)
def _places(bits: int) -> tuple[bytes, ...]:
    """The names of an array's members, of so many as a number of these bits counts."""
    return tuple(b"%d\0" % place for place in range(1 << bits))


def with_id(value: bytes) -> bytes:
    """A document that holds an `_id` alone: to show it."""
    return document(value[:1] + b"_id\0" + value[1:])


def document(elements: bytes) -> bytes:
    """A document of these elements."""
    return struct.pack("<i", len(elements) + 5) + elements + b"\0"


def _value_size(data: bytes, kind: int, at: int) -> int:
    if kind in _FIXED:
        return _FIXED[kind]
    if kind in _PREFIXED:
        size: int = _length(data, at)[0]
        if size < 0:
            raise NotBsonError("a negative length")
        return size + _PREFIXED[kind]
    if kind == 0x0B:  # a regular expression: two texts
        return data.index(0, data.index(0, at) + 1) + 1 - at
    raise NotBsonError(f"unknown type 0x{kind:02x}")


Reader = Callable[[int], bytes]


def documents(read: Reader, *, limit: int) -> Iterator[bytes]:
    """Rows of whole documents out of a stream, each of at most `limit` bytes or a single document.

    NotBsonError: the stream ends in the middle of a document, or a length cannot be.
    """
    held, position = b"", 0
    while data := read(limit):
        held += data
        whole = _whole(held, position)
        if whole:
            yield held[:whole]
            position += whole
            held = held[whole:]
    if held:
        raise NotBsonError(f"it ends in the middle of the document at byte {position}")


def _whole(data: bytes, position: int) -> int:
    """How many bytes at the beginning are whole documents."""
    at, end = 0, len(data)
    while at + 4 <= end:
        size = _length(data, at)[0]
        if not MIN_DOCUMENT <= size <= MAX_DOCUMENT:
            raise NotBsonError(f"a document of {size} bytes at byte {position + at}")
        if at + size > end:
            break
        if data[at + size - 1]:
            raise NotBsonError(f"the document at byte {position + at} does not end where it says")
        at += size
    return at
