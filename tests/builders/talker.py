"""A TCP server for tests of what carries bytes: it echoes, gives and takes; and the pieces of a port-forward around it."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from types import TracebackType
from typing import Any

from tests.bed.standin import Threads

BLOCK = hashlib.shake_128(b"talker").digest(1 << 20)


class Talker:
    """Echoes what it is sent; `GIVE n` gives n bytes of BLOCK, `TAKE n` and a newline takes n and answers their SHA-256.

    `END n` gives n and closes. Use it as a context manager. `given` counts the bytes it could send, a moment after
    they are sent: whoever has them may be ahead of it.
    """

    def __init__(self) -> None:
        self.given = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self._over = threading.Event()
        self._threads = Threads("talker")
        self._threads.start(self._accept)

    def __enter__(self) -> Talker:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, and every connection."""
        self._over.set()
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._threads.end()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            if self._over.is_set():  # too late to be among those that are closed there
                connection.close()
            self._threads.start(self._talk, connection)

    def _talk(self, connection: socket.socket) -> None:
        try:
            while data := connection.recv(1 << 16):
                word, _, number = data.partition(b" ")
                if word in (b"GIVE", b"END"):
                    self._give(connection, int(number))
                    if word == b"END":
                        break
                elif word == b"TAKE":
                    count, _, first = number.partition(b"\n")
                    connection.sendall(_taken(connection, int(count), first).encode())
                else:
                    connection.sendall(data)
        except OSError:
            pass
        finally:
            connection.close()

    def _give(self, connection: socket.socket, count: int) -> None:
        while count:
            sent = connection.send(BLOCK[:count])
            block = BLOCK[sent:count]
            while block:
                more = connection.send(block)
                block, sent = block[more:], sent + more
            self.given += sent
            count -= sent


def _taken(connection: socket.socket, count: int, first: bytes) -> str:
    digest = hashlib.sha256(first)
    count -= len(first)
    while count and (data := connection.recv(min(count, 1 << 20))):
        digest.update(data)
        count -= len(data)
    return digest.hexdigest()


def expected(count: int) -> bytes:
    """What `GIVE count` gives."""
    return BLOCK * (count // len(BLOCK)) + BLOCK[: count % len(BLOCK)]


def read(connection: socket.socket, count: int) -> bytes:
    """So many bytes, or fewer where it ends before."""
    parts = []
    while count and (data := connection.recv(min(count, 1 << 20))):
        parts.append(data)
        count -= len(data)
    return b"".join(parts)


class Tunnel:
    """A proxy that speaks CONNECT and nothing else; `asked` is what it was asked for. Use it as a context manager."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._over = threading.Event()
        self._threads = Threads("proxy that makes tunnels")
        self._threads.start(self._accept)

    def __enter__(self) -> Tunnel:
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._threads.end()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            if self._over.is_set():
                client.close()
            self._threads.start(self._tunnel, client)

    def _tunnel(self, client: socket.socket) -> None:
        """What is asked for first, and then both ways. A client that goes, or a server that is not there, ends it."""
        with contextlib.suppress(OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                if not (more := client.recv(1)):
                    return
                head += more
            target = head.split()[1].decode()
            self.asked.append(target)
            host, _, port = target.rpartition(":")
            server = socket.create_connection((host, int(port)))
            self._open.append(server)
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._threads.start(self._copy, server, client)
            self._copy(client, server)

    @staticmethod
    def _copy(one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(1 << 16):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass
