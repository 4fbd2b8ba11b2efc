"""Removing a backup: the very one that was meant, the rest of a killed removal, and nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubectl_lrs.repository.plain import removal
from kubectl_lrs.repository.plain.removal import ChangedError, Seen, finish, own, remove, unfinished
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.runtime.safe_files import Directory
from kubectl_lrs.runtime.trust import SEALED, RefusedError
from tests.builders.sealing import nights

NOBODY = 65534
HIDDEN = ".night-1.removed-0123456789ab"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    nights(tmp_path / "backups", 2)
    return tmp_path / "backups"


@pytest.fixture
def parent(place: Path) -> Iterator[Directory]:
    with Directory.named(place, SEALED) as opened:
        yield opened


def _seen(parent: Directory, name: str = "night-1") -> Seen:
    with own(parent, name) as folder:
        return Seen.of(folder)


def _names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_it_goes_and_what_others_share_stays(place: Path, parent: Directory) -> None:
    assert (place / "night-0/files/same").stat().st_nlink == 2
    assert remove(parent, "night-1", _seen(parent)) == []
    assert _names(place) == ["night-0"]
    assert list(SealedFolder.open(place / "night-0").damages()) == []
    assert (place / "night-0/files/same").stat().st_nlink == 1


def test_another_folder_of_that_name_stays(place: Path, parent: Directory) -> None:
    seen = _seen(parent)
    (place / "night-1").rename(place / "aside")
    shutil.copytree(place / "aside", place / "night-1", copy_function=shutil.copy2)
    with pytest.raises(ChangedError):
        remove(parent, "night-1", seen)
    assert _names(place) == ["aside", "night-0", "night-1"]
    (place / "night-1/backup.json").unlink()
    with pytest.raises(OSError, match="No such file"):
        remove(parent, "night-1", seen)


def test_exchanged_between_the_look_and_the_rename(place: Path, parent: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, rename = _seen(parent), Directory.rename

    def exchanged(self: Directory, name: str, to: str) -> None:
        monkeypatch.setattr(Directory, "rename", rename)
        (place / "night-1").rename(place / "aside")
        (place / "night-0").rename(place / "night-1")
        rename(self, name, to)

    monkeypatch.setattr(Directory, "rename", exchanged)
    with pytest.raises(ChangedError):
        remove(parent, "night-1", seen)
    assert _names(place) == ["aside", "night-1"], "the other one has its name again"
    assert list(SealedFolder.open(place / "night-1").damages()) == list(SealedFolder.open(place / "aside").damages()) == []


def test_what_no_backup_made_stays_and_is_named(place: Path, parent: Directory, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("1")
    (place / "night-1" / "link").symlink_to(tmp_path / "outside")
    assert remove(parent, "night-1", _seen(parent)) == ["link"]
    assert (tmp_path / "outside" / "file").exists()
    (left,) = [name for name in _names(place) if name != "night-0"]
    assert left.startswith(".night-1.removed-")
    (place / left / "link").unlink()
    (begun,) = unfinished(parent)
    assert (begun.hidden, begun.name, begun.why) == (left, "night-1", "")
    assert finish(parent, begun) == []
    assert _names(place) == ["night-0"]


@pytest.mark.parametrize("at", ["marked", "halfway"])
def test_killed_one_is_finished(place: Path, parent: Directory, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    def killed(folder: Directory) -> list[str]:
        if at == "halfway":
            (folder.path.with_name(_names(place)[0]) / "backup.json").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(removal, "remove_tree", killed)
    with pytest.raises(KeyboardInterrupt):
        remove(parent, "night-1", _seen(parent))
    monkeypatch.undo()
    (begun,) = unfinished(parent)
    assert begun.why == ""
    assert finish(parent, begun) == []
    assert _names(place) == ["night-0"]


def _plain(place: Path) -> None:
    (place / "night-1").rename(place / HIDDEN)


def _link(place: Path) -> None:
    (place / HIDDEN).symlink_to(place / "night-1")


def _file(place: Path) -> None:
    (place / HIDDEN).write_text("1")


def _foreign(place: Path) -> None:
    (place / "night-1").rename(place / HIDDEN)
    (place / HIDDEN).chmod(0o1700)
    os.chown(place / HIDDEN, NOBODY, NOBODY)


def _writable(place: Path) -> None:
    (place / "night-1").rename(place / HIDDEN)
    (place / HIDDEN).chmod(0o1777)


PLANTED: dict[str, Callable[[Path], None]] = {
    "a backup of ours that somebody renamed": _plain,
    "link": _link,
    "file": _file,
    "folder that others write": _writable,
    "folder of another": pytest.param(_foreign, marks=as_root),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("plant", [pytest.param(v, id=k) if callable(v) else v for k, v in PLANTED.items()])
def test_planted_rest_is_left_alone(place: Path, parent: Directory, plant: Callable[[Path], None]) -> None:
    plant(place)
    before = sorted((str(path), path.lstat().st_ino) for path in place.rglob("*"))
    (begun,) = unfinished(parent)
    assert begun.why
    with pytest.raises((OSError, RefusedError)):
        finish(parent, begun)
    assert sorted((str(path), path.lstat().st_ino) for path in place.rglob("*")) == before


@pytest.mark.parametrize("name", [".night-1.removed-x", "night-1.removed-0123456789ab", ".removed-0123456789ab", ".night-1.lock"])
def test_other_names_are_none(place: Path, parent: Directory, name: str) -> None:
    (place / "night-1").rename(place / name)
    (place / name).chmod(0o1700)
    assert list(unfinished(parent)) == []


@as_root
def test_one_of_another_is_not_removed(place: Path, parent: Directory) -> None:
    seen = _seen(parent)
    os.chown(place / "night-1", NOBODY, NOBODY)
    with pytest.raises(RefusedError, match="belongs to"):
        remove(parent, "night-1", seen)
    assert _names(place) == ["night-0", "night-1"]


def test_long_name(place: Path, parent: Directory) -> None:
    name = "n" * 250
    (place / "night-1").rename(place / name)
    assert remove(parent, name, _seen(parent, name)) == []
    assert _names(place) == ["night-0"]


def test_another_name_of_a_file_outside_goes_alone(place: Path, parent: Directory, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("1")
    outside.chmod(0o640)
    (place / "night-1/files/planted").hardlink_to(outside)
    before = outside.stat()
    assert remove(parent, "night-1", _seen(parent)) == []
    after = outside.stat()
    assert (outside.read_text(), after.st_mode, after.st_nlink) == ("1", before.st_mode, 1)
