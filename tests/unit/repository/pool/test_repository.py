"""The repository as its users see it: names, what a run may use of earlier ones, and how much of a backup is looked at."""

from __future__ import annotations

import os
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from kubectl_lrs.backends.base import get
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.catalog import Cluster, Missing
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.repository.pool import mark, reuse
from kubectl_lrs.repository.pool.backup import ALL, PooledBackup
from kubectl_lrs.repository.pool.known import Ledger
from tests.builders.pools import begun, catalog, content, found, made, opened, pooled, sealed
from tests.builders.sealing import RESOURCES, Notes
from tests.unit.repository.pool.sizes import SMALL

FILES = {"lrs/a/one.yaml": b"one" * 50, "files/large": os.urandom(SMALL + 5)}


def test_the_mark_says_what_it_is() -> None:
    backend = Memory()
    made = mark.init(backend, grace_hours=12)
    assert mark.read_mark(backend) == made
    assert made.grace == 12 * 3600
    assert sorted(each.key for each in backend.list()) == ["lrs-repository.json", "reserve"]


@pytest.mark.parametrize("hours", [0.5, 24 * 400])
def test_a_grace_time_that_nobody_could_live_with_is_refused(hours: float) -> None:
    backend = Memory()
    with pytest.raises(UsageError, match="grace"):
        mark.init(backend, grace_hours=hours)
    assert list(backend.list()) == []


def test_names() -> None:
    backend = made(Memory())
    sealed(backend, FILES, "night")
    one = begun(backend, "twice")
    sealed(backend, FILES, "twice")
    one.seal(catalog(one))
    place = opened(backend)
    (other,) = (each.name for each in place.scan()[0] if each.name not in ("night", str(one.backup)))
    assert {each.name for each in place.scan()[0]} == {"night", str(one.backup), other}
    for name in ("night", str(one.backup), other, one.location):
        backup = place.opened(name)
        assert backup is not None
        assert place.has(name)
        again = place.opened(backup.location)
        assert again is not None
        assert again.location == backup.location
    for name in ("nigh", "night.", "nightly", ".", "", "../night", "night/backup.json", f"twice.{'0' * 32}"):
        assert place.opened(name) is None, name
        assert not place.has(name), name
    with pytest.raises(UsageError, match="more than one"):
        place.opened("twice")
    with pytest.raises(UsageError, match="not found"):
        place.find("other")
    assert (place.location, place.resolved, place.journals) == ("memory://", "memory://", Path("/nonexistent"))


def test_latest_goes_by_the_instant() -> None:
    backend = made(Memory())
    now = datetime.now(timezone.utc)
    for name, days in (("a", 1), ("c", 3), ("b", 2)):
        sealed(backend, FILES, name, instant=now - timedelta(days=days))
    assert [each.name for each in opened(backend).scan()[0]] == ["c", "b", "a"]
    assert opened(backend).latest().name == "a"


def test_the_whole_catalog_is_there_once_it_is_in_use() -> None:
    backend = made(Memory())
    missing = (Missing(store="files", kind="file", name="a", reason="gone"),) * 3
    tiers = {"resources": {**RESOURCES, "objects": 1, "types": {"app": 1}}}
    sealed(backend, FILES, "night", missing=missing, tiers=tiers)
    (listed,) = opened(backend).scan()[0]
    assert (listed.catalog.state, len(listed.catalog.missing)) == ("partial", 1)
    used = listed.in_use()
    assert used.catalog.missing == missing
    assert used.catalog.tiers["resources"]["types"] == {"app": 1}
    assert used.catalog.serialise() == get(backend, f"backups/{found(backend, 'night').seal.backup}/catalog.json")
    assert (used.owner, used.is_foreign, used.unique_bytes, used.parent) == ("", False, None, "memory://")


def test_holds() -> None:
    backend = made(Memory())
    backup = sealed(backend, FILES, "night")
    place = opened(backend)
    place.hold(backup, "before the upgrade")
    held = place.holds().of(backup.catalog)
    assert held is not None
    assert held.reason == "before the upgrade"
    place.unhold(backup)
    assert place.holds().of(backup.catalog) is None
    with pytest.raises(UsageError, match="not held"):
        place.unhold(backup)


def test_a_hold_of_what_a_prune_has_forgotten_meanwhile_is_not_said_to_hold_it() -> None:
    backend = made(Memory())
    backup = sealed(backend, FILES, "night")
    backend.delete(backup.seal.backup.seal)
    with pytest.raises(DamageError, match="night was forgotten meanwhile") as caught:
        opened(backend).hold(backup, "before the upgrade")
    assert "unforget" in caught.value.hint


def test_names_of_files_that_are_not_there_are_damage() -> None:
    backup = sealed(made(Memory()), FILES)
    with pytest.raises(DamageError, match="no such file"), backup.reading("other"):
        pytest.fail("there is none")


# ---- how much is looked at


def test_a_share_is_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    backup = sealed(made(Memory()), {f"files/{number}": b"%d" % number for number in range(400)})
    monkeypatch.setattr("kubectl_lrs.repository.pool.backup.random", random)
    counts = {}
    for share in (0.0, 0.25, 1.0):
        sizes: list[int] = []
        assert list(backup.damages(sizes.append, share=share)) == []
        counts[share] = len(sizes)
    assert counts[0.0] == 0
    assert counts[1.0] == 400
    assert 40 < counts[0.25] < 200
    assert PooledBackup.unread(ALL) == ""
    assert "not read" in PooledBackup.unread(0.0)
    assert "25%" in PooledBackup.unread(0.25)


def test_an_index_that_speaks_of_other_objects_than_the_refs() -> None:
    """Both are as their seal says, and contradict each other: prune would remove what the index needs."""
    backend = made(Memory())
    one, other = sealed(backend, FILES, "one"), sealed(backend, {"x": os.urandom(2 * SMALL)}, "other")
    refs = get(backend, other.seal.backup.key("refs.gz"))
    key = one.seal.backup.key("refs.gz")
    backend.place(key, refs, {}, replace=True)
    object.__setattr__(one.seal, "objects", {**one.seal.objects, "refs.gz": other.seal.objects["refs.gz"]})
    assert [each.path for each in one.damages()] == ["refs.gz"]


# ---- what a new run may use


def test_groups_have_a_newest_one_each() -> None:
    backend = made(Memory())
    now = datetime.now(timezone.utc)
    for name, days, uid in (("a1", 3, "a"), ("a2", 1, "a"), ("b1", 2, "b")):
        sealed(backend, FILES, name, instant=now - timedelta(days=days), cluster=Cluster(server="https://x", uid=uid))
    seals = [each.seal for each in reversed(opened(backend).scan()[0]) if isinstance(each, PooledBackup)]
    assert [each.backup.name for each in reuse.newest_of_groups(seals)] == ["a2", "b1"]


def test_a_log_says_what_is_there_and_only_that_is_believed() -> None:
    backend = made(Memory())
    sealed(backend, FILES, "night")
    entries = list(found(backend, "night").entries())
    (blob,) = (key for key in pooled(backend) if key.startswith("blobs/"))
    lost = blob.replace("blobs/", "blobs/")[:-1] + ("0" if blob[-1] != "0" else "1")
    log = reuse.log([each._replace(path="") for each in entries], [(blob, backend.stat(blob).size), (lost, 5)])
    backend.place(f"sessions/{'1' * 32}-0.gz", log, {}, replace=False)
    ledger = Ledger()
    reuse.learn(backend, ledger, [])
    for each in entries:
        known = ledger.content(each.sha256)
        assert known is not None
        assert not known.is_new
    assert ledger.blob(blob.split("/")[2].split(".")[0]) == blob
    ledger.close()


def test_a_backup_whose_index_is_damaged_is_no_help_and_no_harm() -> None:
    backend = made(Memory())
    before = sealed(backend, FILES, "before")
    backend.place(before.seal.backup.key("blocks.json"), b"x", {}, replace=True)
    assert content(sealed(backend, FILES, "night")) == FILES


def test_so_many_files_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = made(Memory())
    now = datetime.now(timezone.utc)
    for days in (3, 2, 1):
        files = {f"{days}/{number}": os.urandom(SMALL) for number in range(3)}
        sealed(backend, files, f"night-{days}", instant=now - timedelta(days=days))
    monkeypatch.setattr(reuse, "FILES", 4)
    seals = [each.seal for each in reversed(opened(backend).scan()[0]) if isinstance(each, PooledBackup)]
    ledger = Ledger()
    reuse.learn(backend, ledger, seals)
    known = [
        each.path
        for seal in seals
        for each in PooledBackup(opened(backend).pool, seal, grace=1).entries()
        if ledger.content(each.sha256)
    ]
    assert known == ["1/0", "1/1", "1/2", "2/0"]
    ledger.close()


def test_of_two_that_began_in_one_second_each_run_finds_its_own() -> None:
    memory = Memory()
    made(memory)
    writers = [begun(memory, "lrs_backup_2026_11_28_02_00_00") for _ in range(2)]
    for number, writer in enumerate(writers):
        writer.write("which", bytes((number,)))
        writer.seal(catalog(writer))
        writer.settle(Notes())
    with pytest.raises(UsageError, match="more than one backup is called"):
        found(memory, writers[0].name)
    for number, writer in enumerate(writers):
        backup = found(memory, writer.location)
        with backup.reading("which") as file:
            assert (backup.location, file.read()) == (writer.location, bytes((number,)))
