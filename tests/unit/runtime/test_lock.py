"""The lock of what is being made: who has it, and whose file it is."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_lrs.runtime import safe_files
from kubectl_lrs.runtime.lock import Lock, have_alone, share
from kubectl_lrs.runtime.safe_files import Directory
from kubectl_lrs.runtime.trust import RefusedError


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Directory]:
    place = tmp_path / "place"
    place.mkdir()
    with Directory.named(place) as made:
        yield made


def test_one_at_a_time(folder: Directory) -> None:
    first, second = Lock(folder, ".a.lock"), Lock(folder, ".a.lock")
    assert first.take()
    assert not second.take()
    first.release()
    assert folder.names() == []
    assert Lock(folder, ".a.lock").take()


def test_what_it_is_for_is_known_afterwards(folder: Directory) -> None:
    lock = Lock(folder, ".a.lock")
    assert lock.take()
    lock.note(4711)
    lock.abandon()
    again = Lock(folder, ".a.lock")
    assert again.take(make=False)
    assert (again.is_ours, again.is_known, again.inode) == (True, True, 4711)
    again.note()
    assert (folder.path / ".a.lock").read_text().split() == ["kubectl-lrs", os.uname().nodename, str(os.getpid())]
    again.back_out()
    assert folder.names() == [".a.lock"], "it was there before"


@pytest.mark.parametrize(
    ("text", "known"), [("host 4711\n", True), ("4711", False), ("", False), ("kubectl-lrs a 1 2 3\n", False)]
)
def test_file_that_is_not_surely_ours_stays(folder: Directory, text: str, known: bool) -> None:
    (folder.path / ".a.lock").write_text(text)
    lock = Lock(folder, ".a.lock")
    assert lock.take(make=False)
    assert (lock.is_ours, lock.is_known) == (False, known)
    lock.release()
    assert (folder.path / ".a.lock").read_text() == text


def test_none_is_made_where_none_is_wanted(folder: Directory) -> None:
    assert not Lock(folder, ".a.lock").take(make=False)
    assert folder.names() == []


def test_volume_of_a_pod(folder: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes gives the group of a volume (fsGroup) the right to write all that is in it, before each start."""
    group = os.getegid() + 4711
    lock = Lock(folder, ".a.lock")
    assert lock.take()
    lock.note(7)
    lock.abandon()
    real = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        mode = found.st_mode | (0o2770 if os.path.isdir(f"/proc/self/fd/{descriptor}") else 0o660)
        return os.stat_result((mode, found.st_ino, found.st_dev, found.st_nlink, found.st_uid, group, found.st_size, 0, 0, 0))

    monkeypatch.setattr(safe_files.os, "fstat", fstat)
    with pytest.raises(RefusedError, match="others may write"):
        Lock(folder, ".a.lock").take(make=False)
    monkeypatch.setattr(safe_files.os, "getgroups", lambda: [group])
    again = Lock(folder, ".a.lock")
    assert again.take(make=False)
    assert (again.is_ours, again.inode) == (True, 7)


def test_a_folder_in_use(folder: Directory) -> None:
    with Directory.named(folder.path) as reader, Directory.named(folder.path) as other:
        share(reader)
        share(other)
        assert not have_alone(folder)
    assert have_alone(folder)
    with Directory.named(folder.path) as late:
        share(late)  # not to be had, and no error
        assert not have_alone(late)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EBADF, errno.EOPNOTSUPP])
def test_a_folder_of_which_nothing_tells(folder: Directory, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def flock(_file: object, _what: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    share(folder)
    assert have_alone(folder)


def test_a_disk_that_fails_says_so(folder: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(_file: object, _what: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="Input/output"):
        have_alone(folder)


def test_one_that_says_nothing_can_be_adopted(folder: Directory) -> None:
    (folder.path / ".a.lock").touch()
    lock = Lock(folder, ".a.lock")
    assert lock.take(make=False)
    assert (lock.is_blank, lock.is_ours) == (True, False)
    lock.adopt()
    lock.release()
    assert folder.names() == []


def test_who_looks_for_a_moment_does_not_end_the_run_that_made_it(folder: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run has opened the new file before this one could lock it, as who looks for remains does."""
    looking, run = Lock(folder, ".a.lock"), Lock(folder, ".a.lock")
    make = run._make

    def seen() -> None:
        monkeypatch.setattr(run, "_make", make)
        make()
        assert looking.take(make=False)

    monkeypatch.setattr(run, "_make", seen)
    monkeypatch.setattr("kubectl_lrs.runtime.lock.time.sleep", lambda _: looking.release())
    assert run.take()
    assert (run.is_ours, run._is_there()) == (True, True)
    run.release()
    assert folder.names() == []
