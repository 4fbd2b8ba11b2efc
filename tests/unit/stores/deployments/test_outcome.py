"""The exit status of a deactivation follows from what became of each deployment."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.stores.deployments.outcome import NOT_DONE, DeploymentReport, Fate, Outcome
from kubectl_lrs.stores.deployments.plan import Action, Step

STEP = Step(id="1", label="l", organisation="o", before="active", action=Action.DEACTIVATE)


def _report(*fates: Fate, **other: bool) -> DeploymentReport:
    return DeploymentReport(verb="deactivate", endpoint="e", outcomes=[Outcome.of(STEP, fate) for fate in fates], **other)


@pytest.mark.parametrize(
    ("fates", "code"),
    [
        ((), ExitCode.DONE),
        ((Fate.DEACTIVATED, Fate.UNCHANGED, Fate.SENT), ExitCode.DONE),
        ((Fate.FAILED, Fate.FAILED), ExitCode.FAILED),
        ((Fate.FAILED, Fate.DEACTIVATED), ExitCode.PARTIAL),
        ((Fate.LEFT,), ExitCode.PARTIAL),
        ((Fate.NOT_TRIED,), ExitCode.PARTIAL),
        ((Fate.UNFINISHED, Fate.ACTIVATED), ExitCode.PARTIAL),
    ],
)
def test_how_a_run_ends(fates: tuple[Fate, ...], code: ExitCode) -> None:
    assert _report(*fates).exit_code() is code
    assert _report(*fates, interrupted=True).exit_code() is ExitCode.INTERRUPTED


@pytest.mark.parametrize("fate", Fate)
def test_what_is_not_done_is_never_success(fate: Fate) -> None:
    assert (_report(Fate.DEACTIVATED, fate).exit_code() is ExitCode.DONE) is (fate not in NOT_DONE)


def test_what_could_not_even_be_planned() -> None:
    report = _report(Fate.DEACTIVATED)
    report.undone.append("the list was cut")
    assert report.exit_code() is ExitCode.PARTIAL


def test_what_was_not_begun_is_named_once() -> None:
    report = _report()
    report.add_not_tried([STEP])
    report.add_not_tried([STEP])
    assert [(each.id, each.fate, each.after) for each in report.outcomes] == [("1", Fate.NOT_TRIED, "active")]
