"""A backup that is being made: a file that is finished and gets more."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from kubectl_lrs.repository import FolderWriter


@pytest.fixture
def writer(tmp_path: Path) -> FolderWriter:
    """With three files, the second of them packed."""
    made = FolderWriter(tmp_path, "saved")
    made.write("one", b"1")
    with made.stream("packed.gz", compressed=True) as sink:
        sink.write(b"first\n" * 1000)
    made.write("three", b"3")
    return made


def _sums(writer: FolderWriter) -> dict[str, str]:
    return dict(writer._finished(0))


def test_more_for_a_packed_file(writer: FolderWriter) -> None:
    before = _sums(writer)
    for word in (b"second\n", b"third\n"):
        with writer.extending("packed.gz") as sink:
            sink.write(word)
    with writer.reading("packed.gz") as file:
        data = file.read()
    assert gzip.decompress(data) == b"first\n" * 1000 + b"second\nthird\n"
    assert sink.size == len(data)
    assert _sums(writer) == {**before, "packed.gz": hashlib.sha256(data).hexdigest()}
    assert list(_sums(writer)) == ["one", "packed.gz", "three"], "the line stays where it is"
    writer.write("four", b"4")
    assert list(_sums(writer))[-1] == "four"


def test_only_for_a_file_of_the_backup(writer: FolderWriter) -> None:
    with pytest.raises(FileNotFoundError), writer.extending("none.gz"):
        pass
    (writer.path / "planted.gz").write_bytes(b"")
    with pytest.raises(FileNotFoundError), writer.extending("planted.gz"):
        pass
