"""Whether a cluster would take a backup: 0 only where nothing is known against it, 5 where it cannot be known."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.plan import Finding, Severity
from kubectl_lrs.model.report import Result
from kubectl_lrs.render import verify as render
from kubectl_lrs.usecases.verify import ANSWERS, Answer, Trial, Tried

AWAY = Finding(Severity.ERROR, "away", exit_code=ExitCode.UNREACHABLE)
WRONG = Finding(Severity.ERROR, "no CRD")
NOTE = Finding(Severity.WARNING, "well")


def _trial(*answers: Answer, findings: tuple[Finding, ...] = (), **other: bool) -> Trial:
    tried = [Tried("n", str(number), "x", each) for number, each in enumerate(answers)]
    return Trial(target="t", tried=tried, findings=list(findings), **other)


@pytest.mark.parametrize(
    ("trial", "code"),
    [
        (_trial(), ExitCode.DONE),
        (_trial(Answer.ACCEPTED, Answer.UNCHANGED, Answer.SKIPPED, findings=(NOTE,)), ExitCode.DONE),
        (_trial(Answer.ACCEPTED, Answer.REFUSED), ExitCode.DIFFERENCE),
        (_trial(Answer.ACCEPTED, findings=(WRONG,)), ExitCode.DIFFERENCE),
        (_trial(Answer.ACCEPTED, findings=(AWAY,)), ExitCode.UNREACHABLE),
        (_trial(Answer.REFUSED, findings=(AWAY,)), ExitCode.DIFFERENCE),
        (_trial(Answer.NOT_CHECKED, unanswered=True), ExitCode.UNREACHABLE),
        (_trial(Answer.REFUSED, interrupted=True), ExitCode.INTERRUPTED),
    ],
)
def test_the_verdict(trial: Trial, code: ExitCode) -> None:
    assert trial.exit_code() is code
    assert render.VERDICTS[code] in render._verdict(trial)


def test_what_was_not_checked_is_never_accepted() -> None:
    assert {result for result, answer in ANSWERS.items() if answer is Answer.ACCEPTED} == {Result.CREATED, Result.REPLACED}
    assert "as far as could be checked" in render._verdict(_trial(Answer.ACCEPTED, Answer.NOT_CHECKED))
    assert Answer.NOT_CHECKED in render.NOTABLE
    assert render._counted(_trial()) == "it holds no such LRS"
    assert render._counted(_trial(Answer.REFUSED, Answer.ACCEPTED, Answer.ACCEPTED)) == "2 accepted, 1 refused"
