"""Whether a collection is still what it was when it was looked at."""

from __future__ import annotations

from typing import Any

import bson
import pytest

from kubectl_lrs.stores.mongo.evidence import Standing, content_changed, identity_changed
from kubectl_lrs.stores.mongo.server.info import CollectionInfo, Writes


def info(kind: str = "collection", *, uuid: str = "a" * 32, **options: Any) -> CollectionInfo:
    return CollectionInfo(name="c", kind=kind, options=bson.encode(options), uuid=uuid)


def standing(documents: int, writes: int | None, *, host: str = "h", uuid: str = "a" * 32) -> Standing:
    counted = Writes(((host, writes),)) if writes is not None else None
    return Standing(info=info(uuid=uuid), documents=documents, writes=counted)


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        (standing(5, 9), standing(5, 9), False),
        (standing(5, 9), standing(5, 10), True),  # another value
        (standing(5, 9), standing(6, 9), True),  # what the server does not count
        (standing(5, 9), standing(4, 9), False),  # its own removing
        (standing(5, 9), standing(4, 10), True),
        (standing(5, None), standing(5, None), False),
        (standing(5, None), standing(4, None), True),  # by whom is not known
        (standing(5, 9), standing(4, 3), True),  # started anew
        (standing(5, 9), standing(5, 9, host="other"), False),
        (standing(5, 9), standing(4, 9, host="other"), True),
    ],
)
def test_what_clients_have_done_meanwhile(before: Standing, now: Standing, changed: bool) -> None:
    assert bool(content_changed(before, now)) is changed


def test_another_of_the_name() -> None:
    before = standing(1, 1)
    assert identity_changed(before, None)
    assert identity_changed(before, standing(1, 1, uuid="b" * 32))
    assert identity_changed(before, Standing(info=info(capped=True)))
    assert not identity_changed(before, standing(9, 9))
