"""`deactivate` of many at once: the bound, what an interruption leaves and who brings it to its end, two runs of it."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed.datarobot import FOREVER, Deployment
from tests.bed.loader import PATIENCE
from tests.builders.deployments import Place, new_place

CHANGED = ("deactivating", "deactivated")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place to try things in."""
    with new_place(tmp_path) as made:
        yield made


# ---- many at once


def _hold_until_full(place: Place, bound: int) -> None:
    """No change ends before so many are under way; then there is a moment in which one too many would be sent."""

    def release(_deployment: Deployment) -> None:
        held = [change for change in place.api.changes if change.end == FOREVER]
        if len(held) >= bound or len(place.api.changes) == len(place.api.deployments):
            for change in held:
                change.end = change.task_end = time.monotonic() + 0.1

    place.api.on_change = release


@pytest.mark.parametrize(("arguments", "bound"), [((), 8), (("--parallel", "3"), 3), (("--parallel", "1"), 1)])
def test_bound(place: Place, arguments: tuple[str, ...], bound: int) -> None:
    """From the server's log: never more than the bound in flight, and really that many at once."""
    place.fill(200 if bound == 8 else 20, latency=FOREVER)
    _hold_until_full(place, bound)
    place.report("deactivate", "--yes", *arguments)
    assert set(place.api.statuses().values()) == {"inactive"}
    assert place.api.most_at_once() == bound


# ---- interruptions


def _cut_short(place: Place, number: signal.Signals, changes: int) -> subprocess.Popen[str]:
    return place.cut_short(number, changes, "deactivate", "--yes", "-o", "json")


@pytest.mark.parametrize("changes", [1, 23])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_interrupted_and_brought_to_its_end(place: Place, number: signal.Signals, changes: int) -> None:
    place.fill(40, latency=0.3)
    before = place.api.statuses()
    run = _cut_short(place, number, changes)
    assert run.returncode == (-signal.SIGKILL if number is signal.SIGKILL else 130)
    asked = {request.path.split("/")[4] for request in place.api.sent("PATCH")}
    states = {each["id"]: each["state"] for each in place.journal()["deployments"]}
    assert set(states) == set(before), "the journal holds every deployment that was planned"
    assert asked <= {key for key, state in states.items() if state in CHANGED}, "and knows each that was asked"
    assert len(asked) < len(before), "the signal came too late to show anything"
    if number is not signal.SIGKILL:
        rows = json.loads(run.stdout.read() if run.stdout else "")["deployments"]
        assert {each["id"] for each in rows} == set(before)
        assert {each["id"] for each in rows if each["result"] == "not tried"} == set(before) - asked
    place.report("deactivate", "--yes")
    assert set(place.api.statuses().values()) == {"inactive"}
    assert set(place.states().values()) == {"deactivated"}
    rows = place.report("activate")
    assert len(rows) == len(before)
    assert place.api.statuses() == before
    assert place.journal()["state"] == "done"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_interrupted_and_brought_back_at_once(place: Place, number: signal.Signals) -> None:
    """Without the rest of the deactivation in between; what was never asked to stop is not touched."""
    place.fill(30, latency=0.3)
    before = place.api.statuses()
    _cut_short(place, number, 12)
    asked = {request.path.split("/")[4] for request in place.api.sent("PATCH")}
    rows = place.report("activate", "--timeout", "10s")
    assert asked <= {each["id"] for each in rows.values()}
    assert place.api.statuses() == before
    assert place.journal()["state"] == "done"
    assert {key for key in before if place.api.deployments[key].change} == set()


def test_nothing_is_sent_after_an_interruption(place: Place) -> None:
    """Eight are under way and never end; it ends without waiting for them, and sends none of those that were next."""
    place.fill(40, latency=FOREVER)
    before = place.api.statuses()
    run = _cut_short(place, signal.SIGINT, 8)
    assert run.returncode == 130
    assert len(place.api.sent("PATCH")) == 8
    assert sorted(place.states().values()) == ["deactivating"] * 8 + ["planned"] * 32
    for deployment in place.api.deployments.values():
        deployment.latency = 0.0
        if deployment.change:
            deployment.change.end = 0.0
    place.report("activate")
    assert place.api.statuses() == before


def test_interrupted_before_the_first_change(place: Place) -> None:
    place.fill(3)
    page = threading.Event()
    release = threading.Event()

    def hold(_offset: int) -> None:
        page.set()
        release.wait(PATIENCE)

    place.api.on_page = hold
    run = place.start("deactivate", "--yes")
    assert page.wait(PATIENCE)
    run.send_signal(signal.SIGINT)
    code = run.wait(PATIENCE)
    release.set()
    assert code == 130
    assert list(place.cli.directory.iterdir()) == []
    assert place.api.sent("PATCH") == []


def _let_go(place: Place) -> None:
    """From now on changes end at once, and those that are under way too."""
    for deployment in place.api.deployments.values():
        deployment.latency = 0.0
    for change in place.api.changes:
        change.end = change.task_end = 0.0


def test_two_runs_at_once(place: Place) -> None:
    """The second one, with the same journal, is told so; with one of its own it finds all taken down by somebody else.

    No change of the first ends before the third has looked, so that all three are at work at once.
    """
    place.fill(12, latency=FOREVER)
    begun = threading.Event()
    place.api.on_change = lambda _deployment: begun.set()
    first = place.start("deactivate", "--yes", "--journal", "one.json")
    assert begun.wait(PATIENCE)
    second = place.run("deactivate", "--yes", "--journal", "one.json")
    assert second.returncode == 2
    assert "another run works with this journal" in second.stderr
    place.api.on_page = lambda _offset: _let_go(place)
    third = place.run("deactivate", "--yes", "--journal", "two.json", "-o", "json")
    assert third.returncode == 0, third.stderr
    assert first.wait(PATIENCE) == 0
    first_states = {e["id"]: e["state"] for e in json.loads((place.cli.directory / "one.json").read_text())["deployments"]}
    other = place.cli.directory / "two.json"
    second_states = {e["id"]: e["state"] for e in json.loads(other.read_text())["deployments"]} if other.exists() else {}
    both = [key for key in first_states if first_states[key] == second_states.get(key) == "deactivated"]
    assert both == [], "each was taken down by one of them"
    assert len(place.api.changes) == 12
    for name in ("one.json", "two.json"):
        if (place.cli.directory / name).exists():
            place.report("activate", "--journal", name)
    assert set(place.api.statuses().values()) == {"active"}
