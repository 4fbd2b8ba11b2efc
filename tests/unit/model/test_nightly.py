"""What all steps of a night come to: the worst counts, and what ends a run goes before all."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.nightly import ALL, BACKUP, PRUNE, NightlyReport, Outcome, State, Step, worst

NOW = datetime(2026, 11, 24, 1, 17, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("statuses", "code"),
    [((), 0), ((0, 0), 0), ((0, 3), 3), ((3, 4), 4), ((4, 5, 3), 5), ((5, 1, 4), 1), ((1, 2), 2), ((2, 130, 1), 130)],
)
def test_the_worst_counts(statuses: tuple[int, ...], code: int) -> None:
    assert worst(map(ExitCode, statuses)) == code
    assert worst(map(ExitCode, reversed(statuses))) == code


def test_each_part_by_itself() -> None:
    report = NightlyReport(cluster="u", profile="lrs", parts=(BACKUP, PRUNE), began=NOW)
    assert report.seconds == 0
    report.steps += [
        Step(name="backup", part=BACKUP, outcome=Outcome(status=ExitCode.PARTIAL)),
        Step(name="prune", part=PRUNE, outcome=Outcome()),
    ]
    report.ended = NOW + timedelta(seconds=5)
    assert (report.exit_code(), report.status_of(BACKUP), report.status_of(PRUNE)) == (3, 3, 0)
    assert report.seconds == 5


def test_a_part_that_was_left_out_is_no_success() -> None:
    report = NightlyReport(cluster="u", profile="lrs", parts=(BACKUP, PRUNE), began=NOW)
    report.steps += [
        Step(name="backup", part=BACKUP, outcome=Outcome(state=State.FAILED, status=ExitCode.UNREACHABLE)),
        Step(name="prune", part=PRUNE, outcome=Outcome(state=State.LEFT_OUT)),
    ]
    assert (report.status_of(BACKUP), report.status_of(PRUNE)) == (5, 5)


def test_a_part_that_left_itself_out_says_itself_why() -> None:
    report = NightlyReport(cluster="u", profile="lrs", parts=(BACKUP, PRUNE), began=NOW)
    report.steps += [
        Step(name="check", part=BACKUP, outcome=Outcome(state=State.FOUND, status=ExitCode.DIFFERENCE)),
        Step(name="prune", part=PRUNE, outcome=Outcome(state=State.LEFT_OUT, status=ExitCode.PARTIAL)),
    ]
    assert (report.status_of(BACKUP), report.status_of(PRUNE)) == (4, 3)


def test_what_befalls_all_is_of_every_part() -> None:
    report = NightlyReport(cluster="u", profile="lrs", parts=(BACKUP,), began=NOW)
    report.steps.append(Step(name="run", part=ALL, outcome=Outcome(status=ExitCode.INTERRUPTED)))
    assert report.status_of(BACKUP) == 130
