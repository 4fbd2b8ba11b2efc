"""`--timeout` that is over when a test says so: after what has to be there by then, however slow this machine is today.

A time that is given to the product in seconds is one that it shares with whatever else runs here: what others have to do in
it (an operator, an API server) may take longer on a busy machine, and the test would find what is not so.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.bed import loader
from tests.builders.impatient import altered
from tests.conftest import Cli

CODE = """
import os, time
from kubectl_lrs.runtime.cancel import Deadline

def is_over(self):
    return self._stop.is_set() or os.path.exists({sign!r})

def pause(self, seconds):
    end = time.monotonic() + seconds
    while not is_over(self) and (left := end - time.monotonic()) > 0:
        self._stop.wait(min(left, 0.05))
    return not is_over(self)

Deadline.is_over = property(is_over)
Deadline.left = property(lambda self: 0.0 if is_over(self) else 60.0)
Deadline.pause = pause
"""


class TimeIsUp:
    """The time of every `Deadline` of one process of the product."""

    def __init__(self, folder: Path) -> None:
        self._sign = folder / "time" / "is-up"
        self.environment = altered(folder / "time", CODE.format(sign=str(self._sign)))

    def strike(self) -> None:
        """From now on there is none left."""
        self._sign.touch()

    def run(self, cli: Cli, *arguments: object, when: Callable[[], bool]) -> subprocess.CompletedProcess[str]:
        """Run it to its end; its time is up when that is so, until when it must wait."""
        process = cli.start(*arguments, env=self.environment)
        loader.wait_until(lambda: process.poll() is not None or when(), "what comes before the time is up")
        assert process.poll() is None, process.communicate()
        self.strike()
        out, err = process.communicate(timeout=loader.PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)
