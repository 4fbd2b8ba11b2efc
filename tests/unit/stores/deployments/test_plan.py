"""Which deployments go down or up, and why the others do not: every one that was named has an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.stores.deployments.inventory import Deployment
from kubectl_lrs.stores.deployments.journal import JournalledDeployment
from kubectl_lrs.stores.deployments.plan import Action, Choice, DeploymentPlan, Snapshot, Step, parse_ids, plan_down, plan_up
from kubectl_lrs.stores.deployments.statuses import State

A, B, C, D = (f"{digit}" * 24 for digit in "abcd")


def _deployment(identifier: str, label: str = "", status: str = "active", **other: object) -> Deployment:
    return replace(
        Deployment(id=identifier, label=label or f"model {identifier[0]}", status=status, is_custom=True, organisation="o"),
        **other,  # type: ignore[arg-type]
    )


def _entry(identifier: str, state: State, **other: str) -> JournalledDeployment:
    return JournalledDeployment(
        **{"id": identifier, "label": "l", "organisation": "o", "model": "m", "before": "active", "state": state, **other}
    )


def _sight(*found: Deployment, gone: tuple[str, ...] = (), user: str = "joe") -> Snapshot:
    return Snapshot(deployments={**{each.id: each for each in found}, **dict.fromkeys(gone)}, users={"o": user})


def _down(snapshot: Snapshot, begun: dict[str, JournalledDeployment] | None = None, **choice: object) -> DeploymentPlan:
    return plan_down(snapshot, Choice(**choice), begun or {}, users={"o": "joe"}, endpoint="e")  # type: ignore[arg-type]


def _up(snapshot: Snapshot, *entries: JournalledDeployment, **choice: object) -> DeploymentPlan:
    return plan_up(entries, snapshot, Choice(**choice), users={"o": "joe"}, endpoint="e")  # type: ignore[arg-type]


def _actions(plan: DeploymentPlan) -> dict[str, Action]:
    return {step.id: step.action for step in plan.steps}


# ---- the choice


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        (Choice(), True),
        (Choice(include=("churn*",)), True),
        (Choice(include=("Churn*",)), False),
        (Choice(include=(A.upper(),)), True),
        (Choice(include=(B,)), False),
        (Choice(exclude=("*",)), False),
        (Choice(exclude=(A,)), False),
        (Choice(include=("churn*",), exclude=("*-eu",)), False),
        (Choice(ids=(A,)), True),
        (Choice(ids=()), False),
        (Choice(ids=(B,), include=("churn*",)), True),
    ],
)
def test_who_is_meant(choice: Choice, taken: bool) -> None:
    assert choice.matches(A, "churn-eu") is taken


def test_ids_in_a_file() -> None:
    assert parse_ids(f"# mine\n{A} label\n\n  {B}# x\n", where="f") == (A, B)
    for nothing in ("", "\n", "# all of them are active\n"):
        with pytest.raises(UsageError, match="f: no id in it"):
            parse_ids(nothing, where="f")
    with pytest.raises(UsageError, match="f: line 2: 'churn'"):
        parse_ids(f"{A}\nchurn", where="f")
    with pytest.raises(UsageError, match="not the id"):
        Choice(ids=("x",))
    assert Choice(ids=(A.upper(), B), include=("*", A)).named_ids() == [A, B]


# ---- down


def test_active_custom_models_by_default_and_others_are_counted() -> None:
    other = _deployment(B, is_custom=False)
    plan = _down(_sight(_deployment(A), other, _deployment(C, status="inactive"), _deployment(D, status="errored")))
    assert _actions(plan) == {A: Action.DEACTIVATE}
    assert "left alone: 1" in plan.notes[0]
    assert _actions(_down(_sight(_deployment(A), other), all=True)) == {A: Action.DEACTIVATE, B: Action.DEACTIVATE}


def test_what_was_named_has_an_answer_whatever_it_is() -> None:
    snapshot = _sight(_deployment(A, status="inactive"), _deployment(B, status="errored"), _deployment(C, is_custom=False))
    plan = _down(snapshot, include=(A, B, C, D))
    assert _actions(plan) == {A: Action.UNCHANGED, B: Action.LEAVE, C: Action.DEACTIVATE, D: Action.LEAVE}
    assert all(step.reason for step in plan.steps if step.action is not Action.DEACTIVATE)
    assert [step.id for step in plan.changes] == [C]


@pytest.mark.parametrize("choice", [{"include": ("chrun*",)}, {"exclude": ("chrun*",)}])
def test_a_pattern_that_fits_nothing_is_a_slip(choice: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(UsageError, match="fits the label of no deployment"):
        _down(_sight(_deployment(A, "churn")), **choice)


def test_what_an_earlier_run_began_is_gone_on_with_whoever_is_meant() -> None:
    begun = {A: _entry(A, State.DEACTIVATING), B: _entry(B, State.DEACTIVATED)}
    plan = _down(_sight(_deployment(A), _deployment(B, status="inactive")), begun, include=(B,))
    assert _actions(plan) == {A: Action.DEACTIVATE, B: Action.UNCHANGED}
    (first,) = (step for step in plan.steps if step.id == A)
    assert first.is_ours


@pytest.mark.parametrize(
    ("snapshot", "closes"),
    [
        (_sight(_deployment(B, status="inactive"), gone=(A,)), State.GONE),
        (_sight(gone=(A,)), None),
        (_sight(_deployment(B, status="inactive"), gone=(A,), user="ann"), None),
        (Snapshot(deployments={A: None}, users={"other": "joe"}), None),
        (_sight(_deployment(A, status="archived")), State.GONE),
    ],
)
def test_gone_is_only_what_the_same_user_does_not_see(snapshot: Snapshot, closes: State | None) -> None:
    (step,) = _down(snapshot, {A: _entry(A, State.DEACTIVATING)}).steps
    assert (step.action, step.closes) == (Action.LEAVE, closes)


# ---- up


@pytest.mark.parametrize(
    ("state", "status", "action", "closes"),
    [
        (State.DEACTIVATED, "inactive", Action.ACTIVATE, None),
        (State.DEACTIVATED, "active", Action.UNCHANGED, State.ACTIVATED),
        (State.ACTIVATING, "active", Action.UNCHANGED, State.ACTIVATED),
        (State.ACTIVATING, "inactive", Action.ACTIVATE, None),
        (State.DEACTIVATING, "active", Action.ACTIVATE, None),
        (State.DEACTIVATED, "archived", Action.LEAVE, State.GONE),
    ],
)
def test_what_was_taken_down_comes_up(state: State, status: str, action: Action, closes: State | None) -> None:
    (step,) = _up(_sight(_deployment(A, status=status, model="m")), _entry(A, state)).steps
    assert (step.action, step.closes) == (action, closes)


@pytest.mark.parametrize("state", [State.PLANNED, State.UNCHANGED, State.ACTIVATED, State.GONE])
def test_what_was_not_changed_by_us_is_not_touched(state: State) -> None:
    assert _up(_sight(_deployment(A)), _entry(A, state)).steps == []


def test_another_model_is_somebody_elses_decision() -> None:
    (step,) = _up(_sight(_deployment(A, status="inactive", model="another")), _entry(A, State.DEACTIVATED)).steps
    assert step.action is Action.LEAVE
    assert "model was replaced" in step.reason


def test_the_task_of_the_opposite_change_may_still_be_under_way() -> None:
    entries = [_entry(A, State.DEACTIVATING, task="t-1"), _entry(B, State.DEACTIVATED, task="t-2")]
    found: dict[str, Step] = {
        step.id: step for step in _up(_sight(_deployment(A), _deployment(B, status="inactive")), *entries).steps
    }
    assert (found[A].pending, found[B].pending) == ("t-1", None)


def test_named_and_in_no_journal() -> None:
    (step,) = _up(_sight(), include=(A,)).steps
    assert (step.action, step.reason) == (Action.LEAVE, "no open journal says that it was taken down")


def test_a_plan_that_is_not_certain_says_so_by_its_status() -> None:
    plan = _down(_sight(_deployment(A)), all=True)
    assert plan.exit_code() is ExitCode.DONE
    plan.incomplete.append("one token saw nothing")
    assert plan.exit_code() is ExitCode.PARTIAL


@pytest.mark.parametrize("choice", [{"include": ("chrun*",)}, {"exclude": ("chrun*",)}, {"include": ("churn*", "Churn*")}])
def test_a_pattern_that_fits_nothing_that_was_taken_down(choice: dict[str, tuple[str, ...]]) -> None:
    """To activate nothing and call it done would hide the slip; what is active again by now fits all the same."""
    entries = [_entry(A, State.DEACTIVATED, label="other"), _entry(B, State.ACTIVATED, label="churn eu")]
    with pytest.raises(UsageError, match="fits the label of nothing that was taken down"):
        _up(_sight(_deployment(A, status="inactive")), *entries, **choice)
    assert _up(_sight(_deployment(A, status="inactive")), *entries, include=("churn*",)).steps == []
    assert _up(_sight(), **choice).steps == [], "nothing was taken down"
