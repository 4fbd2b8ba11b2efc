"""A server of the bed in a process of its own, on a free port of loopback. It ends when this process does, however it ends."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bed.controlplane import START_LIMIT
from tests.bed.ports import reserved

_WITH_ITS_PARENT = """
import subprocess, sys
service = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
sys.stdin.buffer.read()
service.kill()
"""


class Service:
    """`command` speaks HTTP on `port`, which it was told; `log` is where it says what it does."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "service.log"
        (self.port,) = reserved(1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    def run(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        """Start it; returns when it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _WITH_ITS_PARENT, *map(str, command)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={"PATH": os.defpath, "HOME": str(self.directory), **(environment or {})},
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit and self._process is not None and self._process.poll() is None:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/")
                connection.getresponse()
            except OSError:
                time.sleep(0.05)
            else:
                connection.close()
                return
        raise RuntimeError(f"{type(self).__name__} does not answer: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End it, as a crash would."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            if self._process.stdin:
                self._process.stdin.close()
            self._process = None
