"""A LIST of metadata in Protobuf, as Kubernetes' own controllers ask for it → manifests without spec and status. Pure.

The length of each part stands before it, so that what nobody needs, which is most of it, is passed over unread, and nothing
that a user has written can be taken for anything else. The numbers are those of `generated.proto` in apimachinery
(`runtime` and `meta/v1`); they never change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from kubectl_lrs.model.manifest import Manifest

ACCEPT = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
MAGIC = b"k8s\0"
"""What everything in this form begins with."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""How a value is written: the last three bits of what stands before it. Nothing else is."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_UNKNOWN_KIND, _UNKNOWN_RAW, _UNKNOWN_ENCODING = (1 << 3 | _BYTES), (2 << 3 | _BYTES), (3 << 3 | _BYTES)
_TYPE_KIND = 2 << 3 | _BYTES
_KIND = b"PartialObjectMetadataList"
_NOTHING = (0, 0)
_LIST_METADATA, _LIST_ITEM = (1 << 3 | _BYTES), (2 << 3 | _BYTES)
_OBJECT_METADATA = 1 << 3 | _BYTES
_KEY, _VALUE = (1 << 3 | _BYTES), (2 << 3 | _BYTES)
_MANAGER = 1 << 3 | _BYTES
_SECONDS = 1 << 3 | _VARINT

Made = dict[str, Any]
Take = Callable[[Made, str, bytes, int, int], None]
"""Has a value that stands from here to there in the bytes taken in under a name."""


def is_in_protobuf(data: bytes) -> bool:
    """Whether this is such an answer; a server that has no Protobuf gives JSON."""
    return data.startswith(MAGIC)


def listed(data: bytes) -> tuple[Made, list[Manifest]]:
    """(the list's own metadata, each object with its metadata); ValueError or IndexError where it is no such list.

    Of metadata there is what the tables below name: no owners, and of those that manage fields, only who they are.
    """
    start, end = _list_in(data)
    head: Made | None = None
    items: list[Manifest] = []
    for tag, at, stop in _parts(data, start, end):
        if tag == _LIST_ITEM:
            items.append({"metadata": _object(data, at, stop)})
        elif tag == _LIST_METADATA:
            head = {}
            _take(head, _OF_LIST, data, at, stop)
    if head is None:
        raise ValueError("a list without metadata")
    return head, items


def _list_in(data: bytes) -> tuple[int, int]:
    """Where the list stands within what says that it is one."""
    parts = {tag: (at, stop) for tag, at, stop in _parts(data, len(MAGIC), len(data))}
    kinds = [data[at:stop] for tag, at, stop in _parts(data, *parts.get(_UNKNOWN_KIND, _NOTHING)) if tag == _TYPE_KIND]
    if kinds != [_KIND]:
        raise ValueError(f"no list of metadata: {kinds}")
    at, stop = parts.get(_UNKNOWN_ENCODING, _NOTHING)
    if at != stop:
        raise ValueError("packed")
    return parts.get(_UNKNOWN_RAW, _NOTHING)


def _object(data: bytes, start: int, end: int) -> Made:
    made: Made = {}
    for tag, at, stop in _parts(data, start, end):
        if tag == _OBJECT_METADATA:
            _take(made, _OF_OBJECT, data, at, stop)
    if not made.get("name"):
        raise ValueError("an object without a name")
    return made


def _take(made: Made, table: Mapping[int, tuple[str, Take]], data: bytes, start: int, end: int) -> None:
    for tag, at, stop in _parts(data, start, end):
        known = table.get(tag)
        if known:
            known[1](made, known[0], data, at, stop)


# ---- the form


def _parts(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(number and form, where its value begins, where it ends) of each part of a message that stands from here to there."""
    while at < end:
        tag = data[at]
        at += 1
        if tag > 127:
            tag, at = _varint(data, at - 1)
        form = tag & 7
        if form == _BYTES:
            size = data[at]
            at += 1
            if size > 127:
                size, at = _varint(data, at - 1)
            start, at = at, at + size
        elif form == _VARINT:
            start, at = at, at + 1 if data[at] < 128 else _varint(data, at)[1]
        elif form in (_FIXED64, _FIXED32):
            start, at = at, at + (8 if form == _FIXED64 else 4)
        else:
            raise ValueError(f"form {form}")
        if at > end:
            raise ValueError("cut off")
        yield tag, start, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(the number, where it ends)."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


# ---- what is taken in: as JSON has it, where what is empty is left out


def _text(made: Made, name: str, data: bytes, start: int, end: int) -> None:
    if start < end:
        made[name] = _decoded(data, start, end)


def _number(made: Made, name: str, data: bytes, start: int, _end: int) -> None:
    number = _signed(data, start)
    if number:
        made[name] = number


def _texts(made: Made, name: str, data: bytes, start: int, end: int) -> None:
    made.setdefault(name, []).append(_decoded(data, start, end))


def _entry(made: Made, name: str, data: bytes, start: int, end: int) -> None:
    """One member of a mapping: mostly its key and its value, both of them short."""
    members = made.get(name)
    if members is None:
        members = made[name] = {}
    middle = start + 2 + data[start + 1] if 4 <= end - start < 128 else end  # no length within takes more than one byte
    if middle + 2 <= end and data[start] == _KEY and data[middle] == _VALUE and middle + 2 + data[middle + 1] == end:
        members[_decoded(data, start + 2, middle)] = _decoded(data, middle + 2, end)
        return
    key = value = ""
    for tag, at, stop in _parts(data, start, end):
        if tag == _KEY:
            key = _decoded(data, at, stop)
        elif tag == _VALUE:
            value = _decoded(data, at, stop)
    members[key] = value


def _manager(made: Made, name: str, data: bytes, start: int, end: int) -> None:
    """One that manages fields, without what these are: the name is what it begins with."""
    found = next((_decoded(data, at, stop) for tag, at, stop in _parts(data, start, end) if tag == _MANAGER), "")
    made.setdefault(name, []).append({"manager": found} if found else {})


def _instant(made: Made, name: str, data: bytes, start: int, end: int) -> None:
    made[name] = _written(data[start:end])


@lru_cache(maxsize=1024)
def _written(data: bytes) -> str | None:
    """As JSON has it: null where it is empty. Many objects are of the same second."""
    seconds = next((_signed(data, at) for tag, at, _ in _parts(data, 0, len(data)) if tag == _SECONDS), None)
    return None if seconds is None else f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def _signed(data: bytes, at: int) -> int:
    number = _varint(data, at)[0]
    return number - (1 << 64) if number >> 63 else number


def _decoded(data: bytes, start: int, end: int) -> str:
    """What is no UTF-8 becomes what Go's JSON makes of it."""
    return data[start:end].decode(errors="replace")


_OF_LIST: Mapping[int, tuple[str, Take]] = {
    2 << 3 | _BYTES: ("resourceVersion", _text),
    3 << 3 | _BYTES: ("continue", _text),
}
_OF_OBJECT: Mapping[int, tuple[str, Take]] = {
    1 << 3 | _BYTES: ("name", _text),
    2 << 3 | _BYTES: ("generateName", _text),
    3 << 3 | _BYTES: ("namespace", _text),
    5 << 3 | _BYTES: ("uid", _text),
    6 << 3 | _BYTES: ("resourceVersion", _text),
    7 << 3 | _VARINT: ("generation", _number),
    8 << 3 | _BYTES: ("creationTimestamp", _instant),
    9 << 3 | _BYTES: ("deletionTimestamp", _instant),
    11 << 3 | _BYTES: ("labels", _entry),
    12 << 3 | _BYTES: ("annotations", _entry),
    14 << 3 | _BYTES: ("finalizers", _texts),
    17 << 3 | _BYTES: ("managedFields", _manager),
}
