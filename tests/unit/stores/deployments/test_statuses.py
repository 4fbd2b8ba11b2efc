"""Statuses and states as tables that agree with each other."""

from __future__ import annotations

import pytest

from kubectl_lrs.stores.deployments.statuses import DOWN, MEANING, OURS, SETTLED, UNFINISHED, UP, Direction, State


def test_every_state_has_a_meaning() -> None:
    assert MEANING.keys() == set(State)


@pytest.mark.parametrize("direction", [DOWN, UP])
def test_a_direction_goes_from_one_settled_status_to_the_other(direction: Direction) -> None:
    assert direction.wanted in SETTLED
    assert direction.under_way not in SETTLED
    assert len({direction.asked, direction.reached, direction.refused}) == 3
    assert direction.asked in OURS, "what was asked for may have been taken: somebody must look after it"


def test_what_was_refused_on_the_way_up_is_still_down() -> None:
    assert UP.refused is DOWN.reached
    assert UP.refused in OURS
    assert DOWN.refused not in OURS
    assert State.PLANNED in UNFINISHED - OURS, "it was not asked to stop"
