"""When to look at a change that was just asked for."""

from __future__ import annotations

from kubectl_lrs.stores.deployments.pace import LONGEST, Pace


def test_nothing_is_known_at_first() -> None:
    assert Pace().usual == 0


def test_what_is_always_so_long_is_looked_at_then() -> None:
    """By one look, nearly always: of changes that take two seconds each, when a later look comes a tenth after the first."""
    pace, looks = Pace(), 0
    for _ in range(1000):
        instant, number = pace.usual, 1
        while instant < 2.0:
            instant, number = instant + 0.1, number + 1
        looks += number
        pace.ended(instant, looks=number)
    assert looks < 1600


def test_one_that_took_very_long_does_not_hold_up_all_others() -> None:
    pace = Pace()
    pace.ended(2.0, looks=3)
    pace.ended(600.0, looks=100)
    assert pace.usual <= 3


def test_where_all_take_longer_it_is_learned() -> None:
    pace = Pace()
    pace.ended(2.0, looks=3)
    pace.ended(8.0, looks=5)
    assert pace.usual == 2.5
    for _ in range(50):
        pace.ended(60.0, looks=5)
    assert pace.usual == LONGEST


def test_where_all_are_quicker_it_is_learned() -> None:
    pace = Pace()
    pace.ended(60.0, looks=5)
    for _ in range(500):
        pace.ended(pace.usual, looks=1)
    assert pace.usual < 1
