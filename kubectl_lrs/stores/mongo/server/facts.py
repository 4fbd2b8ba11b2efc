"""What there is on the server: databases, collections, indexes, sizes, other clients. From the primary; nothing is read out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from bson.timestamp import Timestamp

from kubectl_lrs.model.errors import DeniedError
from kubectl_lrs.stores.mongo.server.connection import Connection
from kubectl_lrs.stores.mongo.server.errors import MongoError, translated
from kubectl_lrs.stores.mongo.server.info import CollectionInfo, Server, Size, Writes, collection_info


class Facts(Connection):
    """Questions about what is there."""

    def server(self) -> Server:
        """Who answers; the first thing to ask, for it finds out whether it can be reached and lets us in."""
        with translated("connecting", self.describe()):
            admin = self._client.admin
            hello = admin.command("hello")
            version = str(admin.command("buildInfo")["version"])
            answer = admin.command("connectionStatus")
        at = answer.get("operationTime")
        clock = hello.get("localTime")
        return Server(
            version=version,
            set_name=str(hello.get("setName", "")),
            is_mongos=hello.get("msg") == "isdbgrid",
            is_primary=bool(hello.get("isWritablePrimary")),
            operation_time=(at.time, at.inc) if isinstance(at, Timestamp) else None,
            clock=clock.replace(tzinfo=timezone.utc).timestamp() if isinstance(clock, datetime) else 0.0,
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
            return {
                info.name: info for info in map(collection_info, self._raw_list(database, {"listCollections": 1, "cursor": {}}))
            }

    def indexes(self, database: str, collection: str) -> list[bytes]:
        """The specification of each index as the server keeps it; none where the collection is not."""
        with translated(f"listing the indexes of {database}.{collection}", self.describe()):
            found = self._raw_list(database, {"listIndexes": collection, "cursor": {}})
            return [bytes(each.raw) for each in found]

    def count(self, database: str, collection: str) -> int:
        """How many documents there are, by the server's own books."""
        with translated(f"counting {database}.{collection}", self.describe()):
            return int(self._primary(database)[collection].estimated_document_count())

    def collection(self, database: str, name: str) -> CollectionInfo | None:
        """One of them as it is now, None where it is not there."""
        command = {"listCollections": 1, "filter": {"name": name}, "cursor": {}}
        with translated(f"looking at {database}.{name}", self.describe()):
            return next(map(collection_info, self._raw_list(database, command)), None)

    def exact_count(self, database: str, collection: str, query: Mapping[str, Any] | None = None) -> int:
        """How many documents there are that match, each of them looked at."""
        with translated(f"counting {database}.{collection}", self.describe()):
            return int(self._primary(database)[collection].count_documents(query or {}))

    def measure(self, database: str, collection: str) -> Size:
        """How much it holds, by the server's own books; DeniedError without the right `collStats`."""
        with translated(f"measuring {database}.{collection}", self.describe()):
            found = self._database(database).command({"collStats": collection})
        return Size(
            documents=int(found.get("count", 0)),
            bytes=int(found.get("size", 0)),
            max_bytes=max(0, int(found.get("maxSize", 0))) if found.get("capped") else 0,
            max_documents=_limit(found.get("max")) if found.get("capped") else 0,
            is_sharded=bool(found.get("sharded")),
        )

    def room(self) -> int | None:
        """Bytes that are free where it keeps its data, of shards on the fullest; None where it does not tell."""
        try:
            with translated("looking for room", self.describe()):
                found = self._primary("admin").command({"dbStats": 1})
        except DeniedError:
            return None
        shards = found.get("raw")
        free = [_free(each) for each in (shards.values() if isinstance(shards, Mapping) else (found,))]
        told = [each for each in free if each is not None]
        return min(told) if told and len(told) == len(free) else None

    def writes(self, database: str, collection: str) -> Writes | None:
        """The writes of clients that were counted for it; None where the server does not tell, or may not be asked.

        What transactions, `$merge` and the server itself write is not among them everywhere.
        """
        pipeline: list[dict[str, Any]] = [{"$collStats": {"latencyStats": {}}}]
        try:
            with translated(f"looking at the writes to {database}.{collection}", self.describe()):
                found = list(self._primary(database)[collection].aggregate(pipeline))
            return Writes(tuple(sorted((str(each["host"]), int(each["latencyStats"]["writes"]["ops"])) for each in found)))
        except (MongoError, DeniedError, KeyError, TypeError, ValueError):
            return None

    def newest(self, database: str, collection: str) -> Mapping[str, Any] | None:
        """The document that was inserted last."""
        with translated(f"reading {database}.{collection}", self.describe()):
            found: Mapping[str, Any] | None = self._primary(database)[collection].find_one(sort=[("$natural", -1)])
        return found

    def operations(self) -> list[Mapping[str, Any]]:
        """Every connection of clients, those that do nothing included; DeniedError without the right `inprog`."""
        pipeline = [{"$currentOp": {"allUsers": True, "idleConnections": True}}]
        with translated("looking for other clients", self.describe()):
            return list(self._primary("admin").aggregate(pipeline))


def _free(found: Any) -> int | None:
    total, used = (found.get(each) if isinstance(found, Mapping) else None for each in ("fsTotalSize", "fsUsedSize"))
    return int(total - used) if isinstance(total, (int, float)) and isinstance(used, (int, float)) and total > 0 else None


def _limit(value: Any) -> int:
    """A limit of a capped collection; where there is none the server names none, or the largest number it has."""
    limit = int(value or 0)
    return limit if 0 < limit < (1 << 31) - 1 else 0
