"""Plans as data: counts, what the user must agree to, what keeps them from being applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from kubectl_lrs.model.diff import ABSENT, Change
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.plan import (
    DESTRUCTIVE,
    WRITES,
    Action,
    Finding,
    Plan,
    Preparation,
    Prepare,
    Severity,
    Step,
    StorePlan,
)
from kubectl_lrs.model.report import RESULT_OF


@dataclass(frozen=True, slots=True, kw_only=True)
class _Toy(Step):
    store: ClassVar[str] = "toy"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Other(Step):
    store: ClassVar[str] = "other"


def _plan(*steps: Step, effects: tuple[str, ...] = (), from_another_cluster: bool = False) -> Plan:
    part = StorePlan(store="toy", target="t", steps=steps, effects=effects)
    empty = StorePlan(
        store="other", target="o", steps=(), findings=(Finding(Severity.ERROR, "no"), Finding(Severity.NOTE, "well"))
    )
    return Plan(source="b", target="c", parts=(part, empty), from_another_cluster=from_another_cluster)


def test_every_action_has_a_result_and_what_destroys_writes() -> None:
    assert RESULT_OF.keys() == set(Action)
    assert DESTRUCTIVE < WRITES


def test_a_key_is_one_of_its_kind() -> None:
    assert _Toy(name="a", action=Action.SKIP).key == "a"
    assert _Toy(namespace="n", name="a", action=Action.SKIP).key == "n/a"


def test_what_only_the_live_thing_has_is_kept() -> None:
    diff = (Change(("spec", "x"), 1, ABSENT), Change(("spec", "y"), 1, 2), Change(("z",), ABSENT, None))
    assert _Toy(name="a", action=Action.UPDATE, diff=diff).kept == ("spec.x",)


def test_parts_of_a_plan_are_those_of_its_stores() -> None:
    steps = [_Toy(name=name, action=Action.CREATE) for name in "ab"]
    plan = _plan(*steps)
    assert plan.steps == steps
    assert plan.parts[0].counts() == {Action.CREATE: 2}
    assert plan.parts[1].counts() == {}
    assert [each.message for each in plan.findings] == ["no", "well"]
    assert [each.message for each in plan.errors] == ["no"]


def test_steps_of_another_store_are_a_bug() -> None:
    part = StorePlan(store="toy", target="", steps=[_Other(name="a", action=Action.CREATE)])
    with pytest.raises(TypeError, match="_Toy"):
        part.of(_Toy)
    assert StorePlan(store="toy", target="", steps=[]).of(_Toy) == []


def test_what_is_prepared_first_by_its_kind() -> None:
    done = (
        Preparation(Prepare.CREATE_NAMESPACE, "a"),
        Preparation(Prepare.INSTALL_CRD, "c"),
        Preparation(Prepare.CREATE_NAMESPACE, "b"),
    )
    part = StorePlan(store="toy", target="", steps=[], preparations=done)
    assert part.first(Prepare.CREATE_NAMESPACE) == ["a", "b"]
    assert part.first(Prepare.PAUSE_OPERATOR) == []


@pytest.mark.parametrize(
    ("action", "foreign", "asks"),
    [(Action.CREATE, True, True), (Action.SKIP, True, False), (Action.UNCHANGED, True, False), (Action.CREATE, False, False)],
)
def test_a_backup_of_another_cluster_is_asked_about_where_something_is_written(action: Action, foreign: bool, asks: bool) -> None:
    plan = _plan(_Toy(name="a", action=action), from_another_cluster=foreign)
    assert bool(plan.effects) is asks
    told = _plan(_Toy(name="a", action=action), effects=("replace 1",), from_another_cluster=foreign)
    assert told.effects[0] == "replace 1"


@pytest.mark.parametrize(
    ("action", "remains", "lacking", "code"),
    [
        (Action.CREATE, (), (), ExitCode.DONE),
        (Action.SKIP, (), (), ExitCode.DONE),
        (Action.CONFLICT, (), (), ExitCode.PARTIAL),
        (Action.CREATE, ("a string names the old place",), (), ExitCode.PARTIAL),
        (Action.CREATE, (), ("an LRS is missing",), ExitCode.PARTIAL),
    ],
)
def test_it_tells_how_carrying_it_out_ends(
    action: Action, remains: tuple[str, ...], lacking: tuple[str, ...], code: ExitCode
) -> None:
    part = StorePlan(store="toy", target="t", steps=[_Toy(name="a", action=action)], remains=remains)
    plan = Plan(source="b", target="c", parts=(part,), lacking=lacking)
    assert plan.exit_code() is code
    assert plan.incomplete == [*lacking, *remains]
    error = StorePlan(store="other", target="o", steps=(), findings=(Finding(Severity.ERROR, "no", "", ExitCode.UNREACHABLE),))
    assert Plan(source="b", target="c", parts=(part, error), lacking=lacking).exit_code() is ExitCode.UNREACHABLE
