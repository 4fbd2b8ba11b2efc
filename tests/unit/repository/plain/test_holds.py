"""Holds: believed only if ours, about one catalog and no other, and never in a sealed folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_lrs.repository.plain.holds import hold, read_holds, unhold
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.runtime.trust import RefusedError, Trust
from tests.builders.sealing import nights

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")


@pytest.fixture
def folders(tmp_path: Path) -> list[SealedFolder]:
    return nights(tmp_path / "backups", 2)


def _file(place: Path) -> Path:
    (found,) = place.glob(".lrs_hold_*")
    return found


def _as_it_is(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """When each of its files was last changed; not when it was last read, which looking at it changes."""
    return {path: (found.st_mode, found.st_mtime_ns, found.st_ctime_ns) for path in folder.rglob("*") for found in [path.stat()]}


def test_hold_and_let_go(folders: list[SealedFolder]) -> None:
    held, other = folders
    place = held.path.parent
    before = _as_it_is(held.path)
    hold(place, held.catalog, "audit: ü")
    found = read_holds(place)
    assert found.refused == ()
    assert (found.of(held.catalog) or pytest.fail("it is held")).reason == "audit: ü"
    assert found.of(other.catalog) is None
    assert _as_it_is(held.path) == before, "a sealed folder is not changed"
    assert stat.S_IMODE(_file(place).stat().st_mode) == 0o600
    hold(place, held.catalog, "another reason")
    assert (read_holds(place).of(held.catalog) or pytest.fail("it is held")).reason == "another reason"
    unhold(place, held.catalog)
    assert read_holds(place).of(held.catalog) is None
    with pytest.raises(FileNotFoundError):
        unhold(place, held.catalog)


def test_it_stays_with_a_backup_that_is_renamed_and_with_no_other(folders: list[SealedFolder]) -> None:
    held, other = folders
    place = held.path.parent
    hold(place, held.catalog, "audit")
    held.path.rename(place / "kept")
    other.path.rename(held.path)
    found = read_holds(place)
    assert found.of(SealedFolder.open(place / "kept").catalog)
    assert found.of(SealedFolder.open(held.path).catalog) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"kind": "other"}', '{"kind": "lrs-hold", "reason": 1, "since": ""}', "\x00" * 9]
)
def test_one_of_ours_that_cannot_be_read_holds(folders: list[SealedFolder], text: str) -> None:
    place = folders[0].path.parent
    hold(place, folders[0].catalog, "audit")
    _file(place).write_text(text)
    assert "cannot be read" in (read_holds(place).of(folders[0].catalog) or pytest.fail("it is held")).reason


def _link(file: Path) -> None:
    file.rename(file.with_name("aside"))
    file.symlink_to(file.with_name("aside"))


PLANTED: dict[str, Callable[[Path], object]] = {
    "link": _link,
    "hard link": lambda file: file.with_name("aside").hardlink_to(file),
    "others may write it": lambda file: file.chmod(0o666),
    "pipe": lambda file: (file.unlink(), os.mkfifo(file)),
    "of another": pytest.param(lambda file: os.chown(file, NOBODY, NOBODY), marks=as_root),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("plant", [pytest.param(v, id=k) if callable(v) else v for k, v in PLANTED.items()])
def test_planted_one_is_not_believed(folders: list[SealedFolder], plant: Callable[[Path], object]) -> None:
    place = folders[0].path.parent
    hold(place, folders[0].catalog, "audit")
    plant(_file(place))
    found = read_holds(place)
    assert found.of(folders[0].catalog) is None
    assert [str(_file(place)) in str(error) for error in found.refused] == [True]


@as_root
def test_one_of_a_user_who_is_accepted(folders: list[SealedFolder]) -> None:
    place = folders[0].path.parent
    hold(place, folders[0].catalog, "audit")
    os.chown(_file(place), NOBODY, NOBODY)
    assert read_holds(place, Trust(frozenset((NOBODY,)))).of(folders[0].catalog)
    with pytest.raises(RefusedError):
        unhold(place, folders[0].catalog)
