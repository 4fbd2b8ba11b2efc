"""Copies of files when some of them cannot be had: what is one file's failure, and what is the storage's."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.backends.base import Backend, KeyExistsError, KeyNotFoundError, Reading, Stat, put
from kubectl_lrs.backends.local import Local
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.files import saved as index
from kubectl_lrs.stores.files.collect import FilesCollector
from kubectl_lrs.stores.files.copy import ATTEMPTS, DAMAGED, PROGRESS_FILE, SMALL, _Unchanged
from kubectl_lrs.stores.files.match import ALL, Found
from kubectl_lrs.stores.files.saved import SavedFile
from kubectl_lrs.stores.files.selected import SelectedFile
from kubectl_lrs.stores.files.storage import YOUNG, Storage
from kubectl_lrs.usecases.backup import back_up
from kubectl_lrs.usecases.making import Destination
from tests.builders.said import nothing, saying
from tests.builders.sealing import RESOURCES, Written


class Troubled(Memory):
    """One file cannot be read, for some reason; `alive` says whether the storage itself still answers."""

    def __init__(self, error: LrsError | None, *, alive: bool = True, damaged: int = 0) -> None:
        super().__init__()
        for key in ("a/1", "b/2", "c/3"):
            put(self, key, key.encode())
        self.error = error
        self._alive = alive
        self._damaged = damaged

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        if wanted.key == "b/2" and self.error:
            raise self.error
        reading = super().read(wanted, sink)
        if wanted.key == "b/2" and self._damaged:
            self._damaged -= 1
            return Reading(reading.stat, is_steady=True, is_damaged=True)
        return reading

    def is_alive(self) -> bool:
        return self._alive


def _collect(backend: Memory, tmp_path: Path, *texts: str, workers: int = 2) -> Any:
    tier = FilesCollector(Storage(backend), saying(*texts), take_all=True, workers=workers)
    return tier.collect(FolderWriter(tmp_path, "backup"), Silent())


@pytest.mark.parametrize(
    "error",
    [DeniedError("403"), UnreachableError("503"), LrsError("400"), KeyExistsError("a directory now")],
    ids=["denied", "unavailable", "odd", "no file"],
)
def test_one_that_cannot_be_read_is_named_and_the_others_are_saved(tmp_path: Path, error: LrsError) -> None:
    facts = _collect(Troubled(error), tmp_path)
    assert facts["files"] == 2
    assert [(each.kind, each.name, each.reason) for each in facts["missing"]] == [("file", "b/2", str(error))]


@pytest.mark.parametrize("error", [UnreachableError("no route"), DeniedError("403"), LrsError("?")])
def test_a_storage_that_is_lost_ends_it(tmp_path: Path, error: LrsError) -> None:
    with pytest.raises(type(error)):
        _collect(Troubled(error, alive=False), tmp_path)


def test_credentials_that_are_refused_end_it(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError):
        _collect(Troubled(CredentialsError("expired")), tmp_path)


def test_where_not_one_can_be_read_there_is_no_backup(tmp_path: Path) -> None:
    backend = Troubled(DeniedError("403"))
    for key in ("a/1", "c/3"):
        backend.delete(key)
    with pytest.raises(DeniedError):
        _collect(backend, tmp_path)


@pytest.mark.parametrize(("times", "is_saved"), [(1, True), (ATTEMPTS - 1, True), (ATTEMPTS, False)])
def test_what_is_not_what_the_storages_own_sum_says_is_read_again(tmp_path: Path, times: int, is_saved: bool) -> None:
    facts = _collect(Troubled(None, damaged=times), tmp_path)
    assert facts["files"] == 2 + is_saved
    assert [each.name for each in facts["missing"]] == ([] if is_saved else ["b/2"])
    assert is_saved or facts["missing"][0].reason == DAMAGED


class Closed(Memory):
    """It does not say of some names whether they are there."""

    def stat(self, key: str) -> Stat:
        raise DeniedError("403") if key == "b/secret" else KeyNotFoundError(key)


def test_one_that_may_be_there_is_not_said_to_be_gone(tmp_path: Path) -> None:
    backend = Closed()
    put(backend, "b/there", b"1")
    facts = _collect(backend, tmp_path, "b/there", "b/secret", "b/gone")
    reasons = {each.name: each.reason for each in facts["missing"]}
    assert reasons == {"b/gone": "not in memory://", "b/secret": "it cannot be told whether it is there: 403"}


class Looking(Memory):
    """Looks at what is noted for the next run when the large file is read, which comes last."""

    def __init__(self, folder: Path) -> None:
        super().__init__(clock=lambda: 1000.0)
        self.folder = folder
        self.noted: list[bytes] = []
        for number in range(5):
            put(self, f"a/{number}", b"%d" % number)
        put(self, "z", bytes(SMALL + 1))

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        if wanted.key == "z":
            self.noted = (self.folder / PROGRESS_FILE).read_bytes().splitlines()
        return super().read(wanted, sink)


def test_small_files_are_noted_before_a_large_one_is_begun(tmp_path: Path) -> None:
    """A kill while that one is read, which may take an hour, does not have them read again."""
    backend = Looking(tmp_path / ".backup")
    assert _collect(backend, tmp_path, workers=1)["files"] == 6
    assert [index.parsed(line).path for line in backend.noted] == [f"a/{number}" for number in range(5)]


# ---- what an earlier backup has


class Counting(Memory):
    """Counts what is read of each file, all of which is old; a list says nothing of attributes."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: 1000.0)
        self.read_keys: list[str] = []

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        self.read_keys.append(wanted.key)
        return super().read(wanted, sink)


def _backed_up(backend: Backend, place: Path, name: str) -> SealedFolder:
    tier = FilesCollector(Storage(backend), nothing, take_all=True, workers=2)
    work = {"files": tier, "resources": Written(RESOURCES)}
    path, _ = back_up(
        work,
        destination=Destination(repository=PlainRepository(place), name=name),
        cluster=Cluster(server="https://127.0.0.1"),
        selection=Selection(),
        profile="lrs",
        levels={},
        progress=Silent(),
        allow_empty=True,
    )
    return SealedFolder.open(Path(path))


def test_unchanged_files_are_not_read_again(tmp_path: Path) -> None:
    backend = Counting()
    for key in ("a/1", "b/2", "c/3"):
        put(backend, key, key.encode() * 100)
    first = _backed_up(backend, tmp_path, "one")
    assert sorted(backend.read_keys) == ["a/1", "b/2", "c/3"]
    backend.read_keys.clear()
    put(backend, "b/2", b"other", replace=True)
    put(backend, "d/4", b"new")
    second = _backed_up(backend, tmp_path, "two")
    assert sorted(backend.read_keys) == ["b/2", "d/4"]
    assert (first.path / "files/a/1").samefile(second.path / "files/a/1")
    assert (second.path / "files/b/2").read_bytes() == b"other"
    assert (first.path / "files/b/2").read_bytes() == b"b/2" * 100
    assert list(first.damages()) == list(second.damages()) == []


def _lines(backup: SealedFolder) -> list[bytes]:
    return (backup.path / index.FILE).read_bytes().splitlines()[1:-1]


def test_what_is_said_of_an_unchanged_file_is_said_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As text where all of it still goes; a file that is another, in one thing or in all, has a line of its own."""
    root, backups = tmp_path / "storage", tmp_path / "backups"
    backups.mkdir(mode=0o700)
    for name in ("a/same", "a/moded", "b/other", "b/same", "c"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
        os.utime(root / name, (1000, 1000))
    first = _backed_up(Local(str(root)), backups, "one")
    (root / "a/moded").chmod(0o640)
    (root / "b/other").write_text("OTHER")
    os.utime(root / "b/other", (1000, 1000))
    parsed: list[str] = []
    parse = index.parsed

    def counted(line: bytes) -> index.SavedFile:
        parsed.append(parse(line).path)
        return parse(line)

    monkeypatch.setattr(index, "parsed", counted)
    second = _backed_up(Local(str(root)), backups, "two")
    assert set(parsed) == {"a/moded", "b/other"}, "of no other more than the path is read"
    is_said_again = [one.rstrip(b",") == other.rstrip(b",") for one, other in zip(_lines(first), _lines(second), strict=True)]
    assert is_said_again == [False, True, False, True, True]
    found = index.read(second)
    assert found
    assert {entry.path: (entry.size, entry.attributes["mode"] & 0o077) for entry in found.entries}["a/moded"] == (7, 0o040)
    for entry in found.entries:
        assert hashlib.sha256((root / entry.path).read_bytes()).hexdigest() == entry.sha256
        assert (second.path / entry.file).read_bytes() == (root / entry.path).read_bytes()


def test_spoiled_copy_is_read_again(tmp_path: Path) -> None:
    backend = Counting()
    put(backend, "a", b"content")
    spoiled = _backed_up(backend, tmp_path, "one").path / "files/a"
    spoiled.chmod(0o600)
    spoiled.write_bytes(b"CONTENT")
    spoiled.chmod(0o400)
    backend.read_keys.clear()
    second = _backed_up(backend, tmp_path, "two")
    assert backend.read_keys == ["a"]
    assert list(second.damages()) == []


def test_file_that_was_young_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its times may be those of a change that came after it was read."""
    backend = Counting()
    put(backend, "a", b"content")
    now = time.time()
    listing = Memory.list

    def dated(*arguments: Any, **named: Any) -> Any:
        return (replace(each, mtime=now) for each in listing(*arguments, **named))

    monkeypatch.setattr(Memory, "list", dated)
    _backed_up(backend, tmp_path, "one")
    backend.read_keys.clear()
    _backed_up(backend, tmp_path, "two")
    assert backend.read_keys == ["a"]
    now -= 100
    _backed_up(backend, tmp_path, "three")
    backend.read_keys.clear()
    _backed_up(backend, tmp_path, "four")
    assert backend.read_keys == []


def test_what_stands_beside_the_content_is_looked_at_anew(tmp_path: Path) -> None:
    backend = Counting()
    kept = next(iter(backend.keeps))
    put(backend, "a", b"content", {kept: "one"})
    _backed_up(backend, tmp_path, "one")
    put(backend, "a", b"content", {kept: "two"}, replace=True)
    found = index.read(_backed_up(backend, tmp_path, "two"))
    assert found
    assert [entry.attributes for entry in found.entries] == [{kept: "two"}]


class Dated(Counting):
    """Every change has a time of its own; `settled`: what was changed before shows it."""

    def __init__(self) -> None:
        super().__init__()
        self.settled = 0.0
        self.asked: list[str] = []
        self.time = 1000.0
        self.clock = lambda: self.time

    def list(self, *arguments: Any, **named: Any) -> Any:
        return (replace(each, is_settled=(each.mtime or 0.0) < self.settled) for each in super().list(*arguments, **named))

    def stat(self, key: str) -> Stat:
        self.asked.append(key)
        return super().stat(key)

    def changed(self, value: str, at: float) -> None:
        self.time = at
        put(self, "a", b"content", {KEPT: value}, replace=True)

    def backed_up(self, place: Path, name: str) -> tuple[list[str], Any]:
        """Which were asked for what stands beside them, and what is said to."""
        self.asked.clear()
        found = index.read(_backed_up(self, place, name))
        assert found
        return list(self.asked), found.entries[0].attributes[KEPT]


KEPT = next(iter(Memory().keeps))


def test_nobody_is_asked_where_the_time_tells_that_nothing_can_have_changed(tmp_path: Path) -> None:
    backend = Dated()
    backend.changed("one", at=1000.0)
    backend.settled = 2000.0
    assert backend.backed_up(tmp_path, "1") == ([], "one"), "it was read"
    assert backend.backed_up(tmp_path, "2") == ([], "one")
    assert backend.backed_up(tmp_path, "3") == ([], "one"), "of what was taken over, the time is kept, too"
    backend.changed("two", at=1001.0)
    assert backend.backed_up(tmp_path, "4") == (["a"], "two")
    backend.changed("one", at=1000.0)
    assert backend.backed_up(tmp_path, "5") == (["a"], "one"), "an earlier version is there again"
    assert backend.read_keys == ["a"]


def test_but_where_it_does_not_tell(tmp_path: Path) -> None:
    """Because it was too near then, or is now."""
    backend = Dated()
    backend.changed("one", at=1000.0)
    backend.settled = 1000.0
    backend.backed_up(tmp_path, "1")
    backend.changed("two", at=1000.0)
    backend.settled = 2000.0
    assert backend.backed_up(tmp_path, "2") == (["a"], "two")
    backend.settled = 1000.0
    assert backend.backed_up(tmp_path, "3") == (["a"], "two")


BEGAN = 1000.0
_PATHS = ("a", "a/b", "a/b.c", "b", 'q"\\', "\udcff")
_STATS = st.builds(
    lambda *said: said,
    st.sampled_from((1, 2)),
    st.sampled_from(("e", "f", "")),
    st.sampled_from((None, BEGAN - 2 * YOUNG, BEGAN)),
    st.sampled_from((None, {}, {"mode": 1})),
    st.booleans(),
)
_LISTS = st.dictionaries(st.sampled_from(_PATHS), st.tuples(_STATS, st.sampled_from((ALL, Found("id")))))
_OTHERS = st.sampled_from((b"", b"{}", b'{"path":7}', b'{"path":"a', b'{"path":"A","size":1,"marker":"e","foundBy":"all"}'))


def _selected(path: str, stat: Any, found: Found) -> SelectedFile:
    return SelectedFile(Stat(path, *stat), found, f"files/{path}")


def _as_listed(selected: SelectedFile) -> SavedFile:
    return selected.entry(selected.stat, sha256=hashlib.sha256(repr(selected.stat).encode()).hexdigest())


@given(_LISTS, _LISTS, st.lists(_OTHERS, max_size=2))
def test_what_an_earlier_list_says_of_a_file_that_is_as_it_was(before: Any, now: Any, others: list[bytes]) -> None:
    """Whatever else the list says, and whatever else there is: each by itself, with all of its line read."""
    entries = {path: _as_listed(_selected(path, *said)) for path, said in before.items()}
    lines = [b'{"kind":"lrs-files","files":[', *others, *(index.line_of(entries[path]) + b"," for path in sorted(entries)), b"]}"]
    unchanged = _Unchanged(BytesIO(b"\n".join(lines)), BEGAN)
    for path in sorted(now):
        selected, was = _selected(path, *now[path]), entries.get(path)
        stat, found = selected.stat, unchanged.at(selected)
        is_young = stat.mtime is not None and stat.mtime > BEGAN - YOUNG
        is_still = was is not None and bool(stat.etag) and (was.size, was.etag) == (stat.size, stat.etag)
        assert (found is not None) == (is_still and not is_young)
        if found is None or was is None:
            continue
        assert (found.entry.path, found.entry.file, found.entry.sha256) == (path, was.file, was.sha256)
        is_alike = stat.attributes is not None and index.line_of(selected.entry(stat, sha256=was.sha256)) == index.line_of(was)
        assert found.line == (index.line_of(was) if is_alike else b"")
        if stat.attributes is None and stat.is_settled:
            assert found.entry == was


def test_another_storage_is_another(tmp_path: Path) -> None:
    one, other = Counting(), Counting()
    for backend in (one, other):
        put(backend, "a", b"content")
    other.url = "memory://other"
    _backed_up(one, tmp_path, "one")
    second = _backed_up(other, tmp_path, "two")
    assert other.read_keys == ["a"]
    assert second.catalog.stored["linkedFiles"] == 1, "its bytes are shared all the same"
