"""Files that live while they are backed up: they change, grow, vanish. On a real path; only the moment is chosen."""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.base import Reading, Stat
from kubectl_lrs.backends.local import Local
from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.files.collect import FilesCollector
from kubectl_lrs.stores.files.storage import Storage
from tests.bed.loader import PATIENCE
from tests.builders.said import HERE, nothing, saying

PATH = "data/live.db"


class Restless(Local):
    """Somebody else is at work while a file is read."""

    def __init__(self, root: Path, meanwhile: Callable[[Path, int], None]) -> None:
        super().__init__(str(root))
        self.readings = 0
        self._meanwhile = meanwhile

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        self.readings += 1

        def and_somebody(data: bytes) -> None:
            sink(data)
            self._meanwhile(Path(self.root, wanted.key), self.readings)

        return super().read(wanted, and_somebody)


def _collect(tmp_path: Path, meanwhile: Callable[[Path, int], None], *, take_all: bool = False) -> tuple[Restless, Any, Path]:
    file = tmp_path / "root" / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(b"first")
    storage = Restless(tmp_path / "root", meanwhile)
    tier = FilesCollector(Storage(storage), nothing if take_all else saying(PATH), take_all=take_all)
    writer = FolderWriter(tmp_path, "backup")
    return storage, tier.collect(writer, Silent()), writer.path


def test_one_that_changes_once_is_read_again(tmp_path: Path) -> None:
    def once(file: Path, reading: int) -> None:
        if reading == 1:
            file.write_bytes(b"second state")

    storage, facts, folder = _collect(tmp_path, once)
    assert storage.readings == 3, "once more, as its last change is no two seconds ago"
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
    is_absent = reason.startswith("gone")
    return Missing(store="files", kind="file", name=PATH, reason=reason, where=where, is_absent=is_absent)


def _vanishing(root: Path) -> type[Local]:
    class Vanishing(Local):
        """A file is removed between the list and its turn."""

        def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
            (root / wanted.key).unlink()
            return super().read(wanted, sink)

    return Vanishing


@pytest.mark.parametrize("spoken_of", [True, False])
def test_one_that_is_gone_when_its_turn_comes(tmp_path: Path, spoken_of: bool) -> None:
    root = tmp_path / "root"
    (root / "data").mkdir(parents=True)
    (root / PATH).write_bytes(b"first")
    read = saying(PATH) if spoken_of else nothing
    tier = FilesCollector(Storage(_vanishing(root)(str(root))), read, take_all=True)
    facts = tier.collect(FolderWriter(tmp_path, "backup"), Silent())
    gone = "gone before it was read"
    said = {"id": "", "message": f"file {PATH}: {gone}"}
    assert (facts["missing"], facts["notes"]) == (([_missing(gone, str(HERE))], []) if spoken_of else ([], [said]))


class Halting(Local):
    """A storage that gives the first half again and again, and says that it was not all."""

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        sink(b"fir")
        return Reading(wanted, is_steady=False)


def test_two_halves_that_are_equal_are_no_whole(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "file").write_bytes(b"first")
    tier = FilesCollector(Storage(Halting(str(tmp_path / "root"))), nothing, take_all=True)
    facts = tier.collect(FolderWriter(tmp_path, "backup"), Silent())
    assert facts["files"] == 0
    assert len(facts["missing"]) == 1


@pytest.mark.parametrize(("age", "readings"), [(0.0, 2), (-3600.0, 2), (60.0, 1)])
def test_a_young_file_is_read_twice(tmp_path: Path, age: float, readings: int) -> None:
    """One from the future, too: the storage's clock is then another, and nothing can be said."""
    file = tmp_path / "root" / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(b"first")
    os.utime(file, (time.time() - age,) * 2)
    storage = Restless(tmp_path / "root", lambda _file, _reading: None)
    tier = FilesCollector(Storage(storage), nothing, take_all=True)
    assert tier.collect(FolderWriter(tmp_path, "backup"), Silent())["files"] == 1
    assert storage.readings == readings


def test_one_that_changes_between_its_two_readings_and_shows_no_new_time(tmp_path: Path) -> None:
    """As one does on a file system whose times are coarse: the first reading looks steady."""

    class Coarse(Restless):
        def _status(self, descriptor: int, key: str) -> Stat:
            found = super()._status(descriptor, key)
            return Stat(found.key, found.size, "always the same", found.mtime, found.attributes)

    file = tmp_path / "root" / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(b"state 0")
    storage = Coarse(tmp_path / "root", lambda file, n: file.write_bytes(b"state %d" % n) and None)
    tier = FilesCollector(Storage(storage), nothing, take_all=True)
    facts = tier.collect(FolderWriter(tmp_path, "backup"), Silent())
    assert facts["files"] == 0
    assert facts["missing"] == [_missing("it changed each of the 3 times that it was read", "")]


PAGE = mmap.PAGESIZE


def test_who_writes_through_a_mapping_is_never_sealed_torn(tmp_path: Path) -> None:
    """A real writer, which is at work all the time; the file's times are old when it is read, and its pages dirty."""
    root = tmp_path / "root"
    root.mkdir()
    file = root / "mapped"
    file.write_bytes(b"\0" * (PAGE * 2048))
    running, stop = threading.Event(), threading.Event()

    def write() -> None:
        with file.open("r+b") as held, mmap.mmap(held.fileno(), 0) as mapping:
            state = 0
            while not stop.is_set():
                state = (state + 1) % 256
                mapping[0] = state
                mapping[-1] = state
                running.set()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        assert running.wait(PATIENCE)
        os.utime(file, (1_600_000_000, 1_600_000_000))
        tier = FilesCollector(Storage(Local(str(root))), nothing, take_all=True)
        backup = FolderWriter(tmp_path, "backup")
        facts = tier.collect(backup, Silent())
    finally:
        stop.set()
        writer.join()
    if facts["files"]:
        saved = (backup.path / "files" / "mapped").read_bytes()
        assert saved[0] - saved[-1] in (0, 1, -255)
    else:
        assert [each.name for each in facts["missing"]] == ["mapped"]
