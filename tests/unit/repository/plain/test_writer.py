"""A backup while it is made: hidden until every byte is there, its sums those of the disk, and all of it or nothing."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from kubectl_lrs.model.catalog import Catalog, Cluster, Missing
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository.plain import sealed, writer
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.safe_files import Directory
from tests.builders.sealing import RESOURCES

INSTANT = datetime(2026, 1, 1, tzinfo=timezone.utc)
CATALOG = Catalog(
    name="made",
    instant=INSTANT,
    finished=INSTANT,
    tool="t",
    cluster=Cluster(server="https://127.0.0.1"),
    selection=Selection().as_dict(),
    profile="lrs",
    levels={},
    missing=(),
    tiers={"resources": {**RESOURCES, "objects": 1}},
)


@pytest.fixture
def made(folder: Path) -> Iterator[FolderWriter]:
    """A backup called `made` in an empty folder."""
    begun = FolderWriter(folder, "made")
    yield begun
    with suppress(OSError):  # it was put away by the test
        begun.put_away(keep=False)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_hidden_until_it_is_sealed_and_then_as_its_sums_say(made: FolderWriter, folder: Path) -> None:
    made.write("a", b"1")
    made.write("deep/er/b", b"")
    with made.stream("deep/c.gz", compressed=True) as sink:
        assert sink.write(b"line\n" * 9) == 45
    assert (sink.size, sink.digest) == (len(packed := (made.path / "deep/c.gz").read_bytes()), hashlib.sha256(packed).hexdigest())
    assert gzip.decompress(packed) == b"line\n" * 9
    assert sorted(os.listdir(folder)) == [".made", ".made.lock"]
    assert not made.is_sealed
    assert {_mode(made.path), _mode(made.path / "deep/er")} == {0o700}
    assert _mode(made.path / "a") == 0o400
    assert made.seal(CATALOG).sums_sha256
    assert made.is_sealed
    assert os.listdir(folder) == ["made"]
    backup = SealedFolder.open(made.final)
    assert backup.paths() == ["a", "deep/c.gz", "deep/er/b"], "sorted"
    assert list(backup.damages()) == []


def test_the_same_content_gives_the_same_bytes(made: FolderWriter) -> None:
    digests = []
    for name in ("a.gz", "b.gz"):
        with made.stream(name, compressed=True) as sink:
            sink.write(b"content")
        digests.append(sink.digest)
    assert digests[0] == digests[1]


def test_what_is_finished_can_be_read_while_it_is_made(made: FolderWriter) -> None:
    made.write("x/a", b"1")
    with made.stream("x/b") as sink:
        sink.write(b"2")
        assert made.paths() == ["x/a"], "what is not finished is no part"
    made.write("y", b"3")
    assert made.paths("x/") == ["x/a", "x/b"]
    with made.reading("x/b") as file:
        assert file.read() == b"2"
    assert (made.name, made.describe("y")) == ("made", str(made.path / "y"))


def test_a_file_that_breaks_off_is_no_part_and_may_be_written_again(made: FolderWriter) -> None:
    def broken_off() -> None:
        with made.stream("a") as sink:
            sink.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        broken_off()
    assert (made.paths(), (made.path / "a").exists()) == ([], False)
    made.write("a", b"whole")
    assert made.paths() == ["a"]
    with pytest.raises(FileExistsError):
        made.write("a", b"twice")


def test_a_rollback_takes_back_what_came_after_and_nothing_else(made: FolderWriter) -> None:
    made.write("a", b"1")
    mark = made.checkpoint()
    made.write("b/c", b"2")
    made.write("d", b"3")
    made.rollback(mark)
    assert (made.paths(), (made.path / "b/c").exists(), (made.path / "d").exists()) == (["a"], False, False)
    made.write("d", b"4")
    made.seal(CATALOG)
    backup = SealedFolder.open(made.final)
    assert (backup.paths(), list(backup.damages())) == (["a", "d"], [])


def test_scratch_is_no_part_and_stays_only_after_a_failure(made: FolderWriter) -> None:
    with made.scratch("files/~note") as file:
        file.write(b"1")
    assert not (made.path / "files/~note").exists()
    with pytest.raises(KeyError), made.scratch("files/~note"):
        raise KeyError
    assert (made.path / "files/~note").exists()
    assert made.paths() == []


def test_two_do_not_make_the_same_one(made: FolderWriter, folder: Path) -> None:
    with pytest.raises(FileExistsError):
        FolderWriter(folder, "made")
    made.write("a", b"1")
    made.seal(CATALOG)
    with pytest.raises(FileExistsError):
        FolderWriter(folder, "made")
    assert os.listdir(folder) == ["made"], "no lock is left"


def test_one_that_came_meanwhile_is_not_replaced(made: FolderWriter, folder: Path) -> None:
    (folder / "made").mkdir()
    with pytest.raises(FileExistsError, match="meanwhile"):
        made.seal(CATALOG)
    assert list((folder / "made").iterdir()) == []
    assert not made.is_sealed


def test_what_was_exchanged_meanwhile_is_not_sealed(made: FolderWriter, folder: Path) -> None:
    made.path.rename(folder / "aside")
    made.path.mkdir()
    with pytest.raises(OSError, match="another user moves"):
        made.seal(CATALOG)
    assert not (folder / "made").exists()
    assert not made.is_sealed


def test_discarded_nothing_is_left(made: FolderWriter, folder: Path) -> None:
    made.write("images/blobs/a", b"1")
    assert not made.put_away(keep=False)
    assert os.listdir(folder) == []


def test_abandoned_only_what_another_can_take_over_is_left(made: FolderWriter) -> None:
    made.write("images/blobs/a", b"1")
    made.write("files/x/b", b"2")
    made.write("mongo/c", b"3")
    made.write("lrs/d", b"4")
    assert made.put_away(keep=True).startswith("2 files")
    left = sorted(str(file.relative_to(made.path)) for file in made.path.rglob("*") if file.is_file())
    assert left == ["files/x/b", "images/blobs/a"]


def test_abandoned_with_nothing_to_take_over_nothing_is_left(made: FolderWriter, folder: Path) -> None:
    made.write("lrs/a", b"1")
    assert not made.put_away(keep=True)
    assert os.listdir(folder) == []


def test_after_the_seal_nothing_of_it_can_be_put_away(made: FolderWriter) -> None:
    made.write("a", b"1")
    made.seal(CATALOG)
    assert not made.put_away(keep=True)
    assert list(SealedFolder.open(made.final).damages()) == []


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(("broken", "error"), [("sync", OSError(errno.ENOSPC, "full")), ("rename", KeyboardInterrupt())])
def test_once_it_has_its_name_it_stays_whole_wherever_the_seal_was_broken_off(
    made: FolderWriter, folder: Path, monkeypatch: pytest.MonkeyPatch, broken: str, error: BaseException, *, keep: bool
) -> None:
    made.write("images/blobs/a", b"1")
    made.write("lrs/b", b"2")
    real = getattr(Directory, broken)

    def then_broken(self: Directory, *names: str) -> None:
        real(self, *names)
        raise error

    monkeypatch.setattr(Directory, broken, then_broken)
    with pytest.raises(type(error)):
        made.seal(CATALOG)
    monkeypatch.undo()
    assert not made.put_away(keep=keep)
    assert list(SealedFolder.open(made.final).damages()) == []
    assert made.is_sealed
    assert os.listdir(folder) == ["made"]


# ---- bounds


def test_a_file_above_its_readers_bound_is_not_made(made: FolderWriter) -> None:
    made.write("a", b"123", limit=3)
    with pytest.raises(LrsError, match="b: it would have 4 bytes, and no more than 3"):
        made.write("b", b"1234", limit=3)
    assert (made.paths(), (made.path / "b").exists()) == (["a"], False)


def _missing(count: int) -> Catalog:
    lost = Missing(store="files", kind="file", name="a", reason="x" * 100)
    return replace(CATALOG, missing=(lost,) * count)


def test_a_catalog_that_could_not_be_read_is_never_sealed(
    made: FolderWriter, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert writer.MAX_SIZE == sealed.MAX_SIZE, "one bound for both"
    made.write("images/blobs/a", b"1")
    stored = {"newFiles": 0, "newBytes": 0, "linkedFiles": 0, "linkedBytes": 0}
    size = len(replace(_missing(9), sums_sha256="0" * 64, stored=stored).serialise())
    for each in (writer, sealed):
        monkeypatch.setattr(each, "MAX_SIZE", size)
    with pytest.raises(LrsError, match=r"backup\.json: it would have") as caught:
        made.seal(_missing(10))
    assert "10 things that are missing" in caught.value.hint
    assert not (folder / "made").exists()
    assert made.put_away(keep=True).startswith("1 file"), "what was copied is kept for the next one"
    again = FolderWriter(folder, "again")
    again.seal(_missing(9))
    assert len(SealedFolder.open(again.final).catalog.missing) == 9, "one that just fits is read"


# ---- a file that is finished gets more


@pytest.fixture
def three(tmp_path: Path) -> FolderWriter:
    """With three files, the second of them packed."""
    made = FolderWriter(tmp_path, "saved")
    made.write("one", b"1")
    with made.stream("packed.gz", compressed=True) as sink:
        sink.write(b"first\n" * 1000)
    made.write("three", b"3")
    return made


def _sums(three: FolderWriter) -> dict[str, str]:
    return {path: digest for digest, _, _, path in (line.decode().rstrip("\n").split(" ", 3) for line in three._listed(0))}


def test_more_for_a_packed_file(three: FolderWriter) -> None:
    before = _sums(three)
    for word in (b"second\n", b"third\n"):
        with three.extending("packed.gz") as sink:
            sink.write(word)
    with three.reading("packed.gz") as file:
        data = file.read()
    assert gzip.decompress(data) == b"first\n" * 1000 + b"second\nthird\n"
    assert sink.size == len(data)
    assert _sums(three) == {**before, "packed.gz": hashlib.sha256(data).hexdigest()}
    assert list(_sums(three)) == ["one", "packed.gz", "three"], "the line stays where it is"
    three.write("four", b"4")
    assert list(_sums(three))[-1] == "four"


def test_only_for_a_file_of_the_backup(three: FolderWriter) -> None:
    with pytest.raises(FileNotFoundError), three.extending("none.gz"):
        pass
    (three.path / "planted.gz").write_bytes(b"")
    with pytest.raises(FileNotFoundError), three.extending("planted.gz"):
        pass
