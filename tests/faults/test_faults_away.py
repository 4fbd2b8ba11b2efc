"""A restore whose server stops to answer, goes away, or takes the credentials no longer: what is left is named, and the
same command does it."""

from __future__ import annotations

import json
import stat
import time
from collections import Counter
from collections.abc import Container, Iterator
from pathlib import Path

import pytest

from tests.bed.controlplane import ControlPlane
from tests.bed.proxy import ALWAYS, HANG_AFTER, HANG_BEFORE, Act, Cut, call, html
from tests.bed.standin import Threads
from tests.builders.ground import EACH, ONE, POST, Ground, counts, undone
from tests.conftest import Crd

TOTAL = 2 * EACH


@pytest.fixture
def ground(plane: ControlPlane, crd: Crd, tmp_path: Path) -> Iterator[Ground]:
    with Ground.prepared(plane, crd, tmp_path) as prepared:
        yield prepared


# ---- a server that does not answer


@pytest.mark.parametrize("fault", [HANG_BEFORE, HANG_AFTER], ids=["before", "after"])
def test_write_that_is_never_answered(ground: Ground, fault: Act) -> None:
    for number in (3, 11, 19):
        ground.proxy.when("POST", POST, fault, each=True, names=f"^lrs-{number:06d}-")
    done = ground.restore("--request-timeout", "2s")
    assert done.returncode == 0, (done.stdout, done.stderr)
    ground.assert_whole()
    ground.assert_made_once()


def test_answer_that_drips_is_bounded_as_a_whole(ground: Ground) -> None:
    """A byte now and then keeps a connection alive, not a request."""
    ground.proxy.when("POST", POST, Act(rate=1), names="^lrs-000003-", each=True)  # a quarter of an hour, and more
    done = ground.restore("--request-timeout", "2s")
    assert done.returncode == 0, (done.stdout, done.stderr)
    ground.assert_whole()
    ground.assert_made_once()


def test_server_that_hangs_from_the_middle_on(ground: Ground) -> None:
    ground.proxy.when("POST", POST, HANG_AFTER, nth=range(11, 1000))  # until the proxy ends: only a limit ends the wait
    ground.proxy.when("GET", "", HANG_BEFORE, nth=_once_written(ground, 11))
    done = ground.restore("--request-timeout", "1s", "--parallel", 4)
    _assert_done_in_part(ground, done.stdout, done.returncode)


def test_server_that_hangs_from_the_beginning_on(ground: Ground) -> None:
    ground.proxy.when("*", "", HANG_BEFORE, nth=ALWAYS)
    done = ground.restore("--request-timeout", "1s")
    assert done.returncode == 5
    assert "cannot be reached: timed out" in done.stderr
    assert ground.live() == {}


def test_server_that_goes_away_in_the_middle(ground: Ground) -> None:
    ground.proxy.when("POST", POST, call(ground.proxy.go_away), nth={15})
    done = ground.restore("--parallel", 4)
    _assert_done_in_part(ground, done.stdout, done.returncode)


def test_server_that_is_gone_before_the_first_write(ground: Ground) -> None:
    ground.proxy.when("POST", POST, Act(before=ground.proxy.go_away, forward=False))
    done = ground.restore("--parallel", 4)
    assert done.returncode == 5, (done.stdout, done.stderr)
    assert undone(done.stdout) == ground.wanted.keys()
    assert ground.live() == {}


def test_server_that_comes_back_in_time(ground: Ground) -> None:
    """A restart of the API server, as an upgrade does it."""
    threads = Threads("the machine that comes back")

    def later() -> None:
        time.sleep(1)  # it is away for a while; how long is no matter, as long as the product does not give up
        ground.proxy.come_back()

    def restart() -> None:
        ground.proxy.go_away()
        threads.start(later)

    ground.proxy.when("POST", POST, call(restart), nth={15})
    done = ground.restore()
    threads.end()
    assert done.returncode == 0, (done.stdout, done.stderr)
    ground.assert_whole()
    ground.assert_made_once()


def _once_written(ground: Ground, number: int) -> Container[int]:
    """Every request from when so many objects were sent."""

    class Later:
        def __contains__(self, _nth: object) -> bool:
            return len(ground.proxy.writes) >= number

    return Later()


def _assert_done_in_part(ground: Ground, output: str, code: int) -> None:
    """The report is true as far as it goes, and the same command does the rest, nothing twice."""
    there = ground.live().keys()
    named = undone(output)
    assert code == 3, output
    assert 0 < len(there) < TOTAL
    assert named >= ground.wanted.keys() - there, "an object that is not there is not named"
    assert len(named - (ground.wanted.keys() - there)) <= 4, "only what was in flight may be there all the same"
    assert "not tried" in output
    ground.proxy.go_away()
    ground.proxy.come_back()
    made = ground.proxy.done("POST")
    ground.proxy.behave()
    again = ground.restore()
    assert again.returncode == 0, (again.stdout, again.stderr)
    assert counts(again.stdout) == {"created": TOTAL - len(there), "unchanged": len(there)}
    ground.assert_whole()
    assert made + ground.proxy.done("POST") == Counter(dict.fromkeys(ground.wanted, 1))


# ---- recreate, cut at each point


@pytest.mark.parametrize(
    "point",
    [
        "delete is lost",
        pytest.param("delete is done", marks=pytest.mark.campaign),
        "while it goes",
        pytest.param("create is lost", marks=pytest.mark.campaign),
        "create is done",
    ],
)
def test_recreate_of_which_the_server_goes_away(ground: Ground, point: str) -> None:
    """Never gone and forgotten: the report and the journal name it, and the same command finishes it."""
    ground.fill(different=True)
    gone = ground.proxy.go_away
    method, pattern, act = {
        "delete is lost": ("DELETE", ONE, Act(before=gone, forward=False, answer=html(502))),
        "delete is done": ("DELETE", ONE, Act(after=gone, cut=Cut.UNANSWERED)),
        "while it goes": ("GET", ONE, Act(before=gone, forward=False, answer=html(502))),
        "create is lost": ("POST", POST, Act(before=gone, forward=False, answer=html(502))),
        "create is done": ("POST", POST, Act(after=gone, cut=Cut.UNANSWERED)),
    }[point]
    ground.proxy.when(method, pattern, act, nth={1} if method != "GET" else _once_written(ground, 1))
    done = ground.restore("--existing", "recreate", "--parallel", 1)
    assert done.returncode == 5, (done.stdout, done.stderr)
    live = ground.live()
    assert undone(done.stdout) == ground.wanted.keys()
    assert "the same command finishes it" in done.stdout
    (journal,) = ground.journals()
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    noted = json.loads(journal.read_text())["objects"]
    assert ground.wanted.keys() - live.keys() <= {tuple(key.split("/")) for key in noted}
    assert len(noted) == 1
    ground.proxy.come_back()
    ground.proxy.behave()
    again = ground.restore("--existing", "recreate")
    assert again.returncode == 0, (again.stdout, again.stderr)
    ground.assert_whole()
    assert ground.journals() == []


# ---- credentials


def _plugin(ground: Ground, *, renews: bool) -> dict[str, object]:
    """The user section of a kubeconfig whose plugin hands out the next token, or the first one each time."""
    calls, script = ground.cli.directory / "calls", ground.cli.directory / "plugin"
    credential = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"pass-%s"}}'
    number = f"$(wc -l < {calls} | tr -d ' ')" if renews else "1"
    script.write_text(f"#!/bin/sh\necho asked >> {calls}\nprintf '{credential}' {number}\n")
    script.chmod(0o755)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": str(script), "interactiveMode": "Never"}}


def test_token_that_expires_in_the_middle_is_renewed(ground: Ground) -> None:
    ground.proxy.kubeconfig(ground.cli.kubeconfig, _plugin(ground, renews=True))
    ground.proxy.token_uses = 30
    done = ground.restore()
    assert done.returncode == 0, (done.stdout, done.stderr)
    ground.assert_whole()
    ground.assert_made_once()
    asked = len((ground.cli.directory / "calls").read_text().splitlines())
    tokens = {each.token for each in ground.proxy.log}
    assert 3 <= asked == len(tokens), "asked once for each token"
    assert any(each.status == 401 for each in ground.proxy.log)


def test_token_that_expires_and_is_not_renewed(ground: Ground) -> None:
    ground.proxy.kubeconfig(ground.cli.kubeconfig, _plugin(ground, renews=False))
    ground.proxy.token_uses = 40
    done = ground.restore("--parallel", 4)
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert "the credentials were refused" in done.stdout
    assert undone(done.stdout) == ground.wanted.keys() - ground.live().keys() != set()
    assert done.stdout.count("not tried") > 1
    assert sum(each.status == 401 for each in ground.proxy.log) < 20, "a refused token is not tried for every object"
    ground.proxy.token_uses = None
    assert ground.restore().returncode == 0
    ground.assert_whole()


def test_token_that_is_refused_from_the_beginning(ground: Ground) -> None:
    ground.proxy.token_uses = 0
    done = ground.restore()
    assert done.returncode == 5
    assert "the credentials were refused" in done.stderr
    assert ground.live() == {}
