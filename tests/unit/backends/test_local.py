"""Bytes below a path: no link is followed, no path leaves it, a file is there as a whole or not at all."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.base import KeyExistsError, KeyNotFoundError, Skipped, Stat, put
from kubectl_lrs.backends.local import Local
from kubectl_lrs.backends.local_upload import PART_PREFIX
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError
from tests.bed.loader import PATIENCE

NOBODY = 65534


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The storage's folder; beside it lies what must not be reached."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def mount(root: Path) -> Local:
    storage = open_backend(StorageLocation(url=f"file://{root}"))
    assert isinstance(storage, Local)
    return storage


def _put(mount: Local, path: str, data: bytes = b"data", *, replace: bool = False) -> None:
    put(mount, path, data, replace=replace)


def _get(mount: Local, path: str) -> bytes:
    got: list[bytes] = []
    assert mount.read(Stat(path, 0), got.append).is_steady
    return b"".join(got)


def test_the_prefix_itself_may_be_a_link(root: Path) -> None:
    (root / "a").write_text("1")
    (root.parent / "link").symlink_to(root)
    assert [each.key for each in Local(str(root.parent / "link")).list()] == ["a"]


def test_links_and_other_things_are_told_of_and_not_listed(mount: Local, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "plain").write_text("1")
    (root / "file").symlink_to(root.parent / "outside" / "secret")
    (root / "folder").symlink_to(root.parent / "outside")
    (root / "inner").symlink_to("plain")
    (root / "loop").symlink_to(".")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(root)
        listening.bind("socket")
    left: list[tuple[str, Skipped]] = []
    assert [each.key for each in mount.list(skipped=lambda key, what, _error: left.append((key, what)))] == ["plain"]
    links = [(key, Skipped.LINK) for key in ("file", "folder", "inner", "loop")]
    assert left == [*links, ("pipe", Skipped.SPECIAL), ("socket", Skipped.SPECIAL)]


@pytest.mark.parametrize("path", ["file", "folder/secret", "../outside/secret", "a/../../outside/secret", "/etc/passwd", "", "."])
def test_nothing_outside_is_read(mount: Local, root: Path, path: str) -> None:
    (root / "a").mkdir()
    (root / "file").symlink_to(root.parent / "outside" / "secret")
    (root / "folder").symlink_to(root.parent / "outside")
    with pytest.raises((KeyNotFoundError, KeyExistsError)):
        mount.read(Stat(path, 6), lambda _data: pytest.fail("it was read"))


@pytest.mark.parametrize("path", ["folder/new", "../outside/new", "a/../../outside/new", "/tmp/new", "a//new", "./new"])
def test_nothing_outside_is_written(mount: Local, root: Path, path: str) -> None:
    (root / "a").mkdir()
    (root / "folder").symlink_to(root.parent / "outside")
    assert mount.refuses(path) or path == "folder/new"
    with pytest.raises(LrsError):
        _put(mount, path)
    assert sorted(each.name for each in (root.parent / "outside").iterdir()) == ["secret"]


@pytest.mark.parametrize("replace", [False, True])
def test_a_link_in_a_files_place_is_not_written_through(mount: Local, root: Path, replace: bool) -> None:
    (root / "file").symlink_to(root.parent / "outside" / "secret")
    if replace:
        _put(mount, "file", replace=True)
        assert not (root / "file").is_symlink()
    else:
        with pytest.raises(KeyExistsError):
            _put(mount, "file")
    assert (root.parent / "outside" / "secret").read_text() == "secret"


def test_one_that_is_there_is_not_overwritten_unless_asked(mount: Local, root: Path) -> None:
    _put(mount, "a/b")
    with pytest.raises(KeyExistsError, match="there already"):
        _put(mount, "a/b", b"other")
    assert (root / "a" / "b").read_bytes() == b"data"
    _put(mount, "a/b", b"other", replace=True)
    assert (root / "a" / "b").read_bytes() == b"other"


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a")])
def test_a_file_and_a_folder_of_the_same_name(mount: Local, root: Path, first: str, second: str) -> None:
    _put(mount, first)
    for replace in (False, True):
        with pytest.raises(KeyExistsError):
            _put(mount, second, replace=replace)
    assert (root / first).read_bytes() == b"data"


def test_what_breaks_off_leaves_nothing(mount: Local, root: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise UnreachableError("gone")

    with pytest.raises(UnreachableError):
        mount.upload("a/b", 8, broken(), {}, replace=False)
    assert [each.name for each in (root / "a").iterdir()] == []


def test_an_unfinished_file_of_a_killed_run_is_not_listed(mount: Local, root: Path) -> None:
    (root / f"{PART_PREFIX}{'0' * 16}").write_text("half")
    (root / f"{PART_PREFIX}of-somebody").write_text("whole")
    assert [each.key for each in mount.list()] == [f"{PART_PREFIX}of-somebody"]
    assert mount.refuses(f"a/{PART_PREFIX}{'0' * 16}")


def test_a_file_that_is_written_to_while_it_is_read(mount: Local, root: Path) -> None:
    (root / "log").write_bytes(b"x" * (5 << 20))

    def grow(_data: bytes) -> None:
        with (root / "log").open("ab") as file:
            file.write(b"more")

    reading = mount.read(Stat("log", 5 << 20), grow)
    assert not reading.is_steady
    assert reading.stat.size > 5 << 20


def test_a_pipe_in_a_files_place_does_not_hang(mount: Local, root: Path) -> None:
    os.mkfifo(root / "pipe")
    ended = threading.Event()

    def read() -> None:
        with pytest.raises(KeyNotFoundError):
            mount.read(Stat("pipe", 1), lambda _data: None)
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    assert ended.wait(PATIENCE)


def test_a_storage_that_is_not_mounted(root: Path) -> None:
    mount = Local(str(root / "nowhere"))
    for call in (lambda: list(mount.list()), mount.probe, lambda: _put(mount, "a"), lambda: mount.stat("a")):
        with pytest.raises((KeyNotFoundError, UnreachableError)) as caught:  # what is written to was there before
            call()
        assert "mounted" in caught.value.hint
    assert not (root / "nowhere").exists()


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder of somebody who is not allowed everything, as who the test goes on."""
    folder = Path(tempfile.mkdtemp())
    user = os.geteuid()
    if user == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)


def test_what_may_not_be_read_or_written(as_nobody: Path) -> None:
    mount = Local(str(as_nobody))
    _put(mount, "a")
    (as_nobody / "a").chmod(0)
    as_nobody.chmod(0o500)
    with pytest.raises(DeniedError):
        _get(mount, "a")
    for call in (mount.probe, lambda: _put(mount, "b"), lambda: _put(mount, "in/b")):
        with pytest.raises(DeniedError):
            call()
    as_nobody.chmod(0o700)


def test_an_owner_that_may_not_be_given_is_said(as_nobody: Path) -> None:
    upload = Local(str(as_nobody)).upload("a", 1, iter([b"1"]), {"mode": 0o640, "uid": 0, "gid": 0}, replace=False)
    assert upload.unset == ("owner 0:0",)
    upload.commit()
    assert (as_nobody / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", [b"caf\xe9", b"a\\b", b"new\nline", b"\x1b[2J", b"x" * 255, "\N{GRINNING FACE}".encode()])
def test_names_as_a_file_system_has_them(mount: Local, root: Path, name: bytes) -> None:
    path = f"in/{os.fsdecode(name)}"
    assert mount.refuses(path) == ""
    _put(mount, path, name)
    assert os.listdir(os.fsencode(root / "in")) == [name]
    assert [each.key for each in mount.list()] == [path]
    assert _get(mount, path) == name


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", "a/./b", "../a", "a\0b", "a" * 256, "a/" * 2100 + "b", "\ud800"])
def test_paths_that_no_file_system_has(mount: Local, path: str) -> None:
    assert mount.refuses(path)


def test_what_somebody_else_calls_as_we_do_is_left(mount: Local, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is one run's own: where there is one already, it is not ours to write to or to remove."""
    from kubectl_lrs.backends import local_upload

    name = f"{PART_PREFIX}{'a' * 16}"
    monkeypatch.setattr(local_upload, "new_part", lambda: name)
    (root / name).write_text("of another run")
    with pytest.raises(LrsError, match="File exists"):
        _put(mount, "a")
    assert (root / name).read_text() == "of another run"
    assert not (root / "a").exists()


def test_a_part_that_is_a_link_is_not_written_through(mount: Local, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubectl_lrs.backends import local_upload

    name = f"{PART_PREFIX}{'b' * 16}"
    monkeypatch.setattr(local_upload, "new_part", lambda: name)
    (root / name).symlink_to(root.parent / "outside" / "secret")
    with pytest.raises(LrsError, match="File exists"):
        _put(mount, "a")
    assert (root.parent / "outside" / "secret").read_text() == "secret"
    assert (root / name).is_symlink()


def test_a_directory_that_becomes_a_link_before_the_file_has_its_name(mount: Local, root: Path) -> None:
    upload = mount.upload("in/a", 1, iter([b"1"]), {}, replace=False)
    (root / "in").rename(root / "moved")
    (root / "in").symlink_to(root.parent / "outside")
    with pytest.raises((KeyExistsError, KeyNotFoundError)):
        upload.commit()
    upload.abort()
    assert sorted(each.name for each in (root.parent / "outside").iterdir()) == ["secret"]


def test_a_directory_that_cannot_be_listed_is_said(as_nobody: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("nothing is closed to this user")
    mount = Local(str(as_nobody))
    for key in ("a/1", "b/2", "c/3"):
        _put(mount, key)
    (as_nobody / "b").chmod(0)
    left: list[tuple[str, Skipped, LrsError | None]] = []
    assert [each.key for each in mount.list(skipped=lambda *what: left.append(what))] == ["a/1", "c/3"]
    assert [(key, what, type(error)) for key, what, error in left] == [("b", Skipped.UNREADABLE, DeniedError)]
    with pytest.raises(DeniedError):
        list(mount.list())
    (as_nobody / "b").chmod(0o700)


def test_what_is_mounted_there_in_mid_run_is_not_written_to(mount: Local, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _put(mount, "a")
    fstat = os.fstat

    def elsewhere(descriptor: int) -> os.stat_result:
        found = fstat(descriptor)
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:]))

    monkeypatch.setattr(os, "fstat", elsewhere)
    with pytest.raises(UnreachableError, match="another file system"):
        _put(mount, "b")


@pytest.mark.parametrize("attributes", [{"mode": "x"}, {"uid": None, "gid": 3}, {"uid": -1, "gid": 1 << 70}, {"more": {"x": []}}])
def test_attributes_that_are_none(mount: Local, root: Path, attributes: dict[str, Any]) -> None:
    put(mount, "in/a", b"1", attributes)
    mount.make_directory("other", attributes)
    assert (root / "in" / "a").stat().st_mode & 0o7000 == 0
