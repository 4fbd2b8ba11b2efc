"""The door to MongoDB: raw BSON in and out, every failure one of ours. It knows databases and collections, not applications.

Documents are never decoded on the way: what a batch holds is what the server stores, byte for byte.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS, RawBSONDocument
from bson.timestamp import Timestamp
from pymongo import CursorType
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from kubectl_lrs.formats import bson_batches as rawbson
from kubectl_lrs.stores.mongo.server.access import Client, MongoAccess
from kubectl_lrs.stores.mongo.server.errors import NAMESPACE_NOT_FOUND, MongoError, translated, unconfirmed

PLAIN: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
"""For what is looked into: dates of any year, binary data as it is."""

_RAW_IN_RAW: CodecOptions[RawBSONDocument] = DEFAULT_RAW_BSON_OPTIONS
_MAJORITY = {"w": "majority"}
_EMPTY = bson.encode({})


@dataclass(frozen=True, kw_only=True)
class Server:
    """What answers. `set_name`: of the replica set, empty for a standalone. `operation_time`: (seconds, count), None there."""

    version: str
    set_name: str
    is_mongos: bool
    is_primary: bool
    operation_time: tuple[int, int] | None

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version, to be compared."""
        return tuple(int(part) for part in self.version.split("-")[0].split(".") if part.isdigit())

    @property
    def has_snapshots(self) -> bool:
        """Whether many reads can be made at one instant."""
        return (bool(self.set_name) or self.is_mongos) and self.numbers >= (5, 0)


@dataclass(frozen=True, kw_only=True)
class CollectionInfo:
    """A collection as listCollections tells it. `options`: BSON. `kind`: collection, view, timeseries. `uuid`: hex or empty."""

    name: str
    kind: str
    options: bytes
    uuid: str

    def option(self, name: str) -> Any:
        """One of the options, None where it is not set."""
        return bson.decode(self.options, PLAIN).get(name)

    @property
    def is_capped(self) -> bool:
        """Whether it keeps the order of insertion, and a size."""
        return bool(self.option("capped"))


@dataclass(frozen=True)
class Refused:
    """A document that an insert did not take: its place in the batch, the server's code, its message and the index's name."""

    place: int
    code: int
    message: str
    index: str


class Instant(ReadConcern):
    """Reads at one instant of the cluster's: what a snapshot session does, for any number of threads."""

    def __init__(self, at: Timestamp) -> None:
        super().__init__("snapshot")
        self.at = at

    @property
    def document(self) -> dict[str, Any]:
        """As commands carry it."""
        return {"level": "snapshot", "atClusterTime": self.at}


class Mongo:
    """One MongoDB deployment. Safe to use from several threads."""

    def __init__(self, access: MongoAccess) -> None:
        self.access = access
        self.generation = 0
        self._guard = threading.Lock()

    def describe(self) -> str:
        """Where it is, without secrets."""
        return self.access.describe()

    def reopen(self, generation: int) -> None:
        """After a connection or primary of this `generation` was lost; what another thread has opened anew is left alone."""
        with self._guard, translated("connecting again", self.describe()):
            if generation == self.generation:
                self.generation += 1
                self.access.reopen()

    def close(self) -> None:
        """End all connections."""
        self.access.close()

    # ---- what there is

    def server(self) -> Server:
        """Who answers; the first thing to ask, for it finds out whether it can be reached and lets us in."""
        with translated("connecting", self.describe()):
            admin = self._client.admin
            hello = admin.command("hello")
            version = str(admin.command("buildInfo")["version"])
            answer = admin.command("connectionStatus")
        at = answer.get("operationTime")
        return Server(
            version=version,
            set_name=str(hello.get("setName", "")),
            is_mongos=hello.get("msg") == "isdbgrid",
            is_primary=bool(hello.get("isWritablePrimary")),
            operation_time=(at.time, at.inc) if isinstance(at, Timestamp) else None,
        )

    def databases(self) -> list[str]:
        """The databases in which the user may see something."""
        with translated("listing the databases", self.describe()):
            answer = self._client.admin.command({"listDatabases": 1, "nameOnly": True, "authorizedDatabases": True})
        return sorted(str(each["name"]) for each in answer["databases"])

    def names(self, database: str) -> list[str]:
        """The names of the collections that the user may see."""
        command = {"listCollections": 1, "nameOnly": True, "authorizedCollections": True, "cursor": {}}
        with translated(f"listing the collections of {database}", self.describe()):
            return sorted(str(each["name"]) for each in self._database(database).cursor_command(command))

    def collections(self, database: str) -> dict[str, CollectionInfo]:
        """Every collection and view with its options, by name."""
        with translated(f"listing the collections of {database}", self.describe()):
            return {info.name: info for info in map(_info, self._raw_list(database, {"listCollections": 1, "cursor": {}}))}

    def indexes(self, database: str, collection: str) -> list[bytes]:
        """The specification of each index as the server keeps it; none where the collection is not."""
        with translated(f"listing the indexes of {database}.{collection}", self.describe()):
            found = self._raw_list(database, {"listIndexes": collection, "cursor": {}})
            return [bytes(each.raw) for each in found]

    def count(self, database: str, collection: str) -> int:
        """How many documents there are, by the server's own books."""
        with translated(f"counting {database}.{collection}", self.describe()):
            return int(self._database(database)[collection].estimated_document_count())

    def measure(self, database: str, collection: str) -> int:
        """How many bytes its documents have, by the server's own books; DeniedError without the right `collStats`."""
        with translated(f"measuring {database}.{collection}", self.describe()):
            return int(self._database(database).command({"collStats": collection})["size"])

    # ---- reading

    def instant(self, database: str, collection: str) -> Timestamp:
        """An instant that has happened for a majority of members, at which everything can be read."""
        command = {"find": collection, "limit": 1, "singleBatch": True, "readConcern": {"level": "snapshot"}}
        with translated(f"taking a snapshot of {database}", self.describe()):
            cursor = self._database(database).command(command, codec_options=_RAW_IN_RAW)["cursor"]
            at = cursor["atClusterTime"]
        if not isinstance(at, Timestamp):
            raise MongoError(f"{self.describe()} names no instant for its snapshot", hint="take --mongo-consistency=none")
        return at

    def batches(
        self, database: str, collection: str, *, at: Timestamp | None = None, size: int = 0, pushed: bool = False
    ) -> Iterator[bytes]:
        """All documents in natural order, concatenated as mongodump writes them; `size`: in a batch, 0 for the server's.

        `pushed`: the server sends one batch after the other without being asked, which a mongos cannot.
        """
        concern = Instant(at) if at else None
        manner = CursorType.EXHAUST if pushed else CursorType.NON_TAILABLE
        with translated(f"reading {database}.{collection}", self.describe()):
            source = self._database(database).get_collection(collection, read_concern=concern)
            batches: Any = source.find_raw_batches(batch_size=size, hint=[("$natural", 1)], cursor_type=manner)
            with batches:
                yield from batches

    def sample(self, database: str, collection: str, *, at: Timestamp | None = None) -> tuple[int, int]:
        """(documents, bytes) of the first few: how large documents are here."""
        concern = Instant(at) if at else None
        with translated(f"reading {database}.{collection}", self.describe()):
            source = self._database(database).get_collection(collection, read_concern=concern)
            batches: Any = source.find_raw_batches(limit=100, hint=[("$natural", 1)])
            data = b"".join(batches)
        return rawbson.count(data), len(data)

    def matching(self, database: str, collection: str, query: bytes) -> Iterator[bytes]:
        """Batches of the documents that match a query (BSON), from the primary."""
        with translated(f"comparing with {database}.{collection}", self.describe()):
            batches: Any = self._primary(database)[collection].find_raw_batches(RawBSONDocument(query))
            yield from batches

    # ---- writing

    def create(self, database: str, collection: str, options: Mapping[str, Any]) -> None:
        """A new collection or view."""
        self._write(f"creating {database}.{collection}", database, {"create": collection, **options})

    def create_indexes(self, database: str, collection: str, specifications: Sequence[Mapping[str, Any]]) -> None:
        """Build indexes, all in one pass over the documents."""
        command = {"createIndexes": collection, "indexes": list(specifications), "ignoreUnknownIndexOptions": True}
        self._write(f"building the indexes of {database}.{collection}", database, command)

    def drop(self, database: str, collection: str) -> None:
        """Remove a collection; it may be gone already."""
        try:
            self._write(f"dropping {database}.{collection}", database, {"drop": collection})
        except MongoError as error:
            if error.code != NAMESPACE_NOT_FOUND:
                raise

    def rename(self, database: str, collection: str, to: str) -> None:
        """Give a collection another's name; the other is dropped in the same act."""
        command = {"renameCollection": f"{database}.{collection}", "to": f"{database}.{to}", "dropTarget": True}
        self._write(f"putting {database}.{collection} in the place of {database}.{to}", "admin", command)

    def insert(
        self, database: str, collection: str, documents: Sequence[bytes], *, ordered: bool = False, validate: bool = True
    ) -> list[Refused]:
        """Insert documents as they are; those that the server did not take, the others are in (if ordered: those before)."""
        what = f"writing to {database}.{collection}"
        command: dict[str, Any] = {
            "insert": collection,
            "ordered": ordered,
            "writeConcern": _MAJORITY,
            "documents": [RawBSONDocument(document) for document in documents],
        }
        if not validate:
            command["bypassDocumentValidation"] = True
        answer = self._send(what, database, command)
        return [_refused(each) for each in answer.get("writeErrors") or ()]

    # ---- who else is there

    def operations(self) -> list[Mapping[str, Any]]:
        """Every connection of clients, those that do nothing included; DeniedError without the right `inprog`."""
        pipeline = [{"$currentOp": {"allUsers": True, "idleConnections": True}}]
        with translated("looking for other clients", self.describe()):
            return list(self._primary("admin").aggregate(pipeline))

    # ---- plumbing

    @property
    def _client(self) -> Client:
        return self.access.client()

    def _database(self, name: str) -> Database[dict[str, Any]]:
        database: Database[dict[str, Any]] = self._client.get_database(name, codec_options=PLAIN)
        return database

    def _primary(self, name: str) -> Database[dict[str, Any]]:
        return self._database(name).with_options(read_preference=ReadPreference.PRIMARY)

    def _raw_list(self, database: str, command: dict[str, Any]) -> list[RawBSONDocument]:
        found: Any = self._database(database).cursor_command(command, codec_options=_RAW_IN_RAW)
        return list(found)

    def _write(self, what: str, database: str, command: dict[str, Any]) -> None:
        self._send(what, database, {**command, "writeConcern": _MAJORITY})

    def _send(self, what: str, database: str, command: dict[str, Any]) -> Mapping[str, Any]:
        """The answer to a command that writes; an error where the majority has not confirmed it."""
        with translated(what, self.describe()):
            answer: Mapping[str, Any] = self._client.get_database(database).command(command)
        if failed := answer.get("writeConcernError"):
            raise unconfirmed(what, int(failed.get("code", 0)), str(failed.get("errmsg", "")))
        return answer


def _info(found: RawBSONDocument) -> CollectionInfo:
    info = found.get("info") or {}
    uuid = info.get("uuid")
    options = found.get("options")
    return CollectionInfo(
        name=str(found["name"]),
        kind=str(found.get("type", "")),
        options=bytes(options.raw) if isinstance(options, RawBSONDocument) else _EMPTY,
        uuid=bytes(uuid).hex() if isinstance(uuid, bytes) and getattr(uuid, "subtype", 0) == 4 else "",
    )


def _refused(found: Mapping[str, Any]) -> Refused:
    message = str(found.get("errmsg", ""))
    pattern = found.get("keyPattern")
    index = ",".join(map(str, pattern)) if isinstance(pattern, Mapping) else ""
    return Refused(int(found["index"]), int(found.get("code", 0)), message, index)
