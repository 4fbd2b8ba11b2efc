"""Sorted on the disk: the same as sorting in memory, however many are held, and nothing of it is left."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from typing import BinaryIO

import pytest

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime import sorting
from kubectl_lrs.runtime.sorting import Sorted, Waiting


@pytest.mark.parametrize("at_once", [1, 7, 50, 1000])
@pytest.mark.parametrize("block", [1, 3, 500])
def test_as_in_memory(monkeypatch: pytest.MonkeyPatch, at_once: int, block: int) -> None:
    monkeypatch.setattr(sorting, "AT_ONCE", at_once)
    monkeypatch.setattr(sorting, "BLOCK", block)
    items = [(f"{number % 40:03}", number, {"a": 1} if number % 3 else None) for number in range(100)]
    random.Random(1).shuffle(items)
    with Sorted[tuple[str, int, object]]() as held:
        for item in items:
            held.add(item)
        assert len(held) == 100
        wanted = sorted(items, key=lambda item: item[0])
        assert list(held) == wanted
        assert list(held) == wanted, "it can be gone through again"


@pytest.mark.parametrize("name", ["caf\udce9", "new\nline", "\N{GRINNING FACE}", "", "\x00"])
def test_names_of_every_kind(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(sorting, "AT_ONCE", 1)
    with Sorted[tuple[str, bytes]]() as held:
        held.add((name, b"\xff\n"))
        held.add(("m", b""))
        assert list(held) == sorted([(name, b"\xff\n"), ("m", b"")])


def test_memory_holds_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "AT_ONCE", 10)
    with Sorted[tuple[int]]() as held:
        for number in range(1000):
            held.add((number,))
            assert len(held._held) < 10


def test_none_and_a_few_need_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting.tempfile, "TemporaryFile", lambda: pytest.fail("a file was made"))
    with Sorted[tuple[int]]() as held:
        assert list(held) == []
        held.add((2,))
        held.add((1,))
        assert list(held) == [(1,), (2,)]


def _full() -> BinaryIO:
    return open("/dev/full", "wb")


def _no_folder() -> BinaryIO:
    raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")


@pytest.mark.parametrize("made", [_full, _no_folder])
def test_a_folder_for_temporary_files_that_cannot_be_used_is_said(
    monkeypatch: pytest.MonkeyPatch, made: Callable[[], BinaryIO]
) -> None:
    """And not taken for the disk of the backup, on which what was copied would be given up for room."""
    monkeypatch.setattr(sorting, "AT_ONCE", 2)
    monkeypatch.setattr(sorting.tempfile, "TemporaryFile", made)
    with Sorted[tuple[int]]() as held:
        held.add((2,))
        with pytest.raises(LrsError, match="temporary files: No ") as raised:
            held.add((1,))
        assert "TMPDIR" in raised.value.hint


@pytest.mark.parametrize("at_once", [2, 1000])
def test_what_waits_is_made_each_time_anew(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(sorting, "AT_ONCE", at_once)
    held: Sorted[tuple[int, str]] = Sorted()
    for number in (3, 1, 2):
        held.add((number, "x" * number))
    waiting = Waiting(held, lambda row: row[1])
    assert (len(waiting), list(waiting), list(waiting)) == (3, ["x", "xx", "xxx"], ["x", "xx", "xxx"])
    assert (waiting[0], waiting[1:]) == ("x", ["xx", "xxx"])
    file = held._file
    del waiting
    assert file is None or file.closed
