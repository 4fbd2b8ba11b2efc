"""What the tests of deployments stand on: the application's API on loopback, and the product pointed at it."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bed.datarobot import FOREVER, DataRobot, Deployment
from tests.bed.loader import PATIENCE
from tests.conftest import Cli

TOKEN = "s3cr3t-of-one"
OTHER_TOKEN = "s3cr3t-of-two"
ORGANISATION = "org-one"
OTHER = "org-two"


@dataclass
class Place:
    """The API with a user of one organisation, and the product in a folder of its own, without any cluster."""

    api: DataRobot
    cli: Cli
    env: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the product to its end."""
        return self.cli.run(*arguments, env=self.env if env is None else env)

    def report(self, *arguments: object, code: int = 0, env: dict[str, str] | None = None) -> dict[str, Any]:
        """Run a verb that must end with `code`; its report by deployment label."""
        done = self.run(*arguments, "-o", "json", env=env)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        report: dict[str, Any] = json.loads(done.stdout)
        return {each["label"]: each for each in report["deployments"]}

    def fill(self, count: int, *, latency: float = 0.0) -> None:
        """So many deployments that are active, each of whose changes takes so many seconds."""
        for number in range(count):
            self.api.add(number, ORGANISATION, latency=latency)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start it, for a test that sends it signals."""
        return self.cli.start(*arguments, env=self.env)

    def cut_short(self, number: signal.Signals, changes: int, *arguments: object) -> subprocess.Popen[str]:
        """Start it, and send the signal when the server has taken so many changes; from then on none ends before it does.

        So the signal comes in the middle, however fast or slow this machine is.
        """
        reached, kept = threading.Event(), {each.id: each.latency for each in self.api.deployments.values()}

        def count(_deployment: Deployment) -> None:
            if len(self.api.changes) >= changes:
                self._let_last(dict.fromkeys(kept, FOREVER))
                reached.set()

        self.api.on_change = count
        run = self.start(*arguments)
        assert reached.wait(PATIENCE)
        run.send_signal(number)
        run.wait(PATIENCE)
        self.api.on_change = lambda _deployment: None
        with self.api.lock:
            self._let_last(kept)
        return run

    def _let_last(self, latencies: dict[str, float]) -> None:
        """Changes take so long, counted from now for those that are under way."""
        for deployment in self.api.deployments.values():
            deployment.latency = latencies[deployment.id]
            change = deployment.change
            if change and time.monotonic() < change.end:
                change.end = change.task_end = time.monotonic() + deployment.latency

    def journals(self) -> list[Path]:
        """The journals in its folder."""
        return sorted(self.cli.directory.glob("lrs_deactivated_*.json"))

    def journal(self) -> dict[str, Any]:
        """The only journal."""
        (path,) = self.journals()
        document: dict[str, Any] = json.loads(path.read_text())
        return document

    def states(self) -> dict[str, str]:
        """The state of each deployment in the only journal."""
        return {each["label"]: each["state"] for each in self.journal()["deployments"]}

    def token_file(self, token: str) -> Path:
        """A file that holds a token."""
        path = self.cli.directory / f"{self.api.tokens.get(token, 'nobody')}.token"
        path.write_text(f"{token}\n")
        return path


@contextmanager
def new_place(tmp_path: Path) -> Iterator[Place]:
    """A place to try things in."""
    directory = tmp_path / "work"
    directory.mkdir(parents=True)
    with DataRobot({TOKEN: ORGANISATION, OTHER_TOKEN: OTHER}) as api:
        env = {"LRS_DATAROBOT_URL": api.url, "LRS_DATAROBOT_API_TOKEN": TOKEN}
        yield Place(api, Cli(tmp_path / "no-kubeconfig", directory), env)
