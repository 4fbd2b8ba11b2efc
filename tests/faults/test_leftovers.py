"""What an interrupted backup has left: a later one takes over what is whole, and nothing else stays for ever."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import InterruptedRunError, LrsError, UnreachableError
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository import FolderWriter, SealedFolder, take_abandoned
from kubectl_lrs.runtime.progress import Progress, Silent
from kubectl_lrs.usecases.backup import Destination, back_up

BLOB = b"a layer" * 1000
DIGEST = hashlib.sha256(BLOB).hexdigest()
PATH = f"images/blobs/sha256/{DIGEST}"

RESOURCES = {
    "group": "lrs.datarobot.com",
    "version": "v1",
    "kind": "LRS",
    "plural": "lrs",
    "resourceVersion": "1",
    "objects": 0,
    "bytes": 0,
    "types": {},
    "namespaces": {},
    "skipped": [],
    "crd": None,
    "crdNote": "",
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder for the backups."""
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


class _Tier:
    """Writes what a function says; the facts are those of a resources tier without objects."""

    def __init__(self, work: Callable[[FolderWriter], None]) -> None:
        self._work = work

    def collect(self, writer: FolderWriter, _progress: Progress) -> dict[str, Any]:
        self._work(writer)
        return dict(RESOURCES)


def _backup(directory: Path, work: Callable[[FolderWriter], None], name: str = "") -> SealedFolder:
    path, _ = back_up(
        {"resources": _Tier(work)},
        destination=Destination(directory=directory, name=name),
        cluster=Cluster(server="https://127.0.0.1"),
        selection=Selection(),
        profile="lrs",
        levels={},
        progress=Silent(),
    )
    return SealedFolder.open(path)


def _copy(writer: FolderWriter) -> None:
    writer.write("lrs/a/b.yaml", b"a: 1\n")
    with writer.stream(PATH) as sink:
        sink.write(BLOB)
    assert (sink.digest, sink.size) == (DIGEST, len(BLOB))


def _fail(error: BaseException) -> Callable[[FolderWriter], None]:
    def work(writer: FolderWriter) -> None:
        _copy(writer)
        raise error

    return work


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize(
    ("error", "raised"), [(UnreachableError("the registry is gone"), LrsError), (KeyboardInterrupt(), InterruptedRunError)]
)
@pytest.mark.parametrize("name", ["", "again"])
def test_next_backup_takes_over_what_is_whole(place: Path, error: BaseException, raised: type[LrsError], name: str) -> None:
    with pytest.raises(raised):
        _backup(place, _fail(error), name)
    kept = [path for path in place.iterdir() if path.is_dir()]
    assert [str(file.relative_to(kept[0])) for file in kept[0].rglob("*") if file.is_file()] == [PATH]

    def adopt(writer: FolderWriter) -> None:
        assert writer.adopt(PATH, DIGEST)
        assert not writer.adopt(PATH.replace("images", "files"), DIGEST)

    folder = _backup(place, adopt, name)
    assert list(folder.damages()) == []
    assert folder.paths("images/") == [PATH]
    assert _names(place) == [folder.path.name]


def test_what_is_not_whole_is_not_taken_over(place: Path) -> None:
    with pytest.raises(LrsError):
        _backup(place, _fail(UnreachableError("gone")))
    hidden = next(path for path in place.iterdir() if path.is_dir())
    (hidden / PATH).write_bytes(BLOB[:-1])

    def refuse(writer: FolderWriter) -> None:
        assert not writer.adopt(PATH, DIGEST)
        _copy(writer)

    assert list(_backup(place, refuse).damages()) == []


def test_link_is_not_taken_over(place: Path) -> None:
    with pytest.raises(LrsError):
        _backup(place, _fail(UnreachableError("gone")))
    hidden = next(path for path in place.iterdir() if path.is_dir())
    elsewhere = place.parent / "elsewhere"
    elsewhere.write_bytes(BLOB)
    (hidden / PATH).unlink()
    (hidden / PATH).symlink_to(elsewhere)

    def refuse(writer: FolderWriter) -> None:
        assert not writer.adopt(PATH, DIGEST)

    _backup(place, refuse)
    assert elsewhere.read_bytes() == BLOB


def test_full_disk_keeps_nothing(place: Path) -> None:
    with pytest.raises(LrsError, match="no space left"):
        _backup(place, _fail(OSError(28, "No space left on device")))
    assert _names(place) == []


def test_failure_after_failure_keeps_each_file_once(place: Path) -> None:
    for _ in range(3):
        with pytest.raises(LrsError):
            _backup(place, _fail_after_adopting)
    files = [path for path in place.rglob("*") if path.is_file() and not path.name.endswith(".lock")]
    assert [path.read_bytes() for path in files] == [BLOB]
    taken = take_abandoned(place)
    assert len(taken) == 1
    taken[0].remove()
    assert _names(place) == []


def _fail_after_adopting(writer: FolderWriter) -> None:
    if not writer.adopt(PATH, DIGEST):
        _copy(writer)
    raise UnreachableError("gone again")


def test_several_threads_write(place: Path) -> None:
    def write(writer: FolderWriter) -> None:
        def one(number: int) -> None:
            with writer.stream(f"files/{number % 7}/{number % 5}/{number}") as sink:
                for _ in range(50):
                    sink.write(b"%d" % number * 100)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    folder = _backup(place, write)
    assert list(folder.damages()) == []
    assert len(folder.paths("files/")) == 64
