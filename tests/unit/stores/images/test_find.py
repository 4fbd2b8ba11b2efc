"""Which images LRS and documents name, where, and why."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.stores.common.image_names.recognise import Why
from kubectl_lrs.stores.common.mentions import Mention
from kubectl_lrs.stores.images.find import ImageFilter, find

IN_DOCUMENTS: list[tuple[str, str, Why | str | None]] = [
    ("image", "r.io/used:1", Why.USED),
    ("anything", "python:3", Why.USED),
    ("anything", "other.io/x/managed-image:2", Why.PRODUCT),
    ("anything", "r.io/unknown:2", Why.REGISTRY),
    ("source.imageUri", "other.io/original:2", Why.FIELD),
    ("repository", "r.io/x/managed-image", "it names no tag"),
    ("repository", "r.io/unknown", "it names no tag"),
    ("repository", "x/managed-image:1", "it names no registry"),
    ("image", "folder/name:1", "it names no registry"),
    ("log", "pulled r.io/x/managed-image:1 in 3 s", "a repository of the product is a part of it"),
    ("image", "65f00001c0ffee0000001eef", None),
    ("anything", "other.io/original:2", None),
    ("name", "python", None),
    ("host", "mongo.example.com:27017", None),
    ("anything", "python:2", None),
]


def _mentions(rows: list[tuple[str, str, Any]]) -> list[Mention]:
    used = [Mention("lrs", "n/a", "spec.image", "r.io/used:1"), Mention("lrs", "n/b", "spec.containers[0].image", "python:3")]
    return used + [Mention("custom_applications", "65f0", field, text) for field, text, _ in rows]


@pytest.mark.parametrize("row", IN_DOCUMENTS)
def test_strings_of_a_document(row: tuple[str, str, Why | str | None]) -> None:
    found = find(_mentions([row]), ImageFilter())
    whys = [place.why for image in found.images.values() for place in image.places if place.store != "lrs"]
    assert (whys or [each.why for each in found.undecided] or [None]) == [row[2]]
    if isinstance(row[2], str) and not whys:
        assert [(each.store, each.id, each.field, each.text) for each in found.undecided] == [
            ("custom_applications", "65f0", row[0], row[1])
        ]


def test_another_string_of_an_lrs_with_a_registry_that_is_used() -> None:
    mentions = [Mention("lrs", "n/a", "spec.env[0].value", text) for text in ("r.io/side:1", "other.io/side:1", "r.io/side")]
    assert find(mentions, ImageFilter()).images == {}
    found = find([*mentions, *_mentions([])], ImageFilter())
    assert [str(each) for each, image in found.images.items() if image.places[0].why is Why.REGISTRY] == ["r.io/side:1"]


def test_all_places_are_counted_and_the_first_are_kept() -> None:
    found = find([Mention("lrs", f"n/{n}", "spec.image", "r.io/a:1") for n in range(50)], ImageFilter())
    (image,) = found.images.values()
    assert (image.count, len(image.places), image.places[0].id) == (50, 20, "n/0")
