"""MongoDB for tests: servers that a session shares, a database of the test's own, and the application as it might look."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure

from kubectl_lrs.stores.mongo.levels import COMPLETE
from tests.bed import loader
from tests.bed.mongo import MongoServers, tool

_numbers = itertools.count()


@pytest.fixture(scope="session")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServers]:
    """Three members with passwords and TLS; the tools, too, are found while HOME is still the developer's."""
    for name in ("mongodump", "mongorestore"):
        tool(name)
    directory = tmp_path_factory.mktemp("mongo")
    with MongoServers.start(directory, members=3, replica_set="rs0", secure=True) as running:
        yield running


@pytest.fixture(scope="session")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServers]:
    """One server that is no replica set, open to everybody."""
    with MongoServers.start(tmp_path_factory.mktemp("standalone")) as running:
        yield running


@dataclass(frozen=True)
class App:
    """The application's database on a server, the only one there."""

    servers: MongoServers
    client: MongoClient[dict[str, Any]]
    name: str

    @property
    def db(self) -> Any:
        return self.client[self.name]

    @property
    def environment(self) -> dict[str, str]:
        """What the product is told."""
        return {"LRS_MONGO_URI": self.servers.uri()}

    def fill(self, count: int = 20, names: Sequence[str] = COMPLETE) -> None:
        """Documents in every collection."""
        for name in names:
            self.db[name].insert_many([{"_id": bson.ObjectId(), "name": f"{name}-{n}", "n": n} for n in range(count)])

    def content(self, name: str, database: str = "") -> list[bytes]:
        """Every document, byte for byte, in the order of the bytes."""
        raw = self.client[database or self.name].get_collection(name, codec_options=_RAW)
        return sorted(bytes(each.raw) for each in raw.find())

    def everything(self, database: str = "") -> dict[str, Any]:
        """What there is, to be compared: options, indexes and documents of every collection."""
        db = self.client[database or self.name]
        found = {}
        for info in db.list_collections():
            name = info["name"]
            is_data = info["type"] == "collection"
            indexes = sorted(db[name].list_indexes(), key=str) if info["type"] != "view" else []
            found[name] = (info["type"], info["options"], [dict(each) for each in indexes], self.content(name) if is_data else [])
        return found

    def drop(self) -> None:
        """The disaster."""
        dropped(self.client, self.name)


def dropped(client: MongoClient[dict[str, Any]], name: str) -> None:
    """Drop a database, again and again while the members have yet to agree on who is the primary."""
    for _ in range(40):
        try:
            client.drop_database(name)
            return
        except AutoReconnect:
            pass
        except OperationFailure as error:
            if error.code not in _ELECTING:
                raise
        time.sleep(0.5)
    raise TimeoutError(f"the replica set has had no primary to drop {name} for 20 s")


# InterruptedAtShutdown, InterruptedDueToReplStateChange, NotWritablePrimary, NotPrimaryNoSecondaryOk,
# NotPrimaryOrSecondary, PrimarySteppedDown, ShutdownInProgress: those that the drivers' specification has repeated.
_ELECTING = frozenset({11600, 11602, 10107, 13435, 13436, 189, 91})
_RAW: Any = bson.CodecOptions(document_class=RawBSONDocument)


def app_on(servers: MongoServers) -> Iterator[App]:
    """A database of its own, and no other one with the application's collections; no election of another test is to come."""
    servers.settle()
    client: MongoClient[dict[str, Any]] = MongoClient(servers.uri(), w="majority")
    app = App(servers, client, f"MMApp{next(_numbers)}")
    for name in client.list_database_names():
        if name not in ("admin", "config", "local"):
            dropped(client, name)
    yield app
    client.close()


@pytest.fixture
def app(replica_set: MongoServers) -> Iterator[App]:
    """The application's database on the replica set."""
    yield from app_on(replica_set)


@pytest.fixture
def app_alone(standalone: MongoServers) -> Iterator[App]:
    """The application's database on the standalone."""
    yield from app_on(standalone)


def beside(app: App) -> list[str]:
    """What restores have made for themselves in the application's database."""
    return sorted(name for name in app.db.list_collection_names() if name.startswith("lrs_restore."))


def loaded_beside(app: App, name: str) -> int:
    """How many documents a restore has loaded beside a collection so far."""
    return sum(app.db[each].estimated_document_count() for each in beside(app) if each.endswith(f".{name}"))


def age(app: App, seconds: int = 600) -> None:
    """Let the last signs of life of every restore be so long ago."""
    for name in beside(app):
        if name.count(".") == 1:
            for sign in list(app.db[name].find()):
                earlier = Timestamp(sign["at"].time - seconds, 1)
                app.db[name].update_one({"_id": sign["_id"]}, {"$set": {"at": earlier}})


def dump_files(backup: Path, database: str) -> set[str]:
    """The names of the files that a backup holds of a database."""
    return {path.name for path in (backup / "mongo" / database).iterdir()}


def forget_clients() -> None:
    """End the connections of clients that tests have dropped and not closed: until they are collected they look alive."""
    gc.collect()


def wait_until_alone(servers: MongoServers) -> None:
    """The server has noticed that the clients of tests are gone."""
    servers.disconnect()
    forget_clients()
    with MongoClient[dict[str, Any]](servers.uri(), appname="looking") as client:
        pipeline = [
            {"$currentOp": {"idleConnections": True}},
            {"$match": {"client": {"$exists": True}, "appName": {"$ne": "looking"}}},
        ]

        def left() -> list[str]:
            return [f"{each.get('appName')} from {each['client']}" for each in client.admin.aggregate(pipeline)]

        try:
            loader.wait_until(lambda: not left(), "clients of tests to be gone")
        except RuntimeError as error:
            raise RuntimeError(f"{error}: {', '.join(left())}") from error
