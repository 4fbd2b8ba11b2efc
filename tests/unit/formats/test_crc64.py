"""CRC-64/XZ of bytes that pass by, beside a table that is written out."""

from __future__ import annotations

import random

import pytest

from kubectl_lrs.formats.crc64 import Crc64


def slow(data: bytes) -> int:
    """Bit by bit, by its definition."""
    crc = (1 << 64) - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xC96C5795D7870F42 if crc & 1 else 0)
    return crc ^ (1 << 64) - 1


def is_sum(expected: int, *pieces: bytes) -> bool:
    check = Crc64()
    for each in pieces:
        check.feed(each)
    return check.is_sum(expected)


def test_the_known_value() -> None:
    assert slow(b"123456789") == 0x995DC9BBDF1939FA
    assert is_sum(0x995DC9BBDF1939FA, b"123456789")
    assert is_sum(0x995DC9BBDF1939FA - (1 << 64), b"123", b"", b"456789"), "as BSON has it, which knows no unsigned one"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 1000])
def test_of_any_length_and_no_other(size: int) -> None:
    data = random.Random(size).randbytes(size)
    right = slow(data)
    assert is_sum(right, data[: size // 3], data[size // 3 :])
    assert not is_sum(right ^ 1, data)
    assert not is_sum(right, data + b"x")


def test_more_than_a_piece() -> None:
    data = bytes(65_537)
    expected = 0x7E53F652BC0FD3DA  # as `slow` has it, which is slow
    assert is_sum(expected, data)
    assert not is_sum(expected, data[:-1])
