"""Recovery levels: what a profile takes, what a flag changes, what a backup lacks for it."""

from __future__ import annotations

import itertools

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.profiles import LEAVE_OUT, LEVELS, NONE, PROFILES, is_less, lacking, levels


def test_the_tables_agree() -> None:
    for wanted in PROFILES.values():
        assert wanted.keys() == LEVELS.keys()
        assert all(level in LEVELS[name] for name, level in wanted.items())
    assert all(names[0] == NONE and len(set(names)) == len(names) for names in LEVELS.values())
    assert LEAVE_OUT.keys() > LEVELS.keys()


@pytest.mark.parametrize("profile", PROFILES)
def test_a_flag_goes_before_the_profile(profile: str) -> None:
    assert levels(profile, {}) == dict(PROFILES[profile])
    assert levels(profile, dict.fromkeys(LEVELS)) == dict(PROFILES[profile])
    assert levels(profile, {"files": "inventory"}) == {**PROFILES[profile], "files": "inventory"}
    assert levels(profile, {"files": NONE})["files"] == NONE


def test_an_unknown_profile_names_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        levels("everything", {})
    assert all(name in caught.value.hint for name in PROFILES)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_that_was_taken_lacks_nothing(profile: str) -> None:
    assert lacking(profile, PROFILES[profile]) == []
    assert lacking(profile, {}) == [name for name, level in PROFILES[profile].items() if level != NONE]


def test_less_is_said_by_store_and_more_is_not() -> None:
    assert lacking("complete", {"mongo": "minimum", "images": "inventory", "files": "copy"}) == ["mongo", "images"]
    assert lacking("minimum", {"mongo": "complete", "images": "copy", "files": "copy"}) == []
    assert lacking("minimum", {"mongo": "of a newer program", "images": "copy"}) == []
    assert lacking("of a newer program", {}) == []


def test_levels_in_order() -> None:
    for name, names in LEVELS.items():
        for less, more in itertools.combinations(names, 2):
            assert is_less({name: less}, {name: more})
            assert not is_less({name: more}, {name: less})
        assert not is_less({name: names[-1]}, {name: names[-1]})
        assert is_less({name: names[-1]}, {name: "of a newer program"})
    assert not is_less({}, {})
    assert is_less({"mongo": "complete"}, {"files": "inventory"}), "one store with less is enough"
