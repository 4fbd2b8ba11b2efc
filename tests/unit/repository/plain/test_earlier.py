"""Files that backups share: which may be shared, and what happens where no link can be made."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import shutil
import stat
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.repository.plain import earlier
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from tests.builders.sealing import Notes, sealed

NOBODY = 65534
CONTENT = b"a layer" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
BLOB = f"images/blobs/sha256/{DIGEST}"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder for the backups."""
    folder = tmp_path / "backups"
    folder.mkdir(mode=0o700)
    return folder


def _work(writer: FolderWriter) -> None:
    writer.write("lrs/a/b.yaml", b"a: 1\n")
    with writer.stream("mongo/db/c.bson") as sink:
        sink.write(CONTENT)
    with writer.stream("lrs.raw.jsonl.gz", compressed=True) as sink:
        sink.write(b"{}\n")


def _stored(folder: SealedFolder) -> tuple[int, int]:
    return folder.catalog.stored["newFiles"], folder.catalog.stored["linkedFiles"]


def _is_shared(one: SealedFolder, other: SealedFolder, path: str = "mongo/db/c.bson") -> bool:
    return (one.path / path).samefile(other.path / path)


def test_second_one_shares_all(place: Path) -> None:
    first, second = sealed(place, _work, "one"), sealed(place, _work, "two")
    assert (_stored(first), _stored(second)) == ((3, 0), (0, 3))
    assert (
        second.catalog.stored["linkedBytes"]
        == first.catalog.stored["newBytes"]
        == sum((first.path / path).stat().st_size for path in first.paths())
    )
    assert first.identity == second.identity == hashlib.sha256((first.path / "SHA256SUMS").read_bytes()).hexdigest()
    assert all(_is_shared(first, second, path) for path in first.paths())
    assert list(second.damages()) == []
    own = sum((second.path / name).stat().st_size for name in ("SHA256SUMS", "backup.json"))
    assert first.unique_bytes is not None
    assert second.unique_bytes == own
    files = [path for path in place.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o400}
    assert [path.name for path in files if path.name.startswith(".")] == []


@pytest.mark.parametrize("count", [50, 200])
def test_each_is_looked_at_no_more_often_than_it_must(place: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Opened, looked at, read, linked, looked at: once each, and the list of sums piece by piece."""
    contents = [b"%d" % number for number in range(count)]

    def work(writer: FolderWriter) -> None:
        for number, content in enumerate(contents):
            writer.write(f"files/{number:05}", content)

    def again(writer: FolderWriter) -> None:
        calls.clear()
        for number, content in enumerate(contents):
            assert writer.adopt(f"files/{number:05}", hashlib.sha256(content).hexdigest())
        done.update(calls)

    sealed(place, work, "one")
    calls: Counter[str] = Counter()
    done: Counter[str] = Counter()
    for name in ("open", "fstat", "read", "link", "stat", "pread", "close"):
        monkeypatch.setattr(os, name, _counting(calls, name, getattr(os, name)))
    sealed(place, again, "two")
    few = 10
    assert all(count <= done[name] <= count + few for name in ("open", "fstat", "read", "link", "stat", "close")), done
    assert done["pread"] <= few


def _counting(calls: Counter[str], name: str, act: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*arguments: Any, **named: Any) -> Any:
        calls[name] += 1
        return act(*arguments, **named)

    return counted


def test_path_does_not_matter(place: Path) -> None:
    first = sealed(place, lambda writer: writer.write("files/old", CONTENT), "one")
    second = sealed(place, lambda writer: writer.write("files/new", CONTENT), "two")
    assert (first.path / "files/old").samefile(second.path / "files/new")


def test_adopted_without_being_got_again(place: Path) -> None:
    sealed(place, lambda writer: writer.write(BLOB, CONTENT), "one")

    def adopt(writer: FolderWriter) -> None:
        assert writer.adopt(BLOB, DIGEST)
        assert not writer.adopt("files/other", "0" * 64)

    assert _stored(sealed(place, adopt, "two")) == (0, 1)


def test_what_is_undone_is_not_counted(place: Path) -> None:
    sealed(place, _work, "one")

    def work(writer: FolderWriter) -> None:
        mark = writer.checkpoint()
        _work(writer)
        writer.rollback(mark)
        writer.write("lrs/a/b.yaml", b"a: 1\n")

    second = sealed(place, work, "two")
    assert (_stored(second), list(second.damages())) == ((0, 1), [])


def test_rotten_one_is_written_anew(place: Path) -> None:
    first = sealed(place, _work, "one")
    rotten = first.path / "mongo/db/c.bson"
    rotten.chmod(0o600)
    rotten.write_bytes(CONTENT[:-1] + b"x")
    rotten.chmod(0o400)
    second = sealed(place, _work, "two")
    assert (list(second.damages()), _stored(second)) == ([], (1, 2))
    third = sealed(place, _work, "three")
    assert _is_shared(third, second)


def test_rotten_one_is_believed_where_that_is_said(place: Path) -> None:
    first = sealed(place, _work, "one")
    rotten = first.path / "mongo/db/c.bson"
    rotten.chmod(0o600)
    rotten.write_bytes(CONTENT[:-1] + b"x")
    rotten.chmod(0o400)
    notes = Notes()
    second = sealed(place, _work, "two", progress=notes, trust_previous=True)
    assert [each.path for each in second.damages()] == ["mongo/db/c.bson"]
    assert [line for line in notes.said if "3 files were linked" in line and "--trust-previous" in line]


def test_list_that_is_not_the_sealed_one_is_not_believed(place: Path) -> None:
    first = sealed(place, _work, "one")
    sums = first.path / "SHA256SUMS"
    sums.chmod(0o600)
    sums.write_text(sums.read_text() + f"{'0' * 64}  z\n")
    second = sealed(place, _work, "two", trust_previous=True)
    assert _stored(second) == (3, 0)


def _foreign_file(folder: Path) -> None:
    os.chown(folder / "mongo/db/c.bson", NOBODY, NOBODY)


def _foreign_folder(folder: Path) -> None:
    os.chown(folder, NOBODY, NOBODY)


def _foreign_below(folder: Path) -> None:
    os.chown(folder / "mongo/db", NOBODY, NOBODY)


REFUSED: dict[str, Callable[[Path], object]] = {
    "file that may be written": lambda folder: (folder / "mongo/db/c.bson").chmod(0o600),
    "folder that others write": lambda folder: folder.chmod(0o777),
    "folder below that others write": lambda folder: (folder / "mongo").chmod(0o777),
    "file of another": pytest.param(_foreign_file, marks=as_root),  # type: ignore[dict-item]
    "folder of another": pytest.param(_foreign_folder, marks=as_root),  # type: ignore[dict-item]
    "folder below of another": pytest.param(_foreign_below, marks=as_root),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("make", [pytest.param(v, id=k) if callable(v) else v for k, v in REFUSED.items()])
def test_what_others_may_have_written_is_not_shared(place: Path, make: Callable[[Path], object]) -> None:
    first = sealed(place, _work, "one")
    make(first.path)
    before = (first.path / "mongo/db/c.bson").stat()
    second = sealed(place, _work, "two")
    assert not _is_shared(first, second)
    assert list(second.damages()) == []
    after = (first.path / "mongo/db/c.bson").stat()
    assert (after.st_mode, after.st_uid, after.st_nlink) == (before.st_mode, before.st_uid, 1)


def test_link_out_of_an_earlier_backup_is_not_followed(place: Path, tmp_path: Path) -> None:
    first = sealed(place, _work, "one")
    outside = tmp_path / "outside"
    outside.write_bytes(CONTENT)
    outside.chmod(0o400)
    (first.path / "mongo/db/c.bson").unlink()
    (first.path / "mongo/db/c.bson").symlink_to(outside)
    second = sealed(place, _work, "two")
    assert outside.stat().st_nlink == 1
    assert (list(second.damages()), _stored(second)) == ([], (1, 2))


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOENT, errno.ENOSPC])
def test_where_no_link_can_be_made_it_is_a_copy_and_said(place: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:

    def first(writer: FolderWriter) -> None:
        _work(writer)
        writer.write(BLOB, CONTENT[1:])

    sealed(place, first, "one")

    def link(*_names: object, **_how: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    notes = Notes()

    def work(writer: FolderWriter) -> None:
        _work(writer)
        assert writer.adopt(BLOB, hashlib.sha256(CONTENT[1:]).hexdigest()), "it is not got again"

    second = sealed(place, work, "two", progress=notes)
    assert (list(second.damages()), _stored(second)) == ([], (4, 0))
    assert [line for line in notes.said if "could not be linked" in line and os.strerror(number) in line]


def test_another_file_under_its_name_meanwhile_is_not_shared(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the reading and the link somebody exchanges the file."""
    first = sealed(place, _work, "one")
    link = os.link

    def exchanged(source: str, name: str, **how: object) -> None:
        if source == "c.bson":
            (first.path / "mongo/db/c.bson").rename(place / "aside")
            (first.path / "mongo/db/c.bson").write_bytes(b"other")
        link(source, name, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", exchanged)
    second = sealed(place, _work, "two")
    assert (second.path / "mongo/db/c.bson").read_bytes() == CONTENT
    assert list(second.damages()) == []


def test_earlier_one_that_goes_while_it_is_shared(place: Path) -> None:
    first = sealed(place, _work, "one")

    def work(writer: FolderWriter) -> None:
        writer.write("lrs/a/b.yaml", b"a: 1\n")
        shutil.rmtree(first.path)
        with writer.stream("mongo/db/c.bson") as sink:
            sink.write(CONTENT)
        assert not writer.adopt("x", DIGEST)

    second = sealed(place, work, "two")
    assert (list(second.damages()), _stored(second)) == ([], (1, 1))


def test_format_1_is_read_and_stays_as_it_is(place: Path) -> None:
    """As version 0.1.0 made them: 0600, sums in the order of writing."""
    first = sealed(place, _work, "one")
    for path in first.path.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    in_order = (first.path / "SHA256SUMS").read_bytes()
    lines = list(reversed(in_order.splitlines(keepends=True)))
    (first.path / "SHA256SUMS").write_bytes(b"".join(lines))
    document = json.loads((first.path / "backup.json").read_bytes())
    del document["sha256"], document["stored"]
    document["formatVersion"] = 1
    document["sums"]["sha256"] = hashlib.sha256(b"".join(lines)).hexdigest()
    own = hashlib.sha256((json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()).hexdigest()
    text = json.dumps({**document, "sha256": own}, indent=2, ensure_ascii=False) + "\n"
    (first.path / "backup.json").write_text(text)
    old = SealedFolder.open(first.path)
    assert (old.catalog.format_version, list(old.damages())) == (1, [])
    assert old.identity == hashlib.sha256(in_order).hexdigest() == first.identity
    second = sealed(place, _work, "two")
    assert _stored(second) == (3, 0), "its files may be written, and are copied"
    assert second.identity == old.identity
    assert {stat.S_IMODE(path.stat().st_mode) for path in old.path.rglob("*") if path.is_file()} == {0o600}
    assert [each.name for each in PlainRepository(place).scan()[0]] == ["one", "two"]


def test_interrupted_run_that_shared_files_is_put_away(place: Path) -> None:
    """Its files have the earlier backup's names too, and those stay."""
    first = sealed(place, lambda writer: writer.write(BLOB, CONTENT), "one")

    def fail(writer: FolderWriter) -> None:
        assert writer.adopt(BLOB, DIGEST)
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(Exception, match="Input/output"):
        sealed(place, fail, "two")
    assert (place / ".two").exists()
    notes = Notes()

    def again(writer: FolderWriter) -> None:
        assert writer.adopt(BLOB, DIGEST)

    third = sealed(place, again, "three", progress=notes)
    assert sorted(path.name for path in place.iterdir()) == ["one", "three"]
    assert [line for line in notes.said if line.startswith("warning")] == []
    assert (first.path / BLOB).stat().st_nlink == 2
    assert list(first.damages()) == list(third.damages()) == []


def test_several_threads_share(place: Path) -> None:
    def work(writer: FolderWriter) -> None:
        def one(number: int) -> None:
            with writer.stream(f"files/{number % 7}/{number}") as sink:
                sink.write(b"%d" % number * 100)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    sealed(place, work, "one")
    second = sealed(place, work, "two")
    assert (list(second.damages()), _stored(second)) == ([], (0, 64))


def test_only_the_newest_are_looked_into(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earlier, "BACKUPS", 1)
    sealed(place, lambda writer: writer.write("a", b"1"), "one")
    sealed(place, lambda writer: writer.write("b", b"2"), "two")

    def both(writer: FolderWriter) -> None:
        writer.write("a", b"1")
        writer.write("b", b"2")

    third = sealed(place, both, "three")
    assert _stored(third) == (1, 1)


def test_more_for_a_file_that_is_shared(place: Path) -> None:
    """What an earlier backup has is never written: the file is another one then."""
    first = sealed(place, _work, "one")
    before = (first.path / "lrs.raw.jsonl.gz").read_bytes()

    def work(writer: FolderWriter) -> None:
        _work(writer)
        assert (writer.path / "lrs.raw.jsonl.gz").samefile(first.path / "lrs.raw.jsonl.gz")
        with writer.extending("lrs.raw.jsonl.gz") as sink:
            sink.write(b'{"late": 1}\n')

    second = sealed(place, work, "two")
    assert (first.path / "lrs.raw.jsonl.gz").read_bytes() == before
    assert gzip.decompress((second.path / "lrs.raw.jsonl.gz").read_bytes()) == b'{}\n{"late": 1}\n'
    assert list(first.damages()) == list(second.damages()) == []
    assert _stored(second) == (1, 2)
    assert stat.S_IMODE((second.path / "lrs.raw.jsonl.gz").stat().st_mode) == 0o400
    third = sealed(place, work, "three")
    assert third.identity == second.identity


def test_more_that_does_not_come_leaves_the_file_as_it_was(place: Path) -> None:
    sealed(place, _work, "one")

    def work(writer: FolderWriter) -> None:
        _work(writer)
        with suppress(ValueError), writer.extending("lrs.raw.jsonl.gz") as sink:
            sink.write(b"x")
            raise ValueError("gone")

    second = sealed(place, work, "two")
    assert (_stored(second), list(second.damages())) == ((0, 3), [])
