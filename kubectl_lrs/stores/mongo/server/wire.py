"""Commands to MongoDB for `-v`: name, collection, how many documents, how long. Never a document, never a query."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from kubectl_lrs.clients import wirelog

MANY = ("documents", "indexes", "updates", "deletes")
"""Fields of commands that are lists of what is sent."""


def listeners() -> list[CommandListener]:
    """For a client of the driver; none where nothing is shown."""
    return [Wire()] if wirelog.is_on() else []


class Wire(CommandListener):
    """Shows each command when its answer is there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[int, str] = {}

    def started(self, event: CommandStartedEvent) -> None:
        """Keep what it is about until it is answered."""
        with self._lock:
            self._asked[event.request_id] = described(event.command_name, event.database_name, event.command)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """With how many documents came."""
        self._show(event.request_id, event.command_name, came(event.reply), event.duration_micros)

    def failed(self, event: CommandFailedEvent) -> None:
        """With the server's code; its words may hold a document."""
        words = f"failed: {event.failure.get('codeName') or event.failure.get('errtype') or 'no answer'}"
        self._show(event.request_id, event.command_name, words, event.duration_micros)

    def _show(self, request: int, name: str, words: str, micros: int) -> None:
        with self._lock:
            what = self._asked.pop(request, name)
        wirelog.operation(f"MongoDB {what}", words, seconds=micros / 1e6)


def described(name: str, database: str, command: Mapping[str, Any]) -> str:
    """`insert MMApp.userapps, 500 documents`."""
    target = command.get(name)
    collection = command.get("collection") if name == "getMore" else target
    where = f"{database}.{collection}" if isinstance(collection, str) else database
    counts = [f"{len(command[field])} {field}" for field in MANY if isinstance(command.get(field), (list, tuple))]
    return ", ".join((f"{name} {where}", *counts))


def came(reply: Mapping[str, Any]) -> str:
    """`ok`, with how many documents a cursor gave, or a write took."""
    cursor = reply.get("cursor")
    if isinstance(cursor, Mapping):
        batch = cursor.get("firstBatch", cursor.get("nextBatch"))
        if isinstance(batch, (list, tuple)):
            whole = [each for each in batch if isinstance(each, bytes)]  # nobody has counted what is in it
            return f"ok, {sum(map(len, whole))} bytes came" if whole else f"ok, {len(batch)} came"
    return f"ok, n={reply['n']}" if isinstance(reply.get("n"), int) else "ok"
