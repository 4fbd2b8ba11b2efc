"""Whose files are believed, and how they are reached."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime import safe_files, trust
from kubectl_lrs.runtime.safe_files import Directory, make_folder, remove_tree
from kubectl_lrs.runtime.trust import NAMED, OWN, RefusedError, Trust

ME, MY_GROUP, OTHER = 1000, 1000, 4711
FOLDER, FILE = stat.S_IFDIR, stat.S_IFREG


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who is not root, with one more group (fsGroup)."""
    monkeypatch.setattr(safe_files.os, "geteuid", lambda: ME)
    monkeypatch.setattr(safe_files.os, "getegid", lambda: MY_GROUP)
    monkeypatch.setattr(safe_files.os, "getgroups", lambda: [2000])


def _stat(mode: int, uid: int = ME, gid: int = MY_GROUP, links: int = 1) -> os.stat_result:
    return os.stat_result((mode, 1, 1, links, uid, gid, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("found", "folder", "why"),
    [
        (_stat(FILE | 0o600), _stat(FOLDER | 0o700), ""),
        (_stat(FILE | 0o644, uid=0), _stat(FOLDER | 0o777), ""),
        (_stat(FILE | 0o600, uid=OTHER), _stat(FOLDER | 0o700), "belongs to"),
        (_stat(FILE | 0o602), _stat(FOLDER | 0o700), "others may write"),
        (_stat(FILE | 0o660), _stat(FOLDER | 0o770), "others may write"),
        (_stat(FILE | 0o660, gid=2000), _stat(FOLDER | 0o2770, gid=2000), ""),
        (_stat(FILE | 0o660, gid=3000), _stat(FOLDER | 0o2770, gid=3000), "others may write"),
        (_stat(FILE | 0o662, gid=2000), _stat(FOLDER | 0o2770, gid=2000), "others may write"),
        (_stat(FILE | 0o600, links=2), _stat(FOLDER | 0o700), "2 names"),
        (_stat(FOLDER | 0o700, links=9), None, ""),
        (_stat(FOLDER | 0o770), None, "others may write"),
        (_stat(FOLDER | 0o2770, gid=2000), None, ""),
        (_stat(FOLDER | 0o2770, gid=3000), None, "others may write"),
        (_stat(FOLDER | 0o1777, uid=0), None, "others may write"),
        (_stat(stat.S_IFIFO | 0o600), _stat(FOLDER | 0o700), "a pipe"),
        (_stat(stat.S_IFLNK | 0o777), _stat(FOLDER | 0o700), "a link"),
        (_stat(stat.S_IFSOCK | 0o600), _stat(FOLDER | 0o700), "a socket"),
        (_stat(stat.S_IFCHR | 0o600), _stat(FOLDER | 0o700), "a device"),
    ],
)
def test_who_may_steer(found: os.stat_result, folder: os.stat_result | None, why: str) -> None:
    said = OWN.doubt(found, folder)
    assert why in said
    assert bool(why) == bool(said)


def test_who_is_accepted() -> None:
    theirs = _stat(FILE | 0o600, uid=OTHER)
    assert OWN.doubt(theirs)
    assert not Trust(frozenset((OTHER,))).doubt(theirs)
    assert "others may write" in Trust(frozenset((OTHER,))).doubt(_stat(FILE | 0o666, uid=OTHER))
    assert not NAMED.doubt(_stat(FILE | 0o666, uid=OTHER, links=3))
    assert "a pipe" in NAMED.doubt(_stat(stat.S_IFIFO | 0o600))


def test_no_link_is_followed_on_any_step(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("secret")
    (tmp_path / "root" / "a").mkdir(parents=True)
    (tmp_path / "root" / "a" / "b").symlink_to(tmp_path / "outside")
    (tmp_path / "root" / "a" / "c").symlink_to(tmp_path / "outside" / "file")
    (tmp_path / "root" / "a" / "d").write_text("plain")
    with Directory.named(tmp_path / "root") as root:
        for relative in ("a/b/file", "a/c"):
            with pytest.raises(OSError, match="a link, not a"):
                root.reading(relative)
        with root.reading("a/d") as file:
            assert file.read() == b"plain"
        with pytest.raises(OSError, match="a folder, not a plain file"):
            root.reading("a")
        with pytest.raises(OSError, match="a file, not a folder"):
            root.reading("a/d/e")
        with pytest.raises(FileNotFoundError):
            root.reading("a/e")


def test_every_step_is_held_against_the_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_files.os, "geteuid", lambda: tmp_path.stat().st_uid)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("plain")
    with Directory.named(tmp_path, OWN) as root:
        root.reading("a/b/c").close()
        (tmp_path / "a").chmod(0o777)
        with pytest.raises(RefusedError, match=r"/a: others may write it \(mode 0777\)"):
            root.reading("a/b/c")


def test_only_the_last_folder_is_made(tmp_path: Path) -> None:
    make_folder(tmp_path / "backups")
    make_folder(tmp_path / "backups")
    assert stat.S_IMODE((tmp_path / "backups").stat().st_mode) == 0o700
    with pytest.raises(UsageError, match="neither it nor the folder above it") as caught:
        make_folder(tmp_path / "share" / "backups")
    assert "mounted" in caught.value.hint
    assert not (tmp_path / "share").exists()


def test_removing_leaves_what_it_cannot_have_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_files.os, "geteuid", lambda: tmp_path.stat().st_uid)
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "plain").write_text("1")
    (root / "a" / "link").symlink_to(tmp_path)
    (root / "linked").write_text("1")
    (tmp_path / "other name").hardlink_to(root / "linked")
    os.mkfifo(root / "pipe")
    (root / "kept").mkdir()
    with Directory.named(root) as folder:
        assert sorted(remove_tree(folder, keep="kept".__eq__)) == ["a/link", "pipe"]
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == ["a", "a/link", "kept", "pipe"]
    assert (tmp_path / "other name").read_text() == "1", "backups share files: the other name stays"


def test_users() -> None:
    assert trust.user_id("0") == trust.user_id("root") == 0
    assert trust.user_name(0) == "root (uid 0)"
    assert trust.user_name(3999999) == "uid 3999999"
    with pytest.raises(UsageError, match="no user"):
        trust.user_id("nobody-of-this-name")


def test_folder_that_cannot_be_made_is_not_called_unmounted(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):  # /proc is there, and takes no folder
        make_folder(Path("/proc/nowhere"))
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file")
