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
    totals = ("organisation <none>: 1 leave", "organisation o: 1 deactivate")
    assert view.after == (*totals, "plan: 1 deactivate, 1 leave (nothing was changed)")
    assert _is_plain([list(row) for row in view.rows])
    assert view.data["deployments"][0]["label"] == EVIL, "programs get what it is"
    assert "nothing to deactivate" in deployment_plan_view(DeploymentPlan(direction=DOWN, endpoint="e", steps=[])).after[0]


def test_a_report() -> None:
    outcomes = [Outcome.of(STEPS[0], Result.DEACTIVATED, after="inactive", seconds=1.25), Outcome.of(STEPS[1], Result.LEFT, EVIL)]
    report = DeploymentReport(verb="deactivate", endpoint="e", outcomes=outcomes, incomplete=["x"], interrupted=True, seconds=2.0)
    view = deployment_report_view(report)
    assert view.names == ["1"], "scripts are told of what is done"
    assert view.after[0] == "not done: x"
    assert view.after[-1] == "deactivate: 1 deactivated, 1 left alone in 2.0s; interrupted"
    assert _is_plain([list(row) for row in view.rows])
    assert view.data["counts"] == {"deactivated": 1, "left alone": 1}


def test_organisations_have_their_names_and_sub_totals() -> None:
    steps = [
        Step(id=str(number), label="x", organisation="acme-id" if number % 3 else "b", before="active", action=action)
        for number, action in enumerate([Action.DEACTIVATE] * 7 + [Action.LEAVE])
    ]
    plan = DeploymentPlan(direction=DOWN, endpoint="e", steps=steps)
    view = deployment_plan_view(plan, {"acme-id": "Acme \x1b[2J"}, then=[("carry it out", "kubectl lrs deactivate")])
    place = view.columns.index("ORGANISATION")
    assert [row[place] for row in view.rows] == ["Acme ?[2J"] * 5 + ["b"] * 3, "those of one stand together"
    assert view.after[:2] == ("organisation Acme ?[2J: 4 deactivate, 1 leave", "organisation b: 3 deactivate")
    assert view.after[-2:] == ("next: carry it out:", "  kubectl lrs deactivate")
    assert view.spare == ()
    one = deployment_plan_view(DeploymentPlan(direction=DOWN, endpoint="e", steps=steps[:1]))
    assert (one.spare, len(one.after)) == (("ORGANISATION",), 1), "of a single one the total is all there is to say"
