"""The door to a path: no link is followed, no path leaves it, a file is there as a whole or not at all."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_lrs.backends.base import GoneError, Place, Stored, TakenError, open_storage
from kubectl_lrs.backends.local import PART_PREFIX, Mount
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
def mount(root: Path) -> Mount:
    storage = open_storage(Place(url=f"file://{root}"))
    assert isinstance(storage, Mount)
    return storage


def _put(mount: Mount, path: str, data: bytes = b"data", *, replace: bool = False) -> list[str]:
    return mount.write(path, len(data), iter([data] if data else []), {}, replace=replace)


def _get(mount: Mount, path: str) -> bytes:
    got: list[bytes] = []
    _, is_steady = mount.read(Stored(path, 0, ""), got.append)
    assert is_steady
    return b"".join(got)


def test_the_prefix_itself_may_be_a_link(root: Path) -> None:
    (root / "a").write_text("1")
    (root.parent / "link").symlink_to(root)
    assert [each.path for each in Mount(str(root.parent / "link")).listing()] == ["a"]


def test_links_and_other_things_are_noted_not_listed(mount: Mount, root: Path) -> None:
    (root / "plain").write_text("1")
    (root / "file").symlink_to(root.parent / "outside" / "secret")
    (root / "folder").symlink_to(root.parent / "outside")
    (root / "inner").symlink_to("plain")
    (root / "loop").symlink_to(".")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(root)
        listening.bind("socket")
    assert [each.path for each in mount.listing()] == ["plain"]
    assert len(mount.notes) == 1
    assert mount.notes[0].startswith("6 below ")
    assert "file, folder, inner, loop, pipe, socket" in mount.notes[0]


@pytest.mark.parametrize("path", ["file", "folder/secret", "../outside/secret", "a/../../outside/secret", "/etc/passwd", "", "."])
def test_nothing_outside_is_read(mount: Mount, root: Path, path: str) -> None:
    (root / "a").mkdir()
    (root / "file").symlink_to(root.parent / "outside" / "secret")
    (root / "folder").symlink_to(root.parent / "outside")
    with pytest.raises((GoneError, TakenError)):
        mount.read(Stored(path, 6, ""), lambda _data: pytest.fail("it was read"))


@pytest.mark.parametrize("path", ["folder/new", "../outside/new", "a/../../outside/new", "/tmp/new", "a//new", "./new"])
def test_nothing_outside_is_written(mount: Mount, root: Path, path: str) -> None:
    (root / "a").mkdir()
    (root / "folder").symlink_to(root.parent / "outside")
    assert mount.problem(path) or path == "folder/new"
    with pytest.raises(LrsError):
        _put(mount, path)
    assert sorted(each.name for each in (root.parent / "outside").iterdir()) == ["secret"]


@pytest.mark.parametrize("replace", [False, True])
def test_a_link_in_a_files_place_is_not_written_through(mount: Mount, root: Path, replace: bool) -> None:
    (root / "file").symlink_to(root.parent / "outside" / "secret")
    if replace:
        _put(mount, "file", replace=True)
        assert not (root / "file").is_symlink()
    else:
        with pytest.raises(TakenError):
            _put(mount, "file")
    assert (root.parent / "outside" / "secret").read_text() == "secret"


def test_one_that_is_there_is_not_overwritten_unless_asked(mount: Mount, root: Path) -> None:
    _put(mount, "a/b")
    with pytest.raises(TakenError, match="there already"):
        _put(mount, "a/b", b"other")
    assert (root / "a" / "b").read_bytes() == b"data"
    _put(mount, "a/b", b"other", replace=True)
    assert (root / "a" / "b").read_bytes() == b"other"


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a")])
def test_a_file_and_a_folder_of_the_same_name(mount: Mount, root: Path, first: str, second: str) -> None:
    _put(mount, first)
    for replace in (False, True):
        with pytest.raises(TakenError):
            _put(mount, second, replace=replace)
    assert (root / first).read_bytes() == b"data"


def test_what_breaks_off_leaves_nothing(mount: Mount, root: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise UnreachableError("gone")

    with pytest.raises(UnreachableError):
        mount.write("a/b", 8, broken(), {}, replace=False)
    assert [each.name for each in (root / "a").iterdir()] == []


def test_an_unfinished_file_of_a_killed_run_is_not_listed(mount: Mount, root: Path) -> None:
    (root / f"{PART_PREFIX}0123").write_text("half")
    assert list(mount.listing()) == []
    assert mount.problem(f"a/{PART_PREFIX}0123")


def test_a_file_that_is_written_to_while_it_is_read(mount: Mount, root: Path) -> None:
    (root / "log").write_bytes(b"x" * (5 << 20))

    def grow(_data: bytes) -> None:
        with (root / "log").open("ab") as file:
            file.write(b"more")

    seen, is_steady = mount.read(Stored("log", 5 << 20, ""), grow)
    assert not is_steady
    assert seen.size > 5 << 20


def test_a_pipe_in_a_files_place_does_not_hang(mount: Mount, root: Path) -> None:
    os.mkfifo(root / "pipe")
    ended = threading.Event()

    def read() -> None:
        with pytest.raises(GoneError):
            mount.read(Stored("pipe", 1, ""), lambda _data: None)
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    assert ended.wait(PATIENCE)


def test_a_storage_that_is_not_mounted(root: Path) -> None:
    mount = Mount(str(root / "nowhere"))
    for call in (lambda: list(mount.listing()), mount.probe, lambda: _put(mount, "a"), lambda: mount.look("a")):
        with pytest.raises((GoneError, UnreachableError)) as caught:  # what is written to was there before
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
    mount = Mount(str(as_nobody))
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
    assert Mount(str(as_nobody)).write("a", 1, iter([b"1"]), {"mode": 0o640, "uid": 0, "gid": 0}, replace=False) == ["owner 0:0"]
    assert (as_nobody / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", [b"caf\xe9", b"a\\b", b"new\nline", b"\x1b[2J", b"x" * 255, "\N{GRINNING FACE}".encode()])
def test_names_as_a_file_system_has_them(mount: Mount, root: Path, name: bytes) -> None:
    path = f"in/{os.fsdecode(name)}"
    assert mount.problem(path) == ""
    _put(mount, path, name)
    assert os.listdir(os.fsencode(root / "in")) == [name]
    assert [each.path for each in mount.listing()] == [path]
    assert _get(mount, path) == name


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", "a/./b", "../a", "a\0b", "a" * 256, "a/" * 2100 + "b", "\ud800"])
def test_paths_that_no_file_system_has(mount: Mount, path: str) -> None:
    assert mount.problem(path)


def test_attributes_of_a_hostile_backup_do_no_harm(mount: Mount, root: Path) -> None:
    hostile = {"mode": 0o106777, "uid": -1, "gid": 1 << 70, "more": {"x": []}}
    assert mount.write("a", 1, iter([b"1"]), hostile, replace=False)
    assert (root / "a").stat().st_mode & 0o7000 == 0
    mount.prepare({"in": {"mode": "x", "uid": None}})
    _put(mount, "in/a")
    assert (root / "in" / "a").exists()
