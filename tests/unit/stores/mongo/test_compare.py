"""Documents are known by collection and `_id`, whatever that is."""

from __future__ import annotations

import bson
import pytest

from kubectl_lrs.stores.mongo.compare import LONGEST, _definition, key_of, shown
from kubectl_lrs.stores.mongo.metadata import Metadata


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


A, B = ({"v": 2, "key": {each: 1}, "name": f"{each}_1", "sparse": True} for each in "ab")
AB = {"v": 2, "key": {"a": 1, "b": -1}, "name": "ab"}


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (Metadata(indexes=[A, B]), Metadata(indexes=[B, A]), True),
        (Metadata(indexes=[A]), Metadata(indexes=[{"name": "a_1", "sparse": True, "key": {"a": 1.0}, "v": 2}]), True),
        (Metadata(indexes=[AB]), Metadata(indexes=[{**AB, "key": {"b": -1, "a": 1}}]), False),
        (Metadata(indexes=[A]), Metadata(indexes=[{**A, "sparse": False}]), False),
        (Metadata(indexes=[A]), Metadata(indexes=[A, B]), False),
        (Metadata(options={"capped": True, "size": 4096}), Metadata(options={"size": 4096.0, "capped": True}), True),
        (
            Metadata(options={"viewOn": "c", "pipeline": [{"$sort": {"a": 1, "b": 1}}]}),
            Metadata(options={"viewOn": "c", "pipeline": [{"$sort": {"b": 1, "a": 1}}]}),
            False,
        ),
        (Metadata(options={"validator": {"a": bson.Regex("x")}}), Metadata(options={"validator": {"a": bson.Regex("x")}}), True),
        (Metadata(options={"validator": {"a": True}}), Metadata(options={"validator": {"a": 1}}), False),
    ],
)
def test_what_is_the_same_definition(one: Metadata, other: Metadata, is_same: bool) -> None:
    assert (_definition(one) == _definition(other)) is is_same
