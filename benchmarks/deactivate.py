"""Deactivation of many deployments, beside the same one after the other, at an application that takes two seconds for each."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, run
from tests.bed import toolchain
from tests.bed.datarobot import DataRobot

COUNT = 200
SERIAL = 20
"""So many are deactivated one after the other, which takes as long for each as it would for all."""
LATENCY = 2.0
TOKEN, ORGANISATION = "token-of-the-benchmark", "organisation"


def measure() -> Iterator[Row]:
    """At the default bound, and with `--parallel 1`."""
    ours = _deactivate(COUNT)
    start = _deactivate(0)
    serial = start + (_deactivate(SERIAL, "--parallel", "1") - start) * COUNT / SERIAL
    yield Row(
        what=f"deactivate {COUNT} of {LATENCY:.0f} s each",
        ours=ours,
        against="one after the other",
        theirs=serial,
        budget=1 / 7,
        note=f"theirs: {SERIAL} measured, the start-up counted once",
    )


def _deactivate(count: int, *arguments: str) -> float:
    """Seconds from the command's start until so many deployments are confirmed as inactive; a new application each time."""
    with DataRobot({TOKEN: ORGANISATION}) as api, tempfile.TemporaryDirectory(prefix="kubectl-lrs-bench-") as directory:
        for number in range(count):
            api.add(number, ORGANISATION, latency=LATENCY)
        environment = {
            "PATH": os.defpath,
            "HOME": directory,
            "LANG": "C.UTF-8",
            "LRS_DATAROBOT_URL": api.url,
            "LRS_DATAROBOT_API_TOKEN": TOKEN,
        }
        program = toolchain.venv().parent / "kubectl-lrs"
        took = run([program, "deactivate", "--yes", *arguments], environment=environment, cwd=Path(directory)).wall
        if active := [identifier for identifier, status in api.statuses().items() if status != "inactive"]:
            raise RuntimeError(f"{len(active)} are not inactive")
    return took
