"""Where the content of a sum lies: the first list counts first, sums that begin alike are told apart, odd lines are none."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from kubectl_lrs.repository.plain.places import LISTS, Places


def _sum(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def _list(folder: Path, name: str, lines: dict[str, str]) -> BinaryIO:
    (folder / name).write_text("".join(f"{digest}  {path}\n" for path, digest in lines.items()))
    return (folder / name).open("rb")


def test_each_is_found_by_its_sum(tmp_path: Path) -> None:
    lines = {f"{'deep/' * (number % 200)}f{number}": _sum(number) for number in range(300)}
    places = Places()
    places.remember([_list(tmp_path, "a", lines)], 1000)
    assert all(list(places.find(digest)) == [(0, path)] for path, digest in lines.items())
    assert list(places.find(_sum(300))) == []
    places.close()


def test_sums_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    alike = {f"f{number}": f"abcdef{number:058x}" for number in (3, 1, 2)}
    places = Places()
    places.remember([_list(tmp_path, "a", alike)], 1000)
    assert [list(places.find(digest)) for digest in alike.values()] == [[(0, path)] for path in alike]
    assert list(places.find(f"abcdef{4:058x}")) == []
    places.close()


def test_the_first_list_counts_first(tmp_path: Path) -> None:
    places = Places()
    places.remember([_list(tmp_path, name, {f"in-{name}": _sum(1), "b": _sum(1)}) for name in ("new", "old")], 1000)
    assert list(places.find(_sum(1))) == [(0, "in-new"), (0, "b"), (1, "in-old"), (1, "b")]
    places.close()


def test_all_of_the_first_and_then_more_while_there_are_few(tmp_path: Path) -> None:
    lists = [_list(tmp_path, f"l{number}", {f"f{each}": _sum(10 * number + each) for each in range(3)}) for number in range(3)]
    places = Places()
    places.remember(lists, 2)
    assert len(places) == 3
    assert lists[1].closed
    assert lists[2].closed
    places.close()


def test_no_more_lists_than_can_be_told_apart(tmp_path: Path) -> None:
    lists = [_list(tmp_path, f"l{number}", {"f": _sum(number)}) for number in range(LISTS + 1)]
    places = Places()
    places.remember(lists, 1000)
    assert [[number for number, _ in places.find(_sum(each))] for each in range(LISTS + 1)] == [*([n] for n in range(LISTS)), []]
    places.close()


@pytest.mark.parametrize("line", [b"", b"\n", b"no sum  f\n", b"ab", b"-12345  f\n", b"\xff" * 100])
def test_what_is_no_line_is_none(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "a").write_bytes(line + f"\n{_sum(1)}  f\n".encode())
    places = Places()
    places.remember([(tmp_path / "a").open("rb")], 1000)
    assert list(places.find(_sum(1))) == [(0, "f")]
    assert list(places.find("not hexadecimal")) == []
    places.close()


def test_one_that_cannot_be_read_on_counts_as_far_as_it_was_read(tmp_path: Path) -> None:
    class Broken(io.BufferedReader):
        def __next__(self) -> bytes:
            if self.tell():
                raise OSError(5, os.strerror(5))
            return super().__next__()

    (tmp_path / "a").write_text(f"{_sum(1)}  f\n{_sum(2)}  g\n")
    places = Places()
    places.remember([Broken(io.FileIO(tmp_path / "a"))], 1000)
    assert [list(places.find(_sum(number))) for number in (1, 2)] == [[(0, "f")], []]
    places.close()
