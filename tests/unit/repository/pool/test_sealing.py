"""From contents to a backup, whatever happens on the way: what is sealed is whole, and what is not whole is not sealed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from kubectl_lrs.backends.base import KeyNotFoundError, NoSpaceError, Stat, Upload, Written, put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError, LrsError, UnreachableError, UsageError
from kubectl_lrs.repository.pool import condemned, sealing
from kubectl_lrs.repository.pool.check import Checked
from kubectl_lrs.repository.pool.condemned import Name
from kubectl_lrs.repository.pool.writer import PoolWriter
from kubectl_lrs.runtime.retry import Policy
from tests.builders.pools import begun, catalog, content, found, made, opened, pooled, sealed
from tests.builders.sealing import Notes
from tests.unit.repository.pool.sizes import RESERVE_SIZE, SMALL

NOW = 1_800_000_000.0
HOUR = 3600.0
LARGE = os.urandom(SMALL + 5)
FILES = {"lrs/a/one.yaml": b"one" * 50, "files/small": b"small" * 50, "files/large": LARGE}


class Clock:
    """Seconds, as a test sets them."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def written(backend: Memory, name: str = "night", files: Mapping[str, bytes] = FILES) -> PoolWriter:
    """A backup that is not sealed."""
    writer = begun(backend, name)
    for path, data in files.items():
        writer.write(path, data)
    return writer


def many(writer: PoolWriter, count: int) -> None:
    """So many large files, and the seal."""
    for number in range(count):
        writer.write(f"files/{number}", LARGE + b"%d" % number)
    writer.seal(catalog(writer))


def condemn(backend: Memory, *keys: str) -> None:
    """As a prune does that finds nothing which refers to them."""
    names = [Name(key, backend.stat(key).size) for key in sorted(keys)]
    assert list(condemned.write(backend, names, now=backend.now()))


# ---- what is condemned or gone


@pytest.mark.parametrize("kind", ["blobs/", "packs/"])
def test_what_is_condemned_meanwhile_is_copied_under_a_new_name(kind: str) -> None:
    backend = made(Memory())
    sealed(backend, FILES, "before")
    writer = written(backend)
    keys = [key for key in pooled(backend) if key.startswith(kind)]
    condemn(backend, *keys)
    writer.seal(catalog(writer))
    for key in keys:
        backend.delete(key)  # the sweep
    assert content(found(backend, "night")) == FILES
    assert list(found(backend, "night").damages(share=1.0)) == []


def test_what_this_very_run_has_put_there_may_be_condemned() -> None:
    """One that lasts for a week."""
    backend = made(Memory())
    writer = written(backend)
    writer.reading("files/large").__enter__().close()
    keys = list(pooled(backend))
    assert keys
    condemn(backend, *keys)
    writer.seal(catalog(writer))
    for key in keys:
        backend.delete(key)
    assert content(found(backend, "night")) == FILES


def test_what_is_condemned_again_and_again_is_not_copied_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = made(Memory())
    sealed(backend, FILES, "before")
    writer = written(backend)
    looks = []

    def busy(*_: Any) -> Checked:
        looks.append(1)
        return Checked(at=backend.now(), condemned=tuple(key for key in pooled(backend) if key.startswith("packs/"))[-1:])

    monkeypatch.setattr(sealing, "check", busy)
    with pytest.raises(LrsError, match="again and again"):
        writer.seal(catalog(writer))
    assert len(looks) == sealing.LOOKS


def test_what_is_condemned_is_not_used_by_a_new_run() -> None:
    backend = made(Memory())
    sealed(backend, FILES, "before")
    before = set(pooled(backend))
    condemn(backend, *before)
    sealed(backend, FILES, "night")
    for key in before:
        backend.delete(key)
    assert content(found(backend, "night")) == FILES


@pytest.mark.parametrize("kind", ["blobs/", "packs/"])
def test_what_is_gone_meanwhile_ends_the_run_and_the_next_one_has_it(kind: str) -> None:
    backend = made(Memory())
    sealed(backend, FILES, "before")
    writer = written(backend)
    for key in [key for key in pooled(backend) if key.startswith(kind)]:
        backend.delete(key)
    with pytest.raises(LrsError, match=r"gone, and \S+ needs it; no backup was made"):
        writer.seal(catalog(writer))
    writer.put_away(keep=True)
    assert [each.name for each in opened(backend).scan()[0]] == ["before"]
    assert content(sealed(backend, FILES, "next")) == FILES


def test_a_condemned_object_that_is_another_one_is_not_copied() -> None:
    backend = made(Memory())
    sealed(backend, FILES, "before")
    writer = written(backend)
    (key,) = (key for key in pooled(backend) if key.startswith("blobs/"))
    stat, data = backend._objects[key]
    backend._objects[key] = stat, data[:-1] + bytes([data[-1] ^ 1])
    condemn(backend, key)
    with pytest.raises(DamageError, match="altered"):
        writer.seal(catalog(writer))
    assert [each.name for each in opened(backend).scan()[0]] == ["before"]


def test_lists_that_cannot_be_read_keep_everybody_from_sealing() -> None:
    backend = made(Memory())
    writer = written(backend)
    backend.place("condemned/x", b"1", {}, replace=False)
    with pytest.raises(DamageError):
        writer.seal(catalog(writer))
    assert opened(backend).scan()[0] == []


def test_a_list_that_lags_is_no_loss() -> None:
    class Lagging(Memory):
        hidden = ""

        def list(self, prefix: str = "", **more: Any) -> Iterator[Stat]:
            return (stat for stat in super().list(prefix, **more) if not self.hidden or self.hidden not in stat.key)

    backend = Lagging()
    made(backend)
    writer = written(backend)
    backend.hidden = writer.backup.session
    writer.seal(catalog(writer))
    backend.hidden = ""
    assert content(found(backend, "night")) == FILES


def test_what_is_condemned_and_no_longer_listed_is_gone_whatever_else_says_that_it_is_there() -> None:
    """A prune deletes it: its list may be so old that nobody looks again whether a backup refers to it."""

    class Lagging(Memory):
        hidden: tuple[str, ...] = ()

        def list(self, prefix: str = "", **more: Any) -> Iterator[Stat]:
            return (stat for stat in super().list(prefix, **more) if stat.key not in self.hidden)

    backend = Lagging()
    made(backend)
    sealed(backend, FILES, "before")
    writer = written(backend)
    condemn(backend, *pooled(backend))
    backend.hidden = tuple(pooled(backend))
    with pytest.raises(LrsError, match=r"gone, and \S+ needs it; no backup was made"):
        writer.seal(catalog(writer))
    assert [each.name for each in opened(backend).scan()[0]] == ["before"]


# ---- the time of the seal


@pytest.mark.parametrize(
    ("hours", "counts", "is_cut"), [(0, True, False), (23.9, True, False), (24.1, False, False), (24.1, False, True)]
)
def test_a_seal_that_comes_late_is_no_backup_where_something_is_gone(hours: float, counts: bool, is_cut: bool) -> None:
    clock = Clock()

    class Suspended(Memory):
        """The process stands still between the last look and the seal."""

        def upload(self, key: str, *rest: Any, **more: Any) -> Any:
            if key.endswith("/backup.json"):
                clock.now += hours * HOUR
            return super().upload(key, *rest, **more)

    backend = Suspended(clock=clock)
    made(backend)
    writer = written(backend)
    if counts:
        writer.seal(catalog(writer))
        assert writer.is_sealed
    else:
        with pytest.raises(LrsError, match="does not count as a backup unless"):
            writer.seal(catalog(writer))
        assert not writer.is_sealed
    assert [each.name for each in opened(backend).scan()[0]] == ["night"]  # all of it is there
    gone = next(iter(pooled(backend)))
    backend.delete(gone)
    if is_cut:
        put(backend, gone, b"less")
    backups, unsealed = opened(backend).scan()
    assert bool(backups) is counts
    assert [each.why.partition(": ")[2] for each in unsealed] == (
        [] if counts else ["sealed too late: what it needs was removed, or may be"]
    )


# ---- a storage that fails


def test_a_seal_whose_answer_is_lost_is_a_seal() -> None:
    class Deaf(Memory):
        def place(self, key: str, *rest: Any, **more: Any) -> Written:
            made_ = super().place(key, *rest, **more)
            if key.endswith("/backup.json"):
                raise UnreachableError("no answer")
            return made_

    backend = Deaf()
    made(backend)
    writer = written(backend)
    writer.seal(catalog(writer))
    assert writer.is_sealed
    assert content(found(backend, "night")) == FILES


@pytest.mark.parametrize(("last", "counts"), [("/backup.json", True), ("/refs.gz", False)])
def test_interrupted_it_is_sealed_where_the_storage_has_the_seal(last: str, *, counts: bool) -> None:
    class Interrupting(Memory):
        def place(self, key: str, *rest: Any, **more: Any) -> Written:
            made_ = super().place(key, *rest, **more)
            if key.endswith(last):
                raise KeyboardInterrupt
            return made_

    backend = Interrupting()
    made(backend)
    writer = written(backend)
    with pytest.raises(KeyboardInterrupt):
        writer.seal(catalog(writer))
    assert writer.is_sealed == counts
    assert bool(opened(backend).scan()[0]) == counts


def test_one_that_a_prune_forgets_at_once_is_said_to_be_gone() -> None:
    class Forgetful(Memory):
        def place(self, key: str, *rest: Any, **more: Any) -> Written:
            made_ = super().place(key, *rest, **more)
            if key.endswith("/backup.json"):
                self.delete(key)
            return made_

    backend = Forgetful()
    made(backend)
    writer = written(backend)
    with pytest.raises(LrsError, match="gone already") as caught:
        writer.seal(catalog(writer))
    assert "unforget" in caught.value.hint


@pytest.mark.parametrize("late", [False, True])
def test_a_seal_that_did_not_come_is_not_sent_again_but_made_anew(monkeypatch: pytest.MonkeyPatch, late: bool) -> None:
    class Lossy(Memory):
        held: tuple[str, bytes] | None = None

        def place(self, key: str, data: bytes, *rest: Any, **more: Any) -> Written:
            if key.endswith("/backup.json") and self.held is None:
                self.held = key, data
                raise UnreachableError("no answer")
            return super().place(key, data, *rest, **more)

    monkeypatch.setattr(sealing, "TIMES", Policy(attempts=3, first=0.0))
    backend = Lossy()
    made(backend)
    writer = written(backend)
    first = writer.backup
    writer.seal(catalog(writer))
    assert writer.backup.name == first.name
    assert writer.backup != first
    assert content(found(backend, str(writer.backup))) == FILES
    assert backend.held is not None
    if late:  # it is a backup of the same then, with objects of its own
        backend.place(*backend.held, {}, replace=False)
        assert len(opened(backend).scan()[0]) == 2
        assert list(found(backend, str(first)).damages(share=1.0)) == []


def test_where_nobody_can_tell_whether_it_was_sealed_that_is_said() -> None:
    class Gone(Memory):
        is_gone = False

        def place(self, key: str, *rest: Any, **more: Any) -> Written:
            made_ = super().place(key, *rest, **more)
            self.is_gone = key.endswith("/backup.json")
            if self.is_gone:
                raise UnreachableError("no answer")
            return made_

        def stat(self, key: str) -> Stat:
            if self.is_gone:
                raise UnreachableError("no answer either")
            return super().stat(key)

    backend = Gone()
    made(backend)
    writer = written(backend)
    with pytest.raises(LrsError, match="nobody can tell whether the backup was sealed") as caught:
        writer.seal(catalog(writer))
    assert caught.value.exit_code == UnreachableError.exit_code
    assert "no backup was made" not in str(caught.value)
    backend.is_gone = False
    assert content(found(backend, "night")) == FILES


def test_a_storage_that_has_another_size_than_was_sent() -> None:
    class Short(Memory):
        def place(self, key: str, data: bytes, *rest: Any, **more: Any) -> Written:
            return super().place(key, data[:-1] if key.startswith("blobs/") else data, *rest, **more)

    backend = Short()
    made(backend)
    writer = written(backend)
    with pytest.raises(LrsError, match="bytes were sent, and the storage has"):
        writer.seal(catalog(writer))
    assert opened(backend).scan()[0] == []


@pytest.mark.parametrize("what", ["catalog.json", "index-0.gz", "blocks.json", "refs.gz", "backup.json"])
def test_a_storage_that_proves_nothing_and_has_something_else(what: str) -> None:
    """Of the same size, as by a gateway that rewrites: what steers reading and removing is read back before it counts."""

    class Altering(Memory):
        def place(self, key: str, data: bytes, *rest: Any, **more: Any) -> Written:
            is_meant = key.startswith("backups/") and key.endswith(f"/{what}")
            return replace(super().place(key, data[:-1] + b"?" if is_meant else data, *rest, **more), is_proven=False)

    backend = Altering()
    made(backend)
    writer = written(backend)
    with pytest.raises(LrsError, match=r"altered: its sum|something else than the seal"):
        writer.seal(catalog(writer))
    assert opened(backend).scan() == ([], []), "and no seal lies there that nobody can read"


def test_a_storage_that_proves_nothing_and_has_what_it_was_sent() -> None:
    class Silent(Memory):
        def place(self, *rest: Any, **more: Any) -> Written:
            return replace(super().place(*rest, **more), is_proven=False)

    backend = Silent()
    made(backend)
    assert content(sealed(backend, FILES, "night")) == FILES


def test_a_storage_that_is_full() -> None:
    backend = made(Memory(capacity=RESERVE_SIZE + 3 * SMALL))
    sealed(backend, FILES, "before")
    writer = begun(backend, "night")
    with pytest.raises(NoSpaceError):
        many(writer, 10)
    writer.put_away(keep=False)
    assert [each.name for each in opened(backend).scan()[0]] == ["before"]
    assert list(found(backend, "before").damages(share=1.0)) == []


def test_after_a_failure_no_more_is_written() -> None:
    class Full(Memory):
        tried = 0

        def upload(self, key: str, *rest: Any, **more: Any) -> Upload:
            if key.startswith("blobs/"):
                self.tried += 1
                raise NoSpaceError("full")
            return super().upload(key, *rest, **more)

    backend = Full()
    made(backend)
    writer = begun(backend)
    with pytest.raises(NoSpaceError):
        many(writer, 1000)
    assert backend.tried < 20


# ---- who may begin


def test_what_is_no_repository_is_named_as_such() -> None:
    backend = Memory()
    with pytest.raises(UsageError, match="no repository"):
        opened(backend).scan()
    backend.place("other", b"1", {}, replace=False)
    with pytest.raises(UsageError, match="not empty: other lies there"):
        made(backend)
    backend.delete("other")
    made(backend)
    with pytest.raises(UsageError, match="already"):
        made(backend)


@pytest.mark.parametrize(
    ("change", "kind", "why"),
    [
        ({"formatVersion": 2}, UsageError, "does not read"),
        ({"form": "other"}, UsageError, "does not read"),
        ({"encrypted": True}, UsageError, "does not read"),
        ({"kind": "other"}, DamageError, "damaged"),
        ({"id": "../x"}, DamageError, "damaged"),
        ({"id": 1}, DamageError, "damaged"),
        ({"graceHours": 0}, DamageError, "graceHours"),
        ({"graceHours": "48"}, DamageError, "damaged"),
        ({"graceHours": 1e9}, DamageError, "graceHours"),
        ({"formatVersion": None}, DamageError, "damaged"),
    ],
)
def test_marks_that_are_not_ours_to_read(change: dict[str, object], kind: type[LrsError], why: str) -> None:
    import json

    backend = made(Memory())
    document = json.loads(backend.read_range("lrs-repository.json", 0, 10_000))
    backend.place("lrs-repository.json", json.dumps({**document, **change}).encode(), {}, replace=True)
    with pytest.raises(kind, match=why):
        opened(backend).scan()


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b"\xff", b"[" * 60_000, b" " * 70_000])
def test_marks_that_are_none(data: bytes) -> None:
    backend = made(Memory())
    backend.place("lrs-repository.json", data, {}, replace=True)
    with pytest.raises(DamageError):
        opened(backend).scan()


@pytest.mark.parametrize("content", [b"", b"no gzip", b"\x1f\x8b\x08\x00"])
def test_logs_that_are_none_are_passed_over(content: bytes) -> None:
    backend = made(Memory())
    backend.place(f"sessions/{'0' * 32}-0.gz", content, {}, replace=False)
    backend.place("sessions/other", content, {}, replace=False)
    assert sealed(backend, FILES).catalog.stored["newFiles"] == 3


def test_a_settled_run_leaves_no_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubectl_lrs.repository.pool.journal.BYTES", 1)
    backend = made(Memory())
    writer = written(backend)
    writer.seal(catalog(writer))
    assert list(backend.list("sessions/"))
    writer.settle(Notes())
    assert list(backend.list("sessions/")) == []
    with pytest.raises(KeyNotFoundError):
        backend.stat(f"sessions/{writer.backup.session}-0.gz")
