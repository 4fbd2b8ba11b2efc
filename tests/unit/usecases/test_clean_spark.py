"""Cleaning Spark sessions: what is meant, and the exit status that follows from what became of each."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kubectl_lrs.model.errors import ExitCode, LrsError, UnreachableError, UsageError
from kubectl_lrs.render.spark import nothing_to_clean, spark_effects, spark_plan_view, spark_report_view
from kubectl_lrs.stores.spark.apply import Outcome, Result
from kubectl_lrs.stores.spark.sessions import Session, Snapshot
from kubectl_lrs.usecases.clean_spark import CleanPlan, CleanReport, SessionSelection, oldest


def _session(name: str = "a", hours: int = 1, *, going: bool = False) -> Session:
    return Session(namespace="n", name=name, uid=name, created="c", age=timedelta(hours=hours), state="Running", is_going=going)


def _report(*results: Result, error: LrsError | None = None, **other: bool) -> CleanReport:
    outcomes = [Outcome(_session(str(number)), result, error=error) for number, result in enumerate(results)]
    return CleanReport(target="t", outcomes=outcomes, **other)


@pytest.mark.parametrize(
    ("results", "error", "code"),
    [
        ((), None, ExitCode.DONE),
        ((Result.DELETED, Result.DELETING, Result.WOULD), None, ExitCode.DONE),
        ((Result.STUCK,), None, ExitCode.PARTIAL),
        ((Result.FAILED, Result.NOT_TRIED), UnreachableError("away"), ExitCode.UNREACHABLE),
        ((Result.FAILED, Result.DELETED), UnreachableError("away"), ExitCode.PARTIAL),
        ((Result.FAILED,), LrsError("no"), ExitCode.PARTIAL),
    ],
)
def test_how_it_ends(results: tuple[Result, ...], error: LrsError | None, code: ExitCode) -> None:
    assert _report(*results, error=error).exit_code() is code
    assert _report(*results, error=error, interrupted=True).exit_code() is ExitCode.INTERRUPTED


def test_what_is_meant() -> None:
    assert SessionSelection(namespace="n", selector="a=1").scope == "namespace n with labels a=1"
    assert SessionSelection().scope == "all namespaces"
    for wrong in ({"namespace": "N"}, {"selector": "a b"}):
        with pytest.raises(UsageError):
            SessionSelection(**wrong)
    assert oldest([]) == timedelta()
    assert oldest([_session(hours=1), _session(hours=5)]) == timedelta(hours=5)


def _plan(*sessions: Session, kept: int = 0, older_than: timedelta | None = None) -> CleanPlan:
    return CleanPlan(
        selection=SessionSelection(namespace="n", older_than=older_than),
        target="t",
        snapshot=Snapshot(list(sessions), "7"),
        kept=kept,
    )


def test_what_the_user_is_told_before() -> None:
    plan = _plan(_session(), _session("b", 5, going=True), kept=2, older_than=timedelta(minutes=30))
    assert [each.name for each in plan.to_delete] == ["a"]
    assert spark_plan_view(plan).after == ("plan: 1 to delete, 1 being deleted already, 2 younger, kept (nothing was deleted)",)
    assert spark_effects(plan) == "Delete 1 Spark session (oldest: 60m) in namespace n on t"
    assert nothing_to_clean(_plan()) == "nothing to clean: no Spark session in namespace n"
    assert "older than 30m in namespace n, 2 younger" in nothing_to_clean(_plan(kept=2, older_than=timedelta(minutes=30)))


def test_what_the_user_is_told_afterwards() -> None:
    view = spark_report_view(_report(Result.DELETED, Result.STUCK, interrupted=True))
    assert view.names == ["n/0"], "scripts are told of what is done"
    assert view.data["counts"] == {"deleted": 1, "stuck": 1}
    assert view.after[0].endswith("; interrupted")
