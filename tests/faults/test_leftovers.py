"""What an interrupted backup has left: a later one takes over what is whole, and nothing else stays for ever."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import itertools
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_lrs.backends.base import Reading, Stat, put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import InterruptedRunError, LrsError, UnreachableError
from kubectl_lrs.repository.plain.abandoned import take_abandoned
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.files.collect import FilesCollector
from kubectl_lrs.stores.files.copy import SMALL
from kubectl_lrs.stores.files.storage import Storage
from tests.builders.said import nothing
from tests.builders.sealing import Notes, sealed

BLOB = b"a layer" * 1000
DIGEST = hashlib.sha256(BLOB).hexdigest()
KILLED = 137
PATH = f"images/blobs/sha256/{DIGEST}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder for the backups."""
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


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
        sealed(place, _fail(error), name)
    kept = [path for path in place.iterdir() if path.is_dir()]
    assert [str(file.relative_to(kept[0])) for file in kept[0].rglob("*") if file.is_file()] == [PATH]

    def adopt(writer: FolderWriter) -> None:
        assert writer.adopt(PATH, DIGEST)
        assert not writer.adopt(PATH.replace("images", "files"), DIGEST)

    folder = sealed(place, adopt, name)
    assert list(folder.damages()) == []
    assert folder.paths("images/") == [PATH]
    assert _names(place) == [folder.path.name]


def test_what_is_not_whole_is_not_taken_over(place: Path) -> None:
    with pytest.raises(LrsError):
        sealed(place, _fail(UnreachableError("gone")))
    hidden = next(path for path in place.iterdir() if path.is_dir())
    (hidden / PATH).write_bytes(BLOB[:-1])

    def refuse(writer: FolderWriter) -> None:
        assert not writer.adopt(PATH, DIGEST)
        _copy(writer)

    assert list(sealed(place, refuse).damages()) == []


def test_link_is_not_taken_over(place: Path) -> None:
    with pytest.raises(LrsError):
        sealed(place, _fail(UnreachableError("gone")))
    hidden = next(path for path in place.iterdir() if path.is_dir())
    elsewhere = place.parent / "elsewhere"
    elsewhere.write_bytes(BLOB)
    (hidden / PATH).unlink()
    (hidden / PATH).symlink_to(elsewhere)

    def refuse(writer: FolderWriter) -> None:
        assert not writer.adopt(PATH, DIGEST)

    sealed(place, refuse)
    assert elsewhere.read_bytes() == BLOB


def test_full_disk_keeps_nothing(place: Path) -> None:
    with pytest.raises(LrsError, match="no space left"):
        sealed(place, _fail(OSError(28, "No space left on device")))
    assert _names(place) == []


def test_failure_after_failure_keeps_each_file_once(place: Path) -> None:
    for _ in range(3):
        with pytest.raises(LrsError):
            sealed(place, _fail_after_adopting)
    files = [path for path in place.rglob("*") if path.is_file() and not path.name.endswith(".lock")]
    assert [path.read_bytes() for path in files] == [BLOB]
    taken, refused = take_abandoned(place)
    assert (len(taken), refused) == (1, [])
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

    folder = sealed(place, write)
    assert list(folder.damages()) == []
    assert len(folder.paths("files/")) == 64


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a share whose server has no lock manager."""

    def flock(_file: object, _what: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.usefixtures("without_locks")
def test_file_system_without_locks_is_used_and_said(place: Path) -> None:
    notes = Notes()
    folder = sealed(place, _copy, progress=notes)
    assert list(folder.damages()) == []
    assert _names(place) == [folder.path.name], "no lock is left"
    assert "no locks" in notes.said[0]


@pytest.mark.usefixtures("without_locks")
def test_without_locks_nobody_is_taken_for_dead(place: Path) -> None:
    """Nothing tells whether the run that made it still writes."""
    hidden = place / ".lrs_backup_2026_01_01_00_00_00"
    (hidden / PATH).parent.mkdir(parents=True, mode=0o700)
    (hidden / PATH).write_bytes(BLOB)
    lock = place / f"{hidden.name}.lock"
    lock.write_text(f"kubectl-lrs host 1 {hidden.stat().st_ino}\n")

    def refuse(writer: FolderWriter) -> None:
        assert not writer.adopt(PATH, DIGEST)

    sealed(place, refuse)
    assert (hidden / PATH).read_bytes() == BLOB
    assert lock.exists()
    with pytest.raises(LrsError, match="another run"):
        sealed(place, refuse, hidden.name.removeprefix("."))


@pytest.mark.parametrize("progress", ["closed", "gone"])
def test_backup_is_made_though_nobody_can_be_told(place: Path, progress: str) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Callable[..., None]:
            return self.fail

        def fail(self, *_arguments: object, **_named: object) -> None:
            raise ValueError("closed") if progress == "closed" else BrokenPipeError(32, "Broken pipe")

    assert list(sealed(place, _copy, progress=Broken()).damages()) == []


def test_what_fails_after_the_seal_does_not_unmake_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubectl_lrs.runtime.safe_files import Directory

    def sync(_self: Directory) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Directory, "sync", sync)
    with pytest.raises(LrsError, match="saved: the backup is sealed, and then: Input/output error"):
        sealed(place, _copy, "saved")
    assert _names(place) == ["saved"]


CHANGES = frozenset(
    ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "fcntl.flock", "socket.gethostname")
)
"""What the interpreter tells before it happens, and changes something or comes right before such a thing."""


def _killed_before(number: int, work: Callable[[], None]) -> bool:
    """Do it in a process of its own that ends, like a killed one, before the change of that number; whether it came so far."""
    child = os.fork()
    if child == 0:
        left = number

        def end(event: str, _: object) -> None:
            nonlocal left
            left -= event in CHANGES
            if left < 0:
                os._exit(KILLED)

        sys.addaudithook(end)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


@pytest.mark.parametrize("name", ["", "again"])
def test_killed_before_each_of_its_changes(place: Path, name: str) -> None:
    """Whatever a run had made by then, the next one clears it away, or names what it cannot take for its own."""

    def run() -> None:
        sealed(place, lambda writer: writer.write("lrs/a/b.yaml", b"a: 1\n"), name)

    stayed = []
    for number in itertools.count():
        was_killed = _killed_before(number, run)
        before = _names(place)
        progress = Notes()
        sealed(place, lambda writer: writer.write("lrs/a/b.yaml", b"a: 1\n"), f"next-{number}")
        left = {each for each in _names(place) if each.startswith(".")}
        assert left <= {".again.lock"}, (number, before, left, progress)
        stayed += left
        for each in place.iterdir():
            each.unlink() if each.is_file() else shutil.rmtree(each)
        if not was_killed:
            break
    assert number > 20
    assert len(stayed) <= 2, "between the making of a lock and its first word"


# ---- files of the application


class Dying(Memory):
    """Files that have not changed for long; who reads the last of them, a large one, is killed by it. `read_keys`: the others."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: 1000.0)
        self.read_keys: list[str] = []
        self.kills = True
        for key in ("a", "b", "c"):
            put(self, key, key.encode() * 100)
        put(self, "z", bytes(SMALL + 1))

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        if wanted.key == "z" and self.kills:
            os._exit(KILLED)
        self.read_keys.append(wanted.key)
        return super().read(wanted, sink)

    def backed_up(self, place: Path, name: str) -> SealedFolder:
        """All of them, by one thread."""
        tier = FilesCollector(Storage(self), nothing, take_all=True, workers=1)
        return sealed(place, lambda writer: tier.collect(writer, Silent()), name, others={"files": {}})


@pytest.mark.parametrize("spoiled", ["", "b"])
def test_killed_while_a_large_file_is_read(place: Path, spoiled: str) -> None:
    """What was noted is not read again, and what is not whole is not called done, noted or not."""
    backend = Dying()
    child = os.fork()
    if child == 0:
        try:
            backend.backed_up(place, "killed")
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED
    if spoiled:
        half = place / ".killed/files" / spoiled
        half.chmod(0o600)
        half.write_bytes(half.read_bytes()[:50])
    backend.kills = False
    folder = backend.backed_up(place, "next")
    assert backend.read_keys == [*spoiled, "z"]
    assert list(folder.damages()) == []
    assert folder.paths("files/") == [f"files/{key}" for key in "abcz"]
