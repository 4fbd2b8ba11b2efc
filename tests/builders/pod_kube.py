"""An API server's port-forward in memory: each upgrade gives one end of a connection, and the test is the pod at the other."""

from __future__ import annotations

import base64
import hashlib
import http.client
import queue
import socket
from collections.abc import Iterable, Mapping
from types import SimpleNamespace

from websocket import ABNF

from kubectl_lrs.clients.kubernetes.podstream import DATA, ERROR
from kubectl_lrs.clients.kubernetes.transport import Upgraded
from kubectl_lrs.clients.kubernetes.websocket import PROTOCOL
from tests.bed.loader import PATIENCE

_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(opcode: int, payload: bytes) -> bytes:
    """A frame as a server writes it, by another implementation."""
    return bytes(ABNF(1, 0, 0, 0, opcode, 0, payload).format())


class Pod:
    """The pod's end of a connection."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self.socket.settimeout(PATIENCE)
        self._held = b""

    def says(self, data: bytes, channel: int = DATA) -> None:
        """Data on a channel; the first of each is the number of the port."""
        self.socket.sendall(frame(ABNF.OPCODE_BINARY, bytes((channel,)) + data))

    def greets(self) -> None:
        """What comes first on both channels."""
        for channel in (DATA, ERROR):
            self.says((27017).to_bytes(2, "little"), channel)

    def hears(self) -> tuple[int, bytes]:
        """(opcode, payload) of the next frame."""
        while True:
            if len(self._held) >= 6:
                length, head = self._held[1] & 0x7F, 6
                if length == 126:
                    length, head = int.from_bytes(self._held[2:4], "big"), 8
                elif length == 127:
                    length, head = int.from_bytes(self._held[2:10], "big"), 14
                if len(self._held) >= head + length:
                    key, payload = self._held[head - 4 : head], self._held[head : head + length]
                    opcode, self._held = self._held[0] & 0x0F, self._held[head + length :]
                    mask = (key * (length // 4 + 1))[:length]
                    return opcode, (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(length, "big")
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError
            self._held += data

    def hears_data(self) -> bytes:
        """The next data on the channel of data; pings are answered on the way."""
        while True:
            opcode, payload = self.hears()
            if opcode == ABNF.OPCODE_PING:
                self.socket.sendall(frame(ABNF.OPCODE_PONG, payload))
            elif opcode == ABNF.OPCODE_BINARY:
                assert payload[0] == DATA
                return payload[1:]

    def leaves(self) -> None:
        """End it."""
        self.socket.close()


class PodKube:
    """`early`: what comes together with the answer. `errors`: raised in place of an answer, one for each request."""

    def __init__(self, *errors: Exception, early: bytes = b"", accept: str = "", protocol: str = PROTOCOL) -> None:
        self.connection = SimpleNamespace(server="https://api")
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.pods: queue.Queue[Pod] = queue.Queue()
        self._errors = list(errors)
        self._early, self._accept, self._protocol = early, accept, protocol

    def upgrade(self, path: str, query: Mapping[str, str], headers: Iterable[tuple[str, str]]) -> Upgraded:
        """One more connection."""
        self.asked.append((path, query))
        if self._errors:
            raise self._errors.pop(0)
        key = dict(headers)["Sec-WebSocket-Key"].encode()
        answer = http.client.HTTPMessage()
        answer["Sec-WebSocket-Accept"] = self._accept or base64.b64encode(hashlib.sha1(key + _SUFFIX).digest()).decode()
        answer["Sec-WebSocket-Protocol"] = self._protocol
        listener = socket.create_server(("127.0.0.1", 0))
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        listener.close()
        ours.setblocking(False)
        self.pods.put(Pod(theirs))
        return Upgraded(ours, self._early, answer)

    def pod(self) -> Pod:
        """The other end of the next connection."""
        return self.pods.get(timeout=PATIENCE)
