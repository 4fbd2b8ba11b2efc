"""The list of sums: sorted bytewise by path, however many there are."""

from __future__ import annotations

import hashlib
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.repository import sums
from kubectl_lrs.repository.sums import in_order, line

PATHS = st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1), unique=True)


def _entries(paths: list[str]) -> list[tuple[bytes, bytes]]:
    return [(path.encode(), hashlib.sha256(path.encode()).hexdigest().encode()) for path in paths]


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_any_number_of_lines(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(sums, "AT_ONCE", at_once)
    monkeypatch.setattr(sums, "_READ", 70)
    for count in range(8):
        entries = _entries([f"p/{number * 7 % 11}" for number in range(count)])
        with tempfile.TemporaryFile() as spill:
            assert list(in_order(entries, spill)) == sorted(entries)


@given(PATHS)
def test_order_is_that_of_the_bytes(paths: list[str]) -> None:
    before, sums.AT_ONCE = sums.AT_ONCE, 2
    try:
        with tempfile.TemporaryFile() as spill:
            found = list(in_order(_entries(paths), spill))
    finally:
        sums.AT_ONCE = before
    assert [path for path, _ in found] == sorted(path.encode() for path in paths)
    assert dict(found) == dict(_entries(paths))


def test_lines_are_those_of_sha256sum() -> None:
    assert line((b"a/b", b"0" * 64)) == b"0" * 64 + b"  a/b\n"
