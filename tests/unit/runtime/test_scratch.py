"""Folders that go again: whatever ends the run, and never one of anybody else's."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.lock import Lock
from kubectl_lrs.runtime.safe_files import Directory
from kubectl_lrs.runtime.scratch import PREFIX, scratch, sweep

NAME = f"{PREFIX}0123456789ab"


def killed(parent: Path, *, inode: bool = True) -> Path:
    """What a run leaves that is killed; without `inode`, before it noted which folder is its own."""
    with Directory.named(parent) as above:
        lock = Lock(above, f"{NAME}.lock")
        assert lock.take()
        made = parent / NAME
        made.mkdir(0o700)
        if inode:
            (made / "a").mkdir()
            (made / "a" / "file").write_text("x")
            lock.note(made.stat().st_ino)
        lock.abandon()
    return made


def test_it_is_gone_afterwards(folder: Path) -> None:
    left: list[str] = []
    with scratch(folder, left) as made:
        assert list(sweep(folder)) == [], "one that is used is left alone"
        (made / "below").mkdir()
        (made / "below" / "file").write_text("x")
        (made / "below").chmod(0o500)
    assert (left, list(folder.iterdir())) == ([], [])


def test_it_is_gone_after_an_error(folder: Path) -> None:
    def broken() -> None:
        with scratch(folder, []) as made:
            (made / "file").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("inode", [True, False], ids=["in the middle", "at the beginning"])
def test_what_a_killed_run_has_left_goes(folder: Path, inode: bool) -> None:
    made = killed(folder, inode=inode)
    assert list(sweep(folder)) == [f"removed {made}, which a killed rehearsal has left"]
    assert list(folder.iterdir()) == []


def test_killed_before_it_made_the_folder(folder: Path) -> None:
    killed(folder, inode=False).rmdir()
    assert list(sweep(folder)) == []
    assert list(folder.iterdir()) == []


def test_a_folder_of_that_name_without_a_lock_stays(folder: Path) -> None:
    (folder / NAME).mkdir()
    assert list(sweep(folder)) == []
    assert (folder / NAME).exists()


def test_another_folder_under_the_name_stays(folder: Path) -> None:
    made = killed(folder)
    made.rename(folder / "moved")
    made.mkdir()
    (made / "theirs").write_text("x")
    (said,) = sweep(folder)
    assert "left alone" in said
    assert (made / "theirs").exists()
    assert (folder / "moved").exists()


def test_a_link_under_the_name_is_not_followed(folder: Path) -> None:
    made = killed(folder, inode=False)
    made.rmdir()
    theirs = folder / "theirs"
    theirs.mkdir()
    (theirs / "file").write_text("x")
    made.symlink_to(theirs)
    (said,) = sweep(folder)
    assert "left alone" in said
    assert (theirs / "file").exists()


@pytest.mark.parametrize("text", ["", "somebody else's\n"])
def test_a_lock_that_is_not_ours_is_believed_in_nothing(folder: Path, text: str) -> None:
    (folder / f"{NAME}.lock").write_text(text)
    (folder / NAME).mkdir()
    list(sweep(folder))
    assert sorted(os.listdir(folder)) == [NAME, f"{NAME}.lock"]


def test_killed_before_it_said_whose_it_is(folder: Path) -> None:
    (folder / f"{NAME}.lock").touch()
    list(sweep(folder))
    assert list(folder.iterdir()) == []


def test_where_nobody_may_write(folder: Path) -> None:
    """/proc takes no file of anybody's, root's either."""
    with pytest.raises(LrsError, match="/proc: it cannot be used"), scratch(Path("/proc"), []):
        pass
    with pytest.raises(LrsError, match="it cannot be used"):
        list(sweep(folder / "gone"))


@pytest.mark.parametrize("who", ["its own run", "the next one"])
def test_what_could_not_be_removed_is_found_again(folder: Path, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    def busy(_path: Path) -> None:
        raise OSError(errno.EBUSY, "busy")

    left: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", busy)
        if who == "its own run":
            with scratch(folder, left) as made:
                (made / "file").write_text("x")
        else:
            made = killed(folder)
            left += sweep(folder)
    assert left == [f"{made} could not be removed: [Errno {errno.EBUSY}] busy"]
    assert list(sweep(folder)) == [f"removed {made}, which a killed rehearsal has left"]
    assert list(folder.iterdir()) == []
