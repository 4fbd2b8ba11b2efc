"""Which options of a metadata file go to a server, and what of them it has not kept."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.stores.mongo.definition import altered, flaw, left_out, sent_options
from kubectl_lrs.stores.mongo.metadata import Metadata
from kubectl_lrs.stores.mongo.server.writing import create_command


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"capped": True, "size": 4096, "max": 3},
        {"validator": {"a": 1}, "validationLevel": "strict", "validationAction": "warn"},
        {"collation": {"locale": "de"}, "storageEngine": {}, "indexOptionDefaults": {}},
        {"timeseries": {"timeField": "t"}, "expireAfterSeconds": 1},
        {"clusteredIndex": {"key": {"_id": 1}, "unique": True}},
        {"changeStreamPreAndPostImages": {"enabled": True}, "recordPreImages": True, "encryptedFields": {}},
        {"viewOn": "x", "pipeline": [{"$match": {}}], "collation": {"locale": "de"}},
        {"autoIndexId": False, "flags": 3, "temp": True},
    ],
)
def test_what_is_documented_is_sent(options: dict[str, Any]) -> None:
    about = Metadata(options=options)
    assert flaw(about) == ""
    assert set(sent_options(about)) | set(left_out(about)) == set(options)


@pytest.mark.parametrize(
    "options",
    [
        {"create": "victim"},
        {"createIndexes": "victim"},
        {"$db": "admin"},
        {"writeConcern": {"w": 0}},
        {"comment": 1},
        {"Capped": True},
        {"viewOn": "x", "size": 1},
        {"viewOn": "x", "pipeline": [{"$match": {}, "$out": "y"}]},
        {"viewOn": "x", "pipeline": ["$out"]},
        {"viewOn": 1},
        {"viewOn": "x\0y"},
    ],
)
def test_anything_else_is_not(options: dict[str, Any]) -> None:
    assert flaw(Metadata(options=options))


def test_kinds_that_do_not_agree() -> None:
    assert flaw(Metadata(options={"timeseries": {}}, kind="collection"))
    assert flaw(Metadata(options={}, kind="timeseries"))
    assert flaw(Metadata(options={}, kind="view"))
    assert flaw(Metadata(options={"timeseries": {}}, kind="timeseries")) == ""


def test_no_option_names_another_collection() -> None:
    """Even one that got so far."""
    assert create_command("mine", {"create": "victim", "capped": True}) == {"create": "mine", "capped": True}
    assert next(iter(create_command("mine", {"capped": True, "create": "victim"}))) == "create"


@pytest.mark.parametrize(
    ("sent", "found", "fields"),
    [
        ({"size": 5000}, {"size": 5120}, ["size"]),
        ({"size": 4096.0, "sparse": 1}, {"size": 4096, "sparse": True}, []),
        ({"collation": {"locale": "de"}}, {"collation": {"locale": "de", "strength": 3}}, []),
        ({"collation": {"locale": "de"}}, {"collation": {"locale": "fr"}}, ["collation.locale"]),
        ({"unique": False, "x": None, "y": {}}, {}, []),
        ({"unique": True}, {}, ["unique"]),
        ({"pipeline": [{"$sort": {"a": 1, "b": 1}}]}, {"pipeline": [{"$sort": {"b": 1, "a": 1}}]}, ["pipeline"]),
        ({"validator": {"a": 1}}, {"validator": 1}, ["validator"]),
    ],
)
def test_what_a_server_did_not_keep(sent: dict[str, Any], found: dict[str, Any], fields: list[str]) -> None:
    assert altered(sent, found) == fields
