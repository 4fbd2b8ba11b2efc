"""A Google Cloud Storage on loopback: fake-gcs-server, with its objects in memory. It asks for no credentials."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.bed import toolchain
from tests.bed.service import Service

MODULE = Path(__file__).resolve().parent / "go-gcs"
PACKAGE = "github.com/fsouza/fake-gcs-server"


def program() -> Path:
    """The server, built once."""
    return toolchain.program(MODULE, PACKAGE, "fake-gcs-server")


class Gcs(Service):
    """A running one."""

    def __enter__(self) -> Gcs:
        self.run(
            [
                program(),
                "-scheme",
                "http",
                "-host",
                "127.0.0.1",
                "-port",
                str(self.port),
                "-backend",
                "memory",
                "-log-level",
                "warn",
            ]
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def environment(self) -> Mapping[str, str]:
        """What a client finds it by."""
        return {"STORAGE_EMULATOR_HOST": self.endpoint}

    def make_bucket(self, name: str) -> None:
        """An empty one."""
        body = json.dumps({"name": name}).encode()
        request = urllib.request.Request(
            f"{self.endpoint}/storage/v1/b?project=test", body, {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
