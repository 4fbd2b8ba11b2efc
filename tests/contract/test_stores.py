"""What every store must do: collect, be read back, plan, apply what the plan says and nothing else, and leave what is theirs.

A store is a row in `tests/builders/benches.py`. The first one is a toy, which is registered by one line.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import ExitCode, LrsError
from kubectl_lrs.model.plan import DESTRUCTIVE, Action, ApplyOptions, Step, StorePlan
from kubectl_lrs.model.report import NOT_DONE, RESULT_OF, WRITTEN, Outcome, Report, Result
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.stores import STORES
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.base import Restorer
from kubectl_lrs.usecases.backup import back_up
from kubectl_lrs.usecases.making import Destination
from tests.bed.controlplane import ControlPlane
from tests.builders.benches import BENCHES, Bench, NoLrs
from tests.builders.toy import TOY
from tests.conftest import ROOT, Cli, Crd

OPTIONS = ApplyOptions(workers=4, timeout=60)
LRS = "resources"


@pytest.fixture(params=BENCHES)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store; the toy is one while the test lasts."""
    monkeypatch.setitem(STORES, "toy", TOY)
    return str(request.param)


@pytest.fixture
def bench(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """With a source in it."""
    return BENCHES[name](request, tmp_path)


@pytest.fixture
def saved(name: str, bench: Bench, tmp_path: Path) -> SealedFolder:
    """A backup of it, sealed and whole."""
    part = LRS if name == "lrs" else name
    path, catalog = back_up(
        {LRS: NoLrs(), part: bench.collector()},
        destination=Destination(repository=PlainRepository(tmp_path / "backups"), name="saved"),
        cluster=Cluster(server="https://bench"),
        selection=Selection(),
        profile="lrs",
        levels={},
        progress=Silent(),
    )
    assert catalog.state == "whole"
    folder = SealedFolder.open(Path(path))
    assert list(folder.damages()) == []
    assert folder.catalog.tiers[part]
    return folder


def _planned(restorer: Restorer) -> StorePlan:
    plan = restorer.plan(Silent())
    assert plan.store == restorer.name
    assert {step.store for step in plan.steps} <= {plan.store}
    assert len({step.key for step in plan.steps}) == len(plan.steps), "one step for each thing"
    return plan


def _applied(restorer: Restorer, plan: StorePlan, *, dry_run: bool = False) -> Report:
    """By an object that has not made the plan."""
    report = Report(source="saved", target=plan.target)
    restorer.apply(plan, dataclasses.replace(OPTIONS, dry_run=dry_run), report, Silent())
    return report


def _results(report: Report) -> dict[str, Result]:
    return {outcome.key: outcome.result for outcome in report.outcomes}


def _actions(plan: StorePlan) -> dict[str, Action]:
    return {step.key: step.action for step in plan.steps}


def test_what_was_collected_comes_back(bench: Bench, saved: SealedFolder) -> None:
    before = bench.content()
    assert len(before) > 1
    bench.take_away()
    assert bench.content() == {}
    plan = _planned(bench.restorer(saved))
    assert _actions(plan) == dict.fromkeys(before, Action.CREATE)
    assert plan.effects == ()
    assert bench.content() == {}, "a plan writes nothing"
    report = _applied(bench.restorer(saved), plan)
    assert _results(report) == dict.fromkeys(before, Result.CREATED)
    assert report.exit_code() is ExitCode.DONE
    assert bench.content() == before


def test_what_is_there_already_stays(bench: Bench, saved: SealedFolder) -> None:
    before = bench.content()
    plan = _planned(bench.restorer(saved))
    assert set(_actions(plan).values()) <= {Action.UNCHANGED, Action.MERGE}
    assert plan.effects == ()
    report = _applied(bench.restorer(saved), plan)
    assert not {outcome.result for outcome in report.outcomes} & (WRITTEN | NOT_DONE)
    assert bench.content() == before


@pytest.mark.parametrize("kept", [slice(0, None, 2), slice(1, None, 2), slice(0, 0)], ids=["even", "odd", "none"])
def test_a_step_that_was_taken_out_of_the_plan_is_not_done(bench: Bench, saved: SealedFolder, kept: slice) -> None:
    before = bench.content()
    bench.take_away()
    plan = _planned(bench.restorer(saved))
    less = dataclasses.replace(plan, steps=list(plan.steps)[kept])
    wanted = {step.key for step in less.steps}
    report = _applied(bench.restorer(saved), less)
    assert _results(report) == dict.fromkeys(wanted, Result.CREATED)
    assert bench.content() == {key: before[key] for key in wanted}


def test_a_dry_run_tells_what_would_be_and_writes_nothing(bench: Bench, saved: SealedFolder) -> None:
    bench.take_away()
    plan = _planned(bench.restorer(saved))
    report = _applied(bench.restorer(saved), plan, dry_run=True)
    assert _results(report) == {key: RESULT_OF[action] for key, action in _actions(plan).items()}
    assert bench.content() == {}


def test_what_differs_is_theirs_unless_it_is_to_be_replaced(bench: Bench, saved: SealedFolder) -> None:
    before = bench.content()
    key = min(before)
    bench.alter(key)
    theirs = bench.content()[key]
    assert theirs != before[key]
    plan = _planned(bench.restorer(saved))
    assert _actions(plan)[key] in (Action.CONFLICT, Action.SKIP, Action.MERGE)
    assert plan.effects == ()
    report = _applied(bench.restorer(saved), plan)
    assert _results(report)[key] not in WRITTEN
    now = bench.content()[key]
    assert now == theirs or (isinstance(now, list) and isinstance(theirs, list) and set(theirs) <= set(now)), "nothing is lost"


def test_what_is_replaced_is_named_before_and_is_as_it_was_saved(bench: Bench, saved: SealedFolder) -> None:
    before = bench.content()
    key = max(before)
    bench.alter(key)
    plan = _planned(bench.restorer(saved, bench.replacing))
    assert _actions(plan)[key] in DESTRUCTIVE
    assert plan.effects, "the user must agree"
    report = _applied(bench.restorer(saved, bench.replacing), plan)
    assert _results(report)[key] in WRITTEN
    assert bench.content() == before


def test_what_has_come_since_the_plan_is_not_overwritten(bench: Bench, saved: SealedFolder) -> None:
    before = bench.content()
    first = min(before)
    bench.take_away()
    plan = _planned(bench.restorer(saved))
    less = dataclasses.replace(plan, steps=[step for step in plan.steps if step.key == first])
    _applied(bench.restorer(saved), less)
    bench.alter(first)
    theirs = bench.content()[first]
    results = _results(_applied(bench.restorer(saved), plan))
    assert results[first] in NOT_DONE, "it is not as it was saved, and that is said"
    assert {key: result for key, result in results.items() if key != first} == dict.fromkeys(
        set(before) - {first}, Result.CREATED
    )
    assert bench.content() == {**before, first: theirs}


@pytest.mark.parametrize("is_lost", [False, True], ids=["there", "lost"])
def test_a_rehearsal_proves_all_and_leaves_what_is_there(bench: Bench, saved: SealedFolder, is_lost: bool) -> None:
    """Whether all that the backup holds is there, or nothing of it."""
    things = set(bench.content())
    if is_lost:
        bench.take_away()
    before = bench.content()
    rehearsal = bench.rehearsal(saved)
    assert list(rehearsal.sweep(Silent())) == []
    plan = _planned(rehearsal)
    assert set(_actions(plan)) == things
    assert bench.content() == before, "a plan writes nothing"
    report = _applied(rehearsal, plan)
    assert _results(report) == dict.fromkeys(things, Result.CREATED)
    assert report.incomplete == []
    assert bench.content() == before
    assert list(bench.rehearsal(saved).sweep(Silent())) == [], "it has removed what it made itself"


def test_a_rehearsal_that_is_stopped_proves_nothing_and_leaves_nothing(bench: Bench, saved: SealedFolder) -> None:
    before = bench.content()
    stop = Cancel()
    rehearsal = bench.rehearsal(saved, stop)
    plan = _planned(rehearsal)
    stop.set()
    report = _applied(rehearsal, plan)
    assert Result.CREATED not in _results(report).values()
    assert bench.content() == before
    assert list(bench.rehearsal(saved).sweep(Silent())) == []


def test_a_run_that_is_stopped_begins_nothing(bench: Bench, saved: SealedFolder) -> None:
    bench.take_away()
    plan = _planned(bench.restorer(saved))
    stop = Cancel()
    stop.set()
    report = _applied(bench.restorer(saved, stop=stop), plan)
    assert not {outcome.result for outcome in report.outcomes} & WRITTEN
    report.add_not_tried(plan)
    assert set(_results(report)) == {step.key for step in plan.steps}
    assert bench.content() == {}


def test_a_plan_of_another_store_is_a_bug_and_writes_nothing(bench: Bench, saved: SealedFolder) -> None:
    bench.take_away()
    restorer = bench.restorer(saved)
    with pytest.raises((TypeError, LrsError)):
        _applied(restorer, StorePlan(store=restorer.name, target="", steps=[Step(name="x", action=Action.CREATE)]))
    assert bench.content() == {}


def test_outcomes_say_which_store_and_which_thing(bench: Bench, saved: SealedFolder) -> None:
    bench.take_away()
    plan = _planned(bench.restorer(saved))
    for outcome in _applied(bench.restorer(saved), plan).outcomes:
        assert isinstance(outcome, Outcome)
        (step,) = (each for each in plan.steps if each.key == outcome.key)
        assert (outcome.store, outcome.namespace, outcome.name, outcome.type) == (
            step.store,
            step.namespace,
            step.name,
            step.type,
        )


# ---- a store is its package and one row


WITH_TOY = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from kubectl_lrs.model.stores import STORES
from tests.builders.toy import TOY
STORES["toy"] = TOY
from kubectl_lrs.cli import main
main()
"""


def test_a_store_that_is_registered_by_one_line_has_its_flags_and_its_place(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli
) -> None:
    """Through the command line: flags, levels, profiles, catalog, plan and report know of it."""
    toy = cli.directory / "toy.json"

    def run(*arguments: object) -> str:
        environment = {**os.environ, "KUBECONFIG": str(cli.kubeconfig)}
        done = subprocess.run(
            [sys.executable, "-c", WITH_TOY, *map(str, arguments)],
            env=environment,
            cwd=cli.directory,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    toy.write_text('{"a": "1", "b": "2"}')
    assert "--toy-file FILE" in run("backup", "--help")
    made = run("backup", "-n", namespace, "--toy", "copy", "--toy-file", toy, "--name", "saved")
    assert "toy: copy (2 B)" in made
    assert "toy:" in run("show", "saved").lower()
    run("backup", "-n", namespace, "--toy", "copy", "--toy-file", toy, "--name", "again")
    assert "toy: 2 equal" in run("diff", "saved", "again")
    toy.write_text('{"b": "theirs"}')
    told = run("restore", "saved", "--toy-file", toy, "--toy-existing", "replace", "--yes")
    assert "1 created, 1 replaced" in told
    assert toy.read_text() == '{"b": "2", "a": "1"}'
    assert "left alone: toy" not in told
