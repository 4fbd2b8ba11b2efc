"""The report of a night: a row for each step, and one line that says all of it."""

from __future__ import annotations

from datetime import datetime, timezone

from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.nightly import BACKUP, PRUNE, NightlyReport, Outcome, State, Step
from kubectl_lrs.render.documents import document
from kubectl_lrs.render.nightly import nightly_line, nightly_view

NOW = datetime(2026, 11, 24, 1, 17, tzinfo=timezone.utc)


def _report() -> NightlyReport:
    report = NightlyReport(cluster="u", profile="lrs", parts=(BACKUP,), began=NOW, ended=NOW)
    failed = Outcome(state=State.FAILED, status=ExitCode.UNREACHABLE, message="no answer", hint="look")
    report.steps = [
        Step(name="backup", part=BACKUP, outcome=failed, seconds=61),
        Step(name="verify", part=BACKUP, outcome=Outcome(state=State.LEFT_OUT, message="backup was not done")),
        Step(name="prune", part=PRUNE, outcome=Outcome(state=State.NOT_HERE, message="another run does it")),
    ]
    return report


def test_rows_hints_and_the_line() -> None:
    view = nightly_view(_report())
    assert [row[:3] for row in view.rows] == [("backup", "failed", "61s"), ("verify", "left out", ""), ("prune", "not here", "")]
    line = "nightly run: exit status 5: 1 failed, 1 left out, 1 not here; no backup; backup: no answer"
    assert view.after == ("backup: look", line)
    assert view.names == ["backup"]
    assert document("NightlyReport", view.data)["items"][0]["state"] == "failed"


def test_all_is_well() -> None:
    report = NightlyReport(cluster="u", profile="lrs", parts=(BACKUP,), began=NOW)
    report.steps = [Step(name="check", part=BACKUP, outcome=Outcome())]
    assert nightly_line(report) == "nightly run: exit status 0: 1 done; no backup"
    assert nightly_view(report).data["ended"] is None
