"""Documents out of the server: raw BSON, never decoded on the way; what a batch holds is what the server stores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo import CursorType
from pymongo.collection import Collection
from pymongo.read_concern import ReadConcern

from kubectl_lrs.formats import bson_batches as rawbson
from kubectl_lrs.stores.mongo.server.answers import WHOLE_BATCHES
from kubectl_lrs.stores.mongo.server.connection import RAW_IN_RAW, Connection
from kubectl_lrs.stores.mongo.server.errors import MongoError, translated


class Instant(ReadConcern):
    """Reads at one instant of the cluster's: what a snapshot session does, for any number of threads."""

    def __init__(self, at: Timestamp) -> None:
        super().__init__("snapshot")
        self.at = at

    @property
    def document(self) -> dict[str, Any]:
        """As commands carry it."""
        return {"level": "snapshot", "atClusterTime": self.at}


class Reading(Connection):
    """Documents of collections, as a dump needs them."""

    def instant(self, database: str, collection: str) -> Timestamp:
        """An instant that has happened for a majority of members, at which everything can be read."""
        command = {"find": collection, "limit": 1, "singleBatch": True, "readConcern": {"level": "snapshot"}}
        with translated(f"taking a snapshot of {database}", self.describe()):
            cursor = self._database(database).command(command, codec_options=RAW_IN_RAW)["cursor"]
            at = cursor["atClusterTime"]
        if not isinstance(at, Timestamp):
            raise MongoError(f"{self.describe()} names no instant for its snapshot", hint="take --mongo-consistency=none")
        return at

    def batches(
        self, database: str, collection: str, *, at: Timestamp | None = None, size: int = 0, pushed: bool = False
    ) -> Iterator[list[bytes]]:
        """All documents in natural order, as mongodump writes them; `size`: in a batch, 0 for the server's.

        `pushed`: the server sends one batch after the other without being asked, which a mongos cannot.
        """
        manner = CursorType.EXHAUST if pushed else CursorType.NON_TAILABLE
        with translated(f"reading {database}.{collection}", self.describe()):
            yield from _found(self._at(database, collection, at), batch_size=size, hint=_NATURAL, cursor_type=manner)

    def sample(self, database: str, collection: str, *, at: Timestamp | None = None) -> tuple[int, int]:
        """(documents, bytes) of the first few: how large documents are here."""
        with translated(f"reading {database}.{collection}", self.describe()):
            few = [each for batch in _found(self._at(database, collection, at), limit=100, hint=_NATURAL) for each in batch]
        return len(few), sum(map(len, few))

    def present(self, database: str, collection: str) -> Iterator[list[bytes]]:
        """Batches of all documents, from the primary: what a write would find there."""
        with translated(f"looking at {database}.{collection}", self.describe()):
            yield from _found(self._primary(database)[collection])

    def matching(self, database: str, collection: str, query: bytes, *, about: int = 0) -> Iterator[list[bytes]]:
        """Batches of the documents that match a query (BSON), from the primary.

        `about`: how many there may be; where they fit into one answer, no second one is asked for. 0: nobody knows.
        """
        size = about + 1 if about else 0  # a batch that is full says that there may be more
        with translated(f"comparing with {database}.{collection}", self.describe()):
            yield from _found(self._primary(database)[collection], RawBSONDocument(query), batch_size=size)

    def _at(self, database: str, name: str, at: Timestamp | None) -> Collection[dict[str, Any]]:
        """A collection as it was at an instant, or is."""
        return self._database(database).get_collection(name, read_concern=Instant(at) if at else None)


_NATURAL = [("$natural", 1)]


def _found(collection: Collection[dict[str, Any]], *query: RawBSONDocument, **how: Any) -> Iterator[list[bytes]]:
    """The documents that `find` finds, as they come."""
    whole: Any = collection.with_options(codec_options=WHOLE_BATCHES)
    with whole.find(*query, **how) as batches:
        yield from map(rawbson.members, batches)
