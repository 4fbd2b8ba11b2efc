"""A way to a server on this machine that is as long as a network: each turn of the talk takes so many seconds more."""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import suppress

CHUNK = 1 << 20


class Latency:
    """Passes bytes on to a port; what begins to be said after the other side has spoken is held so long. A context manager."""

    def __init__(self, port: int, seconds: float) -> None:
        self._to = port
        self._seconds = seconds
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Latency:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=(connection,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._to)) as server:
            other, spoke = {client: server, server: client}, server
            for each in other:
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                for side in select.select([client, server], [], [])[0]:
                    data = side.recv(CHUNK)
                    if not data:
                        return
                    if side is client and spoke is not client:
                        time.sleep(self._seconds)
                    spoke = side
                    other[side].sendall(data)
