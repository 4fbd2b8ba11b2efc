"""`deactivate`: the choice, the journal before the first change, every trouble of the application."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.bed.datarobot import FOREVER, Answer, Deployment, identifier
from tests.bed.loader import PATIENCE
from tests.builders.deployments import ORGANISATION, Place, new_place
from tests.builders.impatient import altered
from tests.conftest import ROOT

CHANGED = ("deactivating", "deactivated")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place to try things in."""
    with new_place(tmp_path) as made:
        yield made


# ---- the choice


@pytest.fixture
def various(place: Place) -> Place:
    """Custom models and others, active and not."""
    place.api.add(1, ORGANISATION, label="churn-eu")
    place.api.add(2, ORGANISATION, label="churn-us")
    place.api.add(3, ORGANISATION, label="fraud")
    place.api.add(4, ORGANISATION, label="autopilot", is_custom=False)
    place.api.add(5, ORGANISATION, label="old", settled="inactive")
    place.api.add(6, ORGANISATION, label="broken", settled="errored")
    place.api.add(7, ORGANISATION, label="put-away", settled="archived", is_listed=False)
    place.api.add(8, "org-two", label="not mine")
    return place


CHOICES: dict[str, tuple[list[str], set[str]]] = {
    "active custom models by default": ([], {"churn-eu", "churn-us", "fraud"}),
    "all": (["--all"], {"churn-eu", "churn-us", "fraud", "autopilot"}),
    "include a pattern": (["--include", "churn-*"], {"churn-eu", "churn-us"}),
    "include two": (["--include", "*-eu", "--include", "fraud"], {"churn-eu", "fraud"}),
    "include an id": (["--include", identifier(2).upper()], {"churn-us"}),
    "an id of another kind is meant": (["--include", identifier(4)], {"autopilot"}),
    "a pattern does not widen": (["--include", "auto*"], set()),
    "exclude a pattern": (["--exclude", "churn-*"], {"fraud"}),
    "exclude an id": (["--all", "--exclude", identifier(4)], {"churn-eu", "churn-us", "fraud"}),
    "exclude wins": (["--include", "churn-*", "--exclude", "*-us"], {"churn-eu"}),
    "a file of ids": (["--ids-file", "ids"], {"churn-eu", "autopilot"}),
    "a file and a pattern": (["--ids-file", "ids", "--include", "fraud"], {"churn-eu", "autopilot", "fraud"}),
}


@pytest.mark.parametrize("case", CHOICES)
def test_choice(various: Place, case: str) -> None:
    arguments, wanted = CHOICES[case]
    (various.cli.directory / "ids").write_text(f"# by hand\n{identifier(1)}  churn-eu\n\n{identifier(4)}\n")
    before = various.api.statuses()
    rows = various.report("deactivate", "--yes", *arguments)
    assert set(rows) == wanted
    after = various.api.statuses()
    changed = {various.api.deployments[key].label for key in after if after[key] != before[key]}
    assert changed == wanted
    assert not wanted or set(various.states()) == wanted


def test_named_but_not_to_be_had(various: Place) -> None:
    """What was named one by one has a row each, whatever it is."""
    names = [identifier(number) for number in (1, 5, 6, 7, 8)] + ["65f0ffffffffffffffffffff"]
    done = various.run("deactivate", "--yes", "-o", "json", *(part for name in names for part in ("--include", name)))
    assert done.returncode == 3
    rows = {each["id"]: each for each in json.loads(done.stdout)["deployments"]}
    assert {rows[name]["result"] for name in names[:2]} == {"deactivated", "unchanged"}
    assert rows[names[1]]["message"] == "already inactive"
    assert "it is errored, not active" in rows[names[2]]["message"]
    assert "it is archived, not active" in rows[names[3]]["message"]
    for name in names[4:]:
        assert "no such deployment, or the token does not see it" in rows[name]["message"]
    assert len(various.api.sent("PATCH")) == 1


def test_nothing_to_do(place: Place) -> None:
    done = place.run("deactivate")
    assert (done.returncode, place.journals()) == (0, []), done.stderr
    assert "nothing to do" in done.stdout


@pytest.mark.parametrize("status", ["launching", "replacingModel", "scaling", ""])
def test_one_that_may_be_active_in_a_moment_is_not_nothing_to_do(place: Place, status: str) -> None:
    """On its way to a status, or of one that is not known, or none is told: whether it is down cannot be told."""
    place.api.add(1, ORGANISATION, label="it", settled=status)
    place.api.add(2, ORGANISATION, label="other kind", settled=status, is_custom=False)
    place.api.add(3, ORGANISATION, label="excluded", settled=status)
    place.api.add(4, ORGANISATION, label="down", settled="stopping")
    rows = place.report("deactivate", "--yes", "--exclude", "excluded", code=3)
    assert {label: row["result"] for label, row in rows.items()} == {"it": "left alone"}
    said = f"it is {status or 'of no status'}, not active; left alone; run again when it is active or inactive"
    assert rows["it"]["message"] == said
    assert place.run("deactivate", "--exclude", "excluded", "--dry-run").returncode == 3
    assert place.api.sent("PATCH") == []


WRONG: dict[str, tuple[list[str], str]] = {
    "pattern that fits nothing": (["--include", "chrun-*"], "--include 'chrun-*' fits the label of no deployment"),
    "exclusion that fits nothing": (["--exclude", "chrun-*"], "--exclude 'chrun-*' fits the label of no deployment"),
    "ids that are none": (["--ids-file", "ids"], "ids: line 2: 'churn-eu' is not the id of a deployment"),
    "a file without ids": (["--ids-file", "/dev/null"], "/dev/null: no id in it"),
    "ids that are not there": (["--ids-file", "nowhere"], "--ids-file nowhere: cannot be read"),
    "parallel of none": (["--parallel", "0"], "--parallel"),
    "timeout": (["--timeout", "soon"], "'soon' is not a duration"),
    "token in argv": (["--token", "x"], "no token is taken from the command line"),
    "journal that is none": (["--journal", "ids"], "ids: not a journal"),
    "journal in no folder": (["--journal", "/proc/nowhere/j.json"], "the journal cannot be written"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage(various: Place, case: str) -> None:
    arguments, message = WRONG[case]
    (various.cli.directory / "ids").write_text(f"{identifier(1)}\nchurn-eu\n")
    done = various.run("deactivate", "--yes", "-q", *arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert various.api.sent("PATCH") == []
    assert various.journals() == []


# ---- before anything changes


def test_who_and_what_is_said_first(various: Place) -> None:
    done = various.run("deactivate", "--yes")
    assert done.returncode == 0
    said = done.stderr
    assert f"user user-of-{ORGANISATION} (MLOPS_ADMIN) of organisation {ORGANISATION}" in said
    assert "DataRobot 2.34.0" in said
    assert "from LRS_DATAROBOT_URL" in said
    assert "Predictions of a deactivated deployment fail" in said
    assert "service statistics are cleared" in said
    assert "jobs fail meanwhile" in said
    assert "active deployments of other models, left alone: 1" in said


def test_refused_without_a_terminal(various: Place) -> None:
    done = various.run("deactivate")
    assert done.returncode == 2
    assert "this needs a yes: Deactivate 3 deployments on" in done.stderr
    assert various.api.sent("PATCH") == []
    assert various.journals() == []


@pytest.mark.parametrize(
    ("answer", "code", "changes"), [("y\r", 0, 3), ("n\r", 130, 0), ("\x03", 130, 0)], ids=["yes", "no", "ctrl-c"]
)
def test_question(various: Place, answer: str, code: int, changes: int) -> None:
    environment = {**os.environ, **various.env, "PYTHONPATH": str(ROOT), "TERM": "dumb"}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "kubectl_lrs", "deactivate"],
        cwd=various.cli.directory,
        env=environment,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    child.expect("churn-eu .*active .*deactivate")
    child.expect("Deactivate 3 deployments on .*Go on")
    child.send(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code
    assert len(various.api.sent("PATCH")) == changes
    assert len(various.journals()) == (1 if changes else 0)


def test_dry_run(various: Place) -> None:
    before = various.api.statuses()
    for kind in ("client", "server"):
        done = various.run("deactivate", f"--dry-run={kind}", "-o", "json")
        assert done.returncode == 0
        plan = json.loads(done.stdout)
        assert plan["counts"] == {"deactivate": 3}
    assert various.run("deactivate", "--dry-run=client", "-o", "name").stdout.split() == [identifier(n) for n in (1, 2, 3)]
    assert "plan: 3 deactivate (nothing was changed)" in various.run("deactivate", "--dry-run=client", "-o", "wide").stdout
    assert various.api.statuses() == before
    assert various.api.sent("PATCH") == []
    assert list(various.cli.directory.iterdir()) == []


def test_open_change_requests_are_said(place: Place) -> None:
    place.api.add(1, ORGANISATION, open_change_requests=True)
    assert "may need approval" in place.run("deactivate", "--dry-run=client").stdout


def test_journal_is_whole_before_the_first_change(place: Place) -> None:
    seen: list[dict[str, str]] = []

    def look(_deployment: Deployment) -> None:
        seen.append(place.states())
        assert stat.S_IMODE(place.journals()[0].stat().st_mode) == 0o600

    place.fill(5)
    place.api.on_change = look
    place.report("deactivate", "--yes", "--parallel", "1")
    assert len(seen) == 5
    assert list(seen[0].values()) == ["deactivating", *["planned"] * 4]
    for number, states in enumerate(seen):
        assert list(states.values()) == [*["deactivated"] * number, "deactivating", *["planned"] * (4 - number)]
    assert [each["before"] for each in place.journal()["deployments"]] == ["active"] * 5
    assert [path.name for path in place.cli.directory.iterdir()] == [place.journals()[0].name], "no lock and no part is left"


def test_no_journal_no_change(place: Place) -> None:
    place.fill(3)
    done = place.run("deactivate", "--yes", "--backup-dir", "/proc/self")
    assert done.returncode in (1, 2)
    assert "the journal cannot be written" in done.stderr
    assert place.api.sent("PATCH") == []


def test_journal_that_can_no_longer_be_written_ends_the_changes(place: Place) -> None:
    """Its folder goes away with the third change: what is in flight is followed, nothing more is sent."""
    place.fill(40)
    backups = place.cli.directory / "backups"

    def take_away(_deployment: Deployment) -> None:
        if len(place.api.changes) == 3:
            backups.rename(place.cli.directory / "gone")

    place.api.on_change = take_away
    done = place.run("deactivate", "--yes", "--backup-dir", backups, "--parallel", "2", "-o", "json")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    results = [each["result"] for each in json.loads(done.stdout)["deployments"]]
    assert len(place.api.sent("PATCH")) <= 4
    assert results.count("not tried") >= 36
    (journal,) = (place.cli.directory / "gone").glob("lrs_deactivated_*.json")
    states = {each["id"]: each["state"] for each in json.loads(journal.read_text())["deployments"]}
    changed = {key for key, status in place.api.statuses().items() if status != "active"}
    assert changed <= {key for key, state in states.items() if state in CHANGED}


# ---- troubles


@pytest.mark.parametrize("is_named", [False, True])
def test_round_trip(place: Place, is_named: bool) -> None:
    place.fill(12, latency=0.2)
    journal = ("--journal", "mine.json") if is_named else ()
    before = place.api.statuses()
    rows = place.report("deactivate", "--yes", *journal)
    assert {(each["before"], each["after"], each["result"]) for each in rows.values()} == {("active", "inactive", "deactivated")}
    assert all(each["seconds"] > 0 for each in rows.values())
    assert set(place.api.statuses().values()) == {"inactive"}
    rows = place.report("activate", *journal)
    assert {(each["before"], each["after"], each["result"]) for each in rows.values()} == {("inactive", "active", "activated")}
    assert place.api.statuses() == before
    path = place.cli.directory / "mine.json" if is_named else place.journals()[0]
    assert json.loads(path.read_text())["state"] == "done"
    assert len(place.api.sent("PATCH")) == 24


TROUBLES: dict[str, tuple[list[str], str, str, str, int]] = {
    # troubles → result, words of the message, state in the journal, PATCH requests
    "nothing wrong": ([], "deactivated", "", "deactivated", 1),
    "422": (["422"], "failed", "scripted: 422 for it (HTTP 422)", "unchanged", 1),
    "403": (["403"], "failed", "scripted: 403 for it (HTTP 403)", "unchanged", 1),
    "404": (["404"], "failed", "scripted: 404 for it (HTTP 404)", "unchanged", 1),
    "429 and then it is taken": (["429"], "deactivated", "", "deactivated", 2),
    "429 for longer than there is time": (["429 for a while"], "failed", "429", "unchanged", 1),
    "429 for an hour": (["429 for long"], "failed", "429", "unchanged", 1),
    "503 twice and then it is taken": (["503", "503"], "deactivated", "", "deactivated", 3),
    "503 for ever": (["503"] * 9, "failed", "scripted: 503 for it (HTTP 503)", "unchanged", 6),
    "502 in HTML": (["502"], "unfinished", "HTTP 502 Bad Gateway", "deactivating", 1),
    "cut before it is taken": (["cut before"], "unfinished", "no answer to the request", "deactivating", 1),
    "cut after it was taken": (["cut after"], "deactivated", "", "deactivated", 1),
    "answer too late": (["slow"], "deactivated", "", "deactivated", 1),
    "task ERROR": (["task error"], "failed", "no capacity left (task ERROR)", "unchanged", 1),
    "task stuck": (["task stuck"], "deactivated", "", "deactivated", 1),
    "task done early": (["task early"], "deactivated", "", "deactivated", 1),
    "status lags": (["lag"], "deactivated", "", "deactivated", 1),
    "deployment stuck": (["stuck"], "unfinished", "still stopping after 3s", "deactivating", 1),
    "errored": (["errored"], "failed", "the deployment is errored: the container did not start", "deactivating", 1),
    "busy for a moment": (["busy"], "deactivated", "", "deactivated", 2),
    "GET says 429 and 502": (["get 429", "get 502"], "deactivated", "", "deactivated", 1),
    "GET is cut": (["get cut", "get cut"], "deactivated", "", "deactivated", 1),
    "deleted on the way": (["get 404"], "left alone", "deleted by somebody else meanwhile, or not", "deactivating", 1),
    "404 of an ingress": (["404 of an ingress"], "unfinished", "is not the DataRobot API", "deactivating", 1),
    "GET says 404 of an ingress": (["get 404 of an ingress"] * 3, "deactivated", "", "deactivated", 1),
    "GET tells of another one": (["get of another"] * 99, "unfinished", "is not the DataRobot API", "deactivating", 1),
    "GET tells of something else": (["get of something else"] * 99, "unfinished", "is not the DataRobot API", "deactivating", 1),
    "a login page": (["200 of a login page"], "unfinished", "it is still active", "deactivating", 1),
}


def _limits(troubles: list[str], result: str) -> tuple[str, ...]:
    """Little time for what must run out of it, and enough for all else on the busiest machine."""
    must_run_out = result == "unfinished" or "429 for a while" in troubles
    return ("--timeout", "3s" if must_run_out else "60s", *(("--request-timeout", "1s") if "slow" in troubles else ()))


@pytest.mark.parametrize("case", TROUBLES)
def test_trouble(place: Place, case: str) -> None:
    """Each ends in one row with the server's words, and never keeps another deployment from its end."""
    troubles, result, message, state, patches = TROUBLES[case]
    place.api.slow = 3.0
    place.api.add(0, ORGANISATION, label="other", latency=0.1)
    place.api.add(1, ORGANISATION, label="it", latency=0.1, troubles=list(troubles))
    code = 0 if result == "deactivated" else 3
    rows = place.report("deactivate", "--yes", *_limits(troubles, result), code=code)
    assert rows["it"]["result"] == result
    assert message in rows["it"]["message"]
    assert bool(message) == bool(rows["it"]["message"])
    assert rows["other"]["result"] == "deactivated"
    assert place.states() == {"it": state, "other": "deactivated"}
    assert len([request for request in place.api.sent("PATCH") if identifier(1) in request.path]) == patches


def test_a_right_that_is_lost_on_the_way_strikes_nothing_from_the_journal(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API says 404 to what a user may not see: they are down by our doing, and `activate` brings them back."""
    place.fill(2)
    nobody = Answer(404, {"message": "Deployment not found"})
    with monkeypatch.context() as lost:
        lost.setattr(place.api, "answer_one", lambda _call: nobody)
        rows = place.report("deactivate", "--yes", code=3)
        assert {each["result"] for each in rows.values()} == {"left alone"}
        assert set(place.states().values()) == {"deactivating"}
        lost.setattr(place.api, "answer_list", lambda _call: Answer(200, {"data": [], "next": None, "totalCount": 0}))
        rows = place.report("activate", "--yes", code=3)
        assert {each["result"] for each in rows.values()} == {"left alone"}
        assert set(place.states().values()) == {"deactivating"}
    place.report("activate", "--yes")
    assert {each.status() for each in place.api.deployments.values()} == {"active"}


@pytest.mark.parametrize("trouble", ["200 of a login page", "200 of something else", "404 of an ingress", "502"])
def test_what_is_not_waited_for_is_sent_only_where_the_application_has_taken_it(place: Place, trouble: str) -> None:
    place.api.add(1, ORGANISATION, label="it", troubles=[trouble])
    row = place.report("deactivate", "--yes", "--no-wait", "--timeout", "1s", code=3)["it"]
    assert (row["result"], place.states()) == ("unfinished", {"it": "deactivating"})
    assert [each.status() for each in place.api.deployments.values()] == ["active"]


def test_what_is_done_after_the_last_look_but_one_is_done_in_time(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at once more when the time is over: the pause before is up to five seconds."""
    it = place.api.add(1, ORGANISATION, label="it", latency=FOREVER, troubles=["task stuck"])
    answer = place.api.answer

    def done_once_it_was_seen(method: str, *arguments: Any) -> Answer:
        seen = answer(method, *arguments)
        if method == "GET" and it.change:
            it.change.end = 0.0
        return seen

    monkeypatch.setattr(place.api, "answer", done_once_it_was_seen)
    seldom = altered(tmp_path / "seldom", "from kubectl_lrs.stores.deployments import apply\napply.SHORTEST_POLL = 60.0\n")
    rows = place.report("deactivate", "--yes", "--timeout", "1s", env={**place.env, **seldom})
    assert (rows["it"]["result"], place.states()) == ("deactivated", {"it": "deactivated"})


def test_busy_for_ever(place: Place) -> None:
    place.api.add(1, ORGANISATION, label="it", troubles=["busy"] * 100)
    row = place.report("deactivate", "--yes", "--timeout", "2s", code=1)["it"]
    assert (row["result"], row["message"]) == ("failed", "Deployment is active (HTTP 409)")
    assert place.states() == {"it": "unchanged"}


def test_somebody_else_was_faster(place: Place) -> None:
    """What somebody else took down is not ours to bring back."""
    first = place.api.add(1, ORGANISATION, label="first")
    second = place.api.add(2, ORGANISATION, label="second")

    def take_down(_deployment: Deployment) -> None:
        second.settled = "inactive"

    place.api.on_change = take_down
    rows = place.report("deactivate", "--yes", "--parallel", "1")
    assert (rows["second"]["result"], rows["second"]["message"]) == ("unchanged", "deactivated by somebody else meanwhile")
    place.api.on_change = lambda _deployment: None
    assert set(place.report("activate")) == {"first"}
    assert (first.status(), second.status()) == ("active", "inactive")


def test_after_trouble_the_same_command_does_the_rest(place: Place) -> None:
    place.api.add(1, ORGANISATION, label="fine")
    stuck = place.api.add(2, ORGANISATION, label="stuck", troubles=["stuck"])
    place.api.add(3, ORGANISATION, label="cut", troubles=["cut before"])
    place.report("deactivate", "--yes", "--timeout", "1s", code=3)
    assert stuck.change
    stuck.change.end = 0.0
    rows = place.report("deactivate", "--yes")
    assert {label: row["result"] for label, row in rows.items()} == {"stuck": "deactivated", "cut": "deactivated"}
    assert place.states() == {"fine": "deactivated", "stuck": "deactivated", "cut": "deactivated"}
    place.report("activate")
    assert set(place.api.statuses().values()) == {"active"}


def test_no_wait(place: Place) -> None:
    place.fill(4, latency=1.0)
    done = place.run("deactivate", "--yes", "--no-wait", "-o", "json")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert {(each["result"], each["after"]) for each in report["deployments"]} == {("sent", "active")}
    assert all("not waited for (task task-" in each["message"] for each in report["deployments"])
    assert "the same command goes on where this one ended" in done.stderr
    assert set(place.states().values()) == {"deactivating"}
    rows = place.report("deactivate", "--yes")
    assert {each["result"] for each in rows.values()} == {"deactivated"}
    assert len(place.api.sent("PATCH")) == 4, "they were followed, not asked again"


def test_stuck_for_ever_does_not_hold_up_the_rest(place: Place) -> None:
    for number in range(3):
        place.api.add(number, ORGANISATION, label=f"stuck {number}", troubles=["stuck"])
    for number in range(10, 20):
        place.api.add(number, ORGANISATION)
    rows = place.report("deactivate", "--yes", "--timeout", "2s", "--parallel", "4", code=3)
    assert [row["result"] for row in rows.values()].count("deactivated") == 10
    assert len([change for change in place.api.changes if change.end == FOREVER]) == 3


def test_folder_of_backups_is_made(place: Place) -> None:
    place.fill(1)
    folder = Path("new")
    place.report("deactivate", "--yes", "--backup-dir", folder)
    assert stat.S_IMODE((place.cli.directory / folder).stat().st_mode) == 0o700
    assert len(list((place.cli.directory / folder).glob("lrs_deactivated_*.json"))) == 1


@pytest.mark.parametrize("verb", ["deactivate", "activate"])
def test_help(place: Place, verb: str) -> None:
    """With examples and exit status, and without waiting for the library that speaks HTTP."""
    code = (
        f"import sys; sys.argv = ['kubectl-lrs', {verb!r}, '--help']\n"
        "from kubectl_lrs.cli import run\n"
        "code = run(sys.argv[1:])\n"
        "sys.exit(code or 'requests' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Examples:" in done.stdout
    assert "Exit status:" in done.stdout
    assert "--org-token-file" in done.stdout
