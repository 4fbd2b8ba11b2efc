"""WebSocket frames: what we write another implementation reads, what it writes we read, however it is cut into pieces."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websocket import ABNF
from websocket._abnf import frame_buffer

from kubectl_lrs.clients.kubernetes import websocket as frames
from kubectl_lrs.clients.kubernetes.websocket import Control, Data, Decoder, FrameError

DATA = st.one_of(st.binary(max_size=300), st.sampled_from([125, 126, 65535, 65536, 70000]).map(os.urandom))


def written(opcode: int, payload: bytes, *, fin: int = 1) -> bytes:
    """A frame as a server writes it, by another implementation."""
    return bytes(ABNF(fin, 0, 0, 0, opcode, 0, payload).format())


@given(DATA, st.integers(0, 255), st.binary(max_size=9))
def test_another_implementation_reads_ours(data: bytes, channel: int, behind: bytes) -> None:
    stream = b"".join(frames.encoded(channel, bytearray(data + behind), len(data))) + frames.frame(frames.PING, b"ping")
    place = 0

    def receive(count: int) -> bytes:
        nonlocal place
        place += count
        return stream[place - count : place]

    buffer = frame_buffer(receive, skip_utf8_validation=True)
    got = b""
    while (frame := buffer.recv_frame()).opcode == ABNF.OPCODE_BINARY:
        payload = unmasked(frame)
        assert payload[0] == channel
        got += payload[1:]
    assert (got, frame.opcode, unmasked(frame)) == (data, ABNF.OPCODE_PING, b"ping")


def unmasked(frame: ABNF) -> bytes:
    assert frame.mask_value == 1
    return bytes(frame.data)


@given(st.lists(st.tuples(st.integers(0, 3), DATA)), st.lists(st.integers(1, 5000)))
def test_ours_reads_another_implementation(messages: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = b""
    for channel, data in messages:
        whole = bytes((channel,)) + data
        half = len(whole) // 2
        if half:
            stream += written(ABNF.OPCODE_BINARY, whole[:half], fin=0)
            stream += written(ABNF.OPCODE_PING, b"in between")
            stream += written(ABNF.OPCODE_CONT, whole[half:])
        else:
            stream += written(ABNF.OPCODE_BINARY, whole)
    decoder, got, pings = Decoder(), dict.fromkeys(range(4), b""), 0
    for size in [*cuts, len(stream)]:
        part, stream = stream[:size], stream[size:]
        for item in decoder.feed(part):
            if isinstance(item, Data):
                got[item.channel] += bytes(item.data)
            else:
                assert item == Control(frames.PING, b"in between")
                pings += 1
    for number in range(4):
        assert got[number] == b"".join(data for channel, data in messages if channel == number)
    assert pings == sum(1 for _, data in messages if data)


@pytest.mark.parametrize(
    "bad",
    [
        frames.frame(frames.BINARY, b"masked, which no server may"),
        written(ABNF.OPCODE_TEXT, b"text"),
        written(ABNF.OPCODE_CONT, b"of nothing"),
        written(ABNF.OPCODE_BINARY, b"a", fin=0) + written(ABNF.OPCODE_BINARY, b"b"),
        written(ABNF.OPCODE_PING, b"x" * 126),
        b"\xc2\x01x",  # a reserved bit
        b"\x83\x01x",  # an opcode that is not used
        b"HTTP/1.1 400 Bad Request\r\n",
    ],
    ids=["masked", "text", "continues nothing", "begins anew", "long ping", "reserved bit", "unused opcode", "no frame"],
)
def test_what_no_server_may_send(bad: bytes) -> None:
    with pytest.raises(FrameError):
        list(Decoder().feed(bad))


def test_a_huge_frame_is_handed_on_as_it_comes() -> None:
    head = b"\x82\x7f" + (1 << 62).to_bytes(8, "big")
    decoder = Decoder()
    assert list(decoder.feed(head)) == []
    for part in (b"\x00abc", b"def"):
        assert [bytes(item.data) for item in decoder.feed(part) if isinstance(item, Data)] == [part.lstrip(b"\x00")]
