"""An inventory that is asked by ids: whose document, whose LRS."""

from __future__ import annotations

from typing import Any

from kubectl_lrs.consistency.index import Index
from kubectl_lrs.consistency.inventory import Application, Deployed, Document, Inventory, LrsObject, Unchecked

A, B, C, D = ("abcd"[number] * 24 for number in range(4))
PARTS = ("objects", "applications", "documents", "deployments", "sessions", "images", "files", "keys")


def _index(**parts: Any) -> Index:
    return Index(Inventory(scope="n", **{name: parts.get(name, ()) for name in PARTS}))


def _lrs(name: str, *ids: str, kind: str = "x", **other: Any) -> LrsObject:
    return LrsObject(namespace="n", name=name, type=kind, ids=frozenset(ids), **other)


APPS = (Application(id=A), Application(id=B, lrs=C))


def test_nothing_is_known() -> None:
    index = _index(**dict.fromkeys(PARTS, Unchecked("away")))
    assert (index.applications, index.deployments, list(index.objects), index.documented, index.covered) == (
        {},
        {},
        [],
        set(),
        set(),
    )
    assert list(index.of_no_published_type()) == list(index.serving()) == []


def test_an_application_is_known_by_its_id_and_by_that_of_its_lrs() -> None:
    index = _index(applications=APPS)
    assert index.owner_of == {A: A, B: B, C: B}
    assert index.owners([C, A, A, D]) == [A, B]
    assert index.owners([]) == []


def test_which_applications_have_a_document_and_what_it_stands_for() -> None:
    index = _index(applications=APPS, documents=[Document(id=C), Document(id=D, mentions=frozenset((A,)))])
    assert index.documented == {A, B}
    assert index.covered == {A, B, C, D}


def test_a_document_by_its_own_id_is_no_other_applications() -> None:
    index = _index(applications=APPS, documents=[Document(id=A, mentions=frozenset((B,)))])
    assert index.documented == {A}


def test_a_document_of_a_deployment_or_of_a_published_type_has_an_owner() -> None:
    index = _index(
        applications=APPS,
        deployments=[Deployed(id=C, label="l", status="active", is_custom=True)],
        objects=[_lrs("agent", D, kind="management_agent"), _lrs("unknown", "e" * 24)],
    )
    assert index.has_owner(Document(id=C))
    assert index.has_owner(Document(id="f" * 24, mentions=frozenset((D,))))
    assert not index.has_owner(Document(id="e" * 24)), "an LRS of no published type is what is in question"


def test_the_lrs_of_an_application_are_of_no_published_type() -> None:
    own, spoken_of = _lrs("own", B, C), _lrs("model", B, kind="deployment")
    index = _index(applications=APPS, objects=[own, spoken_of, _lrs("other", D)])
    assert index.of_application(APPS[1]) == [own], "once, though it has both ids"
    assert index.of_application(APPS[0]) == []


def test_the_lrs_of_a_deployment_are_of_its_type_or_of_none() -> None:
    deployed = Deployed(id=A, label="l", status="active", is_custom=True)
    own, untyped = _lrs("own", A, kind="deployment"), _lrs("untyped", A, kind="<none>")
    index = _index(deployments=[deployed], objects=[own, untyped, _lrs("spark", A, kind="spark_app")])
    assert index.of_deployment(deployed) == [own, untyped]


def test_what_is_going_serves_nobody() -> None:
    going = _lrs("going", A, kind="deployment", is_going=True)
    there = _lrs("there", A, kind="deployment")
    index = _index(objects=[going, there, _lrs("x", B, is_going=True), _lrs("y", B)])
    assert [each.name for each in index.serving()] == ["there"]
    assert [each.name for each in index.of_no_published_type()] == ["y"]


def test_whose_a_document_is_needs_no_walk_over_all_that_there_is() -> None:
    """Each document would cost as much as there are deployments."""

    class Asked(dict[str, Deployed]):
        def keys(self) -> Any:
            raise AssertionError("walked")

        __iter__ = items = values = keys

    index = _index(applications=APPS)
    index.deployments = Asked({D: Deployed(id=D, label="d", status="active", is_custom=True)})
    assert index.has_owner(Document(id=D))
    assert not index.has_owner(Document(id="e" * 24))
