"""What became of LRS meanwhile, as people read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from kubectl_lrs.model.catalog import Catalog, Cluster
from kubectl_lrs.model.meanwhile import Change, Meanwhile, What
from kubectl_lrs.render.meanwhile import SAID, happened, not_of_one_instant
from tests.builders.sealing import RESOURCES

BEGUN = datetime(2026, 11, 23, tzinfo=timezone.utc)
EMPTY = Catalog(
    name="saved",
    instant=BEGUN,
    finished=BEGUN,
    tool="",
    cluster=Cluster(server=""),
    selection={},
    profile="lrs",
    tiers={"resources": RESOURCES},
)


def _catalog(*changes: Change, touched: int = 0) -> Catalog:
    seen = Meanwhile(resource_version="7", touched=touched, changes=changes)
    return replace(EMPTY, tiers={"resources": {**RESOURCES, "meanwhile": seen.to_dict()}})


def test_every_word_has_a_sentence() -> None:
    assert SAID.keys() == set(What)


def test_nobody_looked_or_nothing_happened() -> None:
    for catalog in (EMPTY, _catalog()):
        assert list(happened(catalog)) == []
        assert list(not_of_one_instant("saved", catalog)) == []


def test_many_are_counted_and_all_are_shown() -> None:
    catalog = _catalog(*(Change("a", f"n{number}", "", What.DELETED) for number in range(12)), touched=3)
    assert len(list(happened(catalog, most=10))) == 11
    assert list(happened(catalog, most=10))[-1].startswith("2 more LRS")
    assert len(list(happened(catalog))) == 13
    assert "LRS were: 12 deleted" in next(iter(not_of_one_instant("saved", catalog)))


def test_a_word_of_a_later_version_is_shown_as_it_is() -> None:
    assert list(happened(_catalog(Change("a", "b", "", "renamed")))) == ["a/b renamed"]
