"""Which backup is the latest: what it holds decides, a narrow one hides no fuller one, and like is compared with like."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.catalog import Catalog, Cluster
from kubectl_lrs.model.choice import RECENT, Asked, fewer, group_of, hidden, less, less_than_before, newest

START = datetime(2026, 11, 20, tzinfo=timezone.utc)
HERE, THERE = Cluster(server="https://here", context="prod"), Cluster(server="https://there")
COMPLETE = {"mongo": "complete", "images": "copy", "files": "copy"}


def catalog(
    name: str,
    hours: float = 0,
    *,
    objects: int = 100,
    cluster: Cluster = HERE,
    levels: dict[str, str] | None = None,
    held: dict[str, int] | None = None,
    namespaces: dict[str, int] | None = None,
    **selection: Any,
) -> Catalog:
    facts = {"objects": objects, "types": held or {"deployment": objects}, "namespaces": namespaces or {"datarobot": objects}}
    return Catalog(
        name=name,
        instant=START + timedelta(hours=hours),
        finished=START,
        tool="test",
        cluster=cluster,
        selection={"namespace": "datarobot", "types": [], "excludedTypes": [], "selector": "", **selection},
        profile="complete" if levels else "lrs",
        tiers={"resources": facts, **{name: {} for name, level in (levels or {}).items() if level != "none"}},
        levels=levels or {},
    )


def chosen(asked: Asked, *catalogs: Catalog, holds: Any = lambda _each: True) -> str:
    ordered = sorted(catalogs, key=lambda each: each.instant, reverse=True)
    found, _ = newest(ordered, lambda each: each, asked, holds)
    return found.name if found else ""


NIGHT = catalog("night", levels=COMPLETE)
AGENTS = catalog("agents", 8, objects=2, held={"tracking_agent": 2}, types=["tracking_agent"])


def test_a_narrow_one_never_hides_last_nights_complete_one() -> None:
    assert chosen(Asked(), NIGHT, AGENTS) == "night"
    for narrow in (
        catalog("lrs-alone", 8),
        catalog("labels", 8, levels=COMPLETE, selector="app=x"),
        catalog("no-files", 8, levels={**COMPLETE, "files": "none"}),
        catalog("without", 8, levels=COMPLETE, excludedTypes=["deployment"]),
    ):
        assert chosen(Asked(), NIGHT, narrow) == "night", narrow.name
    (_, [(passed, why)]) = newest([AGENTS, NIGHT], lambda each: each, Asked())
    assert (passed.name, why) == (
        "agents",
        "holds type tracking_agent alone, no mongo, no images, no files (2 LRS)",
    )


def test_what_is_asked_for_decides() -> None:
    assert chosen(Asked(types=frozenset(["tracking_agent"])), NIGHT, AGENTS) == "agents"
    assert chosen(Asked(tiers=frozenset(["mongo"])), NIGHT, catalog("lrs", 8), catalog("lrs2", 9)) == "night"
    assert chosen(Asked(namespace="other"), NIGHT) == ""
    assert chosen(Asked(cluster=THERE), NIGHT) == ""
    assert chosen(Asked(cluster=HERE), NIGHT, catalog("x", 9, cluster=THERE)) == "night"
    assert chosen(Asked(until=START + timedelta(hours=1)), NIGHT, catalog("n2", 9, levels=COMPLETE)) == "night"
    assert chosen(Asked(), NIGHT, AGENTS, holds=lambda each: each.name == "agents") == "agents", "narrow, and the only one"
    assert chosen(Asked(), NIGHT, catalog("n2", 9, levels=COMPLETE), holds=lambda each: each.name == "night") == "night"
    assert "context" not in str(Asked(cluster=HERE))
    assert str(Asked(cluster=HERE, tiers=frozenset(["mongo"]))) == "of the cluster prod (https://here) with mongo"


def test_what_is_usual_is_no_narrow_one() -> None:
    """Nightly LRS beside a weekly complete one: after a day there are more of the former, and the newest counts."""
    nightly = [catalog(f"lrs-{day}", 24 * day) for day in (1, 2)]
    assert chosen(Asked(), NIGHT, *nightly) == "lrs-2"
    late = catalog("lrs", RECENT / timedelta(hours=1) + 1)
    assert chosen(Asked(), NIGHT, late) == "lrs", "a fuller one that is old does not stand in"


def test_others_that_are_no_less() -> None:
    """Of two that each hold what the other has not neither is narrower, nor is another cluster's."""
    assert chosen(Asked(), NIGHT, catalog("b", 8, levels=COMPLETE, namespace="other", namespaces={"other": 1})) == "b"
    assert chosen(Asked(), NIGHT, catalog("b", 8, cluster=THERE)) == "b"
    assert less(catalog("a", namespace=None), catalog("b")) == []
    assert less(catalog("a"), catalog("b", namespace=None)) == ["namespace datarobot alone"]
    assert less(catalog("a", levels={"mongo": "minimum"}), catalog("b", levels={"mongo": "complete"})) == [
        "mongo minimum, not complete"
    ]


def test_less_than_the_one_before_it() -> None:
    assert less_than_before(AGENTS, [NIGHT]) == (
        "it holds less than night, the one before it: type tracking_agent alone, no mongo, no images, no files; "
        "2 LRS, there were 100"
    )
    assert less_than_before(NIGHT, []) == ""
    week = [NIGHT, catalog("monday", 24), catalog("tuesday", 48)]
    assert less_than_before(catalog("wednesday", 72), week) == "", "it is as the others of its kind"
    assert less_than_before(catalog("wednesday", 72, objects=40), week) == (
        "it holds less than tuesday, the one before it; 40 LRS, there were 100"
    )
    assert less_than_before(catalog("b", 8, namespace="b", levels=COMPLETE), [NIGHT]) == "", "another place is not less"


def _holding(name: str, hours: float, **counts: Any) -> Catalog:
    made = catalog(name, hours, levels=COMPLETE)
    facts = {"mongo": "documents", "images": "images", "files": "files"}
    return replace(made, tiers={**made.tiers, **{tier: {facts[tier]: count} for tier, count in counts.items()}})


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"mongo": 500, "images": 10, "files": 1000}, ""),
        ({"mongo": 499, "images": 10, "files": 2000}, "499 documents, there were 1,000"),
        ({"mongo": 1000, "images": 0, "files": 2}, "0 images, there were 10; 2 files, there were 2,000"),
        ({"mongo": "no number", "images": None}, ""),
    ],
)
def test_less_of_one_store_than_the_one_before_it(now: dict[str, Any], said: str) -> None:
    """As where a storage is not mounted, or a collection was emptied."""
    before = _holding("monday", 24, mongo=1000, images=10, files=2000)
    found = less_than_before(_holding("tuesday", 48, **now), [before])
    assert found == (said and f"it holds less than monday, the one before it; {said}")


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from(["all", "agents", "lrs"])), max_size=12))
def test_whatever_there_is_something_is_chosen_and_only_a_fuller_one_stands_in(made: list[tuple[int, str]]) -> None:
    kinds: dict[str, dict[str, Any]] = {"all": {"levels": COMPLETE}, "agents": {"types": ["tracking_agent"]}, "lrs": {}}
    catalogs = [
        catalog(f"{number}", hours, **({} if kind == "agents" else kinds[kind])) for number, (hours, kind) in enumerate(made)
    ]
    assert bool(chosen(Asked(), *catalogs)) is bool(catalogs)
    by_name = {each.name: each for each in catalogs}
    for name, (fuller, words) in hidden(catalogs).items():
        assert words
        assert fuller.instant <= by_name[name].instant <= fuller.instant + RECENT
        assert group_of(fuller) != group_of(by_name[name])


@pytest.mark.parametrize("asked", [Asked(), Asked(tiers=frozenset(["mongo"])), Asked(cluster=HERE)])
def test_an_empty_one_is_never_meant(asked: Asked) -> None:
    empty = catalog("empty", objects=0)
    assert asked.lack(empty)


def _documents(catalog: Catalog, **counts: int) -> Catalog:
    listed = [{"name": name, "documents": count} for name, count in counts.items()]
    return replace(catalog, tiers={**catalog.tiers, "mongo": {"documents": sum(counts.values()), "collections": listed}})


def test_a_collection_that_was_emptied_is_told_though_the_others_are_as_they_were() -> None:
    before = _documents(NIGHT, custom_applications=500, longrunningservices=20, workspace_items=3)
    now = _documents(NIGHT, custom_applications=500, longrunningservices=0, workspace_items=3, added=1)
    (found,) = fewer(now, before)
    assert (found.tier, str(found), found.is_gone) == ("mongo", "0 documents in longrunningservices, there were 20", True)
    assert list(fewer(before, now)) == []
    head = replace(before, tiers={**before.tiers, "mongo": {"documents": 523, "collections": 3}})
    assert list(fewer(now, head)) == list(fewer(head, now)) == [], "a seal has their number alone"


@pytest.mark.parametrize(("now", "then", "is_gone"), [(0, 10, True), (0, 9, False), (1, 1000, False)])
def test_nothing_after_many_is_another_matter_than_less(now: int, then: int, is_gone: bool) -> None:
    (found,) = fewer(catalog("b", 8, objects=now), catalog("a", objects=then))
    assert found.is_gone is is_gone
