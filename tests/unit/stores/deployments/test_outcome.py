"""The exit status of a deactivation follows from what became of each deployment."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.stores.deployments.outcome import NOT_DONE, DeploymentReport, Outcome, Result
from kubectl_lrs.stores.deployments.plan import Action, Step

STEP = Step(id="1", label="l", organisation="o", before="active", action=Action.DEACTIVATE)


def _report(*fates: Result, **other: bool) -> DeploymentReport:
    return DeploymentReport(verb="deactivate", endpoint="e", outcomes=[Outcome.of(STEP, result) for result in fates], **other)


@pytest.mark.parametrize(
    ("fates", "code"),
    [
        ((), ExitCode.DONE),
        ((Result.DEACTIVATED, Result.UNCHANGED, Result.SENT), ExitCode.DONE),
        ((Result.FAILED, Result.FAILED), ExitCode.FAILED),
        ((Result.FAILED, Result.DEACTIVATED), ExitCode.PARTIAL),
        ((Result.LEFT,), ExitCode.PARTIAL),
        ((Result.NOT_TRIED,), ExitCode.PARTIAL),
        ((Result.UNFINISHED, Result.ACTIVATED), ExitCode.PARTIAL),
    ],
)
def test_how_a_run_ends(fates: tuple[Result, ...], code: ExitCode) -> None:
    assert _report(*fates).exit_code() is code
    assert _report(*fates, interrupted=True).exit_code() is ExitCode.INTERRUPTED


@pytest.mark.parametrize("result", Result)
def test_what_is_not_done_is_never_success(result: Result) -> None:
    assert (_report(Result.DEACTIVATED, result).exit_code() is ExitCode.DONE) is (result not in NOT_DONE)


def test_what_could_not_even_be_planned() -> None:
    report = _report(Result.DEACTIVATED)
    report.incomplete.append("the list was cut")
    assert report.exit_code() is ExitCode.PARTIAL


def test_what_was_not_begun_is_named_once() -> None:
    report = _report()
    report.add_not_tried([STEP])
    report.add_not_tried([STEP])
    assert [(each.id, each.result, each.after) for each in report.outcomes] == [("1", Result.NOT_TRIED, "active")]
