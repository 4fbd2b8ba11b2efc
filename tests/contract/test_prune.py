"""Prune as a whole: what is a group, whose backups count, and what is looked at again before a removal."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.catalog import Cluster, Missing
from kubectl_lrs.model.errors import ExitCode, LrsError, UsageError
from kubectl_lrs.model.retention import Rules
from kubectl_lrs.render.prune import prune_plan_view, prune_question, prune_remarks, prune_report_view
from kubectl_lrs.repository.plain import prune as module
from kubectl_lrs.repository.plain.holds import hold
from kubectl_lrs.repository.plain.prune import PlainPruner
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.pruning import Weight
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.usecases.prune import PrunePlan, PruneReport, PruneResult, apply
from kubectl_lrs.usecases.prune import plan_forget as forget_of
from kubectl_lrs.usecases.prune import plan_prune as prune_of
from tests.builders.sealing import RESOURCES, nights, sealed, told

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    nights(tmp_path / "backups", 5)
    return tmp_path / "backups"


def plan_prune(place: Path, rules: Rules) -> PrunePlan:
    return prune_of(PlainPruner(place), rules)


def plan_forget(place: Path, names: Sequence[str]) -> PrunePlan:
    return forget_of(PlainPruner(place), names)


def _gone(plan: PrunePlan) -> list[str]:
    return [step.name for step in plan.to_remove]


def _names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir() if not path.name.startswith(".lrs_hold_"))


def _applied(plan: PrunePlan, stop: Cancel | None = None) -> PruneReport:
    return apply(plan, stop or Cancel(), Silent())


def test_plan_is_what_is_applied(place: Path) -> None:
    plan = plan_prune(place, Rules(last=3))
    assert _gone(plan) == ["night-4", "night-3"]
    assert _names(place) == [f"night-{number}" for number in range(5)], "a plan removes nothing"
    report = _applied(plan)
    assert [(each.name, each.result) for each in report.outcomes] == [
        ("night-4", PruneResult.REMOVED),
        ("night-3", PruneResult.REMOVED),
    ]
    assert report.exit_code() is ExitCode.DONE
    assert _names(place) == ["night-0", "night-1", "night-2"]
    assert [list(folder.damages()) for folder in PlainRepository(place).scan()[0]] == [[], [], []]


def test_groups(place: Path) -> None:
    nights(place, 3, prefix="other", cluster=Cluster(server="https://127.0.0.1", uid="another"))
    nights(place, 3, prefix="full", profile="complete")
    nights(place, 3, prefix="levels", levels={"mongo": "minimum"})
    nights(place, 3, prefix="narrow", selection={**nights(place / "x", 1)[0].catalog.selection, "namespace": "n"})
    plan = plan_prune(place, Rules(last=1, minimum=0))
    kept = sorted(step.name for step in plan.steps if step.is_kept)
    assert kept == ["full-0", "levels-0", "narrow-0", "night-0", "other-0"]
    assert len(plan.thinned) == 5


def test_the_last_that_holds_any_of_much_is_named_and_left_to_a_person(tmp_path: Path) -> None:
    """Nights after a database was emptied are whole, and take the place of those before."""
    place = tmp_path / "backups"
    tiers = {"resources": {**RESOURCES, "objects": 5}, "mongo": {"documents": 0}}
    held = {**tiers, "mongo": {"documents": 1000}}
    for number, folder in enumerate(reversed(nights(place, 6))):
        told(folder, tiers=held if number > 2 else tiers)
    assert plan_prune(place, Rules(last=4)).last_holding == [], "one that stays has them"
    plan = plan_prune(place, Rules(last=3))
    assert [(step.name, words) for step, words in plan.last_holding] == [("night-3", ["1,000 documents"])]
    assert any("night-3 goes, and holds 1,000 documents" in line for line in prune_remarks(plan))
    assert plan_prune(place, Rules(last=3, minimum=6)).last_holding == []


def test_levels_of_nothing_make_no_group(place: Path) -> None:
    nights(place, 2, prefix="more", levels={"mongo": "none", "images": "none"})
    assert len({step.decision.candidate.group for step in plan_prune(place, Rules(last=1)).steps}) == 1


def test_partial_empty_and_future_ones(place: Path) -> None:
    for folder in PlainRepository(place).scan()[0][-2:]:
        told(folder, missing=(Missing(store="files", kind="file", name="a", reason="gone"),))
    nights(place, 1, prefix="future", instant=datetime.now(timezone.utc) + timedelta(days=9))
    told(sealed(place, lambda _writer: None, "empty"), instant=datetime.now(timezone.utc))
    plan = plan_prune(place, Rules(last=2))
    assert _gone(plan) == ["night-4", "empty"]
    assert [line for line in prune_remarks(plan) if "future-0 is dated later than now" in line]


@as_root
@pytest.mark.parametrize("whose", ["foreign", "writable"])
def test_planted_ones_push_none_of_ours_out(place: Path, whose: str) -> None:
    for folder in nights(place, 5, prefix="planted", instant=datetime.now(timezone.utc)):
        if whose == "foreign":
            os.chown(folder.path, NOBODY, NOBODY)
        else:
            folder.path.chmod(0o777)
    plan = plan_prune(place, Rules(last=3))
    assert _gone(plan) == ["night-4", "night-3"]
    assert sorted(each.name for each in plan.left_alone) == [f"planted-{number}" for number in range(5)]
    _applied(plan)
    assert len(_names(place)) == 8


@pytest.mark.parametrize("lost", ["backup.json", "SHA256SUMS"])
def test_damaged_one_is_left_alone_and_counts_for_nothing(place: Path, lost: str) -> None:
    (place / "night-0" / lost).unlink()
    plan = plan_prune(place, Rules(last=2))
    assert _gone(plan) == ["night-4", "night-3"]
    assert [line for line in prune_remarks(plan) if line.startswith("warning: left alone: night-0")]


def test_hold(place: Path) -> None:
    catalog = PlainRepository(place).find("night-4").catalog
    hold(place, catalog, "audit")
    assert _gone(plan_prune(place, Rules(last=3))) == ["night-3"]
    with pytest.raises(UsageError, match="night-4 is held: audit"):
        plan_forget(place, ["night-3", "night-4"])


def test_hold_that_came_after_the_plan(place: Path) -> None:
    plan = plan_prune(place, Rules(last=3))
    hold(place, PlainRepository(place).find("night-4").catalog, "wait")
    report = _applied(plan)
    assert [each.result for each in report.outcomes] == [PruneResult.KEPT, PruneResult.REMOVED]
    assert (report.exit_code(), "held by now: wait" in report.outcomes[0].message) == (ExitCode.PARTIAL, True)


def test_two_plans_do_not_remove_each_others_rest(place: Path) -> None:
    """One keeps the newest, the other the oldest; the second run finds gone what it counts on."""
    newest = plan_prune(place, Rules(last=1, minimum=1))
    oldest = plan_prune(place, Rules(names=frozenset(("night-4",)), minimum=0))
    _applied(newest)
    report = _applied(oldest)
    assert _names(place) == ["night-0"]
    assert {each.result for each in report.outcomes} == {PruneResult.KEPT}
    assert report.exit_code() is ExitCode.FAILED


def test_one_run_at_a_time(place: Path) -> None:
    plan = plan_prune(place, Rules(last=1))
    with module.opened(place) as parent, module.alone(parent), pytest.raises(LrsError, match="another run removes"):
        _applied(plan)
    assert len(_names(place)) == 5
    _applied(plan)


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOLCK, errno.EBADF])
def test_file_system_without_locks(place: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def flock(_file: object, _what: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    assert _applied(plan_prune(place, Rules(last=3))).exit_code() is ExitCode.DONE


def test_what_is_gone_already(place: Path) -> None:
    plan = plan_forget(place, ["night-3", "night-4"])
    _applied(plan_forget(place, ["night-4"]))
    report = _applied(plan)
    assert [(each.name, each.result) for each in report.outcomes] == [
        ("night-4", PruneResult.FAILED),
        ("night-3", PruneResult.REMOVED),
    ]
    assert report.exit_code() is ExitCode.PARTIAL


def test_interrupted(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, remove = Cancel(), module.remove

    def told_to_end(*arguments: Any) -> list[str]:
        stop.set()
        return remove(*arguments)

    monkeypatch.setattr(module, "remove", told_to_end)
    report = _applied(plan_prune(place, Rules(last=1)), stop)
    assert [each.result for each in report.outcomes] == [PruneResult.REMOVED, PruneResult.NOT_TRIED, PruneResult.NOT_TRIED]
    assert (report.exit_code(), report.interrupted) == (ExitCode.INTERRUPTED, True)
    assert "interrupted" in prune_report_view(report).after[0]


def test_names_that_are_none(place: Path) -> None:
    for names in (["night-9"], ["latest"], [str(place / "night-1")], ["../backups/night-1"], [".."]):
        with pytest.raises(UsageError, match="not found"):
            plan_forget(place, names)
        with pytest.raises(UsageError, match="not found"):
            plan_prune(place, Rules(names=frozenset(names)))
    for name, hint in (("nigth-1", "there is night-1, "), ("latest", "list shows the names; ")):
        with pytest.raises(UsageError) as caught:
            plan_forget(place, [name])
        assert caught.value.hint.startswith(hint)
    with pytest.raises(UsageError, match="no such folder"):
        plan_prune(place / "none", Rules(last=1))
    assert len(_names(place)) == 5


def test_last_whole_one_is_said(place: Path) -> None:
    plan = plan_forget(place, [f"night-{number}" for number in range(5)])
    assert [line for line in prune_remarks(plan) if "night-0" in line and "last whole backup" in line]
    assert not [line for line in prune_remarks(plan_forget(place, ["night-0"])) if "last whole" in line]


def test_what_is_freed(place: Path) -> None:
    """What several of them share goes with the last of these."""
    sets = (["night-0"], ["night-0", "night-1"], _names(place))
    one, two, all_of_them = (plan_forget(place, names).weight().bytes for names in sets)
    assert one is not None
    assert two is not None
    assert all_of_them is not None
    assert two == pytest.approx(2 * one, abs=100)
    assert all_of_them == pytest.approx(5 * one + 10_000, abs=100)


def test_views(place: Path) -> None:
    hold(place, PlainRepository(place).find("night-4").catalog, "audit")
    plan = plan_prune(place, Rules(last=1, minimum=1))
    view = prune_plan_view(plan, Weight(bytes=3 << 20))
    assert [row[0] for row in view.rows] == [f"night-{number}" for number in range(5)]
    assert view.rows[-1][-2:] == ("keep", "held: audit")
    assert view.rows[0][-1] == "last, minimum"
    assert view.names == ["night-3", "night-2", "night-1"]
    assert view.data["backups"][-1]["reasons"] == ["held: audit"]
    assert "3 to remove, which frees 3.0 MiB" in view.after[0]
    assert "Remove 3 backups" in prune_question(plan, Weight(bytes=None))
    assert len(prune_plan_view(plan_forget(place, ["night-1"]), Weight(bytes=None)).rows) == 1
    assert "Remove night-1 from" in prune_question(plan_forget(place, ["night-1"]), Weight(bytes=5))
    done = prune_report_view(_applied(plan))
    assert (done.names, done.data["counts"]["removed"]) == (["night-3", "night-2", "night-1"], 3)
    assert "3 removed; 2 stay" in done.done
    assert prune_report_view(_applied(plan_prune(place, Rules(last=1)))).after[0].endswith("nothing to remove; 2 stay")


def test_one_that_is_read_stays(place: Path) -> None:
    """A restore may take hours, and a nightly prune comes in between."""
    directory = PlainRepository(place)
    read = [directory.find("night-4"), directory.find(str(place / "night-3"))]
    report = _applied(plan_prune(place, Rules(last=2)))
    told = {each.name: (each.result, each.message) for each in report.outcomes}
    assert told["night-2"] == (PruneResult.REMOVED, "")
    for name in ("night-4", "night-3"):
        assert told[name] == (PruneResult.KEPT, "another run reads it; prune again when that is done")
    assert report.exit_code() is ExitCode.PARTIAL
    read.clear()
    assert _applied(plan_prune(place, Rules(last=2))).exit_code() is ExitCode.DONE
    assert _names(place) == ["night-0", "night-1"]
