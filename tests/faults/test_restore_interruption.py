"""A restore that is interrupted in mid-write, killed, or run twice at once: the same command ends it, nothing is made twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.bed.proxy import Act
from tests.bed.standin import Hold
from tests.builders.ground import EACH, POST, Ground
from tests.conftest import Crd

TOTAL = 2 * EACH
COMMAND = ("restore", "saved", "--yes", "-q", "-o", "json", "--parallel", "4")


@pytest.fixture
def ground(plane: ControlPlane, crd: Crd, tmp_path: Path) -> Iterator[Ground]:
    with Ground.prepared(plane, crd, tmp_path) as prepared:
        yield prepared


@pytest.fixture
def hold(ground: Ground) -> Iterator[Hold]:
    """Some writes go through, and all others wait; each is slow then, so that a signal is heard long before the last."""
    made = Hold()
    ground.proxy.when("POST", POST, Act(before=made, delay=0.1), nth=range(8, sys.maxsize))
    yield made
    made.freed.set()


def _in_mid_write(ground: Ground, hold: Hold) -> subprocess.Popen[str]:
    process = ground.cli.start(*COMMAND)
    assert hold.seen.wait(PATIENCE)
    return process


def _results(out: str) -> Counter[str]:
    return Counter(each["result"] for each in json.loads(out)["outcomes"])


def _again(ground: Ground) -> dict[str, Any]:
    done = ground.cli.run(*COMMAND)
    assert done.returncode == 0, (done.stdout, done.stderr)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_what_is_in_flight_is_finished_and_the_report_tells_the_truth(ground: Ground, hold: Hold, number: signal.Signals) -> None:
    process = _in_mid_write(ground, hold)
    process.send_signal(number)
    hold.freed.set()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    report = json.loads(out)
    assert report["interrupted"] is True
    made = {(each["namespace"], each["name"]) for each in report["outcomes"] if each["result"] == "created"}
    assert made == ground.live().keys()
    results = _results(out)
    assert results.keys() == {"created", "not tried"}
    assert results.total() == TOTAL
    again = _again(ground)
    assert again["counts"] == {"created": results["not tried"], "unchanged": results["created"]}
    ground.assert_whole()
    ground.assert_made_once()


def test_killed(ground: Ground, hold: Hold) -> None:
    process = _in_mid_write(ground, hold)
    process.kill()
    process.communicate(timeout=PATIENCE)
    hold.freed.set()
    counts = _again(ground)["counts"]
    assert counts.keys() == {"created", "unchanged"}
    ground.assert_whole()
    ground.assert_made_once()


def test_two_at_once(ground: Ground) -> None:
    both = [ground.cli.start(*COMMAND) for _ in range(2)]
    ended = [(process.communicate(timeout=PATIENCE), process.returncode) for process in both]
    assert [code for _, code in ended] == [0, 0], ended
    results = [_results(out) for (out, _), _ in ended]
    assert all(each.keys() <= {"created", "unchanged"} for each in results)
    assert sum(each["created"] for each in results) == TOTAL
    ground.assert_whole()
    ground.assert_made_once()
