"""A pooled repository on every kind of storage: what is written is read back, and only what is new is stored."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kubectl_lrs.backends.base import Backend
from kubectl_lrs.backends.local import Local
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.model.catalog import Catalog, Cluster
from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository import Writer
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.pool.layout import PACK, PART, SMALL
from kubectl_lrs.repository.pool.writer import PoolWriter
from kubectl_lrs.usecases.backup import back_up
from kubectl_lrs.usecases.making import Destination
from tests.bed import toolchain
from tests.bed.loader import PATIENCE
from tests.bed.s3 import S3
from tests.builders import sealing
from tests.builders.pools import begun, catalog, content, found, made, opened, pooled, rebuilt, sealed
from tests.builders.sealing import Notes

LARGE = os.urandom(SMALL + 17)
LINES = b"".join(b"2026-11-27 %07d something that is written again and again\n" % number for number in range(40_000))
FILES = {
    "lrs.index.jsonl.gz": gzip.compress(b"{}\n", mtime=0),
    "lrs/a/one.yaml": b"kind: LRS\n" * 30,
    "lrs/a/two.yaml": os.urandom(100),
    "lrs/b/one.yaml": b"kind: LRS\n" * 30,
    "mongo/db/c.bson": LINES,
    "images/blobs/sha256/x": LARGE,
    "files/empty": b"",
    "files/ü & 100%": b"1",
}


@pytest.fixture(params=["memory", "local", "s3"])
def backend(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Each kind in turn, with an empty repository."""
    if request.param == "memory":
        return made(Memory())
    if request.param == "local":
        (tmp_path / "pool").mkdir()
        return made(Local(str(tmp_path / "pool")))
    gateway = request.getfixturevalue("s3")
    for variable, value in gateway.environment.items():
        monkeypatch.setenv(variable, value)
    name = f"c{abs(hash(request.node.name)) % 10**10}"
    (gateway.buckets / name).mkdir()
    return made(open_backend(StorageLocation(url=f"s3://{name}/some/prefix", endpoint=gateway.endpoint)))


def _folder(backend: Backend, tmp_path: Path, s3: S3) -> Path:
    """Where the objects are plain files: the gateway keeps them so."""
    if isinstance(backend, Local):
        return Path(backend.root)
    bucket, _, prefix = backend.url.removeprefix("s3://").partition("/")
    return s3.buckets / bucket / prefix


def _broken_off(writer: PoolWriter, data: bytes) -> None:
    """A file of which so much was written when its source failed."""
    with suppress(KeyError), writer.stream("broken") as sink:
        sink.write(data)
        raise KeyError


# ---- what is written


def test_what_is_written_is_read_back(backend: Backend) -> None:
    backup = sealed(backend, FILES, "night")
    assert content(backup) == FILES
    assert backup.paths() == sorted(FILES, key=str.encode)
    assert dict(backup.sums()) == {path: hashlib.sha256(data).hexdigest() for path, data in FILES.items()}
    assert list(backup.damages()) == []
    assert list(backup.damages(share=1.0)) == []
    assert [each.name for each in opened(backend).scan()[0]] == ["night"]
    assert opened(backend).latest().name == "night"


def test_it_is_the_same_backup_as_a_plain_one(backend: Backend, tmp_path: Path) -> None:
    plain = sealing.sealed(tmp_path / "plain", lambda writer: [writer.write(*each) for each in FILES.items()] and None)
    assert sealed(backend, FILES).identity == plain.identity


@pytest.mark.parametrize("size", [0, 1, SMALL - 1, SMALL, SMALL + 1, PART, PART + 1])
def test_sizes_around_what_makes_a_difference(tmp_path: Path, size: int) -> None:
    backend = made(Memory())
    whole = (LARGE * (size // len(LARGE) + 1))[:size]

    def work(writer: PoolWriter) -> None:
        with writer.stream("a") as sink:
            for start in range(0, size, 700_001):
                sink.write(whole[start : start + 700_001])
            if not size:
                sink.write(b"")
        assert (sink.size, sink.digest) == (size, hashlib.sha256(whole).hexdigest())
        writer.write("b", whole)

    backup = sealed(backend, work)
    assert content(backup) == {"a": whole, "b": whole}
    assert len(pooled(backend)) == -(-size // PART)  # once, however it was written


def test_all_ways_to_write(backend: Backend) -> None:
    def work(writer: PoolWriter) -> None:
        with writer.stream("packed.gz", compressed=True) as sink:
            sink.write(b"one\n")
        with writer.reading("packed.gz") as file:
            assert gzip.decompress(file.read()) == b"one\n"
        with writer.extending("packed.gz") as sink:
            sink.write(b"two\n")
        with writer.stream("large.gz", compressed=True) as sink:
            sink.write(LARGE)
        with writer.extending("large.gz") as sink:
            sink.write(b"more")
        with writer.reading("large.gz") as file:
            assert gzip.decompress(file.read()) == LARGE + b"more"
        mark = writer.checkpoint()
        writer.write("gone", b"gone")
        writer.write("large-gone", LINES)
        writer.rollback(mark)
        with writer.scratch("scratch") as file:
            file.write(b"x")
        _broken_off(writer, LARGE)
        writer.write("gone", b"other")
        assert writer.adopt("adopted", hashlib.sha256(b"other").hexdigest())
        assert not writer.adopt("not", hashlib.sha256(b"nobody has it").hexdigest())
        with pytest.raises(FileExistsError):
            writer.write("gone", b"again")
        assert writer.paths() == ["packed.gz", "large.gz", "gone", "adopted"]
        assert writer.paths("g") == ["gone"]
        assert list(writer.earlier()) == []
        assert list(writer.left_behind("scratch")) == []

    files = content(sealed(backend, work))
    assert gzip.decompress(files.pop("packed.gz")) == b"one\ntwo\n"
    assert gzip.decompress(files.pop("large.gz")) == LARGE + b"more"
    assert files == {"gone": b"other", "adopted": b"other"}


def test_many_threads_write(backend: Backend) -> None:
    writer = begun(backend, "night")
    files = {
        f"t{thread}/{number}": os.urandom(200_000 if number % 5 else 1_500_000) for thread in range(6) for number in range(15)
    }
    failed: list[BaseException] = []

    def run(thread: int) -> None:
        try:
            for path, data in files.items():
                if path.startswith(f"t{thread}/"):
                    writer.write(path, data)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    assert not failed
    assert not any(each.is_alive() for each in threads)
    writer.seal(catalog(writer))
    assert content(found(backend, "night")) == files


def test_small_ones_share_packs_and_lrs_have_their_own(backend: Backend) -> None:
    files = {f"{folder}/{number}": os.urandom(300) for folder in ("lrs/a", "files") for number in range(200)}
    backup = sealed(backend, files)
    packs = {part.key for each in backup.entries("lrs/") for part in each.parts}
    others = {part.key for each in backup.entries("files/") for part in each.parts}
    assert (len(packs), len(others), packs & others) == (1, 1, set())


# ---- only what is new


def test_a_second_run_stores_what_is_new_and_says_how_much(backend: Backend) -> None:
    first = sealed(backend, FILES, "first")
    before = pooled(backend)
    assert first.catalog.stored["newFiles"] == len(FILES)
    assert (first.catalog.stored["newObjects"], first.catalog.stored["storedBytes"]) == (len(before), sum(before.values()))
    same = sealed(backend, FILES, "same")
    assert pooled(backend) == before
    total = sum(map(len, FILES.values()))
    assert same.seal.stored == {"newObjects": 0, "newBytes": 0, "reusedBytes": total}
    assert same.catalog.stored["linkedFiles"] == len(FILES)
    more = sealed(backend, {**FILES, "new": b"new" * 100, "lrs/a/two.yaml": b"changed"}, "more")
    new = {key: size for key, size in pooled(backend).items() if key not in before}
    assert (
        (more.seal.stored["newObjects"], more.seal.stored["newBytes"]) == (len(new), sum(new.values())) == (2, sum(new.values()))
    )
    assert content(more)["new"] == b"new" * 100
    assert content(found(backend, "first")) == FILES
    assert same.identity == first.identity != more.identity


def test_a_file_that_only_grows_shares_its_parts(tmp_path: Path) -> None:
    backend = made(Memory())
    data = os.urandom(1 << 20) * 1 + b"".join(os.urandom(1 << 20) for _ in range(34))
    sealed(backend, {"a": data}, "first")
    before = set(pooled(backend))
    second = sealed(backend, {"a": data + b"more"}, "second")
    assert second.seal.stored["newBytes"] < len(data) - PART + 100
    assert len(set(pooled(backend)) - before) == 1
    assert content(second) == {"a": data + b"more"}


def test_what_earlier_backups_have_is_adopted(backend: Backend) -> None:
    sealed(backend, FILES, "first")
    writer = begun(backend)
    assert writer.adopt("images/blobs/sha256/x", hashlib.sha256(LARGE).hexdigest())
    (earlier,) = writer.earlier()
    assert earlier.catalog.name == "first"
    file = earlier.reading("lrs/a/one.yaml")
    assert file is not None
    assert file.read() == FILES["lrs/a/one.yaml"]
    assert earlier.reading("nothing") is None
    writer.seal(catalog(writer))
    assert writer.uploads.count == 0


def test_a_pack_of_which_little_is_used_is_not_used_again(tmp_path: Path) -> None:
    backend = made(Memory())
    files = {f"files/{number}": os.urandom(1000) for number in range(100)}
    sealed(backend, files, "first")
    few = {path: files[path] for path in list(files)[:10]}
    sealed(backend, few, "second")
    assert len(pooled(backend)) == 1  # the newest before it used all of it
    third = sealed(backend, few, "third")
    assert len(pooled(backend)) == 2
    assert content(third) == few
    assert list(third.damages(share=1.0)) == []


# ---- by the use case


def _back_up(backend: Backend, work: Callable[[Writer], None], notes: Notes) -> tuple[str, Catalog]:
    def written(writer: Writer) -> None:
        work(writer)

    return back_up(
        {"resources": sealing.Written({**sealing.RESOURCES, "objects": 2}, written)},
        destination=Destination(repository=opened(backend)),
        cluster=Cluster(server="https://127.0.0.1"),
        selection=Selection(),
        profile="lrs",
        levels={},
        progress=notes,
    )


def test_the_use_case_makes_one_as_it_makes_a_plain_one(backend: Backend) -> None:
    notes = Notes()
    location, made_ = _back_up(backend, lambda writer: [writer.write(*each) for each in FILES.items()] and None, notes)
    backup = opened(backend).find(location)
    assert backup.catalog == opened(backend).latest().catalog
    assert (backup.name, backup.catalog.sums_sha256) == (made_.name, made_.sums_sha256)
    assert notes.said == []
    _, again = _back_up(backend, lambda writer: [writer.write(*each) for each in FILES.items()] and None, notes)
    assert (again.stored["newFiles"], again.stored["newObjects"]) == (0, 0)
    assert list(backend.list("sessions/")) == []


def test_what_the_use_case_gives_up_is_kept_for_the_next(backend: Backend) -> None:
    def broken(writer: Writer) -> None:
        writer.write("files/large", LARGE)
        raise LrsError("the source is gone")

    notes = Notes()
    with pytest.raises(LrsError, match="the source is gone"):
        _back_up(backend, broken, notes)
    assert len(notes.said) == 1
    assert notes.said[0].startswith("1 contents that were copied stay in ")
    assert opened(backend).scan() == ([], [])
    assert sealed(backend, {"files/large": LARGE}).seal.stored["newObjects"] == 0


# ---- what killed runs have left


def test_what_a_killed_run_has_stored_is_used(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubectl_lrs.repository.pool.journal.BYTES", 1)
    writer = begun(backend, "killed")
    for number in range(3):
        writer.write(f"large/{number}", LARGE + bytes([number]))
    _broken_off(writer, os.urandom(1) + LINES * 20)  # a part of it is stored, the whole never was
    writer.uploads.drain()
    stored = pooled(backend)
    assert len(stored) >= 3
    assert opened(backend).scan() == ([], [])
    backup = sealed(backend, {f"large/{number}": LARGE + bytes([number]) for number in range(3)}, "next")
    assert set(pooled(backend)) == set(stored)
    assert backup.seal.stored["newObjects"] == 0
    assert content(backup)["large/1"] == LARGE + b"\1"


def test_what_a_run_gives_up_is_used(backend: Backend) -> None:
    writer = begun(backend, "failed")
    for path, data in FILES.items():
        writer.write(path, data)
    assert f"stay in {backend.url} and are used" in writer.put_away(keep=True)
    stored = pooled(backend)
    backup = sealed(backend, FILES, "next")
    assert pooled(backend) == stored
    assert content(backup) == FILES


def test_a_run_that_is_killed_by_the_system(tmp_path: Path) -> None:
    """The process is gone in the middle; the next run stores what is lacking, and nothing twice."""
    (tmp_path / "pool").mkdir()
    backend = made(Local(str(tmp_path / "pool")))
    script = f"""
import sys
from kubectl_lrs.backends.local import Local
from kubectl_lrs.repository.pool import journal
from tests.builders import pools
journal.BYTES = 1
writer = pools.begun(Local({str(tmp_path / "pool")!r}), "killed")
for number in range(10**6):
    writer.write(f"large/{{number}}", b"%d" % number + bytes(range(256)) * 5000)
    print(number, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=toolchain.ROOT)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 8:
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    logs = [each.key for each in backend.list("sessions/")]
    assert logs
    assert opened(backend).scan() == ([], [])
    files = {f"large/{number}": b"%d" % number + bytes(range(256)) * 5000 for number in range(8)}
    backup = sealed(backend, files, "next")
    assert content(backup) == files
    assert backup.seal.stored["newObjects"] < 8 - len(logs) // 2
    assert list(backup.damages(share=1.0)) == []


def test_two_runs_at_once_and_two_of_one_name(backend: Backend) -> None:
    one, other = begun(backend, "night"), begun(backend, "night")
    for writer in (one, other):
        for path, data in FILES.items():
            writer.write(path, data)
    for writer in (one, other):
        writer.seal(catalog(writer))
    names = [each.name for each in opened(backend).scan()[0]]
    assert sorted(names) == sorted((str(one.backup), str(other.backup)))
    for name in names:
        assert content(found(backend, name)) == FILES
    with pytest.raises(UsageError, match="more than one"):
        found(backend, "night")
    with pytest.raises(UsageError, match="already"):
        begun(backend, "night")


# ---- without the product


@pytest.mark.parametrize("backend", ["local", "s3"], indirect=True)
def test_it_can_be_read_by_the_specification_alone(backend: Backend, tmp_path: Path, s3: S3) -> None:
    large = {"files/of-two-parts": LARGE * 40, "mongo/db/large.bson": LINES * 18}
    sealed(backend, {**FILES, **large, **{f"lrs/c/{n}.yaml": b"name: %d\n" % n * 20 for n in range(300)}}, "night")
    target = tmp_path / "rebuilt"
    rebuilt(_folder(backend, tmp_path, s3), "night", target)
    subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "SHA256SUMS"], cwd=target, check=True)
    (target / "SHA256SUMS").chmod(0o400)
    plain = SealedFolder.open(target)
    assert list(plain.damages()) == []  # it is a plain backup
    assert plain.identity == found(backend, "night").identity


def test_the_program_of_the_specification_reads_it(tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    backup = sealed(made(Local(str(tmp_path / "pool"))), {**FILES, "files/of-two-parts": LARGE * 40}, "night")
    program = (toolchain.ROOT / "docs" / "backup-format.md").read_text().split("```python\n")[1].split("```")[0]
    where = tmp_path / "pool", f"backups/{backup.seal.backup}", tmp_path / "rebuilt"
    subprocess.run([sys.executable, "-I", "-c", program, *map(str, where)], check=True)
    subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "SHA256SUMS"], cwd=where[2], check=True)
    assert list(SealedFolder.open(where[2]).damages()) == []
    assert SealedFolder.open(where[2]).identity == backup.identity


@pytest.mark.skipif(not shutil.which("unzip"), reason="unzip is not installed")
def test_packs_are_zips(tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    backend = made(Local(str(tmp_path / "pool")))
    sealed(backend, FILES)
    for key in pooled(backend):
        if key.endswith(".zip"):
            subprocess.run(["unzip", "-qq", "-t", tmp_path / "pool" / key], check=True)


def test_one_file_costs_few_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    class Counting(Memory):
        def list(self, *args: object, **more: object) -> Iterator[object]:  # type: ignore[override]
            asked.append(("list", 0))
            return super().list(*args, **more)  # type: ignore[arg-type]

        def stat(self, key: str) -> object:  # type: ignore[override]
            asked.append((key, 0))
            return super().stat(key)

        def read(self, wanted: object, sink: object) -> object:  # type: ignore[override]
            asked.append((wanted.key, wanted.size))  # type: ignore[attr-defined]
            return super().read(wanted, sink)  # type: ignore[arg-type]

        def read_range(self, key: str, start: int, length: int) -> bytes:
            asked.append((key, length))
            return super().read_range(key, start, length)

    backend = made(Counting())
    files = {f"lrs/a/{number:05}.yaml": b"name: %05d\n" % number * 100 for number in range(20_000)}
    backup = sealed(backend, files)
    asked.clear()
    with backup.reading("lrs/a/12345.yaml") as file:
        assert file.read() == files["lrs/a/12345.yaml"]
    assert len(asked) == 3
    assert sum(length for _, length in asked) < 3 << 20


# ---- what is not as it was sealed


def _altered(backend: Backend, key: str, change: str) -> None:
    """An object that is another one, as rot or a stranger may leave it."""
    data = b"".join(backend.read_range(key, start, PACK) for start in range(0, backend.stat(key).size, PACK))
    backend.delete(key)
    if change != "gone":
        other = (
            data[:-1]
            if change == "cut"
            else data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
        )
        backend.upload(key, len(other), iter([other]), {}, replace=False).commit()


@pytest.mark.parametrize("change", ["gone", "cut", "flipped"])
@pytest.mark.parametrize("kind", ["blobs/", "packs/"])
def test_damage_in_the_pool_is_found_and_never_read(backend: Backend, kind: str, change: str) -> None:
    backup = sealed(backend, FILES)
    keys = [key for key in pooled(backend) if key.startswith(kind)]
    for key in keys:
        _altered(backend, key, change)
    hurt = {each.path for each in backup.entries() if any(part.key in keys for part in each.parts)}
    assert hurt
    fresh = found(backend, str(backup.seal.backup))
    listed = {each.path for each in fresh.damages()}
    assert listed == (set() if change == "flipped" else hurt)
    assert fresh.unread(0.0)
    damaged = {each.path for each in fresh.damages(share=1.0)}
    assert damaged
    assert damaged <= hurt
    for path in fresh.paths():
        try:
            with fresh.reading(path) as file:
                data = file.read()
        except DamageError:
            assert path in hurt
        else:
            assert data == FILES[path]
            assert change == "cut" or path not in damaged


@pytest.mark.parametrize("change", ["gone", "cut", "flipped"])
@pytest.mark.parametrize("file", ["catalog.json", "index-0.gz", "blocks.json", "refs.gz"])
def test_damage_of_what_leads_to_the_contents(backend: Backend, file: str, change: str) -> None:
    backup = sealed(backend, FILES)
    _altered(backend, backup.seal.backup.key(file), change)
    again = found(backend, str(backup.seal.backup)) if file != "catalog.json" else backup
    assert [each.path for each in again.damages()] == [file]
    if file == "catalog.json":
        with pytest.raises(DamageError):
            found(backend, str(backup.seal.backup))


@pytest.mark.parametrize("change", ["cut", "flipped"])
def test_a_damaged_seal_is_no_backup_and_is_named(backend: Backend, change: str) -> None:
    backup = sealed(backend, FILES, "night")
    sealed(backend, FILES, "other")
    _altered(backend, backup.seal.backup.seal, change)
    sealed_ones, unsealed = opened(backend).scan()
    assert [each.name for each in sealed_ones] == ["other"]
    assert [each.name for each in unsealed] == ["night"]
    with pytest.raises(DamageError):
        found(backend, "night")
