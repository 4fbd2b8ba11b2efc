"""A backup whose files were copied in segments is the one that a single process makes; marks are believed of nothing else."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.base import Backend, get, put
from kubectl_lrs.backends.local import Local
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.repository.pool.backup import PooledBackup
from kubectl_lrs.repository.pool.layout import SESSIONS, segment_of, session_log, session_log_of
from kubectl_lrs.repository.pool.segment import Segment
from kubectl_lrs.repository.pool.writer import PoolWriter
from kubectl_lrs.runtime.progress import Progress, Silent
from kubectl_lrs.stores.files.collect import FilesCollector
from kubectl_lrs.stores.files.copy import GONE, about
from kubectl_lrs.stores.files.segments import OTHER
from kubectl_lrs.stores.files.storage import Storage
from kubectl_lrs.usecases import segments
from tests.bed.s3 import S3
from tests.builders import pools
from tests.builders.said import nothing
from tests.builders.sealing import Notes

SHARDS = 4
FILES = {
    **{f"apps/{number}.bin": os.urandom(200_000) for number in range(8)},
    "apps/large": os.urandom(3 << 20),
    "apps/text": b"again and again " * 100_000,
    "apps/same": b"one content",
    "other/same": b"one content",
    "empty": b"",
    "ü & 100%": b"1",
}


@dataclass
class Machines:
    """Who copies: one segment after the other, as other processes would. `before`, `after`: what happens around it."""

    repository: Backend
    files: Backend
    shards: int | None = SHARDS
    before: Callable[[Sequence[str]], object] = lambda _names: None
    after: Callable[[Sequence[str]], object] = lambda _names: None
    names: list[str] = field(default_factory=list)

    def carry(self, names: Sequence[str], marked: Callable[[], set[int]], progress: Progress) -> None:  # noqa: ARG002
        """All of them, the last one first."""
        self.names = [*names]
        self.before(names)
        for name in reversed(names):
            self.copy(name)
        self.after(names)
        assert marked() == {*range(len(names))}

    def copy(self, name: str) -> segments.Done:
        """One."""
        return segments.copy(pools.opened(self.repository), name, Storage(self.files), workers=2, progress=Silent())


@dataclass
class World:
    """A storage of files, whose content is plain files below `root`, and a repository."""

    root: Path
    files: Backend
    repository: Backend

    def fill(self, files: dict[str, bytes]) -> None:
        """Put these in, long ago."""
        for path, data in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            os.utime(target, (1e9, 1e9))

    def machines(self, **more: Any) -> Machines:
        """Those that copy."""
        return Machines(self.repository, self.files, **more)

    def begun(self, carriers: Machines | None) -> tuple[PoolWriter, dict[str, Any]]:
        """A backup of all files, and what is said of them; not sealed."""
        collector = FilesCollector(Storage(self.files), nothing, take_all=True, workers=2, carriers=carriers)
        writer = pools.begun(self.repository)
        return writer, collector.collect(writer, Notes())

    def sealed(self, carriers: Machines | None = None) -> tuple[PooledBackup, dict[str, Any]]:
        """The backup, and what is said of it."""
        writer, facts = self.begun(carriers)
        catalog = pools.catalog(writer, missing=tuple(facts.pop("missing")))
        writer.seal(replace(catalog, tiers={**catalog.tiers, "files": facts}))
        writer.settle(Notes())
        return pools.found(self.repository, str(writer.backup)), facts

    def helpers(self) -> list[str]:
        """What lies there for the sake of runs."""
        return [stat.key for stat in self.repository.list(SESSIONS)]


@pytest.fixture(params=["local", "s3"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Each kind in turn, for both."""
    if request.param == "local":
        return _local(tmp_path)
    gateway: S3 = request.getfixturevalue("s3")
    for variable, value in gateway.environment.items():
        monkeypatch.setenv(variable, value)
    name = f"c{abs(hash(request.node.name)) % 10**10}"
    root = gateway.buckets / name / "storage"
    root.mkdir(parents=True)
    files, repository = (
        open_backend(StorageLocation(url=f"s3://{name}/{prefix}", endpoint=gateway.endpoint)) for prefix in ("storage", "lrs")
    )
    return World(root, files, pools.made(repository))


def _local(tmp_path: Path) -> World:
    (tmp_path / "files").mkdir()
    return World(tmp_path / "files", Local(str(tmp_path / "files")), pools.made(Memory()))


@pytest.fixture
def small(tmp_path: Path) -> World:
    """On a path, with a repository in memory."""
    made = _local(tmp_path)
    made.fill({f"f{number}": b"%d" % number * 1000 for number in range(8)})
    return made


# ---- what is sealed


def test_it_is_the_backup_that_one_process_makes(world: World) -> None:
    world.fill(FILES)
    machines = world.machines()
    cut, facts = world.sealed(machines)
    assert len(machines.names) >= SHARDS
    assert world.helpers() == [], "lists, marks and logs go with the seal"
    assert list(cut.damages(share=1.0)) == []

    alone = World(world.root, world.files, pools.made(Memory()))
    whole, expected = alone.sealed()
    assert facts == expected
    assert cut.identity == whole.identity
    assert pools.content(cut) == pools.content(whole)
    assert pools.content(cut)["files/apps/large"] == FILES["apps/large"]
    counted = ("newFiles", "newBytes", "linkedFiles", "linkedBytes", "storedBytes")
    assert cut.catalog.stored["newObjects"] > 1
    assert {key: cut.catalog.stored[key] for key in counted[:4]} == {key: whole.catalog.stored[key] for key in counted[:4]}


def test_what_an_earlier_backup_has_is_in_no_segment(world: World) -> None:
    world.fill(FILES)
    before, _ = world.sealed()
    machines = world.machines()
    again, _ = world.sealed(machines)
    assert machines.names == [], "nothing changed, so that there is nothing to be copied"
    assert again.identity == before.identity
    world.fill({"apps/new": b"new"})
    made, _ = world.sealed(machines)
    assert len(machines.names) == 1
    assert pools.content(made)["files/apps/new"] == b"new"


def test_one_that_is_another_version_by_then_or_gone_is_missing(world: World) -> None:
    world.fill(FILES)

    def change(_names: object) -> None:
        (world.root / "apps/3.bin").write_bytes(b"another")
        (world.root / "apps/4.bin").unlink()

    made, facts = world.sealed(world.machines(before=change))
    notes = [each["message"] for each in facts["notes"]]
    assert {"files/apps/3.bin", "files/apps/4.bin"} & set(made.paths()) == set()
    assert any("apps/4.bin" in each and GONE in each for each in notes)
    assert [(each.name, each.reason) for each in made.catalog.missing] == [("apps/3.bin", OTHER)]
    assert made.catalog.state == "partial"
    assert list(made.damages(share=1.0)) == []


# ---- what breaks off


def test_nothing_is_sealed_while_a_segment_is_not_done(small: World) -> None:
    def undo(names: Sequence[str]) -> None:
        run, _, number = names[2].rpartition("-")
        small.repository.delete(session_log(run, int(number)))

    class Careless(Machines):
        def carry(self, names: Sequence[str], marked: Callable[[], set[int]], progress: Progress) -> None:  # noqa: ARG002
            for name in names:
                self.copy(name)
            undo(names)

    with pytest.raises(LrsError, match="1 of 4 segments are not marked as done"):
        small.sealed(Careless(small.repository, small.files))


def test_a_run_that_comes_after_a_killed_one_takes_what_is_marked(small: World) -> None:
    class Killed(Machines):
        def carry(self, names: Sequence[str], marked: Callable[[], set[int]], progress: Progress) -> None:  # noqa: ARG002
            self.names = [*names]
            for name in names[:3]:
                self.copy(name)
            raise KeyboardInterrupt

    first = Killed(small.repository, small.files)
    with pytest.raises(KeyboardInterrupt):
        small.begun(first)
    second = small.machines()
    made, _ = small.sealed(second)
    assert len(first.names) == SHARDS
    lists = [found for key in small.helpers() if (found := segment_of(key))]
    assert {run for run, _ in lists} == {first.names[0].rpartition("-")[0]}, "those of the killed run are left to prune"
    assert sum(len(_lines(small, name)) for name in first.names[3:]) == 2
    assert len(second.names) == 2, "two files, of which each is half of what is left"
    alone, _ = World(small.root, small.files, pools.made(Memory())).sealed()
    assert made.identity == alone.identity


def _lines(world: World, name: str) -> list[bytes]:
    run, _, number = name.rpartition("-")
    return gzip.decompress(get(world.repository, f"{SESSIONS}{run}-{number}.list.gz")).splitlines()[1:]


def test_a_segment_that_was_broken_off_goes_on_with_what_it_has(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had put into the pool is not put there again."""
    seen: list[int] = []

    def break_off(names: Sequence[str]) -> None:
        def killed(_self: Segment, _lines: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(Segment, "mark", killed)
            with pytest.raises(LrsError, match="interrupted"):
                machines.copy(names[0])
        seen.append(len(pools.pooled(small.repository)))
        machines.copy(names[0])
        seen.append(len(pools.pooled(small.repository)))
        assert machines.copy(names[0]).is_old

    machines = small.machines(before=break_off)
    small.sealed(machines)
    assert seen == [1, 1]


def test_two_at_once_do_one_segment(small: World) -> None:
    def twice(names: Sequence[str]) -> None:
        with pools.opened(small.repository).segment(names[0]) as slow:
            lines = list(slow.lines)
            machines.copy(names[0])
            slow.mark(json.dumps({"path": json.loads(line)["path"], "lost": GONE}).encode() for line in lines)

    machines = small.machines(before=twice)
    made, _ = small.sealed(machines)
    assert len([path for path in made.paths() if path.startswith("files/")]) == 8, "the first mark counts"


def test_marks_are_of_one_storage(small: World, tmp_path: Path) -> None:
    """What was copied of another one is not taken, though path, size and version are the same; nor is a segment copied of it."""
    (tmp_path / "other").mkdir()
    other = World(tmp_path / "other", Local(str(tmp_path / "other")), small.repository)
    other.fill({f"f{number}": b"%d" % number * 1000 for number in range(8)})

    class Killed(Machines):
        def carry(self, names: Sequence[str], marked: Callable[[], set[int]], progress: Progress) -> None:  # noqa: ARG002
            for name in names[1:]:
                self.copy(name)
            with pytest.raises(UsageError, match="the segment is of another storage: file:///"):
                other.machines().copy(names[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small.begun(Killed(small.repository, small.files))
    elsewhere = other.machines()
    other.sealed(elsewhere)
    assert len(elsewhere.names) == SHARDS, "all of it is copied"
    again = small.machines()
    small.sealed(again)
    assert len(again.names) == 2


# ---- marks that nobody should believe

Change = Callable[[list[Any]], object]


def _other_path(lines: list[Any]) -> None:
    lines[-1]["path"] = "../../etc/passwd"


def _other_place(lines: list[Any]) -> None:
    lines[-1]["file"] = "lrs/datarobot/one.yaml"


def _other_version(lines: list[Any]) -> None:
    lines[-1]["marker"] = "another"


def _no_sum(lines: list[Any]) -> None:
    lines[-1]["sha256"] = "../x"


def _other_sum(lines: list[Any]) -> None:
    lines[-1]["sha256"] = hashlib.sha256(b"").hexdigest()


def _other_segment(lines: list[Any]) -> None:
    lines[0]["segment"] = lines[0]["segment"][:-1] + "9"


def _other_list(lines: list[Any]) -> None:
    lines[0]["list_sha256"] = "0" * 64


def _no_counts(lines: list[Any]) -> None:
    lines[0]["objects"] = -1


def _more(lines: list[Any]) -> None:
    lines.append(lines[-1])


def _less(lines: list[Any]) -> None:
    lines.pop()


def _turned(lines: list[Any]) -> None:
    lines[-2:] = lines[:-3:-1]


def _too_many_contents(lines: list[Any]) -> None:
    lines[1:1] = [lines[1]] * 10


def _another_content(lines: list[Any]) -> None:
    lines[1][3][0][0] = "backups/x/backup.json"


def _too_long(lines: list[Any]) -> None:
    lines[-1]["attributes"] = {"x": "y" * (2 << 20)}


def _nothing_at_all(lines: list[Any]) -> None:
    lines[:] = []


def _deep(lines: list[Any]) -> None:
    lines[-1] = json.loads("[" * 500 + "]" * 500)


@pytest.mark.parametrize(
    "change",
    [
        *(_other_path, _other_place, _other_version, _no_sum, _other_sum, _other_segment, _other_list, _no_counts, _more, _less),
        *(_turned, _too_many_contents, _another_content, _too_long, _nothing_at_all, _deep),
    ],
)
def test_a_mark_that_says_something_else_than_its_list(small: World, change: Change) -> None:
    """No backup is made of it, and the next run does not believe it either."""

    def forge(names: Sequence[str]) -> None:
        run, _, number = names[1].rpartition("-")
        key = session_log(run, int(number))
        lines = [json.loads(line) for line in gzip.decompress(get(small.repository, key)).splitlines()]
        change(lines)
        put(small.repository, key, _marked(lines), replace=True)

    with pytest.raises(LrsError) as told:
        small.sealed(small.machines(after=forge))
    assert isinstance(told.value, DamageError) or "is not there" in str(told.value)
    made, _ = small.sealed(small.machines())
    alone, _ = World(small.root, small.files, pools.made(Memory())).sealed()
    assert made.identity == alone.identity
    assert list(made.damages(share=1.0)) == []


def _marked(lines: list[Any]) -> bytes:
    text = b"".join(json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in lines)
    return gzip.compress(text)


@pytest.mark.parametrize("data", [b"", b"no gzip", gzip.compress(b"{}\n" * 3)[:-9], gzip.compress(b"\xff\n")])
def test_a_mark_that_is_none(small: World, data: bytes) -> None:
    def forge(names: Sequence[str]) -> None:
        run, _, number = names[0].rpartition("-")
        put(small.repository, session_log(run, int(number)), data, replace=True)

    with pytest.raises(DamageError):
        small.sealed(small.machines(after=forge))
    assert small.sealed(small.machines())[0].catalog.state == "whole"


def test_a_list_that_was_altered_is_seen_by_the_run_that_seals(small: World) -> None:
    def forge(names: Sequence[str]) -> None:
        key = f"{SESSIONS}{names[0]}.list.gz"
        put(small.repository, key, gzip.compress(gzip.decompress(get(small.repository, key)) + b" "), replace=True)

    with pytest.raises(DamageError, match="altered"):
        small.sealed(small.machines(after=forge))


def test_a_list_that_is_none_copies_nothing(small: World) -> None:
    run = "1" * 32
    line = {"path": "f1", "size": 1, "marker": "x", "foundBy": "all", "file": "files/f1", "sha256": ""}
    head = {"about": about(small.files.url)}
    lists = [b"no gzip", gzip.compress(b""), _marked([head, {"path": 1}]), _marked([head, line, line])]
    for number, data in enumerate(lists):
        put(small.repository, f"{SESSIONS}{run}-{number}.list.gz", data)
        with pytest.raises(DamageError):
            small.machines().copy(f"{run}-{number}")
    with pytest.raises(LrsError, match="there is no such segment"):
        small.machines().copy(f"{run}-9")
    with pytest.raises(UsageError, match="is not the name of a segment"):
        small.machines().copy("../x-1")
    assert pools.pooled(small.repository) == {}
    assert [key for key in small.helpers() if session_log_of(key)] == []
