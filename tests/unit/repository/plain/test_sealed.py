"""A sealed backup, read without trust: what is not as it was sealed is named, and looking costs one way for each folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.repository.sums import is_inside, parsed_sums
from tests.builders.sealing import sealed

FILES = ("lrs/a/1.yaml", "lrs/a/2.yaml", "lrs/b/1.yaml", "lrs.raw.jsonl.gz", "mongo/a/x/cc.bson", "mongo/a/y/c.bson", "mongo/z")


def _made(folder: Path) -> SealedFolder:
    def work(writer: FolderWriter) -> None:
        for path in FILES:
            writer.write(path, path.encode())

    place = folder / "backups"
    place.mkdir(mode=0o700)
    return sealed(place, work)


def _damages(backup: SealedFolder) -> dict[str, str]:
    return {damage.path: damage.what for damage in backup.damages()}


def test_as_it_was_sealed(folder: Path) -> None:
    sizes: list[int] = []
    assert list(_made(folder).damages(sizes.append)) == []
    assert sorted(sizes) == sorted(map(len, FILES))


def _link_the_folder(backup: Path) -> None:
    """The same bytes, elsewhere."""
    shutil.move(str(backup / "lrs/a"), str(backup.parent / "elsewhere"))
    (backup / "lrs/a").symlink_to(backup.parent / "elsewhere")


def _write(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        pytest.param(lambda at: _write(at / "lrs/a/2.yaml", b"lrs/a/3.yaml"), {"lrs/a/2.yaml"}, id="one of two neighbours"),
        pytest.param(lambda at: _write(at / "mongo/a/x/cc.bson", b"mongo/a/y/cc.bson"), {"mongo/a/x/cc.bson"}, id="as the next"),
        pytest.param(lambda at: (at / "lrs/b/1.yaml").unlink(), {"lrs/b/1.yaml"}, id="alone in its folder"),
        pytest.param(lambda at: shutil.rmtree(at / "mongo/a/x"), {"mongo/a/x/cc.bson"}, id="with its folder"),
        pytest.param(_link_the_folder, {"lrs/a/1.yaml", "lrs/a/2.yaml", "lrs/a"}, id="a link in place of a folder"),
        pytest.param(lambda at: (at / "mongo/a/w").write_bytes(b""), {"mongo/a/w"}, id="one more"),
        pytest.param(lambda at: (at / "lrs/c").mkdir(), set(), id="an empty folder"),
    ],
)
def test_what_is_not_as_it_was_sealed(folder: Path, damage: Callable[[Path], object], named: set[str]) -> None:
    backup = _made(folder)
    damage(backup.path)
    assert _damages(backup).keys() == named


def test_folder_that_goes_while_its_files_are_read(folder: Path) -> None:
    """The sums are of what was there: where another file stands at the path by then, this is not it."""
    backup = _made(folder)
    at, taken = backup.path / "mongo/a", folder / "taken"

    def swap(size: int) -> None:
        if size == len("mongo/a/x/cc.bson"):
            at.rename(taken)
            at.mkdir()
            at.joinpath("y").symlink_to(taken / "y")

    found = {damage.path: damage.what for damage in backup.damages(swap)}
    assert found == {"mongo/a/y/c.bson": "cannot be read: a link, not a folder"}


def _opened_folders(backup: SealedFolder, monkeypatch: pytest.MonkeyPatch) -> int:
    count, really = 0, os.open

    def counted(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        nonlocal count
        count += bool(flags & os.O_DIRECTORY)
        return really(path, flags, mode, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", counted)
        assert list(backup.damages()) == []
    return count


def test_folders_are_opened_for_themselves_and_not_for_their_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(files: int) -> Callable[[FolderWriter], None]:
        def write(writer: FolderWriter) -> None:
            for namespace in "ab":
                for number in range(files):
                    writer.write(f"lrs/{namespace}/{number}.yaml", b"x")

        return write

    folder.chmod(0o700)
    few, many = (sealed(folder, work(files), f"of-{files}") for files in (5, 20))
    assert _opened_folders(few, monkeypatch) == _opened_folders(many, monkeypatch)


def test_all_that_was_opened_is_closed(folder: Path) -> None:
    backup = _made(folder)
    before = len(os.listdir("/dev/fd"))
    assert list(backup.damages()) == []
    given_up = backup.damages()
    (backup.path / "lrs/a/1.yaml").unlink()
    assert next(given_up).path == "lrs/a/1.yaml"
    given_up.close()
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("path", ["a", "a/b", "a/..b", "...", "a/ /b", "-", "a\tb"])
def test_paths_that_stay_inside(path: str) -> None:
    assert is_inside(path)


@pytest.mark.parametrize("path", ["", ".", "..", "/", "/a", "//a", "a/", "a//b", "./a", "a/.", "../a", "a/..", "a/../b", "a/./b"])
def test_paths_that_do_not(path: str, folder: Path) -> None:
    assert not is_inside(path)
    (folder / "sums").write_bytes(b"%s  %s\n" % (b"0" * 64, path.encode()))
    with (folder / "sums").open("rb") as file, pytest.raises(DamageError, match="line 1 is not a sum of a file in the backup"):
        list(parsed_sums(file, "sums"))
