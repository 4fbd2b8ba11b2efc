"""WebSocket frames of Kubernetes' channel protocol, from bytes and to bytes. Pure: it reads and writes nothing itself.

A message is a byte that names its channel, then data (`v4.channel.k8s.io`). A frame's data is handed on as it comes, so a
frame costs no memory whatever length it claims. Sources: RFC 6455; kubernetes/streaming, `pkg/httpstream/wsstream`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

PROTOCOL = "v4.channel.k8s.io"
LARGEST = (1 << 16) - 9
"""Bytes of data in a frame that is sent: with its head, and the byte of the channel, it fills four records of TLS."""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_CONTROL_LIMIT = 125


class FrameError(Exception):
    """What came is not what a server may send."""


@dataclass(frozen=True, slots=True)
class Data:
    """Some of what was sent on a channel."""

    channel: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class Control:
    """A whole control frame: CLOSE, PING or PONG."""

    opcode: int
    data: bytes


class Decoder:
    """Frames of a server, fed as they come."""

    def __init__(self) -> None:
        self._rest = b""
        self._left = 0
        self._channel = -1  # -1: the first byte of the message names it
        self._in_message = False
        self._is_last = True

    def feed(self, data: bytes | memoryview) -> Iterator[Data | Control]:
        """What is in these bytes, together with what was left of those before. FrameError: it is no channel protocol."""
        view = memoryview(self._rest + data if self._rest else data)
        self._rest = b""
        while view:
            if self._left:
                piece, view = view[: self._left], view[self._left :]
                self._left -= len(piece)
                yield from self._data(piece)
                continue
            head = _head(view)
            if head is None:
                break
            opcode, is_last, length, size = head
            if opcode < CLOSE:
                self._begin(opcode, length, is_last=is_last)
                view = view[size:]
                continue
            if len(view) < size + length:
                break
            yield Control(opcode, bytes(view[size : size + length]))
            view = view[size + length :]
        self._rest = bytes(view)

    def _begin(self, opcode: int, length: int, *, is_last: bool) -> None:
        if opcode == TEXT or (opcode == CONTINUATION) != self._in_message:
            raise FrameError("a frame that does not belong there")
        if opcode == BINARY:
            self._channel = -1
        self._in_message = not is_last
        self._left = length

    def _data(self, piece: memoryview) -> Iterator[Data]:
        if self._channel < 0:
            self._channel, piece = piece[0], piece[1:]
        if piece:
            yield Data(self._channel, piece)


def _head(view: memoryview) -> tuple[int, bool, int, int] | None:
    """Opcode, whether it is the message's last frame, length of its data, length of the head; None: there is more to come."""
    if len(view) < 2:
        return None
    opcode, is_last, length = view[0] & 0x0F, bool(view[0] & 0x80), view[1] & 0x7F
    if view[0] & 0x70 or view[1] & 0x80 or opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
        raise FrameError("a frame that no server may send")
    if opcode >= CLOSE and (length > _CONTROL_LIMIT or not is_last):
        raise FrameError("a control frame that is too long")
    size = 2 + {126: 2, 127: 8}.get(length, 0)
    if len(view) < size:
        return None
    return opcode, is_last, int.from_bytes(view[2:size], "big") if size > 2 else length, size


def encoded(channel: int, data: bytes | bytearray, size: int) -> Iterator[bytearray]:
    """The frames that carry the first `size` bytes of this data."""
    for start in range(0, size, LARGEST):
        yield _masked(BINARY, bytes((channel,)), data, start, min(start + LARGEST, size))


def frame(opcode: int, payload: bytes) -> bytearray:
    """One whole frame of a few bytes."""
    return _masked(opcode, payload, b"", 0, 0)


def _masked(opcode: int, first: bytes, data: bytes | bytearray, start: int, stop: int) -> bytearray:
    """A frame of a few bytes and then a part of the data, masked as a client must, and copied once.

    Every fourth byte has the same byte of the key, so that four tables mask all of them: two thirds of the time that two
    large numbers take, and a hundredth of byte by byte.
    """
    key = secrets.token_bytes(4)
    head = _head_of(opcode, len(first) + stop - start) + key + bytes(each ^ key[at % 4] for at, each in enumerate(first))
    whole = bytearray(len(head) + stop - start)
    whole[: len(head)] = head
    for place in range(4):
        part = data[start + place : stop : 4]
        whole[len(head) + place :: 4] = part.translate(_table(key[(len(first) + place) % 4]))
    return whole


def _head_of(opcode: int, length: int) -> bytes:
    if length < 126:
        return bytes((0x80 | opcode, 0x80 | length))
    if length < 1 << 16:
        return bytes((0x80 | opcode, 0x80 | 126)) + length.to_bytes(2, "big")
    return bytes((0x80 | opcode, 0x80 | 127)) + length.to_bytes(8, "big")


@lru_cache(maxsize=256)
def _table(part: int) -> bytes:
    """What each byte becomes under this byte of a key."""
    return bytes(part ^ each for each in range(256))
