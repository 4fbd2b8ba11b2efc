"""Archives of mongodump: its files are found again, however their rows lie between each other; what is cut or altered is not."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import bson
import pytest

from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.stores.mongo.archive import ArchiveFile, is_archive
from kubectl_lrs.stores.mongo.plain_dump import dumped, is_mongodump
from tests.builders.archives import END, about, end, header, segment

ONE, OTHER = "custom_applications", "longrunningservices"
FIRST, SECOND = [{"_id": 1}, {"_id": 2, "text": "é" * 100}], [{"_id": 3}]
MANY = [{"_id": number, "fill": "x" * 1000} for number in range(200)]

GOOD = (
    header()
    + about(ONE)
    + about(OTHER)
    + about("a view", kind="view", options={"viewOn": ONE, "pipeline": []})
    + about("empty")
    + END
    + segment(ONE, FIRST)
    + segment(OTHER, MANY)
    + end("empty", [])
    + end("a view", [])
    + segment(ONE, SECOND)
    + end(ONE, FIRST + SECOND)
    + end(OTHER, MANY)
)


@pytest.mark.parametrize("is_packed", [False, True])
def test_the_files_that_there_would_be(folder: Path, is_packed: bool) -> None:
    path = folder / "some.archive"
    path.write_bytes(gzip.compress(GOOD) if is_packed else GOOD)
    assert is_archive(path)
    assert is_mongodump(path)
    archive = ArchiveFile(path)
    assert archive.paths("App/custom") == [f"App/{ONE}.bson", f"App/{ONE}.metadata.json"]
    assert "App/a+view.metadata.json" in archive.paths()
    assert "App/a+view.bson" not in archive.paths()
    with archive.reading(f"App/{ONE}.bson") as file:
        assert file.read() == b"".join(map(bson.encode, FIRST + SECOND))
    with archive.reading("App/empty.bson") as file:
        assert file.read() == b""
    dump = dumped(path)
    assert (dump.database, dump.server) == ("App", "7.0.16")
    assert {each.name: dump.measured(each).documents for each in dump.collections} == {ONE: 3, OTHER: 200}
    assert dump.left_out == ("a view", "empty")


@pytest.mark.parametrize("said", ["abc", [1], {"a": 1}, float("nan"), 1e300, b"x", None])
def test_a_sum_that_is_no_number(folder: Path, said: object) -> None:
    last = bson.encode({"db": "App", "collection": ONE, "EOF": True, "CRC": said}) + END
    path = folder / "odd.archive"
    path.write_bytes(header() + about(ONE) + END + segment(ONE, FIRST) + last)
    with pytest.raises(DamageError, match="not those that were written"):
        ArchiveFile(path)


def _cut(at: int) -> bytes:
    return GOOD[:at]


HARM: dict[str, tuple[Callable[[], bytes], str]] = {
    "cut in the prelude": (lambda: _cut(len(header()) + 30), "cut off"),
    "cut in a document": (lambda: _cut(GOOD.index(b"\xc3\xa9") + 3), "cut off"),
    "without its last end": (lambda: GOOD.removesuffix(end(OTHER, MANY)), f"{OTHER}.bson has no end"),
    "without a collection that it speaks of": (
        lambda: header() + about(ONE) + about(OTHER) + END + segment(ONE, FIRST) + end(ONE, FIRST),
        f"{OTHER}.bson has no end",
    ),
    "a sum that is wrong": (lambda: GOOD.replace(end(ONE, FIRST + SECOND), end(ONE, FIRST + SECOND, wrong=1)), "not those"),
    "one bit": (lambda: GOOD.replace(b"xxxxx", b"xxxxy", 1), "not those"),
    "a row that is gone": (lambda: GOOD.replace(segment(ONE, SECOND), b""), "not those"),
    "more after an end": (lambda: GOOD + segment(ONE, SECOND), "goes on after its end"),
    "described twice": (lambda: header() + about(ONE) + about(ONE) + END, "twice"),
    "a database that leads out": (lambda: header() + about(ONE, "../x") + END, "no database"),
    "a length that cannot be": (lambda: header() + END + b"\xff\xff\xff\x7f", "can be at"),
    "another program's": (lambda: b"\x00" + GOOD, "begins otherwise"),
    "nothing": (lambda: b"", "cut off"),
    "no BSON": (lambda: header() + END + b"\x0a\0\0\0\x99abcd\0", "no BSON"),
    "names that are none": (lambda: header() + bson.encode({"db": 1, "collection": 2, "metadata": ""}) + END, "no name"),
}


@pytest.mark.parametrize("what", HARM)
@pytest.mark.parametrize("is_packed", [False, True])
def test_harm_is_refused(folder: Path, what: str, is_packed: bool) -> None:
    make, said = HARM[what]
    path = folder / "some.archive"
    path.write_bytes(gzip.compress(make()) if is_packed else make())
    with pytest.raises(DamageError, match=r"some\.archive") as caught:
        ArchiveFile(path)
    assert said in str(caught.value)


def test_a_packed_one_that_is_cut_and_one_that_is_not_there(folder: Path) -> None:
    path = folder / "some.archive"
    path.write_bytes(gzip.compress(GOOD)[:-9])
    with pytest.raises(DamageError, match="cut off"):
        ArchiveFile(path)
    path.write_bytes(gzip.compress(GOOD)[:-8] + bytes(8))
    with pytest.raises(DamageError):
        ArchiveFile(path)
    assert not is_archive(folder / "absent")
    with pytest.raises(LrsError, match="cannot be read"):
        ArchiveFile(folder / "absent")


def test_a_later_version(folder: Path) -> None:
    path = folder / "some.archive"
    path.write_bytes(header(version="9") + END)
    with pytest.raises(UsageError, match="version 9"):
        ArchiveFile(path)
