"""Whose each document and LRS is, by the ids in them."""

from __future__ import annotations

from typing import Any

import bson

from kubectl_lrs.stores.common.mentions import LRS, Document, strings
from kubectl_lrs.usecases.owners import Owners

A, B, LOST = "65f0000100000000000000aa", "65f0000200000000000000bb", "65f0000300000000000000cc"
IMAGE, VERSION, BASE, ITEM = (f"65f1{number:04x}0000000000000000" for number in range(4))


def oid(text: str) -> bson.ObjectId:
    return bson.ObjectId(text)


def document(store: str, identifier: str, **fields: Any) -> Document:
    return Document(store, identifier, {"_id": oid(identifier), **fields})


def lrs(name: str, kind: str = "custom_application", **spec: Any) -> Document:
    labels = {"labels": {"datarobot-lrs-type": kind}, "annotations": {}}
    return Document(LRS, f"ns/{name}", {"metadata": labels, "spec": spec})


def owners(*documents: Document) -> Owners:
    made = Owners()
    for each in documents:
        made.add(each, strings(each.content))
    return made


APPS = (document("custom_applications", A, name="sales", imageId=oid(IMAGE)), document("custom_applications", B, name="churn"))


def of(made: Owners, store: str, identifier: str) -> set[str]:
    return set(made.of((store, identifier)))


def test_own_documents_and_what_names_the_application() -> None:
    made = owners(*APPS, document("longrunningservices", A), document("workspace_items", ITEM, where={"deep": [A]}))
    assert of(made, "custom_applications", A) == {A}
    assert of(made, "longrunningservices", A) == {A}
    assert made.of(("workspace_items", ITEM)) == {A: "its where.deep[0] names the application"}


def test_what_its_documents_name_and_what_that_names() -> None:
    made = owners(
        *APPS,
        document("custom_application_images", IMAGE, latest=oid(VERSION)),
        document("custom_application_image_versions", VERSION, base=oid(BASE)),
        document("execute_docker_images", BASE),
    )
    assert made.of(("custom_application_images", IMAGE)) == {A: f"imageId of custom_applications/{A} names it"}
    assert of(made, "execute_docker_images", BASE) == {A}


def test_what_nobody_names_is_whoevers_it_names() -> None:
    made = owners(
        *APPS,
        document("custom_application_images", IMAGE),
        document("custom_application_image_versions", VERSION, imageId=oid(IMAGE), base=oid(BASE)),
        document("execute_docker_images", BASE),
    )
    found = made.of(("custom_application_image_versions", VERSION))
    assert found == {A: f"its imageId names custom_application_images/{IMAGE}"}
    assert of(made, "execute_docker_images", BASE) == {A}


def test_what_two_lead_to_is_of_both_and_leads_to_neither() -> None:
    made = owners(
        document("custom_applications", A, name="sales", base=oid(BASE)),
        document("custom_applications", B, name="churn", base=oid(BASE)),
        document("execute_docker_images", BASE),
        document("workspace_items", ITEM, image=oid(BASE)),
    )
    assert of(made, "execute_docker_images", BASE) == {A, B}
    assert made.title(("execute_docker_images", BASE), A) == (f"churn ({B})",)
    assert of(made, "workspace_items", ITEM) == {A, B}
    assert of(made, "custom_applications", B) == {B}, "that they share something makes neither the other's"


def test_an_application_that_names_another_does_not_own_it() -> None:
    made = owners(
        document("custom_applications", A, clonedFrom=oid(B)),
        document("custom_applications", B),
        document("longrunningservices", B, twin=A),
    )
    assert of(made, "custom_applications", B) == {B}
    assert of(made, "longrunningservices", B) == {B}


def test_nor_one_whose_own_document_is_gone() -> None:
    """What is left of it is its document in longrunningservices, and its LRS: both under its id."""
    made = owners(
        document("custom_applications", A, name="sales", clonedFrom=oid(B)),
        document("longrunningservices", B, image=oid(IMAGE)),
        document("execute_docker_images", IMAGE),
        lrs(f"app-{B}"),
    )
    assert of(made, "longrunningservices", B) == {B}
    assert of(made, LRS, f"ns/app-{B}") == {B}
    assert of(made, "execute_docker_images", IMAGE) == {B}
    assert made.title((LRS, f"ns/app-{B}"), A) == (B,)


def test_what_leads_nowhere_is_of_nobody_and_stands_in_the_way() -> None:
    made = owners(*APPS, document("workspace_items", ITEM, applicationId=oid(LOST)))
    assert of(made, "workspace_items", ITEM) == set()
    assert "no application that is known" in made.title(("workspace_items", ITEM), A)[0]


def test_other_collections_are_no_part_of_an_application() -> None:
    made = owners(*APPS, document("users", ITEM, application=A), document("projects", BASE))
    assert of(made, "users", ITEM) == set()
    assert made.title(("users", ITEM), A) == ()
    assert made.title(("users", ITEM), B) != ()


def test_lrs_are_told_by_their_names_first() -> None:
    made = owners(
        *APPS,
        document("longrunningservices", BASE, applicationId=oid(A)),
        lrs(f"app-{A}", neighbour=B),
        lrs(f"run-{BASE}"),
        lrs("plain", env={"APPLICATION_ID": B}),
        lrs(f"other-{LOST}", env={"APPLICATION_ID": B}),
        lrs(f"model-{A}", "deployment"),
    )
    assert of(made, LRS, f"ns/app-{A}") == {A}
    assert of(made, LRS, f"ns/run-{BASE}") == {A}
    assert of(made, LRS, "ns/plain") == {B}
    assert of(made, LRS, f"ns/other-{LOST}") == set()
    assert of(made, LRS, f"ns/model-{A}") == set(), "a published type is of something else"


def test_what_a_backup_has_told_holds_beside_what_is_found() -> None:
    key = ("execute_docker_images", BASE)
    made = Owners(given={key: A})
    for each in (document("custom_applications", B, base=oid(BASE)), document("execute_docker_images", BASE)):
        made.add(each, strings(each.content))
    made.add_unknown(A)
    assert set(made.of(key)) == {A, B}
    assert made.title(key, A) == (B,)


def test_circles_end() -> None:
    made = owners(
        *APPS,
        document("custom_application_images", IMAGE, version=oid(VERSION)),
        document("custom_application_image_versions", VERSION, image=oid(IMAGE)),
    )
    assert of(made, "custom_application_image_versions", VERSION) == {A}


def test_one_that_was_handed_over_by_what_it_names_is_of_both() -> None:
    """The backup said A; by now it names none but a document of B's."""
    item = document("workspace_items", ITEM, image=oid(IMAGE))
    image = document("custom_application_images", IMAGE, applicationId=oid(B))
    made = Owners(given={("workspace_items", ITEM): A})
    for each in (*APPS[1:], document("custom_applications", A, name="sales"), item, image):
        made.add(each, strings(each.content))
    assert of(made, "workspace_items", ITEM) == {A, B}
    assert made.title(("workspace_items", ITEM), A) == (f"churn ({B})",)
    alone = Owners(given={("workspace_items", ITEM): A})
    for each in (*APPS, item, document("custom_application_images", IMAGE)):
        alone.add(each, strings(each.content))
    assert of(alone, "workspace_items", ITEM) == {A}, "what it names is A's too"


def test_an_lrs_that_was_handed_over_is_of_both() -> None:
    for name, spec, whose in ((f"x-{A}", {"app": B}, {A}), ("x", {"app": B}, {A, B}), ("x", {}, {A}), (f"x-{B}", {}, {A, B})):
        made = Owners(given={(LRS, f"ns/{name}"): A})
        for each in (*APPS, lrs(name, **spec)):
            made.add(each, strings(each.content))
        assert of(made, LRS, f"ns/{name}") == whose


def test_what_still_leads_to_it_hands_nothing_over() -> None:
    """The application's own document, and what it names, name what another leads to as well."""
    own = document("custom_applications", A, name="sales", item=oid(ITEM), base=oid(BASE))
    other = document("custom_applications", B, name="churn", base=oid(BASE))
    item, base = document("workspace_items", ITEM, base=oid(BASE)), document("execute_docker_images", BASE)
    made = Owners(given={("custom_applications", A): A, ("workspace_items", ITEM): A, ("execute_docker_images", BASE): A})
    for each in (own, other, item, base):
        made.add(each, strings(each.content))
    assert of(made, "custom_applications", A) == of(made, "workspace_items", ITEM) == {A}
    assert of(made, "execute_docker_images", BASE) == {A, B}
