"""Long lists: a few stand for many that say the same, and nobody is left uncounted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.render.grouped import EACH, FEW, and_more, capped, grouped, next_lines


@given(st.lists(st.sampled_from("abc"), max_size=80))
def test_everything_is_shown_or_counted(things: list[str]) -> None:
    shown = list(grouped(things, lambda each: each))
    for kind in set(things):
        assert sum(1 + more for each, more in shown if each == kind) == things.count(kind)
    if len(things) <= FEW:
        assert [more for _, more in shown] == [0] * len(things)


def test_a_few_are_listed_and_many_are_not() -> None:
    things = ["a"] * 1786 + ["b"] * (EACH + 1)
    shown = list(grouped(things, lambda each: each))
    assert shown == [("a", 0)] * (EACH - 1) + [("a", 1781)] + [("b", 0)] * (EACH + 1), "one more is no reason to leave it out"
    assert and_more(1781) == "and 1,781 more (-o wide shows all)"


def test_capped() -> None:
    assert list(capped(["x"] * 4, 3)) == ["x"] * 4
    assert list(capped(["x"] * 5, 3)) == ["x", "x", "x", "and 2 more (-o wide shows all)"]
    assert list(capped([], 3)) == []


def test_next() -> None:
    assert list(next_lines([("carry it out", "kubectl lrs restore x")])) == ["next: carry it out:", "  kubectl lrs restore x"]
