"""Deployments as people and programs read them; labels are words of others."""

from __future__ import annotations

import unicodedata

from kubectl_lrs.render.deployments import deployment_plan_view, deployment_report_view
from kubectl_lrs.stores.deployments.outcome import DeploymentReport, Outcome, Result
from kubectl_lrs.stores.deployments.plan import Action, DeploymentPlan, Step
from kubectl_lrs.stores.deployments.statuses import DOWN

EVIL = "\x1b[2J\u202eevil\n"
STEPS = [
    Step(id="1", label=EVIL, organisation="o", before="active", action=Action.DEACTIVATE),
    Step(id="2", label="", organisation="", before="errored", action=Action.LEAVE, reason=EVIL),
]


def _is_plain(rows: object) -> bool:
    return not {unicodedata.category(char) for char in str(rows)} & {"Cc", "Cf"} and "\\x1b" not in str(rows)


def test_a_plan() -> None:
    plan = DeploymentPlan(direction=DOWN, endpoint="e", steps=STEPS, incomplete=["one token saw nothing"])
    view = deployment_plan_view(plan)
    assert view.names == ["1"], "scripts are told of what would be changed"
    assert view.before == ("not certain: one token saw nothing",)
    assert view.after == ("plan: 1 deactivate, 1 leave (nothing was changed)",)
    assert _is_plain([list(row) for row in view.rows])
    assert view.data["deployments"][0]["label"] == EVIL, "programs get what it is"
    assert "nothing to deactivate" in deployment_plan_view(DeploymentPlan(direction=DOWN, endpoint="e", steps=[])).after[0]


def test_a_report() -> None:
    outcomes = [Outcome.of(STEPS[0], Result.DEACTIVATED, after="inactive", seconds=1.25), Outcome.of(STEPS[1], Result.LEFT, EVIL)]
    report = DeploymentReport(verb="deactivate", endpoint="e", outcomes=outcomes, incomplete=["x"], interrupted=True, seconds=2.0)
    view = deployment_report_view(report)
    assert view.names == ["1"], "scripts are told of what is done"
    assert view.after == ("not done: x", "deactivate: 1 deactivated, 1 left alone in 2.0s; interrupted")
    assert _is_plain([list(row) for row in view.rows])
    assert view.data["counts"] == {"deactivated": 1, "left alone": 1}
