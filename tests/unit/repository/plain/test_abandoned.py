"""What runs that are no more have left: found by its lock, believed only where it is ours, taken over only where it is whole."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_lrs.repository.plain.abandoned import WORTH_KEEPING, Leftover, take_abandoned
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.safe_files import Directory

NAME = "lrs_backup_2026_01_01_00_00_00"
BLOB, DATA = "images/blobs/sha256/a", b"a layer"
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def to(tmp_path: Path) -> Iterator[Directory]:
    """The folder of the next run, with the folders that it needs."""
    (tmp_path / "next/images/blobs/sha256").mkdir(parents=True)
    with Directory.named(tmp_path / "next") as opened:
        yield opened


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of the backups."""
    made = tmp_path / "backups"
    made.mkdir()
    return made


def _left(place: Path, name: str = NAME, **more: bytes) -> Path:
    """What a run has left that was killed: nothing was put away."""
    writer = FolderWriter(place, name)
    for path, data in {BLOB: DATA, **more}.items():
        writer.write(path, data)
    writer._sums.close()
    writer._lock.abandon()
    writer._close()
    return writer.path


def _only(place: Path) -> Leftover:
    taken, refused = take_abandoned(place)
    assert (len(taken), refused) == (1, [])
    return taken[0]


def test_nothing_is_nothing(place: Path) -> None:
    assert take_abandoned(place) == ([], [])


def test_what_is_whole_is_moved_once_and_what_is_not_stays(place: Path, to: Directory) -> None:
    _left(place, NAME, **{"files/b": b"2"})
    leftover = _only(place)
    assert leftover.is_ours
    assert leftover.is_worth_keeping
    assert not leftover.give(BLOB, "0" * 64, to), "another sum"
    assert not leftover.give("images/blobs/sha256/none", DIGEST, to)
    assert leftover.give(BLOB, DIGEST, to)
    assert (to.path / BLOB).read_bytes() == DATA
    assert not leftover.give(BLOB, DIGEST, to), "it is there no more"
    assert leftover.keep() == 1
    assert not (leftover.path / BLOB).exists()
    assert leftover.refused == {}


def test_what_nobody_can_take_over_goes(place: Path) -> None:
    _left(place, NAME, **{"lrs/x": b"1", "mongo/y": b"2", "files.json": b"3"})
    leftover = _only(place)
    assert leftover.keep() == 2
    assert sorted(os.listdir(leftover.path)) == sorted({part.partition("/")[0] for part in WORTH_KEEPING} - {"files"})
    assert _only(place).remove() == []
    assert os.listdir(place) == []


def test_one_that_is_alive_is_left_alone(place: Path) -> None:
    writer = FolderWriter(place, NAME)
    writer.write(BLOB, DATA)
    assert take_abandoned(place) == ([], [])
    assert (writer.path / BLOB).exists()
    writer.put_away(keep=False)


def test_two_do_not_take_the_same_one(place: Path) -> None:
    _left(place)
    leftover = _only(place)
    assert take_abandoned(place) == ([], [])
    leftover.close()
    _only(place).close()


def test_a_link_is_never_followed(place: Path, to: Directory) -> None:
    elsewhere = place.parent / "elsewhere"
    elsewhere.write_bytes(DATA)
    hidden = _left(place)
    (hidden / BLOB).unlink()
    (hidden / BLOB).symlink_to(elsewhere)
    leftover = _only(place)
    assert not leftover.give(BLOB, DIGEST, to)
    assert not leftover.is_worth_keeping
    assert list(leftover.refused) == [BLOB]
    leftover.remove()
    assert elsewhere.read_bytes() == DATA


def test_a_folder_that_the_lock_does_not_name_is_not_ours(place: Path, to: Directory) -> None:
    """The lock is that of a run of ours, and somebody has put another folder in the place of its own."""
    hidden = _left(place)
    hidden.rename(place / "aside")
    (hidden / "images/blobs/sha256").mkdir(parents=True)
    hidden.chmod(0o700)
    (hidden / BLOB).write_bytes(DATA)
    leftover = _only(place)
    assert not leftover.is_ours
    assert leftover.give(BLOB, DIGEST, to)
    assert (hidden / BLOB).read_bytes() == DATA, "it is copied, and stays"
    assert not os.path.samefile(hidden / BLOB, to.path / BLOB)
    assert leftover.remove() == [""]
    assert (hidden / BLOB).exists()


def test_what_is_in_its_place_by_now_is_not_removed(place: Path) -> None:
    hidden = _left(place)
    leftover = _only(place)
    hidden.rename(place / "aside")
    hidden.mkdir()
    assert leftover.remove() == []
    assert hidden.is_dir()
    assert os.listdir(place / "aside") == []


def test_a_lock_of_another_program_is_nothing_to_us(place: Path) -> None:
    (place / ".other").mkdir()
    (place / ".other.lock").write_text("pid 7")
    (place / ".alone.lock").write_text("")
    assert take_abandoned(place) == ([], [])
    assert sorted(os.listdir(place)) == [".alone.lock", ".other", ".other.lock"]


@pytest.mark.parametrize("kind", ["a file", "a link", "a strange lock"])
def test_what_is_called_like_a_backup_and_is_none_is_named(place: Path, kind: str) -> None:
    if kind == "a file":
        (place / f".{NAME}").write_text("")
    elif kind == "a link":
        (place / f".{NAME}").symlink_to(place)
    else:
        (place / f".{NAME}").mkdir(mode=0o700)
    lock = place / f".{NAME}.lock"
    lock.write_text("no lock of ours")
    lock.chmod(0o600)
    taken, refused = take_abandoned(place)
    assert taken == []
    named = place / f".{NAME}{'.lock' if kind == 'a strange lock' else ''}"
    assert [str(error).startswith(f"{named}: it is ") for error in refused] == [True]


def test_a_run_that_was_killed_right_after_its_seal_leaves_no_lock(place: Path) -> None:
    hidden = _left(place)
    hidden.rename(place / NAME)
    assert take_abandoned(place) == ([], [])
    assert os.listdir(place) == [NAME]


def test_moved_aside_it_is_found_again_and_its_name_is_free(place: Path) -> None:
    _left(place)
    leftover = _only(place)
    leftover.move_aside()
    assert leftover.path.name == f".{NAME}~1"
    FolderWriter(place, NAME).put_away(keep=False)
    leftover.close()
    again = _only(place)
    assert (again.path.name, again.is_ours, again.is_worth_keeping) == (f".{NAME}~1", True, True)
    again.remove()
    assert os.listdir(place) == []


def test_what_cannot_be_moved_aside_is_not(place: Path) -> None:
    _left(place)
    leftover = _only(place)
    with (place / f".{NAME}~1.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(FileExistsError, match="another run"):
            leftover.move_aside()
    assert leftover.path.name == f".{NAME}"
    leftover.close()
