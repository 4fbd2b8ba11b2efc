"""Prune of a pool as a whole: what is believed, what is told, and the exit status for what was not done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from kubectl_lrs.backends.base import NoSpaceError, Versions, put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError, DeniedError, ExitCode, UnreachableError, UsageError
from kubectl_lrs.model.retention import Rules
from kubectl_lrs.render.prune import prune_plan_view, prune_question, prune_remarks, prune_report_remarks, prune_report_view
from kubectl_lrs.repository.pool import holds
from kubectl_lrs.repository.pool.layout import BackupId
from kubectl_lrs.repository.pool.prune import PoolPruner
from kubectl_lrs.repository.pool.sight import PoolHandle
from kubectl_lrs.repository.pruning import PruneResult
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.usecases.prune import PrunePlan, PruneReport, apply, plan_forget, plan_prune
from tests.builders.pooled import GRACE, catalog_of, lost, place_of, write_backup

START = 1_790_000_000.0
DAY = timedelta(days=1)


class Faulty(Memory):
    """`fails`: what a request raises, by what it does and the key; None where it is done."""

    fails: Callable[[str, str], Exception | None] = staticmethod(lambda _what, _key: None)

    def _may(self, what: str, key: str) -> None:
        if error := self.fails(what, key):
            raise error

    def delete(self, key: str) -> None:
        self._may("delete", key)
        super().delete(key)

    def place(self, key: str, data: bytes, attributes: Any, *, replace: bool) -> Any:
        self._may("put", key)
        return super().place(key, data, attributes, replace=replace)


class Nights:
    """A repository with backups of five nights, the newest the last."""

    def __init__(self, start: float = START) -> None:
        self.time = start
        self.backend = Faulty(clock=lambda: self.time)
        self.place: PoolHandle = place_of(self.backend)
        self.backups: list[BackupId] = []
        for number in range(5):
            self.write(f"night-{number}", b"shared", b"%d" % number)
            self.time += 86400

    def write(self, name: str, *contents: bytes, **more: Any) -> BackupId:
        self.backups.append(write_backup(self.place, name, contents, catalog_of(name, self.time, **more)))
        return self.backups[-1]

    def plan(self, **rules: Any) -> PrunePlan:
        return plan_prune(PoolPruner(self.place), Rules(**rules))

    def apply(self, plan: PrunePlan, stop: Cancel | None = None) -> PruneReport:
        report = apply(plan, stop or Cancel(), Silent())
        assert not list(lost(self.place))
        return report

    def there(self) -> list[str]:
        return [each.name for each in PoolPruner(self.place).look().backups]


@pytest.fixture
def nights() -> Nights:
    return Nights()


def results(report: PruneReport) -> dict[str, PruneResult]:
    return {each.name: each.result for each in report.outcomes}


def test_the_plan_is_what_is_applied(nights: Nights) -> None:
    plan = nights.plan(last=3)
    weight = plan.weight()
    assert [each.name for each in plan.to_remove] == ["night-0", "night-1"]
    assert len(nights.there()) == 5, "a plan removes nothing"
    report = nights.apply(plan)
    assert results(report) == {"night-0": PruneResult.REMOVED, "night-1": PruneResult.REMOVED}
    assert report.exit_code() is ExitCode.DONE
    assert report.pool
    assert report.pool.condemned == weight.condemned
    assert report.pool.condemned.objects == 8
    assert report.pool.matures == datetime.fromtimestamp(nights.time + GRACE, timezone.utc)
    assert nights.there() == ["night-2", "night-3", "night-4"]
    nights.time += GRACE
    plan = nights.plan(last=3)
    assert plan.weight().swept == weight.condemned
    after = nights.apply(plan)
    assert after.pool
    assert after.pool.swept == weight.condemned
    assert after.exit_code() is ExitCode.DONE


def test_views(nights: Nights) -> None:
    plan = nights.plan(last=3)
    view = prune_plan_view(plan, plan.weight())
    assert any("8 objects" in line and "48 hours later" in line for line in view.after)
    assert view.data["condemned"]["objects"] == 8
    assert prune_question(plan, plan.weight()) == "Remove 2 backups from memory://?"
    done = prune_report_view(nights.apply(plan))
    assert done.data["condemned"]["objects"] == 8
    assert done.data["matures"]
    assert any(line.startswith("condemned now: 8 objects") and "a prune after" in line for line in done.after)


@pytest.mark.parametrize(
    ("ago", "doubt"),
    [(-2 * DAY, "later than it was stored"), (8 * DAY, "more than a week before"), (6 * DAY, ""), (-timedelta(seconds=30), "")],
)
def test_instants_that_cannot_be_believed(nights: Nights, ago: timedelta, doubt: str) -> None:
    nights.write("strange", b"strange", ago=ago)
    plan = nights.plan(last=2)
    (step,) = (each for each in plan.steps if each.name == "strange")
    assert doubt in step.found.doubt
    if doubt:
        assert [each.name for each in plan.to_remove] == ["night-0", "night-1", "night-2"]
        assert any("strange" in line and "counts for nothing" in line for line in prune_remarks(plan))
    else:
        assert not step.found.doubt


@pytest.mark.parametrize("years", [-20, 20])
def test_this_machines_clock_has_no_part_in_it(years: int) -> None:
    nights = Nights(START + years * 365 * 86400)
    nights.apply(nights.plan(last=3))
    nights.time += GRACE
    report = nights.apply(nights.plan(last=3))
    assert report.pool
    assert report.pool.swept.objects == 8


def test_a_damaged_one_pushes_nobody_out(nights: Nights) -> None:
    """Its objects are gone; who counts on it has not one whole backup left."""
    gone = [stat.key for stat in nights.backend.list("blobs/")]
    from kubectl_lrs.backends.base import get

    nights.backend.delete(next(key for key in gone if get(nights.backend, key) == b"4"))
    plan = nights.plan(last=2)
    assert [each.name for each in plan.to_remove] == ["night-0", "night-1"]
    assert any("night-4 is damaged: 1 objects" in line for line in prune_remarks(plan))
    assert sorted(each.name for each in plan.steps if each.is_kept) == ["night-2", "night-3", "night-4"]


def test_held_ones_stay(nights: Nights) -> None:
    holds.hold(nights.backend, catalog_of("night-0", START), "audit")
    assert [each.name for each in nights.plan(last=3).to_remove] == ["night-1"]
    with pytest.raises(UsageError, match="night-0 is held: audit"):
        plan_forget(PoolPruner(nights.place), ["night-0"])


def test_two_prunes_do_not_remove_each_others_rest(nights: Nights) -> None:
    newest = nights.plan(last=1, minimum=1)
    oldest = nights.plan(names=frozenset(("night-0",)), minimum=0)
    nights.apply(newest)
    report = nights.apply(oldest)
    gone = dict.fromkeys(("night-1", "night-2", "night-3"), PruneResult.FAILED)
    assert results(report) == {**gone, "night-4": PruneResult.KEPT}
    assert report.exit_code() is ExitCode.FAILED
    assert nights.there() == ["night-4"]


def test_no_right_to_delete(nights: Nights) -> None:
    nights.backend.fails = lambda what, key: DeniedError(f"{key}: AccessDenied") if what == "delete" else None
    report = nights.apply(nights.plan(last=3))
    assert set(results(report).values()) == {PruneResult.KEPT}
    assert all("no right to delete" in each.message for each in report.outcomes)
    assert report.exit_code() is ExitCode.FAILED
    assert len(nights.there()) == 5


def test_no_right_to_delete_what_has_matured(nights: Nights) -> None:
    nights.apply(nights.plan(last=3))
    nights.time += GRACE
    nights.backend.fails = lambda what, key: DeniedError(f"{key}: AccessDenied") if what == "delete" else None
    report = nights.apply(nights.plan(last=3))
    assert report.exit_code() is ExitCode.FAILED
    assert any("AccessDenied" in line for line in prune_report_remarks(report))


def test_a_storage_that_goes_away(nights: Nights) -> None:
    nights.backend.fails = lambda what, key: UnreachableError("it is gone") if what == "put" and "night-1" in key else None
    report = nights.apply(nights.plan(last=3))
    assert results(report) == {"night-0": PruneResult.REMOVED, "night-1": PruneResult.FAILED}
    assert report.exit_code() is ExitCode.PARTIAL
    assert report.pool
    assert report.pool.condemned.objects == 4, "only what the one that was forgotten had"


def test_a_list_that_cannot_be_written(nights: Nights) -> None:
    nights.backend.fails = lambda what, key: NoSpaceError("full") if what == "put" and key.startswith("condemned/") else None
    report = nights.apply(nights.plan(last=3))
    assert set(results(report).values()) == {PruneResult.REMOVED}
    assert report.exit_code() is ExitCode.PARTIAL
    nights.backend.fails = lambda _what, _key: None
    nights.time += GRACE
    assert nights.apply(nights.plan(last=3)).pool is not None
    nights.time += GRACE
    nights.apply(nights.plan(last=3))
    assert len(list(nights.backend.list("blobs/"))) == 4


def test_interrupted(nights: Nights) -> None:
    stop = Cancel()

    def told(what: str, key: str) -> None:
        if what == "delete" and "night-0" in key:
            stop.set()

    nights.backend.fails = told
    report = nights.apply(nights.plan(last=3), stop)
    assert results(report) == {"night-0": PruneResult.REMOVED, "night-1": PruneResult.NOT_TRIED}
    assert report.exit_code() is ExitCode.INTERRUPTED
    nights.backend.fails = lambda _what, _key: None
    assert nights.apply(nights.plan(last=3)).exit_code() is ExitCode.DONE


def test_nothing_at_all_while_a_seal_cannot_be_read(nights: Nights) -> None:
    put(nights.backend, nights.backups[2].seal, b"{}", replace=True)
    with pytest.raises(DamageError, match="night-2"):
        nights.plan(last=1)


def test_two_of_one_name_are_told_apart(nights: Nights) -> None:
    again = nights.write("night-4", b"again")
    names = {str(each) for each in (again, nights.backups[4])}
    assert names <= set(nights.there())
    report = nights.apply(plan_forget(PoolPruner(nights.place), [str(again)]))
    assert results(report) == {str(again): PruneResult.REMOVED}
    assert nights.there() == [f"night-{number}" for number in range(5)]


def test_a_late_seal_is_told_and_may_be_forgotten(nights: Nights) -> None:
    from kubectl_lrs.model.errors import LrsError
    from tests.builders.pooled import put_content, seal

    ref, checked = put_content(nights.backend, b"late"), nights.time
    nights.time += GRACE
    with pytest.raises(LrsError, match="late"):
        seal(nights.place, "late", [ref], checked)
    plan = nights.plan(last=5)
    assert any("late is sealed too late" in line for line in prune_remarks(plan))
    assert not plan.to_remove
    report = nights.apply(plan_forget(PoolPruner(nights.place), ["late"]))
    assert results(report) == {"late": PruneResult.REMOVED}


@pytest.mark.parametrize(("versions", "is_kept"), [(Versions.KEPT, True), (Versions.LOCKED, True), (Versions.GONE, False)])
def test_where_what_was_deleted_is_kept_that_is_told(nights: Nights, versions: Versions, is_kept: bool) -> None:
    nights.backend.versions = lambda: versions  # type: ignore[method-assign]
    told = []
    for _ in range(2):
        report = nights.apply(nights.plan(last=3))
        assert report.pool
        told.append(report.pool.kept_at)
        nights.time += GRACE
    assert told == ["", nights.backend.url if is_kept else ""], "only once something was deleted"
