"""The exit status follows from the outcomes: 0 only where everything that was asked for is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from kubectl_lrs.model.errors import ExitCode, LrsError, UnreachableError
from kubectl_lrs.model.plan import Action, Step, StorePlan
from kubectl_lrs.model.report import NOT_DONE, RESULT_OF, WRITTEN, Outcome, Report, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Toy(Step):
    store: ClassVar[str] = "toy"


def _report(*results: Result, error: LrsError | None = None, **other: bool) -> Report:
    outcomes = [Outcome(store="toy", name=str(number), result=each, error=error) for number, each in enumerate(results)]
    return Report(source="b", target="t", outcomes=outcomes, **other)


AWAY = UnreachableError("away")


@pytest.mark.parametrize(
    ("results", "error", "code"),
    [
        ((), None, ExitCode.DONE),
        ((Result.CREATED, Result.UNCHANGED, Result.SKIPPED, Result.MERGED), None, ExitCode.DONE),
        ((Result.CREATED, Result.FAILED), None, ExitCode.PARTIAL),
        ((Result.CREATED, Result.FAILED), AWAY, ExitCode.PARTIAL),
        ((Result.FAILED,), None, ExitCode.FAILED),
        ((Result.FAILED, Result.FAILED), LrsError("no"), ExitCode.FAILED),
        ((Result.FAILED, Result.NOT_TRIED), AWAY, ExitCode.UNREACHABLE),
        ((Result.NOT_TRIED,), None, ExitCode.PARTIAL),
        ((Result.CONFLICT,), None, ExitCode.PARTIAL),
        ((Result.CREATED, Result.NOT_READY), None, ExitCode.PARTIAL),
        ((Result.CREATED, Result.CONFLICT), None, ExitCode.PARTIAL),
        ((Result.CREATED, Result.ALTERED), None, ExitCode.PARTIAL),
    ],
)
def test_how_a_run_ends(results: tuple[Result, ...], error: LrsError | None, code: ExitCode) -> None:
    assert _report(*results, error=error).exit_code() is code


@pytest.mark.parametrize("result", Result)
def test_one_thing_that_is_not_done_is_never_success(result: Result) -> None:
    code = _report(Result.CREATED, result).exit_code()
    assert (code is ExitCode.DONE) is (result not in NOT_DONE)
    assert not (result in NOT_DONE and result in WRITTEN)


def test_interrupted_and_what_else_was_asked_for() -> None:
    assert _report(Result.CREATED, interrupted=True).exit_code() is ExitCode.INTERRUPTED
    report = _report(Result.CREATED)
    report.incomplete.append("the operator is still paused")
    assert report.exit_code() is ExitCode.PARTIAL


@pytest.mark.parametrize("action", Action)
def test_the_outcome_of_a_step_is_its_own(action: Action) -> None:
    step = _Toy(namespace="n", name="a", type="x", action=action, reason="because")
    done = Outcome.of(step)
    assert (done.store, done.key, done.type, done.result, done.message) == ("toy", "n/a", "x", RESULT_OF[action], "because")
    failed = Outcome.failed(step, AWAY, counts={"documents": 3})
    assert (failed.result, failed.message, failed.error, failed.counts) == (Result.FAILED, "away", AWAY, {"documents": 3})


def test_what_was_not_begun_is_named_and_nothing_twice() -> None:
    steps = [_Toy(namespace=space, name="a", action=Action.CREATE) for space in ("", "m", "n")]
    report = Report(source="", target="")
    report.add(Outcome.of(steps[1]))
    report.add(Outcome(store="another", name="a", result=Result.CREATED))
    part = StorePlan(store="toy", target="", steps=steps)
    report.add_not_tried(part)
    report.add_not_tried(part)
    assert [(each.key, each.result) for each in report.of("toy")] == [
        ("m/a", Result.CREATED),
        ("a", Result.NOT_TRIED),
        ("n/a", Result.NOT_TRIED),
    ]
    assert report.stores == ["toy", "another"]
    assert report.counts() == {Result.CREATED: 2, Result.NOT_TRIED: 2}
