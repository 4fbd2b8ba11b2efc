"""Names that Kubernetes takes, names of backups, and file names: apart, short enough, and safe on every file system."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.names import (
    LATEST,
    MAX_STEM,
    backup_name,
    file_stem,
    is_backup_name,
    is_label_value,
    is_namespace,
    is_object_name,
    manifest_path,
)

NEVER = ["", " ", "-", "-a", "a-", "A b", "a/b", "../a", "a\n", "é", "a\x00"]


@pytest.mark.parametrize("name", NEVER)
def test_what_nothing_is_called(name: str) -> None:
    assert not is_namespace(name)
    assert not is_object_name(name)
    assert not is_label_value(name)


@pytest.mark.parametrize(
    ("name", "namespace", "thing", "label"),
    [
        ("a", True, True, True),
        ("0", True, True, True),
        ("a-b", True, True, True),
        ("a.b", False, True, True),
        ("a..b", False, False, True),
        ("a_b", False, False, True),
        ("A", False, False, True),
        ("a" * 63, True, True, True),
        ("a" * 64, False, True, False),
        ("a" * 253, False, True, False),
        ("a" * 254, False, False, False),
    ],
)
def test_what_may_be_called_so(name: str, namespace: bool, thing: bool, label: bool) -> None:
    assert (is_namespace(name), is_object_name(name), is_label_value(name)) == (namespace, thing, label)


@pytest.mark.parametrize(
    ("name", "may_be"),
    [
        ("lrs_backup_2026_11_24_12_00_00", True),
        ("before.upgrade-2", True),
        ("a" * 200, True),
        ("a" * 201, False),
        (LATEST, False),
        ("LATEST", True),
        *((name, False) for name in ("", ".", "..", ".hidden", "a/b", "a b", "-rf", "a\n", "é", "a$(x)", "_a")),
    ],
)
def test_names_of_backups(name: str, may_be: bool) -> None:
    assert is_backup_name(name) is may_be


def test_the_name_of_a_backup_says_when_and_sorts_so() -> None:
    instants = [datetime(2026, month, day, 3, 4, 5, tzinfo=timezone.utc) for month in (1, 11) for day in (2, 30)]
    made = [backup_name(each) for each in instants]
    assert made[0] == "lrs_backup_2026_01_02_03_04_05"
    assert sorted(made) == made
    assert all(map(is_backup_name, made))


ANY = st.text(max_size=60) | st.text("aA.%~/\\\x00é", max_size=300) | st.sampled_from(["", ".", "..", "%41", "A", "a" * 500])


@given(ANY)
def test_any_name_has_a_file_name(name: str) -> None:
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return
    stem = file_stem(name)
    assert re.fullmatch(r"[a-z0-9._%~-]*", stem)
    assert not stem.startswith(".")
    assert len(stem) <= MAX_STEM
    assert (stem == "") is (name == "")


@given(ANY, ANY)
def test_two_names_have_two_file_names_even_where_case_is_folded(one: str, other: str) -> None:
    try:
        stems = [file_stem(each).lower() for each in (one, other)]
    except UnicodeEncodeError:
        return
    assert (stems[0] == stems[1]) is (one == other)


def test_a_usual_name_is_its_own_file_name() -> None:
    assert manifest_path("datarobot", "custom-app-65f0.v1") == "lrs/datarobot/custom-app-65f0.v1.yaml"
    assert manifest_path("A", "x/../y") == "lrs/%41/x%2f..%2fy.yaml"
