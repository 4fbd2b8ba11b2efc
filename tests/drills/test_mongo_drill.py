"""The drill with MongoDB, through the command line: back up, lose it, restore, nothing differs."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import bson
import pytest
from bson.binary import Binary
from bson.raw_bson import RawBSONDocument

from kubectl_lrs.formats import bson_batches as rawbson
from tests.builders.mongo_fixtures import App
from tests.conftest import Cli, Crd

EVERY_TYPE: dict[str, Any] = {
    "double": 1.5,
    "nan": float("nan"),
    "minus zero": -0.0,
    "text": "zażółć \U0001f600 \x00 inside",
    "document": {"a": {"b": []}},
    "array": [1, "two", None, [3]],
    "binary": Binary(b"\x00\xff", 0),
    "old uuid": Binary(bytes(16), 3),
    "uuid": Binary(bytes(16), 4),
    "user binary": Binary(b"x", 0x80),
    "id": bson.ObjectId(),
    "true": True,
    "date": bson.DatetimeMS(0),
    "far date": bson.DatetimeMS(1 << 60),
    "null": None,
    "regex": bson.Regex("a.*", "im"),
    "dbref": bson.DBRef("other", bson.ObjectId(), "db"),
    "code": bson.Code("f()"),
    "scope": bson.Code("f()", {"x": 1}),
    "int32": 1,
    "int64": bson.Int64(1),
    "timestamp": bson.Timestamp(1, 2),
    "decimal": bson.Decimal128("1E-6143"),
    "min": bson.MinKey(),
    "max": bson.MaxKey(),
    "": "an empty name",
    "a.b": "a dot in a name",
    "$dollar": "a dollar in a name",
}


def odd_documents() -> list[bytes]:
    """What drivers would alter if they decoded it: names twice, an order of one's own, types that are no longer written."""
    element = rawbson.document
    return [
        bson.encode({"_id": bson.ObjectId(), **EVERY_TYPE}),
        element(b"\x10_id\x00\x01\x00\x00\x00" + b"\x10a\x00\x01\x00\x00\x00" + b"\x10a\x00\x02\x00\x00\x00"),
        element(b"\x10_id\x00\x02\x00\x00\x00" + b"\x06undefined\x00" + b"\x0esymbol\x00\x02\x00\x00\x00s\x00"),
        element(b"\x10_id\x00\x03\x00\x00\x00" + b"\x0cpointer\x00\x02\x00\x00\x00c\x00" + bytes(12)),
        element(b"\x10_id\x00\x04\x00\x00\x00" + b"\x08b\x00\x01" + b"\x02utf8\x00\x03\x00\x00\x00\xc3\x28\x00"),
        bson.encode({"_id": {"b": 1, "a": 2}, "z": 1, "y": 2, "a": 3}),
        bson.encode({"_id": None, "v": 1}),
        bson.encode({"_id": "x" * 1000, "v": bson.DatetimeMS(-(1 << 62))}),
    ]


def insert_raw(app: App, collection: str, documents: list[bytes]) -> None:
    app.db[collection].insert_many([RawBSONDocument(each) for each in documents])


def build(app: App) -> None:
    """Every kind of collection, index and document that the server has."""
    app.fill(50)
    db = app.db
    insert_raw(app, "workspace_items", odd_documents())
    db.workspace_items.insert_one({"_id": "large", "blob": bytes((16 << 20) - 60)})
    images = db.custom_application_images
    images.create_index([("a", 1), ("b", -1)], name="two ways")
    images.create_index("unique", unique=True, partialFilterExpression={"unique": {"$exists": True}})
    images.create_index("sparse", sparse=True, hidden=True)
    images.create_index("ttl", expireAfterSeconds=86400)
    images.create_index([("text", "text"), ("more", "text")], default_language="german", weights={"text": 3, "more": 1})
    images.create_index([("place", "2dsphere")])
    images.create_index([("flat", "2d")], min=-10, max=10, bits=20)
    images.create_index([("hash", "hashed")])
    images.create_index([("$**", 1)], wildcardProjection={"a": 0})
    images.create_index("name", collation={"locale": "de", "strength": 2}, name="german")
    db.create_collection("capped", capped=True, size=1 << 20, max=1000)
    db.capped.insert_many([{"_id": 1000 - n} for n in range(300)])
    db.create_collection("collated", collation={"locale": "fr", "strength": 1})
    db.collated.insert_many([{"_id": "é"}, {"_id": "z"}])
    db.collated.create_index("word")
    db.create_collection("validated", validator={"$jsonSchema": {"required": ["must"]}}, validationLevel="moderate")
    db.validated.insert_one({"_id": 1, "must": 1})
    db.command({"insert": "validated", "documents": [{"_id": 2}], "bypassDocumentValidation": True})
    db.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True, "name": "mine"})
    db.clustered.insert_many([{"_id": n} for n in range(10)])
    db.create_collection("timed", timeseries={"timeField": "at", "metaField": "who", "granularity": "hours"})
    db.timed.insert_many([{"at": datetime(2026, 1, 1 + n), "who": n % 3, "v": n} for n in range(20)])
    db.timed.create_index([("who", 1), ("at", -1)])
    db.create_collection("seen", viewOn="capped", pipeline=[{"$match": {"_id": {"$gt": 5}}}, {"$set": {"big": bson.Int64(1)}}])
    db.create_collection("empty")


EXTRA = ("capped", "collated", "validated", "clustered", "timed", "seen", "empty")
ADDED = tuple(word for name in EXTRA for word in ("--mongo-collection", name))


@pytest.mark.parametrize("existing", ["merge", "drop"])
def test_drill(cli: Cli, crd: Crd, namespace: str, app: App, existing: str) -> None:
    """What comes back is what there was: documents byte for byte, options, indexes."""
    build(app)
    before = app.everything()
    cli.ok("backup", "-n", namespace, "--mongo", "complete", *ADDED, "--name", "saved", env=app.environment)
    app.drop()
    allowed = ["--allow-running-app"] if existing == "drop" else []
    cli.ok("restore", "saved", "--mongo-existing", existing, *allowed, env=app.environment)
    after = app.everything()
    assert after.keys() == before.keys()
    for name, what in before.items():
        assert after[name] == what, name
    if existing == "drop":
        app.db.longrunningservices.delete_many({})
        app.db.seen.drop()
        app.db.workspace_items.insert_one({"_id": "new"})
        arguments = ("restore", "saved", "--mongo-existing", existing, "--allow-running-app", "--yes")
        cli.ok(*arguments, env=app.environment)
        assert app.everything() == before
    else:
        again = json.loads(cli.ok("restore", "saved", "-o", "json", env=app.environment))
        assert {each["result"] for each in again["outcomes"]} == {"unchanged"}
        assert app.everything() == before
