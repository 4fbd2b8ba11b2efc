"""Deactivation of many deployments: beside one after the other, and at an application that bears few requests a second."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, run
from tests.bed import toolchain
from tests.bed.datarobot import DataRobot, Request

COUNT = 200
SERIAL = 20
"""So many are deactivated one after the other, which takes as long for each as it would for all."""
LATENCY = 2.0
LIMITED, RATE, QUICK = 1_000, 10, 1.0
"""Deployments, requests a second that the application answers, and seconds that it takes for a change."""
NEEDED = 2
"""Requests for each that cannot be spared: the change, and a look at what became of it."""
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


def limited(count: int = LIMITED) -> Iterator[Row]:
    """What the limit of the application allows, and what is asked of it."""
    log: list[Request] = []
    took = _deactivate(count, latency=QUICK, rate=RATE, log=log)
    what = f"deactivate {count:,}, {RATE} requests a second"
    yield Row(what=what, ours=took, against="what that allows, two for each", theirs=NEEDED * count / RATE, budget=1.2)
    each, refused = len(log) / count, sum(request.status == 429 for request in log) / len(log)
    yield Row(what=f"{what}: requests for each", ours=each, against="two for each", theirs=NEEDED, budget=1.2, unit="")
    yield Row(what=f"{what}: answers 429, of 100", ours=100 * refused, against="budget", theirs=5, budget=1, unit="")


def _deactivate(
    count: int, *arguments: str, latency: float = LATENCY, rate: float = 0, log: list[Request] | None = None
) -> float:
    """Seconds from the command's start until so many deployments are confirmed as inactive; a new application each time.

    `log` takes what was asked of it.
    """
    with DataRobot({TOKEN: ORGANISATION}) as api, tempfile.TemporaryDirectory(prefix="kubectl-lrs-bench-") as directory:
        api.rate = rate
        api.log = log if log is not None else api.log
        for number in range(count):
            api.add(number, ORGANISATION, latency=latency)
        environment = {
            "PATH": os.defpath,
            "HOME": directory,
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(toolchain.ROOT),
            "LRS_DATAROBOT_URL": api.url,
            "LRS_DATAROBOT_API_TOKEN": TOKEN,
        }
        program = toolchain.venv().parent / "kubectl-lrs"
        took = run([program, "deactivate", "--yes", *arguments], environment=environment, cwd=Path(directory)).wall
        if active := [identifier for identifier, status in api.statuses().items() if status != "inactive"]:
            raise RuntimeError(f"{len(active)} are not inactive")
    return took
