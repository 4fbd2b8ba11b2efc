"""What became of each object of a schedule, for people."""

from __future__ import annotations

import pytest

from kubectl_lrs.render.schedule import schedule_view, show_objects
from kubectl_lrs.usecases.scheduling.apply import Report, Result, State


def test_what_became_of_them() -> None:
    results = [
        Result(kind="Role", namespace="dr", name="lrs-backup", state=State.CREATED),
        Result(kind="CronJob", namespace="dr", name="lrs-backup", state=State.UNCHANGED),
    ]
    view = schedule_view(Report(is_trial=True, results=results))
    assert (view.after, view.done) == (("1 created, 1 unchanged (server dry run)",), "")
    assert schedule_view(Report(is_trial=False, results=results)).done == "1 created, 1 unchanged"
    assert list(view.names) == ["role/lrs-backup", "cronjob/lrs-backup"]


def test_what_is_printed_is_yaml_and_what_is_not_made_is_a_comment(capsys: pytest.CaptureFixture[str]) -> None:
    one = {"kind": "Role", "metadata": {"name": "a"}}
    show_objects([one, one], {"kind": "ClusterRole", "metadata": {"name": "b"}}, "table")
    lines = capsys.readouterr().out.splitlines()
    assert lines.count("---") == 1
    assert "# kind: ClusterRole" in lines
