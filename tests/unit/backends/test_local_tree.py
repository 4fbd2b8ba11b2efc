"""What the operating system refuses, as errors of ours; attributes are held once for all files that have them."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from kubectl_lrs.backends.base import KeyExistsError, KeyNotFoundError, NoSpaceError
from kubectl_lrs.backends.local_tree import Tree, attributes_of
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, KeyNotFoundError),
        (errno.ELOOP, KeyExistsError),
        (errno.EISDIR, KeyExistsError),
        (errno.EACCES, DeniedError),
        (errno.EROFS, DeniedError),
        (errno.ENOSPC, NoSpaceError),
        (errno.EDQUOT, NoSpaceError),
        (errno.ESTALE, UnreachableError),
        (errno.EIO, UnreachableError),
        (errno.ENOTCONN, UnreachableError),
        (errno.ENAMETOOLONG, LrsError),
        (errno.EEXIST, LrsError),
    ],
)
def test_each(number: int, kind: type[LrsError]) -> None:
    with pytest.raises(LrsError) as caught:
        Tree("/nowhere", "file:///nowhere").refuse(OSError(number, os.strerror(number)), "a/b")
    assert type(caught.value) is kind
    assert str(caught.value).startswith("file:///nowhere: a/b")


def test_the_same_attributes_are_one_object(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / name).write_text("1")
    first, second = (attributes_of((folder / name).stat()) for name in ("a", "b"))
    assert first is second
    (folder / "b").chmod(0o600)
    assert attributes_of((folder / "b").stat())["mode"] == 0o600
    assert first["mode"] == (folder / "a").stat().st_mode & 0o777


@pytest.mark.parametrize("key", ["..", "a/..", "a/../..", ".", "a//b", "/"])
def test_no_way_leads_out(folder: Path, key: str) -> None:
    (folder / "root" / "a").mkdir(parents=True)
    with pytest.raises(KeyNotFoundError), Tree(str(folder / "root"), "file://root").directory(key):
        pass


# ---- the directory that a thread was in last stays open


@pytest.fixture
def tree(folder: Path) -> Tree:
    (folder / "root" / "a" / "b").mkdir(parents=True)
    (folder / "root" / "c").mkdir()
    return Tree(str(folder / "root"), "file://root")


def _entered(tree: Tree, key: str, *, make: bool = False) -> list[str]:
    with tree.directory(key, make=make) as descriptor:
        return os.listdir(descriptor)


def _opened() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_next_file_beside_the_last_needs_no_way_of_its_own(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    with tree.directory("a/b") as first:
        pass
    monkeypatch.setattr(os, "open", lambda *_, **__: pytest.fail("it was opened again"))
    monkeypatch.setattr(os, "mkdir", lambda *_, **__: pytest.fail("it was made again"))
    for make in (False, True):
        with tree.directory("a/b", make=make) as again:
            assert again == first


@pytest.mark.parametrize("make", [False, True])
@pytest.mark.parametrize("moved", ["a", "a/b"])
def test_a_link_to_where_it_was_moved_is_not_followed(tree: Tree, folder: Path, moved: str, make: bool) -> None:
    assert _entered(tree, "a/b") == []
    (folder / "root" / moved).rename(folder / "outside")
    (folder / "root" / moved).symlink_to(folder / "outside")
    with pytest.raises((KeyNotFoundError, KeyExistsError), match="not followed"):
        _entered(tree, "a/b", make=make)


@pytest.mark.parametrize("moved", ["a", "a/b"])
def test_another_one_of_its_name_is_taken_for_what_it_is(tree: Tree, folder: Path, moved: str) -> None:
    assert _entered(tree, "a/b") == []
    (folder / "root" / moved).rename(folder / "before")
    (folder / "root" / "a" / "b").mkdir(parents=True)
    (folder / "root" / "a" / "b" / "new").write_text("1")
    assert _entered(tree, "a/b") == ["new"]


def test_one_that_is_gone_is_gone(tree: Tree, folder: Path) -> None:
    assert _entered(tree, "a/b") == []
    (folder / "root" / "a" / "b").rmdir()
    with pytest.raises(KeyNotFoundError):
        _entered(tree, "a/b")
    assert _entered(tree, "a/b", make=True) == []
    (folder / "root").rename(folder / "unmounted")
    with pytest.raises(UnreachableError, match="no such directory"):
        _entered(tree, "a/b", make=True)


def test_nothing_stays_open_after_it(tree: Tree) -> None:
    before = _opened()
    with tree.directory("a/b") as outer, tree.directory("c"):
        assert os.listdir(outer) == [], "it is open while somebody is in it"
    _entered(tree, "")
    assert _opened() == before + 1
    vars(tree).clear()
    assert _opened() == before


def test_each_thread_has_its_own(tree: Tree) -> None:
    before = _opened()
    with tree.directory("a/b") as mine:
        found: list[int] = []

        def other() -> None:
            with tree.directory("a/b") as theirs:
                found.append(theirs)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert found
        assert found != [mine]
    assert _opened() == before + 1
