"""Prune of a pool as one run after the other: what goes when, and that nothing goes where something cannot be told."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from kubectl_lrs.backends.base import Written, get, put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError, DeniedError, LrsError, UnreachableError, UsageError
from kubectl_lrs.repository.pool import condemned, holds
from kubectl_lrs.repository.pool.condemned import Name
from kubectl_lrs.repository.pool.layout import REFS, RESERVE, BackupId, segment_list, session_log
from kubectl_lrs.repository.pool.mark import put_reserve
from kubectl_lrs.repository.pool.removal import Done, LostError, Removal
from kubectl_lrs.repository.pool.sight import PoolHandle, look
from kubectl_lrs.repository.pool.survey import LACKING, survey
from kubectl_lrs.repository.pool.unforget import unforget
from kubectl_lrs.runtime import retry
from tests.builders.pooled import GRACE, catalog_of, lost, place_of, put_content, seal, write_backup
from tests.unit.repository.pool.sizes import RESERVE_SIZE

HOUR = 3600.0
START = 1_790_000_000.0


class Store:
    """A repository in memory with a clock that is set."""

    def __init__(self, backend: Memory | None = None) -> None:
        self.time = START
        self.backend = backend or Memory()
        self.backend.clock = lambda: self.time
        self.place = place_of(self.backend)

    def write(self, name: str, *contents: bytes) -> BackupId:
        return write_backup(self.place, name, contents, catalog_of(name, self.time))

    def prune(self, going: Iterable[BackupId] = ()) -> Done:
        going = list(going)
        sight = look(self.place)
        removal = Removal(self.place, sight, survey(self.place, sight, going))
        removal.sweep()
        for each in going:
            removal.forget(each)
        removal.mark(going)
        removal.restore_reserve()
        assert not list(lost(self.place))
        return removal.done

    def there(self, prefix: str = "") -> list[str]:
        return [stat.key for stat in self.backend.list(prefix)]

    def contents(self) -> set[bytes]:
        return {get(self.backend, key) for key in self.there("blobs/")}


@pytest.fixture
def store() -> Store:
    return Store()


def test_nothing_of_nothing(store: Store) -> None:
    done = store.prune()
    assert (done.swept.objects, done.condemned.objects, done.matures, done.remarks) == (0, 0, None, [])
    assert store.there() == [RESERVE]


def test_what_only_the_forgotten_one_has_goes_a_grace_time_later(store: Store) -> None:
    first = store.write("first", b"shared", b"old")
    store.write("second", b"shared", b"new")
    done = store.prune([first])
    assert done.condemned.objects == 4  # one content, and three objects beside the pool
    assert done.matures == START + GRACE
    assert store.contents() == {b"shared", b"old", b"new"}
    assert first.seal not in store.there()
    store.time += GRACE - 1
    assert store.prune().swept.objects == 0
    store.time += 1
    assert store.prune().swept == done.condemned
    assert store.contents() == {b"shared", b"new"}
    assert not store.there(first.key(""))


def test_after_some_prunes_nothing_is_left_of_what_is_over(store: Store) -> None:
    first = store.write("first", b"old")
    put_content(store.backend, b"of a killed run")
    put(store.backend, session_log("1" * 32, 0), b"")
    put(store.backend, segment_list("3" * 32, 0), b"")
    put(store.backend, BackupId("killed", "2" * 32).key(REFS), b"")
    holds.Reading(store.backend, catalog_of("another", START))
    store.prune([first])
    for _ in range(5):
        store.time += GRACE
        store.prune()
    assert store.there() == [RESERVE]


def test_lists_of_segments_stay_while_one_of_their_run_is_still_marked(store: Store) -> None:
    lists = {put(store.backend, segment_list("3" * 32, number), b"").stat.key for number in range(2)}
    store.time += GRACE - 1
    marks = {put(store.backend, session_log("3" * 32, 0), b"").stat.key}
    store.time += GRACE - 1
    store.prune()
    assert lists | marks <= {*store.there()}
    store.time += 1
    store.prune()
    assert not (lists | marks) & {*store.there()}


def test_what_a_run_has_uploaded_that_is_not_sealed_yet_is_left_to_it_for_the_grace_time(store: Store) -> None:
    put_content(store.backend, b"of a run")
    store.time += GRACE - 1
    assert store.prune().condemned.objects == 0
    store.time += 1
    assert store.prune().condemned.objects == 1


def test_what_is_condemned_and_used_again_stays(store: Store) -> None:
    first = store.write("first", b"content")
    sight = look(store.place)
    found = survey(store.place, sight, [first])
    store.prune([first])
    second = store.write("second", b"content")  # it does not use what is condemned
    assert len(store.there("blobs/")) == 2
    store.time += GRACE
    store.prune()
    assert len(store.there("blobs/")) == 1
    assert look(store.place).sealed.keys() == {second}
    assert found.condemned.total.objects == 4


def test_a_backup_that_comes_between_the_plan_and_the_sweep_keeps_what_it_needs(store: Store) -> None:
    """By a seal within its time; its look was before the list was there."""
    ref = put_content(store.backend, b"content")
    store.time += GRACE
    checked = store.time
    store.prune()
    store.time += GRACE
    sight = look(store.place)
    removal = Removal(store.place, sight, survey(store.place, sight, []))
    assert removal._plan.sweep.objects == 1
    made = Store(store.backend)
    made.time = checked + GRACE / 2
    seal(made.place, "late", [ref], checked)
    store.backend.clock = lambda: store.time
    removal.sweep()
    assert store.contents() == {b"content"}
    assert not list(lost(store.place))


def test_a_late_seal_counts_only_while_all_is_there(store: Store) -> None:
    ref = put_content(store.backend, b"content")
    checked = store.time
    store.time += GRACE
    with pytest.raises(LrsError, match="late"):
        seal(store.place, "late", [ref], checked)
    (late,) = look(store.place).sealed.values()
    assert late.is_late
    store.prune()
    assert store.there("condemned/") == []
    store.backend.delete(store.there("blobs/")[0])
    sight = look(store.place)
    assert (len(sight.sealed), len(sight.broken)) == (0, 1)
    for _ in range(4):
        store.time += GRACE
        store.prune()
    assert store.there() == [RESERVE]


def test_what_a_late_seal_alone_needs_stays_and_stays_condemned(store: Store) -> None:
    ref = put_content(store.backend, b"content")
    checked = store.time
    store.time += GRACE
    store.prune()
    store.time += GRACE
    with pytest.raises(LrsError, match="late"):
        seal(store.place, "late", [ref], checked)
    for _ in range(3):
        store.time += GRACE
        store.prune()
        assert store.contents() == {b"content"}
        assert len(condemned.lists(store.backend)) == 1


# ---- what cannot be told


def _alter(store: Store, key: str) -> None:
    data = bytearray(get(store.backend, key))
    data[len(data) // 2] ^= 1
    put(store.backend, key, bytes(data), replace=True)


@pytest.mark.parametrize(
    ("what", "how"),
    [
        ("seal", "altered"),
        ("refs", "altered"),
        ("refs", "gone"),
        ("list", "altered"),
        ("hold", "altered"),
        ("forgotten", "altered"),
    ],
)
def test_nothing_is_removed_while_one_of_them_cannot_be_read(store: Store, what: str, how: str) -> None:
    first = store.write("first", b"old")
    second = store.write("second", b"new")
    store.prune([first])
    holds.hold(store.backend, catalog_of("second", START), "kept")
    store.time += GRACE
    key = {
        "seal": second.seal,
        "refs": second.key(REFS),
        "list": store.there("condemned/")[0],
        "hold": store.there("holds/")[0],
        "forgotten": first.forgotten,
    }[what]
    if how == "altered":
        _alter(store, key)
    else:
        store.backend.delete(key)
    before = store.there()
    with pytest.raises((DamageError, UsageError)) as caught:
        store.prune([second])
    assert key in str(caught.value)
    assert store.there() == before


def test_one_of_a_newer_version(store: Store) -> None:
    first = store.write("first", b"old")
    data = get(store.backend, first.seal).replace(b'"formatVersion": 2', b'"formatVersion": 3')
    put(store.backend, first.seal, data, replace=True)
    with pytest.raises(UsageError, match="newer"):
        store.prune()


def test_a_damaged_one_that_comes_after_the_plan(store: Store) -> None:
    first = store.write("first", b"old")
    store.prune([first])
    store.time += GRACE
    sight = look(store.place)
    removal = Removal(store.place, sight, survey(store.place, sight, []))
    _alter(store, store.write("new", b"new").key(REFS))
    before = store.there()
    with pytest.raises(DamageError):
        removal.sweep()
    assert store.there() == before


def test_a_clock_that_went_back_sweeps_and_condemns_nothing(store: Store) -> None:
    first = store.write("first", b"old")
    store.prune([first])
    store.time += GRACE
    second = store.write("second", b"new")
    store.time += 10 * GRACE
    third = store.write("third", b"newest")
    store.time -= 9 * GRACE
    done = store.prune([second])
    assert (done.swept.objects, done.condemned.objects) == (0, 0)
    assert any(third.key("") in each and "clock" in each for each in done.remarks)


def test_backups_that_lack_something_are_named(store: Store) -> None:
    first = store.write("first", b"shared", b"old")
    second = store.write("second", b"shared", b"new")
    gone = next(key for key in store.there("blobs/") if get(store.backend, key) == b"shared")
    store.backend.delete(gone)
    sight = look(store.place)
    assert survey(store.place, sight, [first]).lacking == {first: 1, second: 1}


def test_a_pool_that_lacks_too_much_is_not_judged(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubectl_lrs.repository.pool.survey.LACKING", 1)
    assert LACKING > 1
    store.write("first", b"a", b"b", b"c")
    for key in store.there("blobs/"):
        store.backend.delete(key)
    with pytest.raises(DamageError, match="3 objects"):
        store.prune()


class Forgetful(Memory):
    """It says that it deletes, and does not."""

    def delete(self, key: str) -> None:
        """Nothing."""


def test_a_deletion_that_is_taken_and_not_done() -> None:
    store = Store(Forgetful())
    first = store.write("first", b"old")
    with pytest.raises(LrsError, match="it is there"):
        store.prune([first])


def test_what_stands_where_the_seal_is_to_be_kept(store: Store) -> None:
    first = store.write("first", b"old")
    sight = look(store.place)
    removal = Removal(store.place, sight, survey(store.place, sight, [first]))
    put(store.backend, first.forgotten, b"{}")
    with pytest.raises(LrsError, match="not the seal"):
        removal.forget(first)
    assert first.seal in store.there()


# ---- holds, readers, others


def test_one_that_is_held_meanwhile_is_not_forgotten(store: Store) -> None:
    first = store.write("first", b"old")
    sight = look(store.place)
    removal = Removal(store.place, sight, survey(store.place, sight, [first]))
    holds.hold(store.backend, catalog_of("first", START), "needed")
    with pytest.raises(LostError, match="needed"):
        removal.forget(first)
    assert first.seal in store.there()


def test_one_that_is_read_is_not_forgotten_and_what_was_forgotten_and_is_read_is_not_swept(store: Store) -> None:
    first = store.write("first", b"old")
    catalog = catalog_of("first", START)
    reader = holds.Reading(store.backend, catalog)
    with pytest.raises(LostError, match="reads"):
        store.prune([first])
    reader.end()
    store.prune([first])
    store.time += GRACE - HOUR
    reader.renew()
    store.time += HOUR
    assert store.prune().swept.objects == 0
    assert store.contents() == {b"old"}
    store.time += GRACE
    assert store.prune().swept.objects == 4


def test_what_the_plan_keeps_and_another_prune_has_forgotten(store: Store) -> None:
    first, second = store.write("first", b"old"), store.write("second", b"new")
    sight = look(store.place)
    removal = Removal(store.place, sight, survey(store.place, sight, [first]))
    store.prune([second])
    with pytest.raises(LostError, match="second"):
        removal.forget(first, [second])


# ---- storages that refuse


class Denying(Memory):
    """It lets nobody delete, or only what is no seal."""

    allowed: Callable[[str], bool] = staticmethod(lambda _key: False)

    def delete(self, key: str) -> None:
        if not self.allowed(key):
            raise DeniedError(f"{key}: AccessDenied")
        super().delete(key)


def test_no_right_to_delete_is_said_and_nothing_is_condemned() -> None:
    store = Store(Denying())
    first = store.write("first", b"old")
    sight = look(store.place)
    removal = Removal(store.place, sight, survey(store.place, sight, [first]))
    with pytest.raises(DeniedError):
        removal.forget(first)
    removal.mark([])
    assert removal.done.denied
    assert store.there("condemned/") == []
    assert first.seal in store.there()


def test_no_right_to_delete_what_has_matured() -> None:
    backend = Denying()
    backend.allowed = lambda key: key.startswith("backups/")
    store = Store(backend)
    store.prune([store.write("first", b"old")])
    store.time += GRACE
    done = store.prune()
    assert done.denied
    assert store.contents() == {b"old"}
    assert done.swept.objects == 3
    assert len(condemned.lists(backend)) == 1
    backend.allowed = lambda _key: True
    store.prune()
    assert store.contents() == set()


def test_a_full_storage_gives_its_reserve_and_gets_it_back() -> None:
    store = Store(Memory(capacity=RESERVE_SIZE + 30_000))
    put_reserve(store.place.backend)
    first = store.write("first", bytes(10_000))
    put(store.backend, "filler", bytes(store.backend.free() or 0))
    done = store.prune([first])
    assert done.condemned.objects == 4
    assert any("reserve" in each for each in done.remarks)
    assert RESERVE not in store.there()
    store.time += GRACE
    assert store.prune().swept.objects == 4
    store.backend.delete("filler")
    assert store.prune().remarks == []
    assert RESERVE in store.there()


def test_no_room_and_no_reserve() -> None:
    store = Store(Memory(capacity=30_000))
    first = store.write("first", bytes(10_000))
    put(store.backend, "filler", bytes(store.backend.free() or 0))
    with pytest.raises(LrsError, match="no room"):
        store.prune([first])
    assert first.seal in store.there()


# ---- brought back


def test_what_was_forgotten_comes_back_under_a_session_of_its_own(store: Store) -> None:
    first = store.write("first", b"old")
    store.prune([first])
    back = unforget(store.place, "first")
    assert back.name == "first"
    assert back.session != first.session
    store.backend.delete(first.seal)  # a deletion that comes late
    for _ in range(4):
        store.time += GRACE
        store.prune()
    assert store.contents() == {b"old"}
    sight = look(store.place)
    assert list(sight.sealed) == [back]
    assert not sight.sealed[back].is_late


def test_a_seal_that_the_storage_makes_something_else_of_brings_nothing_back() -> None:
    class Altering(Memory):
        def place(self, key: str, data: bytes, *rest: Any, **more: Any) -> Written:
            is_meant = self.is_on and key.endswith("/backup.json")
            return replace(super().place(key, data[:-1] + b"?" if is_meant else data, *rest, **more), is_proven=False)

        is_on = False

    backend = Altering()
    store = Store(backend)
    first = store.write("first", b"old")
    store.prune([first])
    backend.is_on = True
    with pytest.raises(LrsError, match="something else than the seal"):
        unforget(store.place, "first")


def test_what_was_forgotten_too_long_ago_does_not(store: Store) -> None:
    first = store.write("first", b"old")
    store.prune([first])
    store.time += GRACE / 2
    with pytest.raises(LrsError, match="24 hours"):
        unforget(store.place, "first")


def test_what_is_deleted_already_does_not(store: Store) -> None:
    first = store.write("first", b"old")
    store.prune([first])
    store.backend.delete(store.there("blobs/")[0])
    with pytest.raises(LrsError, match="1 objects"):
        unforget(store.place, str(first))


def test_what_is_there_does_not(store: Store) -> None:
    store.prune([store.write("first", b"old")])
    unforget(store.place, "first")
    with pytest.raises(UsageError, match="is there as first"):
        unforget(store.place, "first")


def test_what_never_was_does_not(store: Store) -> None:
    store.prune([store.write("first", b"old")])
    with pytest.raises(UsageError, match="no backup 'x'") as caught:
        unforget(store.place, "x")
    assert "first" in caught.value.hint


def test_a_name_that_was_forgotten_twice(store: Store) -> None:
    one, two = store.write("first", b"old"), store.write("first", b"new")
    store.prune([one, two])
    with pytest.raises(UsageError, match="2 times"):
        unforget(store.place, "first")
    assert unforget(store.place, str(two)).name == "first"


def test_places_are_told_apart(store: Store) -> None:
    store.write("first", b"old")
    other = replace_repository(store.place)
    with pytest.raises(DamageError, match="another repository"):
        look(other)


def replace_repository(place: PoolHandle) -> PoolHandle:
    return place._replace(repository="another")


def test_of_a_list_the_sum_is_of_all_of_it(store: Store) -> None:
    store.prune([store.write("first", b"old")])
    (key,) = store.there("condemned/")
    put(store.backend, key, gzip.compress(gzip.decompress(get(store.backend, key))[:-10]), replace=True)
    with pytest.raises(DamageError):
        store.prune()


class Stuck(Memory):
    """It deletes nothing any more; each key that it was asked to delete is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.is_stuck = False
        self.asked: list[str] = []

    def delete(self, key: str) -> None:
        if self.is_stuck:
            self.asked.append(key)
            raise UnreachableError("HTTP 500")
        super().delete(key)


def test_late_seals_that_cannot_be_deleted_are_not_tried_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry.Outage.__init__, "__defaults__", (0.0,))
    backend = Stuck()
    store = Store(backend)
    names = [Name(BackupId(f"late-{number}", f"{number:032x}").seal, 1) for number in range(20)]
    sight = look(store.place)
    removal = Removal(store.place, sight, survey(store.place, sight, []))
    for each in names:
        put(backend, each.key, b"late")
    backend.is_stuck = True
    assert removal._deleted(names) is False
    assert 0 < len(backend.asked) < 10
    assert removal.standstill
