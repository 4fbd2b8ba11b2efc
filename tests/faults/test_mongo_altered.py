"""Indexes that a server refuses, documents that it alters or removes, files of a dump that are none: named, never passed over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from kubectl_lrs.formats.bson_batches import document
from kubectl_lrs.model.errors import DamageError, LrsError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action
from kubectl_lrs.model.report import Result
from kubectl_lrs.stores.mongo.plain_dump import dumped
from tests.builders.mongo_fixtures import App, beside
from tests.builders.mongo_restores import DRY, Restoring, data, messages, write_dump

NAME = "custom_applications"
OTHER = "longrunningservices"
DROP = {"existing": Existing.DROP}
GOOD = ({"v": 2, "key": {"n": 1}, "name": "n_1"}, {"v": 2, "key": {"a": -1}, "name": "a_-1", "sparse": True})

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "of an old server": ({"v": 1, "key": {"b": True}, "name": "odd"}, "bool"),
    "a kind that is gone": ({"v": 2, "key": {"b": "geoHaystack"}, "name": "odd", "bucketSize": 1}, "GeoHaystack"),
    "a kind that never was": ({"v": 2, "key": {"b": "invented"}, "name": "odd"}, "invented"),
    "no direction": ({"v": 2, "key": {"b": 0}, "name": "odd"}, "cannot be 0"),
    "no time at all": ({"v": 2, "key": {"b": 1}, "name": "odd", "expireAfterSeconds": float("nan")}, "nan seconds"),
    "a time before now": ({"v": 2, "key": {"b": 1}, "name": "odd", "expireAfterSeconds": -5}, "-5 seconds"),
    "a filter that is none": ({"v": 2, "key": {"b": 1}, "name": "odd", "partialFilterExpression": {"$invented": 1}}, "$invented"),
    "a language that is none": ({"v": 2, "key": {"b": "text"}, "name": "odd", "default_language": "invented"}, "invented"),
}


def documents(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"_id": n, "n": n, **more} for n in range(count)]


def index_names(app: App, name: str = NAME) -> set[str]:
    return set(app.db[name].index_information())


# ---- indexes


@pytest.mark.parametrize(("bad", "why"), BAD.values(), ids=BAD)
def test_one_index_that_no_server_takes(app: App, tmp_path: Path, bad: dict[str, Any], why: str) -> None:
    """The plan and both dry runs name it; the others are built; an old collection that lacks it too is replaced."""
    dump = write_dump(tmp_path, app.name, NAME, documents(3), indexes=[GOOD[0], bad, GOOD[1]])
    restoring = Restoring(app, dump)
    plan = restoring.plan()
    assert f"warning: {NAME}: index odd is not built, the server does not take it: " in messages(plan)
    assert why in messages(plan)
    assert app.db.list_collection_names() == []  # it was tried, and nothing of it is to be seen
    dry = restoring.apply(plan, options=DRY)[NAME]
    assert dry.result is Result.ALTERED
    assert why in dry.message
    for existing in (Existing.MERGE, Existing.DROP):
        outcome = Restoring(app, dump, existing=existing).apply()[NAME]
        assert outcome.result is Result.ALTERED, data(outcome)
        assert "index odd was not built" in outcome.message
        assert why in outcome.message
        assert index_names(app) == {"_id_", "n_1", "a_-1"}
        assert app.db[NAME].count_documents({}) == 3
    assert beside(app) == []


def test_a_standalone_cannot_try(app_alone: App, tmp_path: Path) -> None:
    """That is said; the restore itself names the index, and builds the others."""
    bad, why = BAD["of an old server"]
    dump = write_dump(tmp_path, app_alone.name, NAME, documents(3), indexes=[*GOOD, bad])
    restoring = Restoring(app_alone, dump)
    plan = restoring.plan()
    assert f"note: {NAME}: whether the server takes its options and indexes could not be tried" in messages(plan)
    outcome = restoring.apply(plan)[NAME]
    assert outcome.result is Result.ALTERED
    assert why in outcome.message
    assert index_names(app_alone) == {"_id_", "n_1", "a_-1"}


@pytest.mark.parametrize("has_it", [True, False], ids=["the old one has it", "the old one lacks it"])
def test_documents_that_stand_against_an_index(app: App, tmp_path: Path, has_it: bool) -> None:
    """Two of one value under a unique index: a replacement without the index would be a loss, so the old one stays."""
    unique = {"v": 2, "key": {"same": 1}, "name": "same_1", "unique": True}
    dump = write_dump(tmp_path, app.name, NAME, documents(3, same=1), indexes=[*GOOD, unique])
    app.db[NAME].insert_one({"_id": "old", "same": 2})
    if has_it:
        app.db[NAME].create_index("same", unique=True)
    before = app.everything()
    outcome = Restoring(app, dump, **DROP).apply()[NAME]
    assert outcome.result is Result.FAILED, data(outcome)
    assert "index same_1 cannot be built" in outcome.message
    assert f"the old {NAME} is as it was" in outcome.message
    assert ("(the old one has it)" in outcome.message) is has_it
    assert app.everything() == before
    app.drop()
    outcome = Restoring(app, dump).apply()[NAME]
    assert outcome.result is Result.ALTERED
    assert "index same_1 was not built" in outcome.message
    assert index_names(app) == {"_id_", "n_1", "a_-1"}


def test_an_index_that_the_old_one_has_and_the_new_one_cannot(app: App, tmp_path: Path) -> None:
    lost = {"v": 2, "key": {"at": 1}, "name": "at_1", "expireAfterSeconds": float("nan")}
    dump = write_dump(tmp_path, app.name, NAME, documents(3), indexes=[lost])
    app.db[NAME].insert_one({"_id": "old"})
    app.db[NAME].create_index("at", expireAfterSeconds=10**8)
    before = app.everything()
    outcome = Restoring(app, dump, **DROP).apply()[NAME]
    assert outcome.result is Result.FAILED
    assert "(the old one has it)" in outcome.message
    assert app.everything() == before


def test_what_a_replacement_takes_along_beside_documents_is_said_before(app: App, tmp_path: Path) -> None:
    """Indexes and options that came after the backup; not what is the same, nor what comes with every collection."""
    dump = write_dump(tmp_path, app.name, NAME, documents(3), indexes=GOOD)
    write_dump(dump, app.name, OTHER, documents(3), indexes=GOOD)
    app.db.create_collection(NAME, validator={"n": {"$exists": True}})
    for index in ("n", "late", "later"):
        app.db[NAME].create_index(index, unique=index == "late")
    app.db[OTHER].create_index("n")
    said = messages(Restoring(app, dump, **DROP).plan())
    lost = "what it has and the backup lacks would be lost with what is replaced"
    assert f"warning: {NAME}: {lost}: index late_1, index later_1, option validator" in said
    assert f"{OTHER}: {lost}" not in said
    assert lost not in messages(Restoring(app, dump).plan())


def test_what_the_server_makes_of_an_index_is_named(app: App, tmp_path: Path) -> None:
    """It drops options that it does not know, and cuts numbers: neither happens without a word."""
    odd = [
        {"v": 2, "key": {"a": 1}, "name": "unknown", "invented": 1},
        {"v": 2, "key": {"at": 1}, "name": "cut", "expireAfterSeconds": 100000000.5},
        {"v": 2, "key": {"b": 1}, "name": "old ways", "background": True, "dropDups": True, "unique": False},
    ]
    dump = write_dump(tmp_path, app.name, NAME, documents(3), indexes=odd)
    outcome = Restoring(app, dump).apply()[NAME]
    assert outcome.result is Result.ALTERED, data(outcome)
    assert "index unknown: the server keeps other invented" in outcome.message
    assert "index cut: the server keeps other expireAfterSeconds" in outcome.message
    assert "old ways" not in outcome.message


def test_another_index_of_the_name_stays(app: App, tmp_path: Path) -> None:
    dump = write_dump(tmp_path, app.name, NAME, documents(3), indexes=GOOD)
    app.db[NAME].create_index("other", name="n_1")
    outcome = Restoring(app, dump).apply()[NAME]
    assert outcome.result is Result.CONFLICT
    assert "index n_1 is another one there" in outcome.message
    assert index_names(app) == {"_id_", "n_1", "a_-1"}
    assert dict(app.db[NAME].index_information()["n_1"])["key"] == [("other", 1)]


@pytest.mark.parametrize(
    "more",
    [
        {"unique": True},
        {"sparse": True},
        {"expireAfterSeconds": 0},
        {"partialFilterExpression": {"n": {"$gt": 5}}},
        {"collation": {"locale": "de"}},
    ],
    ids=str,
)
def test_an_index_of_the_name_that_does_more_is_another_one(app: App, tmp_path: Path, more: dict[str, Any]) -> None:
    dump = write_dump(tmp_path, app.name, NAME, documents(3), indexes=[{"v": 2, "key": {"n": 1}, "name": "n_1"}])
    app.db[NAME].create_index("n", name="n_1", **more)
    outcome = Restoring(app, dump).apply()[NAME]
    assert outcome.result is Result.CONFLICT, data(outcome)
    assert outcome.message == "index n_1 is another one there"


def test_an_index_that_came_is_a_change(app: App, tmp_path: Path) -> None:
    dump = write_dump(tmp_path, app.name, NAME, documents(3), indexes=GOOD)
    app.db[NAME].insert_many(documents(3))
    assert Restoring(app, dump).apply()[NAME].result is Result.MERGED
    assert Restoring(app, dump).apply()[NAME].result is Result.UNCHANGED


def test_one_collection_that_fails_does_not_stop_the_others(app: App, tmp_path: Path) -> None:
    dump = write_dump(tmp_path, app.name, NAME, [{"_id": [1]}])
    write_dump(dump, app.name, OTHER, documents(3))
    outcomes = Restoring(app, dump).apply()
    assert outcomes[NAME].result is Result.FAILED
    assert outcomes[OTHER].result is Result.CREATED


# ---- time


@pytest.fixture
def ttl_off(app: App) -> Iterator[None]:
    """The server's own removing is switched off, so that what it is going to remove can be looked at."""
    for member in app.servers.members:
        app.servers.direct(member).admin.command({"setParameter": 1, "ttlMonitorEnabled": False})
    yield
    for member in app.servers.members:
        app.servers.direct(member).admin.command({"setParameter": 1, "ttlMonitorEnabled": True})


@pytest.mark.usefixtures("ttl_off")
@pytest.mark.parametrize("existing", ["create", "merge", "drop"])
def test_documents_past_their_time_are_counted(app: App, tmp_path: Path, existing: str) -> None:
    now = datetime.now(timezone.utc)
    old, young = now - timedelta(days=2), now + timedelta(days=2)
    stored = [{"_id": n, "at": old if n < 4 else young if n < 6 else "no date"} for n in range(10)]
    indexes = [{"v": 2, "key": {"at": 1}, "name": "at_1", "expireAfterSeconds": 3600}, *GOOD]
    dump = write_dump(tmp_path, app.name, NAME, stored, indexes=indexes)
    if existing != "create":
        app.db[NAME].insert_one({"_id": "there"})
    outcome = Restoring(app, dump, existing=Existing.DROP if existing == "drop" else Existing.MERGE).apply()[NAME]
    assert outcome.result is Result.ALTERED, data(outcome)
    assert outcome.counts["expired"] == 4
    assert "4 documents are past the time that an index, or the collection, gives them" in outcome.message
    assert "at_1" in index_names(app)


@pytest.mark.usefixtures("ttl_off")
def test_documents_past_the_time_of_an_index_that_was_there(app: App, tmp_path: Path) -> None:
    """The backup has no such index, and the server removes what comes all the same."""
    old = datetime.now(timezone.utc) - timedelta(days=2)
    stored = [{"_id": n, "at": old if n < 4 else "no date"} for n in range(10)]
    dump = write_dump(tmp_path, app.name, NAME, stored)
    app.db[NAME].create_index("at", expireAfterSeconds=3600)
    outcome = Restoring(app, dump).apply()[NAME]
    assert outcome.result is Result.ALTERED, data(outcome)
    assert outcome.counts["expired"] == 4
    again = Restoring(app, dump).apply()[NAME]
    assert again.result is Result.UNCHANGED, "nothing came: what is there and old is none of ours"


@pytest.mark.usefixtures("ttl_off")
@pytest.mark.parametrize("existing", ["create", "merge", "drop"])
def test_documents_past_the_time_of_a_clustered_collection(app: App, tmp_path: Path, existing: str) -> None:
    now = datetime.now(timezone.utc)
    clustered = {"key": {"_id": 1}, "name": "c", "unique": True}
    stored = [{"_id": now - timedelta(days=n)} for n in range(1, 5)] + [{"_id": now + timedelta(days=1)}, {"_id": "no date"}]
    options = {"clusteredIndex": {"v": 2, **clustered}, "expireAfterSeconds": 3600}
    dump = write_dump(tmp_path, app.name, NAME, stored, options=options)
    if existing != "create":
        app.db.create_collection(NAME, clusteredIndex=clustered, expireAfterSeconds=3600)
        app.db[NAME].insert_one({"_id": "there"})
    outcome = Restoring(app, dump, existing=Existing.DROP if existing == "drop" else Existing.MERGE).apply()[NAME]
    assert outcome.result is Result.ALTERED, data(outcome)
    assert outcome.counts["expired"] == 4


@pytest.mark.usefixtures("ttl_off")
@pytest.mark.parametrize("existing", ["create", "merge", "drop"])
def test_documents_past_the_time_of_a_time_series(app: App, tmp_path: Path, existing: str) -> None:
    """Its buckets go when all that they may hold is old."""
    now = datetime.now(timezone.utc)
    app.db.create_collection(NAME, timeseries={"timeField": "t", "metaField": "m"}, expireAfterSeconds=3600)
    young = [{"t": now, "m": "young", "n": n} for n in range(3)]
    app.db[NAME].insert_many([{"t": now - timedelta(days=2), "m": name, "n": 1} for name in "ab"] + young)
    app.servers.run_tool("mongodump", "--db", app.name, "--out", tmp_path)
    if existing == "create":
        app.db.drop_collection(NAME)
    elif existing == "merge":
        app.db[NAME].delete_many({"m": "a"})
    outcome = Restoring(app, tmp_path, existing=Existing.DROP if existing == "drop" else Existing.MERGE).apply()[NAME]
    assert outcome.result is Result.ALTERED, data(outcome)
    assert outcome.counts["expired"] == 2


def test_a_replacement_is_whole_before_documents_may_be_removed(app: App, tmp_path: Path) -> None:
    """The server removes as fast as it can: what is counted before the time limit comes is all of it."""
    for member in app.servers.members:
        app.servers.direct(member).admin.command({"setParameter": 1, "ttlMonitorSleepSecs": 1})
    old = datetime.now(timezone.utc) - timedelta(days=2)
    indexes = [{"v": 2, "key": {"at": 1}, "name": "at_1", "expireAfterSeconds": 0}]
    dump = write_dump(tmp_path, app.name, NAME, [{"_id": n, "at": old} for n in range(2000)], indexes=indexes)
    app.db[NAME].insert_one({"_id": "old"})
    try:
        outcome = Restoring(app, dump, **DROP).apply()[NAME]
    finally:
        for member in app.servers.members:
            app.servers.direct(member).admin.command({"setParameter": 1, "ttlMonitorSleepSecs": 60})
    assert outcome.result is Result.ALTERED, data(outcome)
    assert outcome.counts.get("expired", 0) + outcome.counts.get("gone", 0) == 2000
    assert app.db[NAME].count_documents({"_id": "old"}) == 0


STAMPED = {"_id": 2, "at": Timestamp(0, 0), "in": {"at": Timestamp(0, 0)}, "z": [Timestamp(0, 0)]}


def stamped_dump(app: App, tmp_path: Path, **options: Any) -> tuple[Path, list[bytes]]:
    stored = [{"_id": 1}, STAMPED, {"at": Timestamp(0, 0), "_id": 3}, {"_id": Timestamp(0, 0), "n": bson.Int64(0)}]
    return write_dump(tmp_path, app.name, NAME, stored, **options), sorted(map(bson.encode, stored))


@pytest.mark.parametrize("options", [{}, {"capped": True, "size": 4096}], ids=["plain", "capped"])
@pytest.mark.parametrize("existing", [Existing.MERGE, Existing.DROP])
def test_empty_timestamps_stay_empty(app: App, tmp_path: Path, existing: Existing, options: dict[str, Any]) -> None:
    """A server puts its own time in their place, unless it is asked in another way."""
    dump, stored = stamped_dump(app, tmp_path, options=options)
    for _ in range(2):
        outcome = Restoring(app, dump, existing=existing).apply()[NAME]
        assert outcome.result in (Result.CREATED, Result.REPLACED, Result.UNCHANGED), data(outcome)
        found = app.content(NAME)
        moved = bson.encode({"_id": 3, "at": Timestamp(0, 0)})  # `_id` comes first in whatever a server stores
        assert found == sorted(moved if bson.decode(each).get("_id") == 3 else each for each in stored)


def test_empty_timestamps_without_the_right(app: App, tmp_path: Path) -> None:
    """Then the server's time is in them, and that is said."""
    dump, _ = stamped_dump(app, tmp_path)
    actions = ["find", "listCollections", "listIndexes", "collStats", "insert", "createCollection", "createIndex"]
    privileges = [{"resource": {"db": app.name, "collection": ""}, "actions": actions}]
    app.db.command({"createRole": "few", "privileges": privileges, "roles": []})
    app.db.command({"createUser": "few", "pwd": "pw", "roles": ["few"]})
    try:
        outcome = Restoring(app, dump, uri=app.servers.uri("few", "pw", authSource=app.name)).apply()[NAME]
    finally:
        app.db.command({"dropAllUsersFromDatabase": 1})
        app.db.command({"dropAllRolesFromDatabase": 1})
    assert outcome.result is Result.ALTERED, data(outcome)
    assert outcome.counts["stamped"] == 2
    assert "in 2 documents the server put its own time in the place of an empty timestamp" in outcome.message
    assert app.db[NAME].count_documents({}) == 4


def test_ids_that_are_one_to_the_server(app: App, tmp_path: Path) -> None:
    """By the collation of the collection `a` and `A` are one `_id`: the second one is not passed over."""
    options = {"collation": {"locale": "en", "strength": 2}}
    dump = write_dump(tmp_path, app.name, NAME, [{"_id": "a"}, {"_id": "A"}, {"_id": "b"}], options=options)
    outcome = Restoring(app, dump).apply()[NAME]
    assert outcome.result is Result.CONFLICT, data(outcome)
    assert dict(outcome.counts) == {"new": 2, "different": 1}
    app.db.drop_collection(NAME)
    app.db.create_collection(NAME, collation=options["collation"])
    app.db[NAME].insert_one({"_id": "old"})
    outcome = Restoring(app, dump, **DROP).apply()[NAME]
    assert outcome.result is Result.FAILED
    assert app.db[NAME].find_one() == {"_id": "old"}


# ---- what a dump holds


def test_documents_whose_id_is_not_first_or_that_have_none(app: App, tmp_path: Path) -> None:
    """The server changes both; no run adds one of them again."""
    dump = write_dump(tmp_path, app.name, NAME, [])
    odd = document(bson.encode({"n": 1})[4:-1] + bson.encode({"_id": 1})[4:-1])
    (dump / app.name / f"{NAME}.bson").write_bytes(odd + bson.encode({}) + bson.encode({"n": 3}) + bson.encode({"_id": 4}))
    made = Restoring(app, dump).apply()[NAME]
    assert made.result is Result.ALTERED, data(made)
    assert dict(made.counts) == {"new": 4, "moved": 1, "nameless": 2}
    assert "in 1 documents the server puts the _id before the other fields" in made.message
    assert "2 documents have no _id: the server gives each of them one" in made.message
    before = app.content(NAME)
    again = Restoring(app, dump).apply()[NAME]
    assert again.result is Result.CONFLICT, data(again)
    assert dict(again.counts) == {"new": 0, "equal": 2, "untold": 2}
    assert app.content(NAME) == before


def test_an_oplog_is_not_replayed_and_that_is_not_all(app: App, tmp_path: Path) -> None:
    dump = write_dump(tmp_path, app.name, NAME, documents(3))
    (dump / "oplog.bson").write_bytes(bson.encode({"op": "n"}))
    plan = Restoring(app, dump).plan()
    assert "oplog.bson: the writes that came while it was made are not replayed" in plan.remains[0]


def test_files_that_do_not_go_back_are_named(app: App, tmp_path: Path) -> None:
    dump = write_dump(tmp_path, app.name, NAME, documents(3))
    write_dump(dump, app.name, "others", documents(1))
    write_dump(dump, app.name, "system.views", documents(1))
    write_dump(dump, "admin", "system.users", documents(1))
    (dump / app.name / "readme.txt").write_text("x")
    (dump / "notes").write_text("x")
    (dump / app.name / "deep").mkdir()
    said = messages(Restoring(app, dump).plan())
    assert "left alone in" in said
    assert ": others" in said
    for each in ("admin/", f"{app.name}/readme.txt", "notes", f"{app.name}/deep/", f"{app.name}/system.views.bson"):
        assert each in said.partition("not restored from")[2], each


def test_a_dump_of_a_newer_server(app: App, tmp_path: Path) -> None:
    dump = write_dump(tmp_path, app.name, NAME, documents(3))
    (dump / "prelude.json").write_text('{"ServerVersion":"99.0.1","ToolVersion":"x"}')
    assert "warning: the dump is of MongoDB 99.0.1" in messages(Restoring(app, dump).plan())


def test_what_lacks_a_file_replaces_nothing(app: App, tmp_path: Path) -> None:
    """Metadata alone, or documents alone: they are restored where nothing is, and replace nothing."""
    dump = write_dump(tmp_path, app.name, NAME, None, indexes=GOOD)
    write_dump(dump, app.name, OTHER, documents(3), metadata=False)
    for name in (NAME, OTHER):
        app.db[name].insert_one({"_id": "old"})
    plan = Restoring(app, dump, **DROP).plan()
    assert {step.name: step.action for step in plan.steps} == {NAME: Action.CONFLICT, OTHER: Action.CONFLICT}
    app.drop()
    restoring = Restoring(app, dump)
    plan = restoring.plan()
    assert f"warning: {NAME}: the dump has no file with its documents" in messages(plan)
    assert f"warning: {OTHER}: the dump has no metadata of it" in messages(plan)
    assert {each.result for each in restoring.apply(plan).values()} == {Result.CREATED}
    assert index_names(app) == {"_id_", "n_1", "a_-1"}


def test_a_collection_that_was_named_and_is_not_there(app: App, tmp_path: Path) -> None:
    """Also one of those that are taken without being named."""
    dump = write_dump(tmp_path, app.name, NAME, documents(3))
    with pytest.raises(LrsError, match="holds no collection workspace_items"):
        dumped(dump, only=("workspace_items", NAME))


def test_a_document_with_a_length_that_lies(app: App, tmp_path: Path) -> None:
    """What only an index would find later is found before the first write."""
    dump = write_dump(tmp_path, app.name, NAME, documents(1))
    path = dump / app.name / f"{NAME}.bson"
    inner = b"\x02x\0" + (1 << 20).to_bytes(4, "little") + b"\0" + b"\x11at\0" + bytes(8)
    path.write_bytes(path.read_bytes() + (len(inner) + 5).to_bytes(4, "little") + inner + b"\0")
    with pytest.raises(DamageError, match="a value ends behind its document"):
        Restoring(app, dump).plan()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_document_that_is_none_within(app: App, tmp_path: Path, is_there: bool) -> None:
    """Its length is right, and a field of it is of no type that there is: the collection fails, and the others do not."""
    dump = write_dump(tmp_path, app.name, NAME, documents(1))
    write_dump(dump, app.name, OTHER, documents(3))
    path = dump / app.name / f"{NAME}.bson"
    path.write_bytes(path.read_bytes() + document(b"\x99x\0" + bson.encode({"_id": 7})[4:-1]))
    if is_there:
        app.db[NAME].insert_one({"_id": "there"})
        with pytest.raises(DamageError, match="unknown type 0x99"):
            Restoring(app, dump, **DROP).plan()
    outcomes = Restoring(app, dump).apply()
    assert outcomes[NAME].result is Result.FAILED
    assert f"a document for {app.name}.{NAME} is damaged" in outcomes[NAME].message
    assert "unknown type 0x99" in outcomes[NAME].message
    assert outcomes[OTHER].result is Result.CREATED


def test_raw_documents_are_not_decoded_on_the_way(app: App, tmp_path: Path) -> None:
    """Twice the same field, which no dictionary holds, arrives beside an empty timestamp."""
    twice = bson.encode({"_id": 1, "at": Timestamp(0, 0)})
    body = twice[4:-1] + b"\x10n\0\x01\0\0\0" + b"\x10n\0\x02\0\0\0"
    document = (len(body) + 5).to_bytes(4, "little") + body + b"\0"
    dump = write_dump(tmp_path, app.name, NAME, [])
    (dump / app.name / f"{NAME}.bson").write_bytes(document)
    assert Restoring(app, dump).apply()[NAME].result is Result.CREATED
    raw: Any = bson.CodecOptions(document_class=RawBSONDocument)
    found = app.client[app.name].get_collection(NAME, codec_options=raw).find_one()
    assert found is not None
    assert bytes(found.raw) == document
