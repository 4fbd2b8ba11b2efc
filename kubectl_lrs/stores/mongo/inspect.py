"""The documents of live collections, decoded, at one instant where the server can: for looking into them, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubectl_lrs.formats.bson_documents import decoded
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.common.mentions import Document
from kubectl_lrs.stores.mongo.find import find_database, named_database
from kubectl_lrs.stores.mongo.server.client import Mongo


class LiveDocuments:
    """What the application's database holds now. `collections`: those of the wanted ones that are there, in that order."""

    def __init__(self, mongo: Mongo, *, database: str, wanted: Iterable[str]) -> None:
        self._mongo = mongo
        server = mongo.server()
        self.database = named_database(mongo, database) or find_database(mongo)
        present = mongo.collections(self.database)
        if not present:
            raise UsageError(f"database {self.database!r} does not exist, or is empty", hint="look at --mongo-db")
        self.collections = [name for name in wanted if name in present and present[name].kind == "collection"]
        plain = [name for name in self.collections if not present[name].is_capped]
        self._plain = frozenset(plain)
        self._at = mongo.instant(self.database, plain[0]) if server.has_snapshots and plain else None

    def documents(self) -> Iterator[Document]:
        """Every document of the collections."""
        for name, batch in self.batches():
            for content in decoded(b"".join(batch)):
                yield Document(name, str(content.get("_id")), content)

    def batches(self) -> Iterator[tuple[str, list[bytes]]]:
        """(collection, some of its documents), all of them."""
        for name in self.collections:
            at = self._at if name in self._plain else None
            for batch in self._mongo.batches(self.database, name, at=at):
                yield name, batch
