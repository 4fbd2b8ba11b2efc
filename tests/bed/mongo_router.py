"""A stand-in for what no registry has: a router of a sharded cluster (mongos), and servers of other versions.

It passes commands to a real mongod and changes what that says of itself, so that the product meets answers that a mongos or
another version would give; it refuses what a mongos refuses. It shards nothing.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any

import bson

from tests.bed.standin import Threads

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
Answer = dict[str, Any]


class Router:
    """Listens on loopback; use it as a context manager. `version`: what it says it is; `sharded`: collections that are."""

    def __init__(self, port: int, *, version: str = "", is_mongos: bool = True, sharded: Iterable[str] = ()) -> None:
        self.commands: list[dict[str, Any]] = []
        self._to = port
        self._version = version
        self._is_mongos = is_mongos
        self._sharded = frozenset(sharded)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._over = threading.Event()
        self._threads = Threads("mongos")
        self._threads.start(self._accept)

    @property
    def uri(self) -> str:
        """Where it is."""
        return f"mongodb://127.0.0.1:{self.port}/"

    def __enter__(self) -> Router:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._threads.end()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                if self._over.is_set():  # too late to be among those that are closed there
                    client.close()
                self._threads.start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        """One question after the other, each with one answer: what needs more is not offered."""
        with client, suppress(OSError, EOFError), socket.create_connection(("127.0.0.1", self._to)) as server:
            self._open.append(server)
            while True:
                question = _message(client)
                command = _document(question)
                self.commands.append(command)
                if refusal := self._refused(command):
                    client.sendall(_answered(question, refusal))
                    continue
                server.sendall(question)
                client.sendall(_changed(_message(server), partial(self._answer, command)))

    def _refused(self, command: dict[str, Any]) -> Answer | None:
        """What a mongos does not do."""
        name = next(iter(command), "")
        if not self._is_mongos:
            return None
        if name == "renameCollection" and self._sharded & {_name(command["renameCollection"]), _name(command["to"])}:
            return {"ok": 0.0, "code": 20, "errmsg": "source or target collection is sharded"}
        if name.startswith("replSet"):
            return {"ok": 0.0, "code": 59, "errmsg": f"no such command: '{name}'"}
        return None

    def _answer(self, command: dict[str, Any], answer: Answer) -> Answer:
        name = next(iter(command), "").lower()
        if name in ("hello", "ismaster"):
            answer.pop("topologyVersion", None)
            if self._is_mongos:
                for key in ("setName", "hosts", "primary", "me", "setVersion", "electionId", "lastWrite", "secondary"):
                    answer.pop(key, None)
                answer["msg"] = "isdbgrid"
        if name == "buildinfo" and self._version:
            answer["version"] = self._version
        if name == "collstats" and command[next(iter(command))] in self._sharded:
            answer["sharded"] = True
        return answer


def _name(namespace: str) -> str:
    return namespace.partition(".")[2]


def _message(source: socket.socket) -> bytes:
    head = _exactly(source, 4)
    return head + _exactly(source, struct.unpack("<i", head)[0] - 4)


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = source.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _begin(message: bytes) -> int:
    """Where the document of a message begins."""
    kind = struct.unpack_from("<i", message, 12)[0]
    if kind == OP_QUERY:
        return message.index(b"\0", 20) + 9
    return {OP_MSG: 21, OP_REPLY: 36}[kind]


def _document(message: bytes) -> dict[str, Any]:
    begin = _begin(message)
    size = struct.unpack_from("<i", message, begin)[0]
    found: dict[str, Any] = bson.decode(message[begin : begin + size])
    return found


def _changed(message: bytes, change: Callable[[Answer], Answer]) -> bytes:
    begin = _begin(message)
    size = struct.unpack_from("<i", message, begin)[0]
    before = message[begin : begin + size]
    after = bson.encode(change(bson.decode(before))) if size < 1 << 16 else before
    return struct.pack("<i", len(message) + len(after) - size) + message[4:begin] + after + message[begin + size :]


def _answered(question: bytes, answer: Answer) -> bytes:
    """An answer of our own to an OP_MSG."""
    body = struct.pack("<iB", 0, 0) + bson.encode(answer)
    request = struct.unpack_from("<i", question, 4)[0]
    return struct.pack("<iiii", 16 + len(body), 0, request, OP_MSG) + body
