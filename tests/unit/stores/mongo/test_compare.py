"""Documents are known by collection and `_id`, whatever that is."""

from __future__ import annotations

import bson
import pytest

from kubectl_lrs.stores.mongo.compare import LONGEST, key_of, shown


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        (bson.ObjectId("65f0c0ffee0123456789abcd"), 'c/{"$oid": "65f0c0ffee0123456789abcd"}'),
        ("name", 'c/"name"'),
        (7, "c/7"),
    ],
)
def test_a_name_for_people(identifier: object, expected: str) -> None:
    assert shown(b"c\0" + key_of(bson.encode({"a": 1, "_id": identifier}), "here")) == expected


def test_keys_are_apart_however_long_they_are() -> None:
    """A number and its text, two long texts that begin alike, a document without an `_id`."""
    long = "x" * 1000
    keys = [
        key_of(bson.encode(each), "") for each in ({"_id": 1}, {"_id": "1"}, {"_id": long + "a"}, {"_id": long + "b"}, {"n": 1})
    ]
    assert len(set(keys)) == len(keys)
    assert max(map(len, keys)) <= LONGEST + 16
    assert shown(b"c\0" + keys[2]).startswith("c/an _id of digest ")
    assert shown(b"c\0") == "c (options and indexes)"
