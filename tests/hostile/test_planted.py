"""What others put into the folder of the backups: nothing of it is obeyed, and nothing that it leads to is touched."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import UnreachableError
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.trust import Trust
from tests.builders.sealing import Notes, sealed

NOBODY = 65534
BLOB = b"a live file" * 1000
DIGEST = hashlib.sha256(BLOB).hexdigest()
FILE = "files/data/model.bin"
HIDDEN = ".lrs_backup_2026_01_01_00_00_00"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of the backups, which others may write."""
    folder = tmp_path / "backups"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """The application's storage: one file, and a folder of it."""
    folder = tmp_path / "live"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "model.bin").write_bytes(BLOB)
    return folder


@pytest.fixture(autouse=True)
def untouched(live: Path) -> object:
    """Whatever a test does, the storage is as it was: the same file, with the same rights."""
    path = live / "data" / "model.bin"
    path.chmod(0o640)
    before = path.stat()
    yield
    after = path.stat()
    assert path.read_bytes() == BLOB
    assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (before.st_ino, before.st_mode, before.st_mtime_ns)


def _lock(place: Path, text: str = "host 1\n", hidden: str = HIDDEN) -> Path:
    lock = place / f"{hidden}.lock"
    lock.write_text(text)
    lock.chmod(0o600)
    return lock


def _plant(place: Path, text: str = "") -> Path:
    """A hidden folder with a lock that says what `text` says, else that this very folder is a run's of ours."""
    hidden = place / HIDDEN
    hidden.mkdir(mode=0o700)
    _lock(place, text or f"kubectl-lrs host 1 {hidden.stat().st_ino}\n")
    return hidden


def _link_to_storage(hidden: Path, live: Path) -> None:
    (hidden / "files").symlink_to(live)


def _link_to_subfolder(hidden: Path, live: Path) -> None:
    (hidden / "files").mkdir(mode=0o700)
    (hidden / "files" / "data").symlink_to(live / "data")


def _link_to_file(hidden: Path, live: Path) -> None:
    (hidden / "files" / "data").mkdir(parents=True, mode=0o700)
    (hidden / FILE).symlink_to(live / "data" / "model.bin")


def _hard_link(hidden: Path, live: Path) -> None:
    (hidden / "files" / "data").mkdir(parents=True, mode=0o700)
    (hidden / FILE).hardlink_to(live / "data" / "model.bin")


def _pipe(hidden: Path, _live: Path) -> None:
    (hidden / "files" / "data").mkdir(parents=True, mode=0o700)
    os.mkfifo(hidden / FILE)
    os.mkfifo(hidden / "files.json")


def _writable_folder(hidden: Path, _live: Path) -> None:
    (hidden / "files" / "data").mkdir(parents=True, mode=0o700)
    (hidden / FILE).write_bytes(BLOB)
    (hidden / "files" / "data").chmod(0o777)


def _writable_file(hidden: Path, _live: Path) -> None:
    (hidden / "files" / "data").mkdir(parents=True, mode=0o700)
    (hidden / FILE).write_bytes(BLOB)
    (hidden / FILE).chmod(0o666)


def _foreign_file(hidden: Path, _live: Path) -> None:
    (hidden / "files" / "data").mkdir(parents=True, mode=0o700)
    (hidden / FILE).write_bytes(BLOB)
    (hidden / FILE).chmod(0o600)
    os.chown(hidden / FILE, NOBODY, NOBODY)


PLANTED: dict[str, Callable[[Path, Path], None]] = {
    "link to the storage": _link_to_storage,
    "link to a subfolder": _link_to_subfolder,
    "link to a file": _link_to_file,
    "hard link": _hard_link,
    "pipes": _pipe,
    "folder that others write": _writable_folder,
    "file that others write": _writable_file,
    "file of another": pytest.param(_foreign_file, marks=as_root),  # type: ignore[dict-item]
}


def _adopting(writer: FolderWriter) -> None:
    """As the files' part does: it looks at the lists, and takes over what it needs, else it copies."""
    for name in ("files.json", "files/~finished.jsonl"):
        list(writer.left_behind(name))
    assert not writer.adopt(FILE, DIGEST), "what others may write is no part of a backup"
    writer.write(FILE, BLOB)


def _tree(folder: Path) -> list[tuple[str, int, int]]:
    found = [folder, *folder.rglob("*")]
    return sorted((str(path.relative_to(folder)), path.lstat().st_ino, path.lstat().st_mode) for path in found)


@pytest.mark.parametrize("plant", [pytest.param(value, id=name) if callable(value) else value for name, value in PLANTED.items()])
@pytest.mark.parametrize("lock", ["ours", "old", "strange", "empty"])
def test_planted_left_over(place: Path, live: Path, plant: Callable[[Path, Path], None], lock: str) -> None:
    hidden = _plant(place, {"ours": "", "old": "host 1\n", "strange": "1234\n", "empty": "\n"}[lock])
    plant(hidden, live)
    before = _tree(hidden)
    notes = Notes()
    folder = sealed(place, _adopting, progress=notes)
    assert list(folder.damages()) == []
    assert (folder.path / FILE).read_bytes() == BLOB
    assert hidden.name in "\n".join(notes.said), "it is named"
    if lock != "ours":  # else a run of ours made the folders, and what it can have made may go
        assert _tree(hidden) == before


@pytest.mark.parametrize("failure", [UnreachableError("gone"), KeyboardInterrupt()])
@pytest.mark.parametrize("plant", [_link_to_storage, _link_to_subfolder, _hard_link])
def test_run_that_fails_beside_it(place: Path, live: Path, plant: Callable[[Path, Path], None], failure: BaseException) -> None:
    hidden = _plant(place)
    plant(hidden, live)

    def work(writer: FolderWriter) -> None:
        _adopting(writer)
        raise failure

    with pytest.raises(Exception, match=r"gone|interrupted"):
        sealed(place, work)


@as_root
@pytest.mark.parametrize("whose", ["folder", "lock", "both"])
def test_left_over_of_another(place: Path, whose: str) -> None:
    hidden = _plant(place)
    (hidden / "files" / "data").mkdir(parents=True)
    (hidden / FILE).write_bytes(BLOB)
    if whose != "folder":
        os.chown(place / f"{HIDDEN}.lock", NOBODY, NOBODY)
    if whose != "lock":
        os.chown(hidden, NOBODY, NOBODY)
    before = _tree(place / HIDDEN)
    notes = Notes()

    def refuse(writer: FolderWriter) -> None:
        assert not writer.adopt(FILE, DIGEST)

    sealed(place, refuse, progress=notes)
    assert _tree(hidden) == before
    said = "\n".join(notes.said)
    assert "left alone" in said
    assert hidden.name in said
    assert str(NOBODY) in said
    assert "--accept-owner" in said


@as_root
def test_left_over_of_a_user_who_is_accepted_is_copied(place: Path) -> None:
    hidden = _plant(place)
    (hidden / "files" / "data").mkdir(parents=True)
    (hidden / FILE).write_bytes(BLOB)
    for path in (place / f"{HIDDEN}.lock", *hidden.rglob("*"), hidden):
        os.chown(path, NOBODY, NOBODY)
    before = _tree(hidden)

    def take(writer: FolderWriter) -> None:
        assert writer.adopt(FILE, DIGEST)

    folder = sealed(place, take, trust=Trust(frozenset((NOBODY,))))
    assert list(folder.damages()) == []
    taken = (folder.path / FILE).stat()
    assert (taken.st_uid, taken.st_nlink) == (os.geteuid(), 1)
    assert taken.st_ino != (hidden / FILE).stat().st_ino, "its owner may hold it open"
    assert _tree(hidden) == before


def test_link_in_place_of_the_folder(place: Path, live: Path) -> None:
    (place / HIDDEN).symlink_to(live)
    _lock(place, "kubectl-lrs host 1\n")
    notes = Notes()
    sealed(place, lambda writer: writer.write("a", b"1"), progress=notes)
    assert (place / HIDDEN).is_symlink()
    assert HIDDEN in notes.said[0]
    assert "a link" in notes.said[0]


def test_folder_of_ours_that_was_moved_there(place: Path, live: Path) -> None:
    """A folder that is ours, and that no backup has made: the lock of an old run speaks of another one."""
    hidden = place / HIDDEN
    (live / "files").mkdir()
    (live / "files" / "keep").write_bytes(b"keep")
    storage = live.stat().st_ino
    old = place / "old"
    old.mkdir()
    _lock(place, f"kubectl-lrs host 1 {old.stat().st_ino}\n")
    live.rename(hidden)
    try:
        sealed(place, lambda writer: writer.write("a", b"1"))
        assert hidden.stat().st_ino == storage
        assert (hidden / "files" / "keep").read_bytes() == b"keep"
    finally:
        hidden.rename(live)


LOCKS: dict[str, Callable[[Path, Path], object]] = {
    "link": lambda lock, live: lock.symlink_to(live / "data" / "model.bin"),
    "hard link": lambda lock, live: lock.hardlink_to(live / "data" / "model.bin"),
    "pipe": lambda lock, _live: os.mkfifo(lock),
    "folder": lambda lock, _live: lock.mkdir(),
}


@pytest.mark.parametrize("kind", LOCKS)
@pytest.mark.parametrize("name", ["saved", ""])
def test_planted_lock(place: Path, live: Path, kind: str, name: str) -> None:
    """In the way of a run of this name it is an error that names it; in the way of none it does nothing."""
    hidden = f".{name}" if name else HIDDEN
    (place / hidden).mkdir()
    lock = place / f"{hidden}.lock"
    LOCKS[kind](lock, live)
    before = lock.lstat()
    if name:
        with pytest.raises(Exception, match=r"\.saved") as caught:
            sealed(place, lambda writer: writer.write("a", b"1"), name)
        assert caught.value.exit_code == 2  # type: ignore[attr-defined]
    else:
        sealed(place, lambda writer: writer.write("a", b"1"))
    assert (lock.lstat().st_ino, lock.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert (place / hidden).is_dir()


def test_locks_of_other_programs_are_left_alone(place: Path) -> None:
    """The folder of the backups is the current one if nothing else is said: a home, a project."""
    (place / ".tool").mkdir()
    (place / ".tool" / "files").mkdir()
    (place / ".tool" / "files" / "a").write_text("1")
    (place / ".tool.lock").write_text("4711")
    (place / ".other.lock").write_text("host 4711\n")
    before = _tree(place)
    folder = sealed(place, lambda writer: writer.write("a", b"1"))
    assert [each for each in _tree(place) if folder.path.name not in each[0]][1:] == before[1:]
    assert (place / ".tool.lock").read_text() == "4711"
    assert (place / ".other.lock").read_text() == "host 4711\n"


def test_what_is_written_is_not_exchanged_for_another_folder(place: Path, live: Path) -> None:
    """Where others may rename, the hidden folder becomes a link to the storage in the middle of the run."""

    def work(writer: FolderWriter) -> None:
        writer.write("files/a", b"1")
        writer.path.rename(place / "elsewhere")
        writer.path.symlink_to(live)
        writer.write("files/b", b"2")

    with pytest.raises(Exception, match="no backup was made"):
        sealed(place, work, "saved")
    assert sorted(path.name for path in live.iterdir()) == ["data"]
    assert not (place / "saved").exists()


def test_name_that_is_taken_meanwhile_is_not_replaced(place: Path) -> None:
    def work(writer: FolderWriter) -> None:
        writer.write("a", b"1")
        (place / "saved").mkdir()

    with pytest.raises(Exception, match="saved"):
        sealed(place, work, "saved")
    assert list((place / "saved").iterdir()) == []
    assert sorted(path.name for path in place.iterdir()) == ["saved"]
