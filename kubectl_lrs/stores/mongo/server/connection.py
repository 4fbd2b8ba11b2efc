"""The connection to a MongoDB deployment: opened anew when it is lost, and how commands pass. It knows no collection."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS, RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference

from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.stores.mongo.server.access import Client, MongoAccess
from kubectl_lrs.stores.mongo.server.answering import Answers
from kubectl_lrs.stores.mongo.server.errors import translated, unconfirmed
from kubectl_lrs.stores.mongo.server.info import PLAIN

RAW_IN_RAW: Any = DEFAULT_RAW_BSON_OPTIONS
MAJORITY = {"w": "majority"}


class Connection:
    """One MongoDB deployment. Safe to use from several threads. `stop` ends the waits for what is written."""

    def __init__(self, access: MongoAccess, *, stop: Cancel | None = None) -> None:
        self.access = access
        self._answers = Answers(stop or Cancel())
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

    @property
    def _client(self) -> Client:
        return self.access.client()

    def _database(self, name: str) -> Database[dict[str, Any]]:
        """For reading as the URI says, which may be from a secondary."""
        database: Database[dict[str, Any]] = self._client.get_database(name, codec_options=PLAIN)
        return database

    def _primary(self, name: str) -> Database[dict[str, Any]]:
        return self._database(name).with_options(read_preference=ReadPreference.PRIMARY)

    def _raw_list(self, database: str, command: dict[str, Any]) -> list[RawBSONDocument]:
        """What a command lists, from the primary."""
        found: Any = self._database(database).cursor_command(command, codec_options=RAW_IN_RAW)
        return list(found)

    def _write(self, what: str, database: str, command: Mapping[str, Any]) -> None:
        self._send(what, database, {**command, "writeConcern": MAJORITY})

    def _send(
        self, what: str, database: str, command: dict[str, Any], *, session: ClientSession | None = None
    ) -> Mapping[str, Any]:
        """The answer to a command that writes; an error where the majority has not confirmed it.

        UnansweredError where none came; of the building of indexes, which may take hours, only when the run is to end.
        """

        def ask() -> Mapping[str, Any]:
            answer: Mapping[str, Any] = self._client.get_database(database).command(command, session=session)
            return answer

        is_long = "createIndexes" in command and session is None
        with translated(what, self.describe()):
            answer = self._answers.wait(ask, what=what, where=self.describe(), may_be_long=is_long)
        if failed := answer.get("writeConcernError"):
            raise unconfirmed(what, int(failed.get("code", 0)), str(failed.get("errmsg", "")))
        return answer
