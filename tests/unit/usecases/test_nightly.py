"""The steps of a night: which are done after which failure, and what ends all of it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.model.catalog import Catalog, Cluster, Missing
from kubectl_lrs.model.errors import DamageError, ExitCode, InterruptedRunError, LrsError, UnreachableError, UsageError
from kubectl_lrs.model.nightly import BACKUP, PRUNE, NightlyReport, Outcome, State
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.runtime.cancel import Cancel, CancelledError
from kubectl_lrs.usecases.nightly import Night, Own, Task, gone_since, newest_of, no_whole_since, stale

NOW = datetime(2026, 11, 24, 1, 17, tzinfo=timezone.utc)
GOOD: Callable[[], Outcome] = Outcome


def _partial() -> Outcome:
    return Outcome(state=State.PARTIAL, status=ExitCode.PARTIAL)


def _raising(error: BaseException) -> Callable[[], Outcome]:
    def do() -> Outcome:
        raise error

    return do


def _run(*, cancel: Cancel | None = None, **steps: Callable[[], Outcome]) -> Night:
    """backup, verify (which needs it), check, prune (which needs verify)."""
    needs = {"verify": "backup", "prune": "verify"}
    report = NightlyReport(cluster="u", profile="lrs", parts=(BACKUP, PRUNE), began=NOW)
    night = Night(report, cancel or Cancel())
    night.run(
        [
            Task(name=name, part=PRUNE if name == PRUNE else BACKUP, do=steps.get(name, GOOD), needs=needs.get(name, ""))
            for name in ("backup", "verify", "check", "prune")
        ]
    )
    return night


def _states(night: Night) -> list[str]:
    return [each.outcome.state.value for each in night.report.steps]


def test_all_is_well() -> None:
    night = _run()
    assert _states(night) == ["done"] * 4
    assert night.report.exit_code() is ExitCode.DONE
    assert night.report.ended is not None


def test_a_partial_backup_is_pruned_after() -> None:
    night = _run(backup=_partial)
    assert _states(night) == ["partial", "done", "done", "done"]
    assert night.report.exit_code() is ExitCode.PARTIAL


@pytest.mark.parametrize("error", [UnreachableError("x"), LrsError("x"), DamageError("x"), OSError(errno.ENOSPC, "full", "f")])
def test_a_backup_that_fails_never_prunes_and_all_else_is_done(error: Exception) -> None:
    night = _run(backup=_raising(error), prune=_raising(AssertionError("must not be called")))
    assert _states(night) == ["failed", "left out", "done", "left out"]
    assert night.report.exit_code() == getattr(error, "exit_code", ExitCode.FAILED)
    assert night.bug is None


def test_one_that_is_damaged_never_prunes() -> None:
    night = _run(verify=_raising(DamageError("x", hint="y")), prune=_raising(AssertionError("must not be called")))
    assert _states(night) == ["done", "failed", "done", "left out"]
    assert night.report.steps[1].outcome.hint == "y"
    assert night.report.exit_code() is ExitCode.DIFFERENCE


def test_a_check_that_fails_keeps_nobody_from_anything() -> None:
    night = _run(check=_raising(UnreachableError("x")))
    assert _states(night) == ["done", "done", "failed", "done"]
    assert night.report.exit_code() is ExitCode.UNREACHABLE


@pytest.mark.parametrize(
    ("error", "code", "state"),
    [
        (UsageError("x"), 2, "failed"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (InterruptedRunError("x"), 130, "interrupted"),
    ],
)
@pytest.mark.parametrize("step", ["backup", "verify", "check", "prune"])
def test_what_ends_the_run_ends_it_at_once(step: str, error: BaseException, code: int, state: str) -> None:
    night = _run(**{step: _raising(error)})
    place = ["backup", "verify", "check", "prune"].index(step)
    assert _states(night) == ["done"] * place + [state] + ["left out"] * (3 - place)
    assert night.report.exit_code() == code


def test_what_fails_as_the_run_is_to_end_is_an_interruption() -> None:
    """A wait that a signal ended fails in its own words."""
    cancel = Cancel()
    cancel.set()
    night = _run(cancel=cancel, backup=_raising(CancelledError("stopped")))
    assert _states(night)[0] == "interrupted"
    assert night.report.exit_code() is ExitCode.INTERRUPTED


@pytest.mark.parametrize("error", [ValueError("x"), OSError(errno.EBADF, "bad")])
def test_a_bug_ends_it_and_is_kept_for_the_end(error: Exception) -> None:
    night = _run(check=_raising(error), prune=_raising(AssertionError("must not be called")))
    assert night.bug is error
    assert _states(night) == ["done", "done", "failed", "left out"]
    assert night.report.exit_code() is ExitCode.FAILED


def test_a_bug_at_the_very_end_keeps_nobody_from_being_told() -> None:
    night, error = _run(), ValueError("x")

    def breaks() -> None:
        raise error

    night.close(breaks)
    assert (night.bug, night.report.exit_code()) == (error, ExitCode.DONE)
    night.close(lambda: None)
    assert night.bug is error


def test_what_is_not_here_is_listed_and_no_failure() -> None:
    night = Night(NightlyReport(cluster="u", profile="lrs", parts=(), began=NOW), Cancel())
    night.run([Task(name=PRUNE, part=PRUNE, why_not="no rules")])
    assert _states(night) == ["not here"]
    assert night.report.steps[0].outcome.message == "no rules"
    assert night.report.exit_code() is ExitCode.DONE


def test_an_act_that_failed_is_noted_as_such() -> None:
    noted: list[tuple[ExitCode, str]] = []
    night = Night(
        NightlyReport(cluster="u", profile="lrs", parts=(BACKUP,), began=NOW), Cancel(), lambda *told: noted.append(told)
    )
    night.run([Task(name=BACKUP, part=BACKUP, do=_raising(LrsError("no"))), Task(name="check", part=BACKUP, do=GOOD)])
    assert noted == [(ExitCode.FAILED, "no")]


# ---- which backup a prune by itself goes by


def _catalog(name: str, hours: float, *, uid: str = "u", namespace: str = "n", lacks: bool = False) -> Catalog:
    return Catalog(
        name=name,
        instant=NOW - timedelta(hours=hours),
        finished=NOW,
        tool="t",
        cluster=Cluster(server="https://c", uid=uid),
        selection=Selection(namespace=namespace).as_dict(),
        profile="lrs",
        tiers={"resources": {"objects": 1}},
        missing=(Missing(store="s", kind="k", name="n", reason="r"),) if lacks else (),
    )


OWN = Own(uids=frozenset("u"), profile="lrs", selection=Selection(namespace="n"))


def _newest(*catalogs: Catalog, hours: float = 26) -> str:
    backups = [SimpleNamespace(name=each.name, catalog=each) for each in catalogs]
    for each in backups:
        each.in_use = lambda each=each: each
    repository: Any = SimpleNamespace(
        newest_first=lambda: backups, location="r", scan=lambda: (backups, []), doubts=lambda _newest, _unsealed: []
    )
    newest = newest_of(repository, OWN)
    return stale(newest, within=timedelta(hours=hours), now=NOW) or newest.name


def test_the_newest_of_this_installation() -> None:
    others = _catalog("other", 1, uid="x"), _catalog("elsewhere", 1, uid="", namespace="m")
    assert _newest(*others, _catalog("mine", 2)) == "mine"
    assert _newest(*others, _catalog("mine", 2, uid="")) == "mine", "of this namespace, where the uid could not be read"
    assert _newest(_catalog("partial", 1, lacks=True), _catalog("mine", 2)) == "partial"


def test_none_or_an_old_one_prunes_nothing() -> None:
    with pytest.raises(UsageError, match="no sealed backup is of this installation"):
        _newest(_catalog("other", 1, uid="x"))
    assert _newest(_catalog("other", 1, uid="x"), _catalog("mine", 27)).endswith("nothing was made for 27 hours")
    assert _newest(_catalog("mine", 97)).endswith("nothing was made for 4 days")


def test_one_that_is_dated_later_than_now_tells_nothing() -> None:
    future = (NOW - datetime.now(timezone.utc)).total_seconds() / 3600 - 24
    with pytest.raises(LrsError, match="dated later than now") as raised:
        _newest(_catalog("mine", future))
    assert raised.value.exit_code is ExitCode.PARTIAL


def test_one_that_was_made_by_hand_of_less_is_not_tonights() -> None:
    made = _catalog("a", 1)
    assert OWN.has(made)
    assert not OWN.has(replace(made, profile="complete"))
    for other in (Selection(namespace="n", types=("deployment",)), Selection(namespace="m"), Selection()):
        assert not OWN.has(replace(made, selection=other.as_dict()))


def test_where_the_file_names_no_namespace_the_uid_must_tell() -> None:
    own = replace(OWN, selection=Selection(), any_namespace=True)
    assert own.has(_catalog("a", 1))
    assert not own.has(_catalog("a", 1, uid=""))
    every = Own(uids=frozenset("u"), profile="lrs", selection=Selection())
    assert every.has(replace(_catalog("a", 1, uid=""), selection=Selection().as_dict())), "all namespaces, by their own word"
    assert not every.has(_catalog("a", 1))


def test_more_than_half_of_them_gone_is_no_night_s_work() -> None:
    assert gone_since(0, 1) == gone_since(1, 1) == gone_since(2, 1) == gone_since(14, 7) == ""
    assert gone_since(3, 1).startswith("1 backups of this installation are there, and 3 were")


# ---- a group without a whole one


def test_a_group_without_a_whole_one_for_too_long() -> None:
    mine = _catalog("now", 1, lacks=True)
    old, young = _catalog("old", 15 * 24), _catalog("young", 13 * 24)
    assert no_whole_since(mine, [old, mine], NOW) == old.instant
    assert no_whole_since(mine, [old, young, mine], NOW) is None
    other = replace(young, profile="complete")
    assert no_whole_since(mine, [old, other, mine], NOW) == old.instant, "another kind of backup takes nobody's place"


def test_a_whole_one_of_the_future_takes_nobodys_place() -> None:
    mine, old = _catalog("now", 1, lacks=True), _catalog("old", 15 * 24)
    assert no_whole_since(mine, [old, mine, _catalog("future", -365 * 24)], NOW) == old.instant


def test_where_none_ever_was_whole_the_first_one_counts() -> None:
    first, mine = _catalog("first", 15 * 24, lacks=True), _catalog("now", 1, lacks=True)
    assert no_whole_since(mine, [first, mine], NOW) == first.instant
    assert no_whole_since(mine, [mine], NOW) is None
