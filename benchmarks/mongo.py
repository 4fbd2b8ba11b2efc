"""The Mongo tier on 1 GB, and on millions of tiny documents, beside mongodump and mongorestore."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bson
from pymongo import MongoClient

from benchmarks.measure import Row, Run, median, side_by_side
from benchmarks.place import Place
from kubectl_lrs.stores.mongo.levels import MINIMUM
from tests.bed import loader
from tests.bed.mongo import MongoServers, tool

DATABASE = "MMApp"
LARGE = 625_000
"""Documents of 1.6 kB each: 1 GB in all. A fifth of them is in the first collection."""
TINY = 2_000_000
"""Documents of 21 bytes each."""

BATCH = 5_000
TIMES = 3
NAMESPACE = "datarobot"


def dump() -> Iterator[Row]:
    """`backup --mongo minimum` beside `mongodump --db`."""
    with _filled(LARGE, _document) as (place, servers, _):
        ours, theirs = side_by_side(lambda: _backup(place), lambda: _mongodump(place, servers), TIMES)
        yield Row(what="Mongo dump of 1 GB", ours=ours.wall, against="mongodump", theirs=theirs.wall, budget=0.9)
        yield Row(
            what="Mongo dump of 1 GB: peak memory",
            ours=ours.peak,
            against="mongodump",
            theirs=theirs.peak,
            budget=None,
            unit="MB",
        )


def tiny() -> Iterator[Row]:
    """The same where a document is next to nothing, and what is done for each is all there is."""
    with _filled(TINY, _tiny) as (place, servers, _):
        ours, theirs = side_by_side(lambda: _backup(place), lambda: _mongodump(place, servers), TIMES)
        what = f"Mongo dump of {TINY:,} documents of 21 bytes"
        yield Row(what=what, ours=ours.wall, against="mongodump", theirs=theirs.wall, budget=1)
        yield Row(what=f"{what}: processor time", ours=ours.cpu, against="mongodump", theirs=theirs.cpu, budget=None)


def restore() -> Iterator[Row]:
    """`restore --tier mongo` beside `mongorestore`, each into nothing, indexes included; then ours onto what is equal."""
    with _filled(LARGE, _document) as (place, servers, client):
        _backup(place)
        _mongodump(place, servers)

        def from_nothing(command: Callable[[], Run]) -> Run:
            client.drop_database(DATABASE)
            _settled()
            return command()

        def restored() -> Run:
            return place.lrs("restore", "saved", "--tier", "mongo", "-q")

        ours, theirs = side_by_side(
            lambda: from_nothing(restored),
            lambda: from_nothing(lambda: place.run(str(tool("mongorestore")), *servers.tool_flags(), "dump")),
            TIMES,
        )
        yield Row(what="Mongo restore of 1 GB", ours=ours.wall, against="mongorestore", theirs=theirs.wall, budget=0.9)
        yield Row(
            what="Mongo restore of 1 GB: peak memory",
            ours=ours.peak,
            against="mongorestore",
            theirs=theirs.peak,
            budget=None,
            unit="MB",
        )
        first = from_nothing(restored)
        again = median([restored() for _ in range(TIMES)])
        yield Row(what="Mongo restore onto equal ones", ours=again.wall, against="the first", theirs=first.wall, budget=0.5)


@contextmanager
def _filled(
    documents: int, make: Callable[[random.Random, int], dict[str, object]]
) -> Iterator[tuple[Place, MongoServers, MongoClient[dict[str, object]]]]:
    tool("mongodump"), tool("mongorestore")
    with Place.fresh() as place:
        loader.create_namespace(place.plane, NAMESPACE)
        with MongoServers.start(place.directory / "servers", members=1, replica_set="rs0") as servers:
            client = servers.client()
            place.environment["LRS_MONGO_URI"] = servers.uri()
            dice = random.Random(1)
            for name, count in zip(MINIMUM, (documents // 5, documents - documents // 5), strict=True):
                for start in range(0, count, BATCH):
                    client[DATABASE][name].insert_many([make(dice, n) for n in range(start, start + BATCH)])
                client[DATABASE][name].create_index("name")
                client[DATABASE][name].create_index([("n", 1), ("name", -1)])
            yield place, servers, client


def _document(dice: random.Random, number: int) -> dict[str, object]:
    spec = {"image": f"registry/app:{number}", "payload": dice.randbytes(730).hex()}
    return {"_id": bson.ObjectId(), "name": f"application-{number}", "n": number, "tags": ["a", {"x": number}], "spec": spec}


def _tiny(_dice: random.Random, number: int) -> dict[str, object]:
    return {"_id": number, "n": number}


def _settled() -> None:
    """What the one before has left to be written must not be waited for by the next: a backup ends on the disk."""
    os.sync()


def _backup(place: Place) -> Run:
    _settled()
    return place.clean("saved", lambda: place.lrs("backup", "-n", NAMESPACE, "--mongo", "minimum", "--name", "saved", "-q"))


def _mongodump(place: Place, servers: MongoServers) -> Run:
    _settled()
    shutil.rmtree(place.directory / "dump", ignore_errors=True)
    return place.run(str(tool("mongodump")), *servers.tool_flags(), "--db", DATABASE, "--out", "dump")
