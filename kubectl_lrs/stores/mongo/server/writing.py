"""Writes to the server, each confirmed by the majority of the members, and the trial of what would be made.

A trial sends the very requests of the write, in a transaction that is never committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from bson.binary import UUID_SUBTYPE, Binary
from bson.raw_bson import RawBSONDocument
from pymongo.errors import PyMongoError

from kubectl_lrs.stores.mongo.server.connection import MAJORITY, Connection
from kubectl_lrs.stores.mongo.server.errors import (
    NAMESPACE_NOT_FOUND,
    NOT_UNDERSTOOD,
    OTHER_COLLECTION,
    MongoError,
    UnansweredError,
    translated,
)
from kubectl_lrs.stores.mongo.server.info import Refused, refused

Command = dict[str, Any]


def create_command(collection: str, options: Mapping[str, Any]) -> Command:
    """The request that makes a collection or view; LrsError never: `options` must not hold the name of a command."""
    return {"create": collection, **{key: value for key, value in options.items() if key != "create"}}


def indexes_command(collection: str, specifications: Sequence[Mapping[str, Any]]) -> Command:
    """The request that builds indexes, all in one pass over the documents."""
    return {"createIndexes": collection, "indexes": list(specifications), "ignoreUnknownIndexOptions": True}


class Writing(Connection):
    """What changes a database."""

    def create(self, database: str, collection: str, options: Mapping[str, Any]) -> None:
        """A new collection or view."""
        self._write(f"creating {database}.{collection}", database, create_command(collection, options))

    def create_indexes(self, database: str, collection: str, specifications: Sequence[Mapping[str, Any]]) -> None:
        """Build indexes: all of them, or none."""
        what = f"building the indexes of {database}.{collection}"
        self._write(what, database, indexes_command(collection, specifications))

    def try_creating(
        self, database: str, collection: str, options: Mapping[str, Any], specifications: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Ask the server to make this, and take it back: nothing of it is ever to be seen.

        MongoError where it refuses, also one whose code is of CANNOT_TRY: it makes no such thing in a transaction.
        """
        commands = [create_command(collection, options)]
        commands += [indexes_command(collection, specifications)] if specifications else []
        what = f"trying what {database}.{collection} would be"
        with translated(what, self.describe()):
            session = self._client.start_session()
            session.start_transaction(write_concern=None)
        try:
            for command in commands:
                self._send(what, database, command, session=session)
        except UnansweredError:  # whose session it is busy with: the server ends that by itself
            raise
        except BaseException:
            _end(session)
            raise
        _end(session)

    def drop(self, database: str, collection: str, *, uuid: str = "") -> None:
        """Remove a collection; it may be gone already. `uuid`: only the one with this one, where the server can tell."""
        command = {"drop": collection, **({"collectionUUID": _binary(uuid)} if uuid else {})}
        try:
            self._write(f"dropping {database}.{collection}", database, command)
        except MongoError as error:
            if uuid and error.code in NOT_UNDERSTOOD:
                self.drop(database, collection)
            elif error.code not in (NAMESPACE_NOT_FOUND, OTHER_COLLECTION):
                raise

    def rename(self, database: str, collection: str, to: str, *, uuid: str, target_uuid: str) -> None:
        """Give a collection another's name; the other is dropped in the same act.

        The UUIDs say which two are meant: a server from 6.0 on refuses others in the act, with OTHER_COLLECTION.
        """
        what = f"putting {database}.{collection} in the place of {database}.{to}"
        command = {"renameCollection": f"{database}.{collection}", "to": f"{database}.{to}", "dropTarget": True}
        exact = {"dropTarget": _binary(target_uuid), "collectionUUID": _binary(uuid)} if uuid and target_uuid else {}
        try:
            self._write(what, "admin", {**command, **exact})
        except MongoError as error:
            if not exact or error.code not in NOT_UNDERSTOOD:
                raise
            self._write(what, "admin", command)

    def insert(
        self,
        database: str,
        collection: str,
        documents: Sequence[bytes],
        *,
        ordered: bool = False,
        validate: bool = True,
        keep_empty_timestamps: bool = False,
    ) -> list[Refused]:
        """Insert documents as they are; those that the server did not take, the others are in (if ordered: those before).

        `keep_empty_timestamps`: the server is told to leave `Timestamp(0, 0)` as it is; older ones do not understand that.
        """
        command: Command = {
            "insert": collection,
            "ordered": ordered,
            "writeConcern": MAJORITY,
            "documents": [RawBSONDocument(document) for document in documents],
        }
        if not validate:
            command["bypassDocumentValidation"] = True
        if keep_empty_timestamps:
            command["bypassEmptyTsReplacement"] = True
        return self._of_each(database, collection, command, len(documents))

    def upsert(
        self, database: str, collection: str, documents: Sequence[bytes], *, ordered: bool = False, validate: bool = True
    ) -> list[Refused]:
        """Insert documents in a way that leaves `Timestamp(0, 0)` as it is with any server; it needs the right `update`.

        The filter matches nothing, so that a document that is there is never changed.
        """
        command: Command = {
            "update": collection,
            "ordered": ordered,
            "writeConcern": MAJORITY,
            "updates": [_upsert(RawBSONDocument(document)) for document in documents],
        }
        if not validate:
            command["bypassDocumentValidation"] = True
        return self._of_each(database, collection, command, len(documents))

    def replace(self, database: str, collection: str, there: bytes, document: bytes, *, validate: bool = True) -> bool:
        """Put a document in the place of one that is `there`, all of it; False where that is no longer so.

        The filter is the whole of it, without the rules of a collation; `Timestamp(0, 0)` stays as it is. MongoError where the
        server refuses the new one.
        """
        observed = RawBSONDocument(there)
        change = {
            "q": {"_id": {"$eq": observed["_id"]}, "$expr": {"$eq": ["$$ROOT", {"$literal": observed}]}},
            "u": [{"$replaceWith": {"$literal": RawBSONDocument(document)}}],
            "collation": {"locale": "simple"},
        }
        command: Command = {"update": collection, "ordered": True, "writeConcern": MAJORITY, "updates": [change]}
        if not validate:
            command["bypassDocumentValidation"] = True
        what = f"replacing a document of {database}.{collection}"
        answer = self._send(what, database, command)
        for each in map(refused, answer.get("writeErrors") or ()):
            raise MongoError(f"{what}: the server refused it: {each.message}", code=each.code)
        if answer.get("n") not in (0, 1):
            raise MongoError(f"{what}: the server counts {answer.get('n')} documents written of 1")
        return bool(answer["n"])

    def _of_each(self, database: str, collection: str, command: Command, count: int) -> list[Refused]:
        """The documents that were refused; MongoError where the server's own number of the others is not that of the rest."""
        what = f"writing to {database}.{collection}"
        answer = self._send(what, database, command)
        found = [refused(each) for each in answer.get("writeErrors") or ()]
        expected = found[0].place if found and command["ordered"] else count - len(found)
        if answer.get("n") != expected:
            raise MongoError(f"{what}: the server counts {answer.get('n')} documents written of {expected}")
        return found


def _upsert(document: RawBSONDocument) -> dict[str, Any]:
    nothing = {"_id": {"$eq": document["_id"]}, "$nor": [{"_id": {"$exists": True}}]}
    return {"q": nothing, "u": [{"$replaceWith": {"$literal": document}}], "upsert": True}


def _binary(uuid: str) -> Binary:
    return Binary(bytes.fromhex(uuid), UUID_SUBTYPE)


def _end(session: Any) -> None:
    """Take back what was done in its transaction. The server does so by itself where it is not told."""
    with suppress(PyMongoError):
        if session.in_transaction:
            session.abort_transaction()
    with suppress(PyMongoError):
        session.end_session()
