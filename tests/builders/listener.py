"""A server that hears what it is told, and answers as a test says: what watches heartbeats and gets metrics."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any

from tests.bed.loader import PATIENCE
from tests.bed.standin import Server, body


@dataclass(frozen=True)
class Heard:
    """One request."""

    method: str
    path: str
    authorization: str
    body: str


class Listener:
    """It listens while the `with` block lasts. `status`: of each answer; `holds`: nobody is answered before it is set."""

    def __init__(self, *, status: int = 200, holds: threading.Event | None = None) -> None:
        self.heard: list[Heard] = []
        self.status = status
        self.holds = holds
        self.location = ""
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                said = body(self).decode()
                listener.heard.append(Heard(self.command, self.path, self.headers.get("Authorization", ""), said))
                if listener.holds:
                    listener.holds.wait(PATIENCE)
                self.send_response(listener.status)
                if listener.location:
                    self.send_header("Location", listener.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = Server("listener", Handler)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.port}"

    def __enter__(self) -> Listener:
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self.holds:
            self.holds.set()
        self._server.stop()
