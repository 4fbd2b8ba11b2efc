"""Files that live while they are backed up: they change, grow, vanish. On a real path; only the moment is chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.base import Stored
from kubectl_lrs.backends.local import Mount
from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.repository import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.files.collect import FilesTier
from kubectl_lrs.stores.files.match import References, Where

PATH = "data/live.db"
HERE = Where("workspace_items", "1", "path")


class Restless(Mount):
    """Somebody else is at work while a file is read."""

    def __init__(self, root: Path, meanwhile: Callable[[Path, int], None]) -> None:
        super().__init__(str(root))
        self.readings = 0
        self._meanwhile = meanwhile

    def read(self, wanted: Stored, sink: Callable[[bytes], object]) -> tuple[Stored, bool]:
        self.readings += 1

        def and_somebody(data: bytes) -> None:
            sink(data)
            self._meanwhile(Path(self.root, wanted.path), self.readings)

        return super().read(wanted, and_somebody)


def _collect(tmp_path: Path, meanwhile: Callable[[Path, int], None], *, take_all: bool = False) -> tuple[Restless, Any, Path]:
    file = tmp_path / "root" / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(b"first")
    storage = Restless(tmp_path / "root", meanwhile)
    references = References()
    if not take_all:
        references.add(HERE, PATH)
    tier = FilesTier(storage, lambda _writer, _progress: references, take_all=take_all)
    writer = FolderWriter(tmp_path, "backup")
    return storage, tier.collect(writer, Silent()), writer.path


def test_one_that_changes_once_is_read_again(tmp_path: Path) -> None:
    def once(file: Path, reading: int) -> None:
        if reading == 1:
            file.write_bytes(b"second state")

    storage, facts, folder = _collect(tmp_path, once)
    assert storage.readings == 2
    assert (folder / "files" / PATH).read_bytes() == b"second state"
    assert (facts["files"], facts["bytes"], facts["missing"]) == (1, 12, [])


@pytest.mark.parametrize("take_all", [False, True])
def test_one_that_never_stands_still_is_not_saved_and_is_said(tmp_path: Path, take_all: bool) -> None:
    storage, facts, folder = _collect(tmp_path, lambda file, n: file.write_bytes(b"state %d" % n * n), take_all=take_all)
    assert storage.readings == 3
    assert not (folder / "files" / PATH).exists()
    assert facts["files"] == 0
    assert facts["missing"] == [_missing("it changed each of the 3 times that it was read", "" if take_all else str(HERE))]


def test_one_that_is_touched_and_stays_the_same_is_saved(tmp_path: Path) -> None:
    storage, facts, folder = _collect(tmp_path, lambda file, _n: file.write_bytes(b"first"))
    assert storage.readings == 2
    assert (folder / "files" / PATH).read_bytes() == b"first"
    assert facts["missing"] == []


def _missing(reason: str, where: str) -> Missing:
    return Missing(store="files", kind="file", name=PATH, reason=reason, where=where)


def _vanishing(root: Path) -> type[Mount]:
    class Vanishing(Mount):
        """A file is removed between the list and its turn."""

        def read(self, wanted: Stored, sink: Callable[[bytes], object]) -> tuple[Stored, bool]:
            (root / wanted.path).unlink()
            return super().read(wanted, sink)

    return Vanishing


@pytest.mark.parametrize("spoken_of", [True, False])
def test_one_that_is_gone_when_its_turn_comes(tmp_path: Path, spoken_of: bool) -> None:
    root = tmp_path / "root"
    (root / "data").mkdir(parents=True)
    (root / PATH).write_bytes(b"first")
    references = References()
    if spoken_of:
        references.add(HERE, PATH)
    tier = FilesTier(_vanishing(root)(str(root)), lambda _writer, _progress: references, take_all=True)
    facts = tier.collect(FolderWriter(tmp_path, "backup"), Silent())
    gone, said = "gone before it was read", f"file {PATH}: gone before it was read"
    assert (facts["missing"], facts["notes"]) == (([_missing(gone, str(HERE))], []) if spoken_of else ([], [said]))


class Halting(Mount):
    """A storage that gives the first half again and again, and says that it was not all."""

    def read(self, wanted: Stored, sink: Callable[[bytes], object]) -> tuple[Stored, bool]:
        sink(b"fir")
        return wanted, False


def test_two_halves_that_are_equal_are_no_whole(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "file").write_bytes(b"first")
    tier = FilesTier(Halting(str(tmp_path / "root")), lambda _writer, _progress: References(), take_all=True)
    facts = tier.collect(FolderWriter(tmp_path, "backup"), Silent())
    assert facts["files"] == 0
    assert len(facts["missing"]) == 1
