"""Recovery levels: what a profile takes, what a flag changes, what a backup lacks for it."""

from __future__ import annotations

import itertools

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.stores import NONE, PROFILES, STORES, lacking, leave_out, levels


def test_the_table_agrees_with_itself() -> None:
    for store in STORES.values():
        assert store.levels[0] == NONE
        assert len(set(store.levels)) == len(store.levels)
        assert store.profiles.keys() <= set(PROFILES)
        assert set(store.profiles.values()) <= set(store.levels)
        assert store.holds


@pytest.mark.parametrize(("less", "more"), list(itertools.combinations(PROFILES, 2)))
def test_each_profile_takes_no_less_than_the_one_before(less: str, more: str) -> None:
    assert all(STORES[name].rank(level) <= STORES[name].rank(levels(more, {})[name]) for name, level in levels(less, {}).items())


@pytest.mark.parametrize("profile", PROFILES)
def test_a_flag_goes_before_the_profile(profile: str) -> None:
    taken = levels(profile, {})
    assert taken.keys() == STORES.keys()
    assert levels(profile, dict.fromkeys(STORES)) == taken
    assert levels(profile, {"files": "inventory"}) == {**taken, "files": "inventory"}
    assert levels(profile, {"files": NONE})["files"] == NONE


def test_an_unknown_profile_names_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        levels("everything", {})
    assert all(name in caught.value.hint for name in PROFILES)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_that_was_taken_lacks_nothing(profile: str) -> None:
    taken = levels(profile, {})
    assert lacking(profile, taken) == []
    assert lacking(profile, {}) == [name for name, level in taken.items() if level != NONE]


def test_less_is_said_by_store_and_more_is_not() -> None:
    assert lacking("complete", {"mongo": "minimum", "images": "inventory", "files": "copy"}) == ["mongo", "images"]
    assert lacking("minimum", {"mongo": "complete", "images": "copy", "files": "copy"}) == []
    assert lacking("minimum", {"mongo": "of a newer program", "images": "copy"}) == []
    assert lacking("of a newer program", {}) == []


def test_levels_in_order() -> None:
    for store in STORES.values():
        ranks = [store.rank(level) for level in (*store.levels, "of a newer program")]
        assert ranks == sorted(set(ranks))


def test_the_flag_that_leaves_a_store_out() -> None:
    assert [leave_out(name) for name in ("mongo", "deployments", "resources", "")] == ["--mongo none", "--no-deployments", "", ""]
