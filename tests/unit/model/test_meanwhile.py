"""What became of LRS meanwhile, as the catalog has it."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.model.meanwhile import FIELD, Change, Meanwhile, What, parse

SEEN = Meanwhile(resource_version="7", touched=2, changes=(Change("a", "b", "deployment", What.CHANGED),))


def test_it_comes_back() -> None:
    assert parse({FIELD: SEEN.to_dict()}) == SEEN
    assert parse({}) is None
    assert SEEN.changes[0].key == "a/b"


def test_a_word_of_a_later_version_is_kept() -> None:
    document = SEEN.to_dict()
    document["lrs"][0]["what"] = "renamed"
    assert parse({FIELD: document}) == Meanwhile(
        resource_version="7", touched=2, changes=(Change("a", "b", "deployment", "renamed"),)
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"touched": -1},
        {"touched": True},
        {"touched": "2"},
        {"resourceVersion": 7},
        {"lrs": [{"namespace": "a", "name": 1, "type": "", "what": ""}]},
        {"lrs": [{"namespace": "a"}]},
        {"lrs": 7},
        {"lrs": [7]},
    ],
)
def test_what_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        parse({FIELD: {**SEEN.to_dict(), **wrong}})


@pytest.mark.parametrize("wrong", [7, "x", [], True])
def test_no_mapping(wrong: object) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        parse({FIELD: wrong})
