"""Names of databases and collections, and the files that mongodump gives them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.stores.mongo import names

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text("aA./ %$é", min_size=200, max_size=260)


@pytest.mark.parametrize(
    ("name", "may_be"),
    [
        ("MMApp", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("ä" * 31, True),
        ("ä" * 32, False),
        *((name, False) for name in ("", "a.b", "a/b", "a\\b", "a b", 'a"b', "a$b", "a\0b", "a\nb", "..", "\u202e")),
    ],
)
def test_databases(name: str, may_be: bool) -> None:
    assert names.is_database(name) is may_be


@pytest.mark.parametrize(
    ("name", "may_be"),
    [
        ("custom_applications", True),
        ("a.b c/d", True),
        ("system.buckets.x", True),
        ("system.views", False),
        ("system.", False),
        ("systems.x", True),
        ("", False),
        ("a$b", False),
        ("a\0b", False),
        ("x" * 255, True),
        ("x" * 256, False),
    ],
)
def test_collections(name: str, may_be: bool) -> None:
    assert names.is_collection(name) is may_be


@given(ANY)
def test_a_file_name_is_short_and_stays_one_and_tells_the_name_unless_it_is_cut(name: str) -> None:
    stem = names.stem(name)
    assert re.fullmatch(r"[A-Za-z0-9_.%+~-]*", stem)
    assert len(stem) <= names.LONGEST_STEM
    if not names.is_cut(stem):
        assert names.collection(stem) == name


@given(ANY, ANY)
def test_two_collections_have_two_files(one: str, other: str) -> None:
    assert (names.stem(one) == names.stem(other)) is (one == other)


def test_long_names_are_cut_as_mongodump_cuts_them() -> None:
    name = "x" * 255
    stem = names.stem(name)
    assert names.is_cut(stem)
    assert stem.startswith("x" * 208)
    assert re.fullmatch(r"%24[A-Za-z0-9_-]{27}", stem[208:])
    assert not names.is_cut("x" * names.LONGEST_STEM)


def test_paths_in_a_backup() -> None:
    assert names.data_path("MMApp", "a/b c") == "mongo/MMApp/a%2Fb+c.bson"
    assert names.metadata_path("MMApp", "a") == "mongo/MMApp/a.metadata.json"


def test_names_that_would_share_a_file_where_case_is_folded() -> None:
    names.require_distinct(["a", "b", "a"])
    names.require_distinct([])
    with pytest.raises(LrsError, match="'Apps' and 'apps'"):
        names.require_distinct(["x", "Apps", "apps"])
