"""Down and up as a whole: what is shown is what is done, what was begun is in the journal, and nobody else's is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.runtime.trust import OWN
from kubectl_lrs.stores.deployments import apply
from kubectl_lrs.stores.deployments.collect import DeploymentsCollector
from kubectl_lrs.stores.deployments.inventory import Account
from kubectl_lrs.stores.deployments.journal import Journal, load
from kubectl_lrs.stores.deployments.outcome import DeploymentReport, Result
from kubectl_lrs.stores.deployments.plan import Choice
from kubectl_lrs.stores.deployments.statuses import State
from kubectl_lrs.usecases import deployments
from kubectl_lrs.usecases.deployments import ApplyOptions
from tests.builders.scripted_api import ScriptedApi, account
from tests.builders.sealing import sealed

A, B, C = (digit * 24 for digit in "abc")
OPTIONS = ApplyOptions(workers=2, timeout=5)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "SHORTEST_POLL", 0.001)
    monkeypatch.setattr(apply, "LONGEST_POLL", 0.002)


def _down(
    place: Path, accounts: list[Account], *, stop: Cancel | None = None, named: str = "", **choice: object
) -> DeploymentReport:
    endpoint = accounts[0].client.endpoint
    with deployments.journal_for(place, named, endpoint=endpoint, dry_run=False, trust=OWN) as journal:
        plan = deployments.plan_deactivation(accounts, Choice(**choice), journal, Silent())  # type: ignore[arg-type]
        return deployments.deactivate(plan, journal, accounts, OPTIONS, progress=Silent(), stop=stop or Cancel())


def _up(place: Path, accounts: list[Account], named: tuple[str, ...] = ()) -> DeploymentReport:
    with deployments.journals_for(place, named, dry_run=False, trust=OWN) as journals:
        origin = deployments.origin_of_journals(journals)
        plan = deployments.plan_activation(accounts, Choice(all=True), origin, Silent())
        return deployments.activate(plan, journals, accounts, OPTIONS, progress=Silent(), stop=Cancel())


def _results(report: DeploymentReport) -> dict[str, Result]:
    return {each.id: each.result for each in report.outcomes}


def _journals(place: Path) -> list[Journal]:
    return [load(path, OWN) for path in sorted(place.glob("lrs_deactivated_*.json"))]


def test_down_and_up_again(folder: Path) -> None:
    api = ScriptedApi(**{A: "active", B: "inactive", C: "active"})
    mine = [account(api)]
    assert _results(_down(folder, mine, all=True))[A] is Result.DEACTIVATED
    (journal,) = _journals(folder)
    assert {each.id: each.state for each in journal.entries.values()} == {A: State.DEACTIVATED, C: State.DEACTIVATED}
    assert (journal.users, journal.endpoint) == ({"o": "u"}, api.endpoint)
    assert set(_results(_up(folder, mine)).values()) == {Result.ACTIVATED}
    assert api.statuses == {A: "active", B: "inactive", C: "active"}, "one that was inactive before stays so"
    assert _journals(folder)[0].is_done
    assert _up(folder, mine).outcomes == []


def test_a_dry_run_makes_no_journal_and_asks_for_nothing(folder: Path) -> None:
    api = ScriptedApi(**{A: "active"})
    with deployments.journal_for(folder, "", endpoint=api.endpoint, dry_run=True, trust=OWN) as journal:
        plan = deployments.plan_deactivation([account(api)], Choice(all=True), journal, Silent())
    assert [step.id for step in plan.changes] == [A]
    assert list(folder.iterdir()) == []
    assert "set_status" not in {verb for verb, _ in api.asked}


def test_a_step_that_is_taken_out_of_a_plan_is_not_done(folder: Path) -> None:
    api = ScriptedApi(**{A: "active", C: "active"})
    mine = [account(api)]
    with deployments.journal_for(folder, "", endpoint=api.endpoint, dry_run=False, trust=OWN) as journal:
        plan = deployments.plan_deactivation(mine, Choice(all=True), journal, Silent())
        plan.steps[:] = [step for step in plan.steps if step.id == C]
        report = deployments.deactivate(plan, journal, mine, OPTIONS, progress=Silent(), stop=Cancel())
    assert _results(report) == {C: Result.DEACTIVATED}
    assert api.statuses == {A: "active", C: "inactive"}
    assert list(_journals(folder)[0].entries) == [C]


def test_interrupted_nothing_more_is_begun_and_the_same_journal_goes_on(folder: Path) -> None:
    api, stop = ScriptedApi(**{A: "active", C: "active"}), Cancel()
    stop.set()
    mine = [account(api)]
    report = _down(folder, mine, stop=stop, all=True)
    assert report.interrupted
    assert set(_results(report).values()) == {Result.NOT_TRIED}
    assert {each.state for each in _journals(folder)[0].entries.values()} == {State.PLANNED}
    assert set(_results(_down(folder, mine, all=True)).values()) == {Result.DEACTIVATED}
    assert len(_journals(folder)) == 1, "the unfinished one"


def test_what_was_only_planned_is_left_alone_by_activate(folder: Path) -> None:
    api, stop = ScriptedApi(**{A: "active"}), Cancel()
    stop.set()
    _down(folder, [account(api)], stop=stop, all=True)
    assert _up(folder, [account(api)]).outcomes == []
    assert {each.state for each in _journals(folder)[0].entries.values()} == {State.UNCHANGED}
    assert "set_status" not in {verb for verb, _ in api.asked}


def test_a_journal_that_is_named(folder: Path) -> None:
    api, path = ScriptedApi(**{A: "active"}), folder / "mine.json"
    mine = [account(api)]
    _down(folder, mine, named=str(path), all=True)
    assert load(path, OWN).entries[A].state is State.DEACTIVATED
    other = ScriptedApi(**{A: "active"})
    other.endpoint = "https://other/api/v2"  # type: ignore[misc]
    with pytest.raises(UsageError, match="is of https://app"):
        _down(folder, [account(other)], named=str(path), all=True)
    _up(folder, mine, (str(path),))
    with pytest.raises(UsageError, match="this journal is done"):
        _down(folder, mine, named=str(path), all=True)


def test_two_runs_do_not_share_a_journal(folder: Path) -> None:
    api, path = ScriptedApi(**{A: "active"}), folder / "mine.json"
    with (
        deployments.journal_for(folder, str(path), endpoint=api.endpoint, dry_run=False, trust=OWN),
        pytest.raises(UsageError, match="another run works with this journal"),
        deployments.journal_for(folder, str(path), endpoint=api.endpoint, dry_run=False, trust=OWN),
    ):
        pass


def test_without_any_journal_there_is_nothing_to_activate(folder: Path) -> None:
    with pytest.raises(UsageError, match="there is no journal of deactivate"):
        _up(folder, [account(ScriptedApi())])


def test_each_is_asked_for_by_the_user_of_its_organisation(folder: Path) -> None:
    one, two = ScriptedApi(**{A: "active"}), ScriptedApi(**{C: "active"})
    _down(folder, [account(one, "o"), account(two, "p")], all=True)
    for api, mine in ((one, A), (two, C)):
        assert {what for verb, what in api.asked if verb == "set_status"} == {mine}


def test_what_may_not_be_looked_at_is_not_taken_for_gone() -> None:
    api = ScriptedApi(**{A: "active", B: "active"})
    api.closed = {B}
    seen = deployments.look([account(api)], [A, B, C], Silent()).deployments
    assert {key: each.status if each else None for key, each in seen.items()} == {A: "active", B: "", C: None}
    helped = deployments.look([account(api), account(ScriptedApi(**{B: "inactive"}), "p")], [B], Silent()).deployments[B]
    assert helped is not None
    assert (helped.status, helped.organisation) == ("inactive", "p"), "another user may"


def test_out_of_a_backup(folder: Path) -> None:
    before = DeploymentsCollector([account(ScriptedApi(**{A: "active", B: "inactive", C: "active"}))])

    def work(writer: FolderWriter) -> None:
        before.collect(writer, Silent())

    origin = deployments.origin_of_backup(sealed(folder, work, "saved", others={"deployments": {}}))
    assert (origin.backup, [each.id for each in origin.entries]) == ("saved", [A, C])
    now = [account(ScriptedApi(**{A: "inactive", B: "inactive", C: "active"}))]
    plan = deployments.plan_activation(now, Choice(all=True), origin, Silent())
    assert ([step.id for step in plan.steps], plan.notes) == ([A], ["active already: 1"])
    with pytest.raises(UsageError, match="does not hold the status"):
        deployments.origin_of_backup(sealed(folder, lambda _writer: None, "without"))
