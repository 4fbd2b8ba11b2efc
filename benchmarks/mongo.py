"""The Mongo tier on 1 GB, on more, on millions of tiny documents and on deep ones, beside mongodump and mongorestore."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

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
_SIZE = 1_640

TINY = 2_000_000
"""Documents of 21 bytes each."""

DEEP, LEVELS = 100_000, 80
"""Servers take no more than a hundred levels."""

BATCH = 5_000
TIMES = 3
NAMESPACE = "datarobot"

_Maker: TypeAlias = Callable[[random.Random, int], dict[str, object]]


def dump() -> Iterator[Row]:
    """`backup --mongo minimum` beside `mongodump --db`."""
    yield from _dumped("1 GB", LARGE, _document)


def tiny() -> Iterator[Row]:
    """The same where a document is next to nothing, and what is done for each is all there is."""
    yield from _dumped(f"{TINY:,} documents of 21 bytes", TINY, _tiny, budget=1)


def deep() -> Iterator[Row]:
    """The same where each document has others in it, one in the other, which nobody must look at."""
    yield from _dumped(f"{DEEP:,} documents, {LEVELS} deep", DEEP, _deep)


def ten() -> Iterator[Row]:
    """10 GB, or what the disk has room for: a third of it, as the server, ours and theirs each have the documents."""
    documents = _fitting(10 * LARGE)
    yield from _dumped(f"{documents * _SIZE / 1e9:.1f} GB", documents, _document, times=1)


def one() -> Iterator[Row]:
    """5 GB in one collection, or what the disk has room for."""
    documents = _fitting(5 * LARGE)
    yield from _dumped(f"one collection of {documents * _SIZE / 1e9:.1f} GB", documents, _document, first=0, times=1)


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
        yield from _beside("Mongo restore of 1 GB", ours, "mongorestore", theirs, budget=0.9)
        first = from_nothing(restored)
        again = median([restored() for _ in range(TIMES)])
        yield from _beside("Mongo restore onto equal ones", again, "the first", first, budget=0.5)


def _dumped(
    what: str, documents: int, make: _Maker, *, first: int | None = None, budget: float = 0.9, times: int = TIMES
) -> Iterator[Row]:
    """The rows of a dump of so many documents; `first`: how many of them are in the first collection, a fifth if not told."""
    with _filled(documents, make, first) as (place, servers, _):
        ours, theirs = side_by_side(lambda: _backup(place), lambda: _mongodump(place, servers), times)
        yield from _beside(f"Mongo dump of {what}", ours, "mongodump", theirs, budget=budget)


def _beside(what: str, ours: Run, against: str, theirs: Run, *, budget: float) -> Iterator[Row]:
    """By the clock and by processor time, both with this budget, and the peak of memory, which is told."""
    yield Row(what=what, ours=ours.wall, against=against, theirs=theirs.wall, budget=budget)
    yield Row(what=f"{what}: processor time", ours=ours.cpu, against=against, theirs=theirs.cpu, budget=budget)
    yield Row(what=f"{what}: peak memory", ours=ours.peak, against=against, theirs=theirs.peak, budget=None, unit="MB")


def _fitting(documents: int) -> int:
    return min(documents, shutil.disk_usage(tempfile.gettempdir()).free // (3 * _SIZE))


@contextmanager
def _filled(
    documents: int, make: _Maker, first: int | None = None
) -> Iterator[tuple[Place, MongoServers, MongoClient[dict[str, object]]]]:
    tool("mongodump"), tool("mongorestore")
    with Place.fresh() as place:
        loader.create_namespace(place.plane, NAMESPACE)
        with MongoServers.start(place.directory / "servers", members=1, replica_set="rs0") as servers:
            client = servers.client()
            place.environment["LRS_MONGO_URI"] = servers.uri()
            dice = random.Random(1)
            share = documents // 5 if first is None else first
            for name, count in zip(MINIMUM, (share, documents - share), strict=True):
                for start in range(0, count, BATCH):
                    client[DATABASE][name].insert_many([make(dice, n) for n in range(start, min(start + BATCH, count))])
                client[DATABASE][name].create_index("name")
                client[DATABASE][name].create_index([("n", 1), ("name", -1)])
            yield place, servers, client


def _document(dice: random.Random, number: int) -> dict[str, object]:
    spec = {"image": f"registry/app:{number}", "payload": dice.randbytes(730).hex()}
    return {"_id": bson.ObjectId(), "name": f"application-{number}", "n": number, "tags": ["a", {"x": number}], "spec": spec}


def _deep(_dice: random.Random, number: int) -> dict[str, object]:
    inner: dict[str, object] = {"value": number}
    for level in range(LEVELS):
        inner = {"inner": inner, "level": level, "tags": ["a", number]}
    return {"_id": bson.ObjectId(), "name": f"application-{number}", "n": number, "tree": inner}


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
