"""What is known of an installation: what is not known is never taken for nothing there."""

from __future__ import annotations

import pytest

from kubectl_lrs.consistency.inventory import Application, LrsObject, Occurrence, Unchecked, known


def test_what_is_not_known_counts_as_nothing_and_stays_apart_from_it() -> None:
    assert known(Unchecked("why")) == ()
    assert known([1]) == [1]
    assert known(()) == ()


@pytest.mark.parametrize(
    ("status", "running"),
    [
        ("running", True),
        (" Running ", True),
        ("RUNNING", True),
        ("", False),
        ("not running", False),
        ("stopped", False),
        ("run", False),
    ],
)
def test_the_word_for_running(status: str, running: bool) -> None:
    assert Application(id="a", status=status).is_running is running


def test_by_which_ids_an_application_is_known() -> None:
    assert Application(id="a").ids == {"a"}
    assert Application(id="a", lrs="b").ids == {"a", "b"}
    assert Application(id="a", lrs="a").ids == {"a"}


def test_names_that_are_shown() -> None:
    assert LrsObject(namespace="n", name="a", type="x").key == "n/a"
    assert str(Occurrence("lrs", "n/a", "spec.image")) == "lrs n/a spec.image"
    assert str(Occurrence("lrs", "n/a", "")) == "lrs n/a"
